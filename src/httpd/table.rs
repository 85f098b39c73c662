//! httpd's tables: headers, notes, the environment of an application.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::{ffi, text};

/// A table of a request. Names are compared without case; a name may stand more than once.
#[derive(Clone, Copy)]
pub struct Table<'r> {
    raw: NonNull<ffi::apr_table_t>,
    lifetime: PhantomData<&'r ()>,
}

impl<'r> Table<'r> {
    /// # Safety
    /// `raw` is a table that lives for `'r` and is used on this thread alone.
    pub(super) unsafe fn from_raw(raw: *mut ffi::apr_table_t) -> Self {
        Table {
            // SAFETY: a table that lives is not null.
            raw: unsafe { NonNull::new_unchecked(raw) },
            lifetime: PhantomData,
        }
    }

    /// The first value of a name.
    pub fn get(self, name: &str) -> Option<&'r CStr> {
        let name = text::terminated(name);
        // SAFETY: tables copy what they are given into their pool and never free it, so that a value stays
        // valid for the request even after it is replaced.
        unsafe { text::borrow(ffi::apr_table_get(self.raw.as_ptr(), name.as_ptr())) }
    }

    /// The first value of a name, where it is UTF-8.
    pub fn get_str(self, name: &str) -> Option<&'r str> {
        self.get(name)?.to_str().ok()
    }

    /// Every value of a name, in order.
    pub fn get_all(self, name: &str) -> Vec<&'r CStr> {
        self.entries()
            .into_iter()
            .filter(|(key, _)| is_name(key, name))
            .map(|(_, value)| value)
            .collect()
    }

    /// All names and values, in order.
    pub fn entries(self) -> Vec<(&'r CStr, &'r CStr)> {
        let mut entries: Vec<(&'r CStr, &'r CStr)> = Vec::new();
        // SAFETY: the callback runs before this returns, with the pointer to `entries` and with strings of
        // the table, which live for 'r; it cannot panic but for want of memory, which aborts.
        unsafe {
            ffi::apr_table_do(
                Some(collect),
                (&raw mut entries).cast(),
                self.raw.as_ptr(),
                std::ptr::null::<c_char>(),
            );
        }
        entries
    }

    /// Gives a name this one value.
    pub fn set(self, name: &str, value: impl AsRef<[u8]>) {
        let (name, value) = (text::terminated(name), text::terminated(value));
        // SAFETY: both strings end with a NUL and are copied.
        unsafe { ffi::apr_table_set(self.raw.as_ptr(), name.as_ptr(), value.as_ptr()) }
    }

    /// Adds a value beside those that the name has.
    pub fn add(self, name: &str, value: impl AsRef<[u8]>) {
        let (name, value) = (text::terminated(name), text::terminated(value));
        // SAFETY: as in `set`.
        unsafe { ffi::apr_table_add(self.raw.as_ptr(), name.as_ptr(), value.as_ptr()) }
    }

    /// Removes every value of a name.
    pub fn remove(self, name: &str) {
        let name = text::terminated(name);
        // SAFETY: the string ends with a NUL.
        unsafe { ffi::apr_table_unset(self.raw.as_ptr(), name.as_ptr()) }
    }
}

/// Whether a header of this name becomes that variable of an application: CGI writes capitals, and `_` for all that is
/// neither letter nor digit.
pub fn becomes(header: &[u8], variable: &str) -> bool {
    let as_variable = |byte: &u8| {
        if byte.is_ascii_alphanumeric() {
            byte.to_ascii_uppercase()
        } else {
            b'_'
        }
    };
    header.len() == variable.len() && header.iter().map(as_variable).eq(variable.bytes())
}

fn is_name(key: &CStr, name: &str) -> bool {
    key.to_bytes().eq_ignore_ascii_case(name.as_bytes())
}

/// `apr_table_do` hands every entry to this.
unsafe extern "C" fn collect(entries: *mut c_void, key: *const c_char, value: *const c_char) -> c_int {
    // SAFETY: `entries` is what `Table::entries` passed; key and value are the table's own strings.
    unsafe {
        let entries = &mut *entries.cast::<Vec<(&CStr, &CStr)>>();
        if let (Some(key), Some(value)) = (text::borrow(key), text::borrow(value)) {
            entries.push((key, value));
        }
    }
    1
}
