//! What the writer of an .htaccess file could make of a request: where httpd's word is all that is shown for a user, it
//! must be the administrator's.
//!
//! All requests that led to this one count: modules take over a user or a header from the request before an internal
//! redirect, and the place that it came through may have made them up.

use super::config::DirectoryConfig;
use crate::httpd::Request;

/// Whether he could say who the request's user is.
pub fn could_authenticate(request: &Request<'_>) -> bool {
    any_of_chain(request, |request| request.lets_htaccess_authenticate())
}

/// Whether he could say who the request's user is, or, by a variable or header that `MyProxyUser` reads, who that is at
/// the MyProxy server.
pub fn could_name_the_user(request: &Request<'_>, place: &DirectoryConfig) -> bool {
    could_authenticate(request) || (place.user.is_some() && could_change_requests(request))
}

/// Whether he could change the variables and headers of the request, and the headers and filters of its answer.
pub fn could_change_requests(request: &Request<'_>) -> bool {
    any_of_chain(request, |request| request.lets_htaccess_change_requests())
}

fn any_of_chain(request: &Request<'_>, lets: impl Fn(&Request<'_>) -> bool) -> bool {
    lets(request) || request.origins().any(|origin| lets(&origin))
}
