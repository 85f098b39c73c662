//! Points in time after which nothing is waited for.

use std::time::{Duration, Instant};

/// A point in time, and the limit that set it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now.
    pub fn after(limit: Duration) -> Self {
        let now = Instant::now();
        // A limit too far for the clock is a year from now: in effect none.
        let at = now
            .checked_add(limit)
            .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600));
        Deadline { at, limit }
    }

    /// The one that comes first.
    pub fn or_earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    /// The time left; `None` once there is none.
    pub fn remaining(self) -> Option<Duration> {
        Some(self.at.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// The limit that set it, for messages.
    pub fn limit(self) -> Duration {
        self.limit
    }
}
