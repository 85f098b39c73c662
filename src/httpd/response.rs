//! Answers that a module sends itself.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use super::{Outcome, Request, ffi};

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header names and values, in order. `Set-Cookie` may stand more than once.
    pub headers: Vec<(String, String)>,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Request<'_> {
    /// Sends an answer from a content handler, and ends the request.
    pub fn respond(&self, response: &Response) -> Outcome {
        let headers = self.response_headers_always();
        for (name, value) in &response.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                headers.add(name, value);
            } else {
                headers.set(name, value);
            }
        }
        let content_type = self.pool().copy(&response.content_type);
        let length = c_int::try_from(response.body.len()).unwrap_or(c_int::MAX);
        // SAFETY: the request is this thread's; httpd copies the body before ap_rwrite returns, and the
        // content type lives in the request's pool.
        unsafe {
            (*self.raw()).status = c_int::from(response.status);
            ffi::ap_set_content_type(self.raw(), content_type);
            ffi::ap_set_content_length(self.raw(), response.body.len() as ffi::apr_off_t);
            if (*self.raw()).header_only == 0 {
                ffi::ap_rwrite(response.body.as_ptr().cast(), length, self.raw());
            }
        }
        Outcome::Ok
    }

    /// Refuses the request's method (405), and says which are served.
    pub fn refuse_method(&self, served: &[&CStr]) -> Outcome {
        for method in served {
            // SAFETY: the request is this thread's; the names end where the null pointer stands.
            unsafe {
                ffi::ap_allow_methods(
                    self.raw(),
                    ffi::MERGE_ALLOW as c_int,
                    method.as_ptr(),
                    ptr::null::<c_char>(),
                );
            }
        }
        Outcome::Status(405)
    }

    /// Sends an answer from an authentication or access hook, where httpd has not inserted the output filters
    /// yet: without them `Header always` (HSTS, CSP of the site) would be missing.
    pub fn respond_early(&self, response: &Response) -> Outcome {
        // SAFETY: the request is this thread's.
        unsafe { ffi::ap_run_insert_filter(self.raw()) };
        if let Err(status) = self.initialize_filters() {
            return Outcome::Status(status);
        }
        self.respond(response);
        Outcome::Done
    }

    /// What httpd does between inserting filters and calling a handler. Filters rely on it: those of mod_filter, so
    /// every one of `AddOutputFilterByType`, end the process where it was left out.
    fn initialize_filters(&self) -> Result<(), u16> {
        // SAFETY: the request is this thread's, the chains end with null, and each filter has a record.
        unsafe {
            for mut filter in [(*self.raw()).input_filters, (*self.raw()).output_filters] {
                while !filter.is_null() {
                    if let Some(initialize) = (*(*filter).frec).filter_init_func {
                        let status = initialize(filter);
                        if status != ffi::OK as c_int {
                            return Err(u16::try_from(status).unwrap_or(500));
                        }
                    }
                    filter = (*filter).next;
                }
            }
        }
        Ok(())
    }

    /// Throws away the body of the request, so that the connection can serve the next.
    pub fn discard_body(&self) {
        // SAFETY: the request is this thread's. A body that cannot be read ends the connection, which is
        // httpd's to do.
        let _ = unsafe { ffi::ap_discard_request_body(self.raw()) };
    }

    /// A header of the request, where it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get_str(name)
    }
}
