//! Pools are httpd's, always borrowed: what we put into one lives as long as it does.

use std::ffi::{c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::ffi;
use super::guard::guarded;
use super::server::NoServer;

/// A memory pool of httpd's, valid for `'p`.
#[derive(Clone, Copy)]
pub struct Pool<'p> {
    raw: NonNull<ffi::apr_pool_t>,
    lifetime: PhantomData<&'p ()>,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `raw` is a pool that lives for `'p`.
    pub(super) unsafe fn from_raw(raw: *mut ffi::apr_pool_t) -> Self {
        Pool {
            // SAFETY: a pool that lives is not null.
            raw: unsafe { NonNull::new_unchecked(raw) },
            lifetime: PhantomData,
        }
    }

    pub(super) fn raw(self) -> *mut ffi::apr_pool_t {
        self.raw.as_ptr()
    }

    /// Gives a value to the pool, which drops it when it is cleared.
    pub fn own<T: 'static>(self, value: T) -> &'p mut T {
        // SAFETY: APR aligns to 8 bytes and ends the process where it has no memory: there is room for the value at the
        // next place that is aligned for it. `drop_owned::<T>` is called once, with this very pointer, when the pool
        // ends, and the memory lasts until then: so the reference holds for 'p, and it is the only one.
        unsafe {
            let room = ffi::apr_palloc(self.raw(), (size_of::<T>() + align_of::<T>()) as ffi::apr_size_t);
            let room = room.cast::<u8>();
            let place = room.add(room.align_offset(align_of::<T>())).cast::<T>();
            place.write(value);
            ffi::apr_pool_cleanup_register(
                self.raw(),
                place.cast(),
                Some(drop_owned::<T>),
                Some(ffi::apr_pool_cleanup_null),
            );
            &mut *place
        }
    }

    /// A NUL-terminated copy in the pool, for httpd to keep. For C it ends at the first NUL inside.
    pub(super) fn copy(self, value: impl AsRef<[u8]>) -> *mut c_char {
        let value = value.as_ref();
        // SAFETY: the pool lives; APR copies so many bytes, and sets a NUL behind them.
        unsafe { ffi::apr_pstrmemdup(self.raw(), value.as_ptr().cast(), value.len()) }
    }

    /// The same of two strings in one.
    pub(super) fn copy_joined(self, first: &str, second: &str) -> *mut c_char {
        // SAFETY: the pool lives, and APR ends the process where it has no memory: there is room for both and a NUL.
        unsafe {
            let room = ffi::apr_palloc(self.raw(), (first.len() + second.len() + 1) as ffi::apr_size_t);
            let room = room.cast::<u8>();
            room.copy_from_nonoverlapping(first.as_ptr(), first.len());
            room.add(first.len())
                .copy_from_nonoverlapping(second.as_ptr(), second.len());
            room.add(first.len() + second.len()).write(0);
            room.cast()
        }
    }
}

unsafe extern "C" fn drop_owned<T>(value: *mut c_void) -> ffi::apr_status_t {
    // SAFETY: `own` registered this pointer to a `T`, to be given here once.
    guarded("drop", &NoServer, (), || unsafe {
        value.cast::<T>().drop_in_place()
    });
    0
}
