//! The URL that the user wanted to see, as the browser sent it.

use pubcookie_protocol::percent;

use crate::httpd::Request;

/// Path and query in a URL's spelling: printable ASCII.
pub struct Target {
    /// Begins with exactly one `/`: a browser that is sent there stays on this server.
    pub path: String,
    /// Without the `?`; empty where there is none.
    pub query: String,
}

impl Target {
    /// That of the request which the client sent: after an internal redirect, the one before it.
    pub fn of(request: &Request<'_>) -> Self {
        Target::read(request.first().unparsed_uri())
    }

    /// Reads a request's target: `/path?query`, or a whole URL as a proxy is sent it.
    fn read(target: &[u8]) -> Self {
        let query_at = target.iter().position(|&byte| byte == b'?');
        let (path, query) = query_at.map_or((target, &b""[..]), |at| (&target[..at], &target[at + 1..]));
        let path = percent::url_path(path);
        let path = match path.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => {
                rest.split_once('/').map_or("", |(_, path)| path)
            }
            _ => &path,
        };
        Target {
            path: format!("/{}", path.trim_start_matches(['/', '*'])),
            query: percent::url_query(query),
        }
    }
}
