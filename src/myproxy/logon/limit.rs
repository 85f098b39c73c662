//! How many requests may do something at once, in all processes of an httpd: log on (`MyProxyMaxConcurrent`), or wait.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, test_kill_process};

use crate::httpd::SharedNumbers;

/// So many places, for all processes of an httpd together. A place holds the number of the process that has taken
/// it, so that a process that crashed does not keep it. A clone is the same limit.
#[derive(Clone, Debug)]
pub struct Limit(Arc<SharedNumbers>);

/// A place that is taken, until it is dropped.
pub struct Place {
    all: Arc<SharedNumbers>,
    index: usize,
}

const FREE: u64 = 0;

impl Limit {
    /// Lets so many in at once.
    ///
    /// # Errors
    /// The system has no memory to share.
    pub fn new(most: usize) -> io::Result<Self> {
        SharedNumbers::new(most).map(Arc::new).map(Limit)
    }

    /// One more, if there is room.
    pub fn enter(&self) -> Option<Place> {
        let me = u64::from(process::id());
        let take = |from: u64, place: &AtomicU64| {
            place
                .compare_exchange(from, me, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        };
        let free = self.0.iter().position(|place| take(FREE, place));
        let left_behind = || {
            self.0.iter().position(|place| {
                let holder = place.load(Ordering::Relaxed);
                holder != me && has_ended(holder) && take(holder, place)
            })
        };
        let index = free.or_else(left_behind)?;
        let all = Arc::clone(&self.0);
        Some(Place { all, index })
    }

    /// How many places are taken, by processes that live.
    pub fn taken(&self) -> usize {
        let holders = self.0.iter().map(|place| place.load(Ordering::Relaxed));
        holders
            .filter(|&holder| holder != FREE && !has_ended(holder))
            .count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all[self.index].store(FREE, Ordering::Release);
    }
}

fn has_ended(process: u64) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}
