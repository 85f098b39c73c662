//! Points in time in our JSON files: microseconds since 1970, as an integer that any JSON reader keeps exact.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    to_micros(*time).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    let micros = u64::deserialize(deserializer)?;
    UNIX_EPOCH
        .checked_add(Duration::from_micros(micros))
        .ok_or_else(|| serde::de::Error::custom("time out of range"))
}

/// Microseconds since 1970; 0 for anything before.
pub(crate) fn to_micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// How long ago `then` was; zero if it lies in the future.
pub(crate) fn age(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}
