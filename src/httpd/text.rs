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
    let bytes = text.as_ref();
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}
