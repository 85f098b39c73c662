//! A flag that all processes of an httpd share.

use std::io;
use std::sync::atomic::Ordering;

use super::SharedNumbers;

/// Something that is to be said once, whichever child finds it out. Made while httpd starts; its children inherit it.
#[derive(Debug)]
pub struct SharedFlag(SharedNumbers);

impl SharedFlag {
    /// A flag that is not set.
    pub fn new() -> io::Result<Self> {
        SharedNumbers::new(1).map(SharedFlag)
    }

    /// Sets it, and answers whether it was not set before.
    pub fn set(&self) -> bool {
        self.0[0].swap(1, Ordering::Relaxed) == 0
    }
}
