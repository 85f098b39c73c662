//! A flag that all processes of an httpd share.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

/// Something that is to be said once, whichever child finds it out. Made while httpd starts; its children inherit it.
#[derive(Debug)]
pub struct SharedFlag(NonNull<AtomicBool>);

// SAFETY: what it points to is atomic, and stays where it is until the flag is dropped.
unsafe impl Send for SharedFlag {}
// SAFETY: likewise.
unsafe impl Sync for SharedFlag {}

impl SharedFlag {
    /// A flag that is not set.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a new mapping touches no other memory.
        let page = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size_of::<AtomicBool>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // The kernel fills it with zeros, which is `false`.
        NonNull::new(page.cast())
            .map(SharedFlag)
            .ok_or_else(|| io::Error::other("a mapping at address 0"))
    }

    /// Sets it, and answers whether it was not set before.
    pub fn set(&self) -> bool {
        // SAFETY: the mapping lives as long as `self`, and nothing but this function touches it.
        let flag = unsafe { self.0.as_ref() };
        !flag.swap(true, Ordering::Relaxed)
    }
}

impl Drop for SharedFlag {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it, and nobody has a reference to it any more. Other processes keep theirs.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<AtomicBool>()) };
    }
}
