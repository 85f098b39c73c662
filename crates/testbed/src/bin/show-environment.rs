//! A CGI program that shows what httpd let it see: see [`testbed::application`].
#![forbid(unsafe_code)]

use std::io::Read;

use testbed::application::Seen;

/// Bytes of a request's body that are shown.
const MOST_BODY: u64 = 16 << 20;

fn main() -> anyhow::Result<()> {
    let length = std::env::var("CONTENT_LENGTH")
        .ok()
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = Vec::new();
    std::io::stdin()
        .take(MOST_BODY.min(length))
        .read_to_end(&mut body)?;
    print!(
        "Content-Type: text/html; charset=utf-8\r\n\r\n{}",
        Seen::here(&body).page()?
    );
    Ok(())
}
