//! The demo: one login from the first redirect to the erased credential, each step printed with what was seen.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::application::Seen;
use crate::browser::{Browser, Page, Response};
use crate::site::{AppServer, PASSWORD, Site, USER};

/// A step that did not hold.
#[derive(Debug)]
pub struct Failure {
    /// Its name.
    pub step: &'static str,
    /// What was seen instead.
    pub error: anyhow::Error,
}

/// Shows the walk. Then, unless it is to be done `once`, the site stays up until it is interrupted: whatever
/// ends this process, its servers and directories go with it.
pub fn run(once: bool) -> Result<(), Failure> {
    let site = Walk::begin()?.walk()?;
    if once {
        return Ok(());
    }
    println!(
        "\nNow with a browser of your own (it has to be told that the certificate is all right):\n\n  \
         page      {}\n  user      {USER}\n  password  {PASSWORD}\n  \
         authority {}\n  error log {}\n\nCtrl-C ends it; nothing will be left.",
        site.url("/app"),
        site.authority().display(),
        site.directory().join("error.log").display(),
    );
    stay_up(site).map_err(|error| Failure {
        step: "staying up",
        error,
    })
}

fn stay_up(mut site: Site) -> Result<()> {
    while site.httpd.is_running() {
        thread::sleep(Duration::from_secs(1));
    }
    bail!("httpd has ended: {}", site.httpd.log().text());
}

/// The site, the visitor, and the steps so far.
struct Walk {
    site: Site,
    browser: Browser,
    done: usize,
}

impl Walk {
    fn begin() -> Result<Self, Failure> {
        println!("mod_myproxy: one login, one page, one logout, with real servers on 127.0.0.1\n");
        let began = Instant::now();
        let start = || -> Result<(Site, Browser)> {
            // For a person, logging out ends everything: the credential, and the session at both servers.
            let logout =
                "<Location /logout>\nPubcookieAppID demo\nPubcookieEndSession clearLogin\n</Location>";
            let site = Site::builder()
                .app_server(AppServer::new("app").configuration(logout))
                .start()?;
            let browser = site.browser()?;
            // A connection to start with, so that the first step shows no TLS handshake.
            browser.get(&site.url("/"))?;
            Ok((site, browser))
        };
        let (site, browser) = start().map_err(|error| Failure {
            step: "servers",
            error,
        })?;
        let mut walk = Walk {
            site,
            browser,
            done: 0,
        };
        let seen = vec![
            format!("httpd with application and login server at {}", walk.site.url("")),
            format!(
                "MyProxy server at {}, PAM in {}",
                walk.site.myproxy.address(),
                walk.site.myproxy.isolation()
            ),
            format!("which is {}", walk.site.myproxy.summary().server_dn),
        ];
        walk.print("servers", began.elapsed(), &seen);
        Ok(walk)
    }

    /// Every step in its order.
    fn walk(mut self) -> Result<Site, Failure> {
        let url = self.site.url("/app");
        let form = self.step("redirect", |walk| {
            let page = walk.browser.get(&url)?;
            let first = page.all().next().context("no response at all")?;
            ensure!(
                first.set_cookie("pubcookie_g_req").is_some(),
                "no granting request: {}",
                page.story()
            );
            Ok((
                took(first),
                vec![first.summary(), format!("on to {}", page.url)],
                page,
            ))
        })?;
        let form = self.step("form", |_| {
            let fields = form.form_with("user")?;
            let names: Vec<&str> = fields.fields.iter().map(|(name, _)| name.as_str()).collect();
            Ok((
                took(&form),
                vec![
                    form.response.summary(),
                    format!("with the fields {}", names.join(", ")),
                ],
                form,
            ))
        })?;
        let log = self.site.httpd.log_from_now();
        let page = self.step("granting cookie", |walk| {
            let filled = form.form_with("user")?.fill("user", USER).fill("pass", PASSWORD);
            let page = walk.browser.submit(&form, &filled)?;
            let granting = page.hop_that_set("pubcookie_g")?;
            let cookie = granting.set_cookie("pubcookie_g").unwrap_or_default();
            let size = cookie.split(';').next().unwrap_or_default().len();
            Ok((
                took(granting),
                vec![granting.summary(), format!("a granting cookie of {size} bytes")],
                page,
            ))
        })?;
        self.step("logon", |walk| {
            walk.expect_one_logon(&page)?;
            let mut seen =
                vec!["the MyProxy server took the granting cookie and issued a credential".to_owned()];
            seen.extend(
                log.lines_with("[myproxy:")
                    .iter()
                    .map(|line| without_prefix(line).to_owned()),
            );
            Ok((took(&page), seen, ()))
        })?;
        let file = self.step("page", |walk| {
            let (_, file) = what_the_application_saw(&page)?;
            let again = walk.browser.get(&url)?;
            walk.expect_one_logon(&again)?;
            let (mut seen, file_again) = what_the_application_saw(&again)?;
            ensure!(file == file_again, "first {file}, then {file_again}");
            seen.insert(0, again.response.summary());
            Ok((took(&again), seen, file))
        })?;
        self.step("logout", |walk| {
            let page = walk.browser.get(&walk.site.url("/logout"))?;
            Ok((
                page.all().map(took).sum(),
                page.all().map(Response::summary).collect(),
                (),
            ))
        })?;
        self.step("file gone", |walk| {
            let began = Instant::now();
            let stores = [
                ("credential", walk.site.stored_credentials()?),
                ("session", walk.site.stored_sessions()?),
            ];
            for (store, left) in stores {
                ensure!(left.is_empty(), "still in the {store} store: {}", left.join(", "));
            }
            let seen = format!("{file} is gone; nothing is left of credential and session");
            Ok((began.elapsed(), vec![seen], ()))
        })?;
        Ok(self.site)
    }

    fn expect_one_logon(&self, page: &Page) -> Result<()> {
        let issued = self.site.myproxy.issued()?;
        ensure!(
            issued == 1,
            "the MyProxy server has issued {issued} credentials: {}",
            page.story()
        );
        Ok(())
    }

    /// Do one step, and print what it saw.
    fn step<T>(
        &mut self,
        step: &'static str,
        work: impl FnOnce(&Self) -> Result<(Duration, Vec<String>, T)>,
    ) -> Result<T, Failure> {
        let (took, seen, result) = work(self).map_err(|error| {
            let log = self.site.httpd.log().text();
            Failure {
                step,
                error: error.context(format!("httpd's error log:\n{log}\n{step} failed")),
            }
        })?;
        self.print(step, took, &seen);
        Ok(result)
    }

    fn print(&mut self, step: &str, took: Duration, seen: &[String]) {
        self.done += 1;
        println!(
            "{:2}. {step:<16} {:8.1} ms",
            self.done,
            took.as_secs_f64() * 1000.0
        );
        for line in seen {
            println!("      {line}");
        }
    }
}

/// What the application saw, checked against what it was told; and the credential's file.
fn what_the_application_saw(page: &Page) -> Result<(Vec<String>, String)> {
    let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
    let variable = |name: &str| {
        seen.variable(name)
            .with_context(|| format!("{name} is not set: {}", page.story()))
    };
    let credential = seen.credential()?;
    ensure!(
        variable("REMOTE_USER")? == USER,
        "REMOTE_USER is {}",
        variable("REMOTE_USER")?
    );
    let file = variable("X509_USER_PROXY")?.to_owned();
    let told = [
        ("MYPROXY_CRED_SUBJECT", &credential.subject),
        ("MYPROXY_CRED_EXPIRES", &credential.expires),
    ];
    for (name, read) in told {
        ensure!(
            variable(name)? == read,
            "{name} is {}, but the file says {read}",
            variable(name)?
        );
    }
    ensure!(
        credential.mode == "0600",
        "{file} has the mode {}",
        credential.mode
    );
    let lines = vec![
        format!("REMOTE_USER      {USER}"),
        format!("X509_USER_PROXY  {file}"),
        format!("subject          {}", credential.subject),
        format!("expires          {}", credential.expires),
    ];
    Ok((lines, file))
}

fn took(response: &Response) -> Duration {
    response.took
}

/// A line of httpd's error log, without time, process and client.
fn without_prefix(line: &str) -> &str {
    line.rsplit_once("] ").map_or(line, |(_, message)| message)
}
