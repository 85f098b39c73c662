//! OpenSSL keeps the errors of a thread in a queue. One left behind would be taken for its own by the next
//! user of OpenSSL in that thread, which in httpd is mod_ssl.

use openssl::error::ErrorStack;

/// Empties the thread's queue when made (what is in it is not ours) and when dropped (what is in it then is).
pub struct ErrorQueue(());

impl ErrorQueue {
    pub fn guard() -> Self {
        drop(ErrorStack::get());
        ErrorQueue(())
    }
}

impl Drop for ErrorQueue {
    fn drop(&mut self) {
        drop(ErrorStack::get());
    }
}
