//! Strings across the boundary: httpd's are bytes that end with a NUL.

use std::ffi::{CStr, CString, c_char};

/// A string of httpd's, or nothing for a null pointer.
///
/// # Safety
/// `pointer` is null, or points at a NUL-terminated string that lives and does not change for `'a`.
pub unsafe fn borrow<'a>(pointer: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller vouches for a pointer that is not null.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) })
}

/// A copy that httpd can read. What follows a NUL inside is cut off: no string of httpd's could hold it.
pub fn terminated(text: impl AsRef<[u8]>) -> CString {
    CString::new(text.as_ref()).unwrap_or_else(|with_nul| {
        let end = with_nul.nul_position();
        let mut bytes = with_nul.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

/// Lends such a copy for one call. What is as short as names are takes no memory from the heap.
pub fn with_terminated<T>(text: &str, call: impl FnOnce(&CStr) -> T) -> T {
    let mut buffer = [0; 64];
    match buffer.get_mut(..text.len()) {
        Some(room) => room.copy_from_slice(text.as_bytes()),
        None => return call(&terminated(text)),
    }
    match CStr::from_bytes_with_nul(&buffer[..=text.len()]) {
        Ok(lent) => call(lent),
        Err(_) => call(&terminated(text)),
    }
}
