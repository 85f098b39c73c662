//! Keys made ahead of need (`MyProxyKeyPool`): a logon finds one ready instead of waiting until it is made.
//!
//! Each child keeps keys of its own, in its memory alone, and none before its first logon. A thread of the child makes
//! them. How many there are is bounded for all children together: each key has one of so many places in shared memory, and
//! the children that log users on share the places evenly.

use std::collections::VecDeque;
use std::io;
use std::iter::repeat_n;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use myproxy_client::{Key, KeyError, KeySpec};

use super::limit::{Limit, Place};
use crate::httpd::{ChildStart, ChildWork, Server, spawn};
use crate::myproxy::{MyProxy, log};

/// How often a child looks whether its share of the places has changed.
const REVIEW: Duration = Duration::from_secs(1);

/// The keys of one process, and its share among the others. Made when httpd starts; its children inherit it.
pub struct KeyPool {
    size: usize,
    /// One for each key that is ready, in all children.
    places: Limit,
    /// One for each child that has logged a user on.
    children: Limit,
    ready: Mutex<Ready>,
    changed: Condvar,
    stopping: AtomicBool,
}

/// What this process has, and what it will need.
#[derive(Default)]
struct Ready {
    keys: Vec<ReadyKey>,
    /// What kind of key each of the last logons took, as many as there are places: the next ones will want the same.
    wanted: VecDeque<KeySpec>,
}

struct ReadyKey {
    kind: KeySpec,
    key: Key,
    _place: Place,
}

impl KeyPool {
    /// A pool of `size` keys in all children together. One of none makes each key when it is asked for.
    ///
    /// # Errors
    /// The system has no memory to share.
    pub fn new(size: usize) -> io::Result<Self> {
        Ok(KeyPool {
            size,
            places: Limit::new(size)?,
            children: Limit::new(size)?,
            ready: Mutex::default(),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
        })
    }

    /// A key for a logon: one that is ready, or else one that is made now.
    ///
    /// # Errors
    /// None can be made.
    pub fn key(&self, kind: KeySpec) -> Result<Key, KeyError> {
        self.take(kind).map_or_else(|| Key::generate(kind), Ok)
    }

    fn take(&self, kind: KeySpec) -> Option<Key> {
        let is_made_at_once = matches!(kind, KeySpec::EcP256 | KeySpec::EcP384);
        if self.size == 0 || is_made_at_once {
            return None;
        }
        let mut ready = self.lock();
        ready.expect(kind, self.size);
        let position = ready.keys.iter().position(|ready| ready.kind == kind);
        let taken = position.map(|position| ready.keys.remove(position));
        drop(ready);
        self.changed.notify_one();
        Some(taken?.key)
    }

    /// A panic elsewhere cannot leave it half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    /// Takes note of a logon that needs a key. After the first one of this child all others are expected to be like it.
    fn expect(&mut self, kind: KeySpec, size: usize) {
        if self.wanted.pop_front().is_some() {
            self.wanted.push_back(kind);
        } else {
            self.wanted.extend(repeat_n(kind, size));
        }
    }

    /// Drops what `share` logons like the last ones would not take, and answers what they would miss.
    fn adjust(&mut self, share: usize) -> Option<KeySpec> {
        let mut expected: Vec<KeySpec> = self.wanted.iter().rev().take(share).copied().collect();
        self.keys.retain(|ready| {
            let place = expected.iter().position(|kind| *kind == ready.kind);
            place.map(|place| expected.swap_remove(place)).is_some()
        });
        expected.pop()
    }
}

impl ChildWork for KeyPool {
    fn run(&self, main: Server<'_>) {
        let mut filler = Filler {
            pool: self,
            main,
            child: None,
            told: 0,
        };
        while !self.stopping.load(Ordering::Acquire) {
            filler.make_or_wait();
        }
        self.lock().keys.clear();
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.changed.notify_all();
    }
}

/// What fills this child's part of the pool.
struct Filler<'p> {
    pool: &'p KeyPool,
    main: Server<'p>,
    /// This child's place among those that log users on, once it has one.
    child: Option<Place>,
    /// How many keys the log says that there are.
    told: usize,
}

impl Filler<'_> {
    /// Makes one key, or waits until one may be needed.
    fn make_or_wait(&mut self) {
        let pool = self.pool;
        let mut ready = pool.lock();
        if ready.wanted.is_empty() {
            drop(pool.changed.wait(ready));
            return;
        }
        let missing = ready.adjust(self.share());
        let next = missing.and_then(|kind| Some((kind, pool.places.enter()?)));
        self.tell(ready.keys.len());
        match next {
            Some((kind, place)) => {
                drop(ready);
                self.make(kind, place);
            }
            None => drop(pool.changed.wait_timeout(ready, REVIEW)),
        }
    }

    /// How many keys this child may have.
    fn share(&mut self) -> usize {
        if self.child.is_none() {
            self.child = self.pool.children.enter();
        }
        match self.child {
            Some(_) => self.pool.size / self.pool.children.taken().max(1),
            None => 0,
        }
    }

    fn make(&self, kind: KeySpec, place: Place) {
        match Key::generate(kind) {
            Ok(key) => self.pool.lock().keys.push(ReadyKey {
                kind,
                key,
                _place: place,
            }),
            Err(error) => {
                // Until the next logon.
                self.pool.lock().wanted.clear();
                log!(self.main, Error, "no key can be made ahead of need: {error}");
            }
        }
    }

    fn tell(&mut self, count: usize) {
        if self.told != count {
            self.told = count;
            let all = self.pool.places.taken();
            log!(
                self.main,
                Debug,
                "keys made ahead of need: {count} in this child, {all} in all"
            );
        }
    }
}

/// `child_init`: starts the thread that fills the pool of this child.
pub fn start(child: &ChildStart<'_>) {
    let running = |server: Server<'_>| server.config::<MyProxy>()?.running.get().cloned();
    let Some(running) = child.servers().find_map(running) else {
        return;
    };
    if running.keys.size == 0 {
        return;
    }
    if let Err(error) = spawn(child, "myproxy keys", Arc::clone(&running.keys)) {
        log!(
            child.main(),
            Error,
            "no keys are made ahead of need: cannot start a thread: {error}"
        );
    }
}
