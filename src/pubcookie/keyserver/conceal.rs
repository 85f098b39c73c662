//! No key in a log: the query of the original's form is taken out of what httpd keeps of a request before anything is
//! logged or shown.

use pubcookie_protocol::keyserver::{asks_for_keys, without_secrets};
use zeroize::Zeroizing;

use crate::httpd::{Outcome, Request};
use crate::pubcookie::{Pubcookie, state};

/// `post_read_request`, before mod_status and all logs have seen the request, and `log_transaction` for one that could not
/// be read. Which handler it will have is not known yet: every query of this form to a server that is a keyserver is
/// meant.
pub fn conceal(request: &Request<'_>) -> Outcome {
    conceal_in_error(request);
    Outcome::Declined
}

/// `insert_error_filter`: a request that could not be read (too long, or HTTP/0.9 where httpd wants more) is shown by
/// mod_status after its error page, and no other hook comes before that.
pub fn conceal_in_error(request: &Request<'_>) {
    let config = request.server_config::<Pubcookie>();
    if config.is_some_and(|config| config.key_permits.is_configured()) {
        take_query(request);
    }
}

/// Takes such a query out of the request, and remembers it for the handler.
pub fn take_query(request: &Request<'_>) {
    if state::key_query(request).is_some() {
        return;
    }
    let line = request.request_line();
    let Some(begin) = line.iter().position(|&byte| byte == b'?') else {
        return;
    };
    if !asks_for_keys(&line[begin..]) {
        return;
    }
    let query = request.query().unwrap_or(&line[begin + 1..]);
    request.replace_query(&without_secrets(query));
    state::remember_key_query(request, Zeroizing::new(query.to_vec()));
}
