//! Numbers that all processes of an httpd share.

use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

/// So many atomic numbers, zero at first, in memory that httpd's children inherit: made while httpd starts.
#[derive(Debug)]
pub struct SharedNumbers {
    first: NonNull<AtomicU64>,
    count: usize,
}

// SAFETY: what it points to is atomic, and stays where it is until the numbers are dropped.
unsafe impl Send for SharedNumbers {}
// SAFETY: likewise.
unsafe impl Sync for SharedNumbers {}

impl SharedNumbers {
    /// `count` numbers, at least one.
    ///
    /// # Errors
    /// The system has no memory to share.
    pub fn new(count: usize) -> io::Result<Self> {
        let count = count.max(1);
        // SAFETY: a new mapping touches no other memory.
        let pages = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size(count),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if pages == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let first = NonNull::new(pages.cast()).ok_or_else(|| io::Error::other("a mapping at address 0"))?;
        Ok(SharedNumbers { first, count })
    }
}

impl Deref for SharedNumbers {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the kernel filled `count` numbers with zeros, on a page's beginning; they live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

impl AsRef<[AtomicU64]> for SharedNumbers {
    fn as_ref(&self) -> &[AtomicU64] {
        self
    }
}

impl Drop for SharedNumbers {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it, and nobody has a reference to it any more. Other processes keep theirs.
        unsafe { libc::munmap(self.first.as_ptr().cast(), size(self.count)) };
    }
}

fn size(count: usize) -> usize {
    count * size_of::<AtomicU64>()
}
