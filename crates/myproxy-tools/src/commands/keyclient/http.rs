//! The little of HTTP/1.1 that the exchange takes: the head of a response, and a body of a known length.

use zeroize::Zeroizing;

/// What a response says before its body.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// How many bytes of what was received are the head.
    pub length: usize,
    /// `Content-Length`.
    pub body: Option<usize>,
    /// Whether it takes our form of requests (`Accept-Post`).
    pub takes_our_form: bool,
    /// Whether the connection ends after it.
    pub closes: bool,
}

/// What was received so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Not enough to tell.
    Partial,
    /// This will never be an HTTP response.
    NotHttp,
    /// The head is complete.
    Head(Head),
}

/// The largest response, in bytes.
pub const LIMIT: usize = 1 << 16;

/// Looks at what was received.
pub fn look(bytes: &[u8]) -> Received {
    const BEGINNING: &[u8] = b"HTTP/";
    let shorter = bytes.len().min(BEGINNING.len());
    if bytes[..shorter] != BEGINNING[..shorter] {
        return Received::NotHttp;
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Received::Partial,
        Err(_) => return Received::NotHttp,
    };
    let header = |name: &str| {
        let mut headers = response.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    let lists = |name, wanted: &str| {
        let list = header(name).unwrap_or_default();
        list.split(',')
            .any(|item| item.trim().eq_ignore_ascii_case(wanted))
    };
    Received::Head(Head {
        status: response.code.unwrap_or(0),
        length,
        body: header("Content-Length").and_then(|length| length.trim().parse().ok()),
        takes_our_form: lists("Accept-Post", pubcookie_protocol::keyserver::ACCEPT_POST),
        closes: lists("Connection", "close"),
    })
}

/// The text of a request with a form as its body. It may hold a key.
pub fn post(path: &str, authority: &str, form: &str) -> Zeroizing<Vec<u8>> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n\
         Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
        pubcookie_protocol::keyserver::ACCEPT_POST,
        form.len()
    );
    // Room for all of it: growing would leave copies behind.
    let mut request = Zeroizing::new(Vec::with_capacity(head.len() + form.len()));
    request.extend_from_slice(head.as_bytes());
    request.extend_from_slice(form.as_bytes());
    request
}

/// The text of a request that asks what a server takes.
pub fn options(path: &str, authority: &str) -> String {
    format!("OPTIONS {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {AGENT}\r\n\r\n")
}

const AGENT: &str = concat!("keyclient/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_told_from_what_the_original_sends() {
        for partial in ["", "HT", "HTTP/1.1 200 OK\r\nAllow: GET\r\n"] {
            assert_eq!(look(partial.as_bytes()), Received::Partial, "{partial:?}");
        }
        for original in [
            "\r\nNO bad request\r\n",
            "O",
            "HTTX",
            "HTTP/1.1 200 OK\r\n\u{1}: x\r\n\r\n",
        ] {
            assert_eq!(look(original.as_bytes()), Received::NotHttp, "{original:?}");
        }
        let text = "HTTP/1.1 200 OK\r\naccept-post: text/plain, Application/x-www-form-urlencoded\r\n\
                    Content-Length: 0\r\nConnection: Keep-Alive\r\n\r\n";
        let head = Head {
            status: 200,
            length: text.len(),
            body: Some(0),
            takes_our_form: true,
            closes: false,
        };
        assert_eq!(look(text.as_bytes()), Received::Head(head));
    }
}
