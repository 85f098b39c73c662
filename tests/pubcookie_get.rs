//! Logins by GET: against a real httpd that is application server and login server at once.

use anyhow::Result;
use testbed::application::Seen;
use testbed::site::Site;

#[test]
fn a_login_ends_at_the_page_that_was_wanted() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/app/a%20b?x=1&y=%26")?;
    println!("{}", page.story());
    println!("{}", site.httpd.log().text());
    let seen = Seen::in_page(&page.body)?;
    println!("{seen:?}");
    assert_eq!(seen.variable("REMOTE_USER"), Some("alice"));
    assert_eq!(seen.variable("AUTH_TYPE"), Some("webiso"));
    Ok(())
}
