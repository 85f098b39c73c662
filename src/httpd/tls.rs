//! What mod_ssl knows of a connection.

use std::ffi::c_char;

use super::{Request, ffi, text};

/// `ssl_var_lookup` of mod_ssl.h.
type Lookup = unsafe extern "C" fn(
    *mut ffi::apr_pool_t,
    *mut ffi::server_rec,
    *mut ffi::conn_rec,
    *mut ffi::request_rec,
    *mut c_char,
) -> *mut c_char;

impl<'r> Request<'r> {
    /// A variable of mod_ssl's, such as `SSL_CLIENT_VERIFY`. `None` where it is empty or not UTF-8, where the connection is
    /// not TLS, and where mod_ssl is not loaded.
    pub fn tls_variable(&self, name: &str) -> Option<&'r str> {
        let name = self.pool().copy(name);
        // SAFETY: mod_ssl registers the function under this name with this type. It only reads what it is given, all of
        // which lives, and answers null or a string that lives as long as the request.
        let value = unsafe {
            let lookup = ffi::apr_dynamic_fn_retrieve(c"ssl_var_lookup".as_ptr())?;
            let lookup: Lookup = std::mem::transmute(lookup);
            let connection = (*self.raw()).connection;
            text::borrow(lookup(
                self.pool().raw(),
                self.server().raw(),
                connection,
                self.raw(),
                name,
            ))
        };
        value?.to_str().ok().filter(|value| !value.is_empty())
    }
}
