//! Whole logins, from the login form to the credential: every method with every encryption, many tabs, odd users.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use testbed::application::Seen;
use testbed::site::{AppServer, Encryption, LoginMethod, PASSWORD, Site, USER};

#[test]
fn every_method_with_every_encryption_ends_in_a_credential() -> Result<()> {
    // The cookie is shown to the MyProxy server in its plain form, or as it came.
    for mut builder in [Site::builder(), Site::builder().forward_encrypted()] {
        let mut labels = Vec::new();
        for method in LoginMethod::ALL {
            for encryption in Encryption::ALL {
                let label = format!("{method:?}-{encryption:?}").to_lowercase();
                builder =
                    builder.app_server(AppServer::new(&label).login_method(method).encryption(encryption));
                labels.push(label);
            }
        }
        let site = builder.start()?;
        let file = site.credential_directory().join(USER);
        for (number, label) in labels.iter().enumerate() {
            let browser = site.browser()?;
            let page = site.log_in_as(&browser, &site.url_at(label, "/app"), USER, PASSWORD)?;
            Seen::in_page(&page.body)?.credential()?;
            assert_eq!(usize::try_from(site.myproxy.issued()?)?, number + 1, "{label}");
            browser.get(&site.url_at(label, "/logout"))?;
            assert!(!file.exists(), "{label}");
        }
    }
    Ok(())
}

#[test]
fn a_myproxy_server_without_the_key_does_not_take_encrypted_cookies() -> Result<()> {
    let site = Site::builder()
        .configuration("MyProxyForwardCookie encrypted")
        .start()?;
    let log = site.httpd.log_from_now();
    let page = Seen::in_page(&site.log_in(&site.browser()?, "/app")?.body)?;
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("refused"));
    log.wait_for("no credential for alice: refused:", Duration::from_secs(5))?;
    let told = site
        .myproxy
        .syslog()
        .wait_for(Duration::from_secs(5), "signature does not hold");
    ensure!(told, "{:?}", site.myproxy.syslog().lines());
    assert_eq!(site.stored_credentials()?, [""; 0]);
    Ok(())
}

#[test]
fn eight_tabs_get_the_credential_and_each_login_makes_one_logon() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?;
        let forms = (0..8)
            .map(|tab| browser.get(&site.url(&format!("/app/{tab}"))))
            .collect::<Result<Vec<_>>>()?;
        for page in &forms {
            let form = page.form_with("user")?.fill("user", USER).fill("pass", PASSWORD);
            let page = browser.submit(page, &form)?;
            Seen::in_page(&page.body)?.credential()?;
        }
        // Tabs that come back to a session need no login of their own.
        let logins = site.httpd.log().lines_with("user alice logged in to demo").len();
        ensure!((1..=8).contains(&logins), "{logins} logins");
        assert_eq!(usize::try_from(site.myproxy.issued()?)?, logins, "{method:?}");
        // Reloaded, all at once, they cost nothing.
        thread::scope(|scope| {
            let tabs = [(); 8].map(|()| {
                let (browser, url) = (browser.clone(), site.url("/app"));
                scope.spawn(move || Seen::in_page(&browser.get(&url)?.body)?.credential().cloned())
            });
            for tab in tabs {
                tab.join().map_err(|_| anyhow!("a tab panicked"))??;
            }
            anyhow::Ok(())
        })?;
        assert_eq!(usize::try_from(site.myproxy.issued()?)?, logins, "{method:?}");
        browser.get(&site.url("/logout"))?;
        assert_eq!(site.stored_credentials()?, [""; 0]);
        assert_eq!(site.stored_sessions()?, [""; 0]);
    }
    Ok(())
}

#[test]
fn users_with_odd_names_get_a_credential_of_their_own_or_a_clear_refusal() -> Result<()> {
    let longest = "u".repeat(41);
    let served = ["a-b_c.d", "alice@EXAMPLE.EDU", &longest];
    let refused = [
        "a/b",
        "..",
        "../x",
        ".hidden",
        "a b+c%d",
        "jos\u{e9}",
        "\u{fc}\u{416}",
    ];
    let site = served
        .iter()
        .chain(&refused)
        .fold(Site::builder(), |site, name| site.user(name, PASSWORD))
        .start()?;
    // httpd has made its directories and logs.
    site.log_in(&site.browser()?, "/app")?;
    let before = files_outside_the_stores(&site)?;

    for name in served {
        let browser = site.browser()?;
        let page = site.log_in_as(&browser, &site.url("/app"), name, PASSWORD)?;
        let page = Seen::in_page(&page.body)?;
        let credential = page.credential()?;
        ensure!(
            credential.subject.ends_with(&format!("/CN={name}")),
            "{name} got {}",
            credential.subject
        );
        let file = site.credential_directory().join(name);
        assert_eq!(page.variable("X509_USER_PROXY"), file.to_str());
        browser.get(&site.url("/logout"))?;
        assert!(!file.exists(), "{name}");
    }
    let stored = site.stored_credentials()?;
    for name in refused {
        let log = site.httpd.log_from_now();
        let page = site.log_in_as(&site.browser()?, &site.url("/app"), name, PASSWORD)?;
        let page = Seen::in_page(&page.body)?;
        assert_eq!(page.variable("REMOTE_USER"), Some(name));
        assert_eq!(page.variable("X509_USER_PROXY"), None, "{name}");
        assert_eq!(page.variable("MYPROXY_ERROR"), Some("refused"), "{name}");
        let line = log.wait_for(": refused: ", Duration::from_secs(5))?;
        ensure!(line.contains("[myproxy:error]"), "{line}");
        assert_eq!(site.stored_credentials()?, stored, "{name}");
    }
    assert_eq!(files_outside_the_stores(&site)?, before);
    Ok(())
}

/// All files of the site but credentials and sessions.
fn files_outside_the_stores(site: &Site) -> Result<BTreeSet<PathBuf>> {
    fn collect(directory: &Path, but: &[PathBuf], files: &mut BTreeSet<PathBuf>) -> Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() && !but.contains(&path) {
                collect(&path, but, files)?;
            } else {
                files.insert(path);
            }
        }
        Ok(())
    }
    let stores = [site.credential_directory(), site.session_directory()];
    let mut files = BTreeSet::new();
    collect(site.directory().path(), &stores, &mut files)?;
    Ok(files)
}
