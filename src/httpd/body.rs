//! Request bodies, read through httpd's input filters: HTTP/1.1 with or without Content-Length, and HTTP/2.

use std::ffi::{c_char, c_int};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Request, ffi};

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It is larger than the limit of the caller, or than `LimitRequestBody`.
    #[error("the request's body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// httpd or the client broke it off; httpd wants to answer with this status.
    #[error("the request's body could not be read (status {status})")]
    Unreadable {
        /// HTTP status.
        status: u16,
    },
}

impl Request<'_> {
    /// The whole body, at most `limit` bytes of it (`LimitRequestBody` may allow less). It may hold a pass phrase: it is
    /// wiped when dropped.
    pub fn body(&self, limit: usize) -> Result<Zeroizing<Vec<u8>>, BodyError> {
        // SAFETY: the request is this thread's.
        let status = unsafe { ffi::ap_setup_client_block(self.raw(), ffi::REQUEST_CHUNKED_DECHUNK as c_int) };
        let limit_request_body = self.limit_request_body();
        match u16::try_from(status) {
            _ if status == ffi::OK as c_int => {}
            Ok(413) => {
                self.read_no_further();
                return Err(BodyError::TooLarge {
                    limit: limit_request_body,
                });
            }
            status => {
                return Err(BodyError::Unreadable {
                    status: status.unwrap_or(400),
                });
            }
        }
        let mut body = Zeroizing::new(Vec::new());
        // SAFETY: likewise.
        if unsafe { ffi::ap_should_client_block(self.raw()) } == 0 {
            return Ok(body);
        }
        let declared = self.declared_length();
        if declared > limit {
            return Err(BodyError::TooLarge { limit });
        }
        let mut block = Zeroizing::new([0u8; 8192]);
        loop {
            // SAFETY: httpd writes at most as many bytes as it is told that there are.
            let length = unsafe {
                ffi::ap_get_client_block(self.raw(), block.as_mut_ptr().cast::<c_char>(), block.len())
            };
            let length = match usize::try_from(length) {
                Ok(0) => return Ok(body),
                Ok(length) => length,
                // httpd does not say why. It lets nothing through that goes beyond its own limit.
                Err(_) if declared.max(body.len() + block.len()) > limit_request_body => {
                    self.read_no_further();
                    return Err(BodyError::TooLarge {
                        limit: limit_request_body,
                    });
                }
                Err(_) => return Err(BodyError::Unreadable { status: 400 }),
            };
            if body.len() + length > limit {
                return Err(BodyError::TooLarge { limit });
            }
            append_wiping(&mut body, &block[..length]);
        }
    }

    /// Whoever reads on, if only to throw the rest away, has httpd send its own answer instead of ours.
    fn read_no_further(&self) {
        // SAFETY: the request and its connection are this thread's.
        unsafe { (*(*self.raw()).connection).keepalive = ffi::ap_conn_keepalive_e_AP_CONN_CLOSE };
    }

    /// The Content-Length of a body that httpd is about to read, in bytes; 0 where there is none.
    fn declared_length(&self) -> usize {
        // SAFETY: the request is this thread's.
        usize::try_from(unsafe { (*self.raw()).remaining }).unwrap_or(usize::MAX)
    }

    /// `LimitRequestBody`, in bytes.
    fn limit_request_body(&self) -> usize {
        // SAFETY: the request is this thread's.
        match usize::try_from(unsafe { ffi::ap_get_limit_req_body(self.raw()) }) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(limit) => limit,
        }
    }
}

/// Appends without leaving copies behind where the vector has to grow.
fn append_wiping(body: &mut Zeroizing<Vec<u8>>, block: &[u8]) {
    if body.len() + block.len() > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + block.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(block);
}
