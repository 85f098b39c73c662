//! `MyProxyAuthMethod certificate`: the MyProxy server trusts us to know the user, and nobody without our certificate.

use anyhow::Result;
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::site::{AppServer, PASSWORD, Site, SiteBuilder};

const METHODS: &str = "MyProxyAuthMethod certificate";

fn site(configuration: &str) -> SiteBuilder {
    Site::builder()
        .trusted_retriever()
        .configuration(METHODS)
        .app_server(AppServer::new("app").configuration(configuration))
}

/// A request for a page with HTTP Basic, by a client that keeps no cookies unless it is a browser.
fn ask(site: &Site, browser: &Browser, path: &str, user: &str, password: &str) -> Result<Response> {
    let credentials = openssl::base64::encode_block(format!("{user}:{password}").as_bytes());
    let request = Request::get(site.url(path).parse()?);
    browser.exchange(&request.header("Authorization", &format!("Basic {credentials}")))
}

#[test]
fn the_user_of_another_authentication_gets_a_credential_from_a_trusted_server() -> Result<()> {
    let site = site("").start()?;
    let browser = site.browser()?;
    let response = ask(&site, &browser, "/basic", "alice", PASSWORD)?;
    let page = Seen::in_page(&response.body)?;
    assert!(page.credential()?.subject.ends_with("/CN=alice"));
    assert!(response.set_cookie("MM_SESSION").is_some());
    println!("{:?}", site.stored_credentials()?);
    Ok(())
}
