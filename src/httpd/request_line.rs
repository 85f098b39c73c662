//! The request line: what httpd keeps of it for logs, for mod_status and for applications, and replies to clients that know
//! nothing of HTTP but this line.

use std::ffi::c_int;

use super::{Log, Request, Server, ffi, text};

impl<'r> Request<'r> {
    /// The line as the client sent it; empty where it was not read.
    pub fn request_line(&self) -> &'r [u8] {
        // SAFETY: null, or a string in the request's pool.
        unsafe { text::borrow((*self.raw()).the_request) }
            .unwrap_or_default()
            .to_bytes()
    }

    /// Puts another query in the place of the request's own, everywhere where httpd keeps it: what is logged, shown by
    /// mod_status or handed on afterwards has the other. Does nothing where the request has none.
    ///
    /// Who has asked for the query before still holds it, and memory is not wiped.
    pub fn replace_query(&self, shown: &str) {
        let pool = self.pool();
        let line = with_query(self.request_line(), shown);
        let target = with_query(self.unparsed_uri(), shown);
        // SAFETY: the request is this thread's, and all strings are copied to its pool.
        unsafe {
            let request = &mut *self.raw();
            if let Some(line) = line {
                request.the_request = pool.copy(line);
            }
            if let Some(target) = target {
                request.unparsed_uri = pool.copy(target);
            }
            if !request.args.is_null() {
                request.args = pool.copy(shown);
            }
            if !request.parsed_uri.query.is_null() {
                request.parsed_uri.query = pool.copy(shown);
                request.parsed_uri.fragment = std::ptr::null_mut();
            }
        }
    }

    /// Whether a reply without status line and headers can reach the client: not in HTTP/2.
    pub fn is_http_1(&self) -> bool {
        // SAFETY: the request lives.
        unsafe { (*self.raw()).proto_num < 2000 }
    }

    /// Has httpd send the reply's body alone, as in HTTP/0.9, and close the connection afterwards.
    pub fn reply_without_status_line(&self) {
        // SAFETY: the request and its connection are this thread's.
        unsafe {
            (*self.raw()).assbackwards = 1;
            (*(*self.raw()).connection).keepalive = ffi::ap_conn_keepalive_e_AP_CONN_CLOSE;
        }
    }
}

impl Server<'_> {
    /// Whether `HttpProtocolOptions Require1.0` refuses requests without an HTTP version.
    pub fn refuses_http_0_9(self) -> bool {
        // SAFETY: the server lives.
        unsafe { ffi::shim_refuses_http_0_9(self.raw()) != 0 }
    }

    /// Whether httpd logs each request line as soon as it is read (`LogLevel core:trace5`): no module can come before.
    pub fn logs_request_lines(self) -> bool {
        self.logs_at(ffi::APLOG_TRACE5 as c_int, ffi::AP_CORE_MODULE_INDEX as c_int)
    }
}

/// A request line or its target with another query; `None` where it has none.
fn with_query(line: &[u8], shown: &str) -> Option<Vec<u8>> {
    const VERSION: &[u8] = b" HTTP/";
    let begin = line.iter().position(|&byte| byte == b'?')?;
    let versions = line.windows(VERSION.len()).rposition(|window| window == VERSION);
    let end = versions.filter(|&end| end > begin).unwrap_or(line.len());
    Some([&line[..=begin], shown.as_bytes(), &line[end..]].concat())
}
