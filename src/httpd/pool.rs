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
        let value = Box::into_raw(Box::new(value));
        // SAFETY: `drop_owned::<T>` is called once, with this very pointer, when the pool ends; nothing
        // frees it before, so the reference holds for 'p, and it is the only one.
        unsafe {
            ffi::apr_pool_cleanup_register(
                self.raw(),
                value.cast(),
                Some(drop_owned::<T>),
                Some(ffi::apr_pool_cleanup_null),
            );
            &mut *value
        }
    }

    /// A NUL-terminated copy in the pool, for httpd to keep. For C it ends at the first NUL inside.
    pub(super) fn copy(self, value: impl AsRef<[u8]>) -> *mut c_char {
        let value = value.as_ref();
        // SAFETY: the pool lives; APR copies so many bytes, and sets a NUL behind them.
        unsafe { ffi::apr_pstrmemdup(self.raw(), value.as_ptr().cast(), value.len()) }
    }
}

unsafe extern "C" fn drop_owned<T>(value: *mut c_void) -> ffi::apr_status_t {
    // SAFETY: `own` registered this pointer, which came from a `Box<T>`, to be given here once.
    let value = unsafe { Box::from_raw(value.cast::<T>()) };
    guarded("drop", &NoServer, (), move || drop(value));
    0
}
