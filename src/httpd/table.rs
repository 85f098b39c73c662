//! httpd's tables: headers, notes, the environment of an application.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::{Pool, ffi, text};

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
        // SAFETY: tables copy what they are given into their pool and never free it, so that a value stays
        // valid for the request even after it is replaced.
        text::with_terminated(name, |name| unsafe {
            text::borrow(ffi::apr_table_get(self.raw.as_ptr(), name.as_ptr()))
        })
    }

    /// The first value of a name, where it is UTF-8.
    pub fn get_str(self, name: &str) -> Option<&'r str> {
        self.get(name)?.to_str().ok()
    }

    /// Every value of a name, in order.
    pub fn get_all(self, name: &str) -> Vec<&'r CStr> {
        self.raw_entries()
            .filter(|entry| entry.name().is_some_and(|key| is_name(key, name)))
            .filter_map(|entry| entry.value())
            .collect()
    }

    /// All names and values, in order.
    pub fn entries(self) -> Vec<(&'r CStr, &'r CStr)> {
        self.raw_entries()
            .filter_map(|entry| Some((entry.name()?, entry.value()?)))
            .collect()
    }

    /// The names that are so, in order: each as often as it stands there.
    pub fn names(self, are: impl Fn(&[u8]) -> bool) -> Vec<&'r CStr> {
        self.raw_entries()
            .filter_map(|entry| entry.name())
            .filter(|name| are(name.to_bytes()))
            .collect()
    }

    /// What stands in the table when it is its turn.
    fn raw_entries(self) -> impl Iterator<Item = Entry<'r>> {
        (0..).map_while(move |index| {
            // SAFETY: a table is an array of so many entries. It may change between two turns: each reads it anew.
            unsafe {
                let array = self.array();
                let entries = (*array).elts.cast::<ffi::apr_table_entry_t>();
                (index < (*array).nelts).then(|| Entry {
                    raw: entries.add(usize::try_from(index).unwrap_or(0)).read(),
                    lifetime: PhantomData,
                })
            }
        })
    }

    /// Gives a name this one value.
    pub fn set(self, name: &str, value: impl AsRef<[u8]>) {
        let pool = self.pool();
        // SAFETY: both strings end with a NUL and live in the table's own pool.
        unsafe { ffi::apr_table_setn(self.raw.as_ptr(), pool.copy(name), pool.copy(value)) }
    }

    /// Gives this one value to a name, and to the same behind a prefix.
    pub fn set_also_behind(self, prefix: &str, name: &str, value: impl AsRef<[u8]>) {
        let pool = self.pool();
        let (value, prefixed) = (pool.copy(value), pool.copy_joined(prefix, name));
        // SAFETY: as in `set`. What is behind the prefix ends with the same NUL.
        unsafe {
            ffi::apr_table_setn(self.raw.as_ptr(), prefixed.add(prefix.len()), value);
            ffi::apr_table_setn(self.raw.as_ptr(), prefixed, value);
        }
    }

    /// Adds a value beside those that the name has.
    pub fn add(self, name: &str, value: impl AsRef<[u8]>) {
        let pool = self.pool();
        // SAFETY: as in `set`.
        unsafe { ffi::apr_table_addn(self.raw.as_ptr(), pool.copy(name), pool.copy(value)) }
    }

    /// Gives a name these values, and no other.
    pub fn set_all(self, name: &str, values: &[&CStr]) {
        self.remove(name);
        for value in values {
            self.add(name, value.to_bytes());
        }
    }

    /// Removes every value of a name.
    pub fn remove(self, name: &str) {
        // SAFETY: the string ends with a NUL.
        text::with_terminated(name, |name| unsafe {
            ffi::apr_table_unset(self.raw.as_ptr(), name.as_ptr());
        });
    }

    fn pool(self) -> Pool<'r> {
        // SAFETY: the pool of a table lives as long as it.
        unsafe { Pool::from_raw((*self.array()).pool) }
    }

    fn array(self) -> *const ffi::apr_array_header_t {
        // SAFETY: the table lives.
        unsafe { ffi::apr_table_elts(self.raw.as_ptr()) }
    }
}

/// A name and its value, whose strings live for `'r`.
struct Entry<'r> {
    raw: ffi::apr_table_entry_t,
    lifetime: PhantomData<&'r ()>,
}

impl<'r> Entry<'r> {
    fn name(&self) -> Option<&'r CStr> {
        // SAFETY: see `Table::get`.
        unsafe { text::borrow(self.raw.key) }
    }

    fn value(&self) -> Option<&'r CStr> {
        // SAFETY: likewise.
        unsafe { text::borrow(self.raw.val) }
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
