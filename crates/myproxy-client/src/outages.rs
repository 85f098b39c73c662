//! Which servers did not answer lately, so that they are asked last.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a failure is remembered. After it the server has its old place and its whole time again.
const MEMORY: Duration = Duration::from_secs(60);

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

/// The memory of this process.
#[derive(Default)]
pub struct Outages(Mutex<HashMap<Place, (Outage, Instant)>>);

impl Outages {
    /// What is known of a place.
    pub fn of(&self, place: Place) -> Option<Outage> {
        let (outage, since) = *self.lock().get(&place)?;
        (since.elapsed() < MEMORY).then_some(outage)
    }

    /// Begins to remember. A slow failure that is remembered already keeps its time: such a server is given less time
    /// meanwhile, and has to get the whole again, or one that is merely slow would never answer.
    pub fn begin(&self, place: Place, outage: Outage) {
        let mut outages = self.lock();
        outages.retain(|_, (_, since)| since.elapsed() < MEMORY);
        let now = (outage, Instant::now());
        outages
            .entry(place)
            .and_modify(|known| {
                if known.0 == Outage::Quick {
                    *known = now;
                }
            })
            .or_insert(now);
    }

    pub fn end(&self, place: Place) {
        self.lock().remove(&place);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, (Outage, Instant)>> {
        // No thread panics between two changes of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
