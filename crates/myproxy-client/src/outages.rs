//! Which servers did not answer lately, so that they are asked last.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a failure is remembered, in seconds. After it the server has its old place and its whole time again.
const MEMORY: u64 = 60;
/// How many numbers a memory of this process alone has.
const NUMBERS: usize = 64;

/// A server by its number in the configuration, and one of its addresses; none where it could not be looked up.
pub type Place = (usize, Option<SocketAddr>);

/// How a server failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// At once: to try again costs nothing.
    Quick,
    /// By letting us wait.
    Slow,
}

/// Numbers to remember outages in. Several processes may share them.
pub type OutageMemory = Arc<dyn AsRef<[AtomicU64]> + Send + Sync>;

/// The memory: each place has one number, the last failure there. Two places may fall on one number; then only the one
/// that failed last is remembered, which costs no more than some time.
pub struct Outages(OutageMemory);

/// What a number says, from its highest bits on: 31 bits of the place's hash, whether it was slow, when it was.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Known {
    place: u64,
    outage: Outage,
    since: u64,
}

impl Outages {
    /// A memory of this process alone.
    pub fn of_this_process() -> Self {
        struct Numbers([AtomicU64; NUMBERS]);
        impl AsRef<[AtomicU64]> for Numbers {
            fn as_ref(&self) -> &[AtomicU64] {
                &self.0
            }
        }
        Outages(Arc::new(Numbers([const { AtomicU64::new(0) }; NUMBERS])))
    }

    /// A memory in these numbers, which are all zero at first.
    pub fn in_memory(memory: OutageMemory) -> Self {
        Outages(memory)
    }

    /// What is known of a place.
    pub fn of(&self, place: Place) -> Option<Outage> {
        let number = self.number(place)?.load(Ordering::Relaxed);
        known(number, place, now()).map(|known| known.outage)
    }

    /// Begins to remember. A slow failure that is remembered already keeps its time: such a server is given less time
    /// meanwhile, and has to get the whole again, or one that is merely slow would never answer.
    pub fn begin(&self, place: Place, outage: Outage) {
        let Some(number) = self.number(place) else { return };
        let new = Known {
            place: hash(place),
            outage,
            since: now(),
        };
        let unless_slow = |old| match known(old, place, new.since) {
            Some(known) if known.outage == Outage::Slow => None,
            _ => Some(new.to_number()),
        };
        // An error means that it is slow already.
        let _ = number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, unless_slow);
    }

    /// The place is well.
    pub fn end(&self, place: Place) {
        let Some(number) = self.number(place) else { return };
        let forgotten = |old| known(old, place, now()).map(|_| 0);
        // An error means that nothing is known of it.
        let _ = number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, forgotten);
    }

    /// The number of a place; none in a memory without numbers.
    fn number(&self, place: Place) -> Option<&AtomicU64> {
        let numbers = (*self.0).as_ref();
        let count = u64::try_from(numbers.len()).ok().filter(|&count| count > 0)?;
        numbers.get(usize::try_from(hash(place) % count).ok()?)
    }
}

impl Known {
    fn to_number(self) -> u64 {
        let slow = u64::from(self.outage == Outage::Slow);
        self.place << 33 | slow << 32 | self.since
    }
}

/// What a number says of a place, if it is of that place and not too old.
fn known(number: u64, place: Place, now: u64) -> Option<Known> {
    let known = Known {
        place: number >> 33,
        outage: if number >> 32 & 1 == 1 {
            Outage::Slow
        } else {
            Outage::Quick
        },
        since: number & u64::from(u32::MAX),
    };
    // A clock that was set back makes it young again at most.
    (known.place == hash(place) && now.abs_diff(known.since) < MEMORY).then_some(known)
}

/// 31 bits, the same in every process.
fn hash(place: Place) -> u64 {
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    hasher.finish() >> 33
}

/// Seconds of the machine's clock, in 32 bits.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() & u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Place = (0, None);
    const OTHER: Place = (1, None);

    #[test]
    fn a_failure_is_remembered_until_the_server_is_well() {
        let outages = Outages::of_this_process();
        assert_eq!(outages.of(SERVER), None);
        outages.begin(SERVER, Outage::Quick);
        assert_eq!(outages.of(SERVER), Some(Outage::Quick));
        outages.begin(SERVER, Outage::Slow);
        assert_eq!(outages.of(SERVER), Some(Outage::Slow));
        outages.begin(SERVER, Outage::Quick);
        assert_eq!(outages.of(SERVER), Some(Outage::Slow), "keeps its time");
        outages.end(OTHER);
        assert_eq!(outages.of(SERVER), Some(Outage::Slow));
        outages.end(SERVER);
        assert_eq!(outages.of(SERVER), None);
    }

    #[test]
    fn an_old_failure_is_forgotten() {
        let began = Known {
            place: hash(SERVER),
            outage: Outage::Slow,
            since: 1000,
        };
        let at = |now| known(began.to_number(), SERVER, now);
        assert!(at(1000 + MEMORY - 1).is_some_and(|known| known == began));
        assert!(at(1000 + MEMORY).is_none());
        assert!(at(1000 - MEMORY).is_none(), "a clock that was set back");
    }

    #[test]
    fn two_clients_share_a_memory() {
        struct One(AtomicU64);
        impl AsRef<[AtomicU64]> for One {
            fn as_ref(&self) -> &[AtomicU64] {
                std::slice::from_ref(&self.0)
            }
        }
        let memory: OutageMemory = Arc::new(One(AtomicU64::new(0)));
        let (one, other) = (
            Outages::in_memory(Arc::clone(&memory)),
            Outages::in_memory(memory),
        );
        one.begin(SERVER, Outage::Slow);
        assert_eq!(other.of(SERVER), Some(Outage::Slow));
        assert_eq!(other.of(OTHER), None, "the same number, another place");
    }
}
