//! A configuration as the guides of mod_pubcookie show it: it loads unchanged, and does what they say.

mod pubcookie_support;

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::SessionCookies;
use pubcookie_support::{ask, granting_request, now, user};
use testbed::application::{self, Seen};
use testbed::browser::{Browser, Page};
use testbed::httpd::{Httpd, HttpdBuilder};
use testbed::pki::{self, Authority};
use testbed::{PrivateDirectory, artifact};

const HOST: &str = "appserver.example.localhost";
const LOGIN_HOST: &str = "weblogin.example.localhost";
/// What browsers call the session of the application "Campus Portal".
const SESSION: &str = "__Host-pubcookie_s_Campus+Portal";

/// The section of a server's configuration that the guides begin with.
fn global_section(keys: &str, method: &str, port: u16) -> String {
    format!(
        r#"
<IfModule mod_pubcookie.c>
  #
  # Single sign-on
  #
  PubcookieGrantingCertFile {keys}/pubcookie_granting.cert
  PubcookieSessionKeyFile   {keys}/appserver.key
  PubcookieSessionCertFile  {keys}/appserver.crt
  PubcookieKeyDir           {keys}/keys/
  PubcookieLogin            https://{LOGIN_HOST}:{port}
  PubcookieLoginMethod      {method}
  PubcookieDomain           example.localhost
  PubcookieEncryption       AES
  PubCookieAuthTypeNames    ExampleNetID null SecurID
  PubcookieEgdDevice        /dev/egd-pool
  PubcookieNoBlank          on

  # No inactivity timeout unless somebody asks for one
  <Directory "{keys}/htdocs">
    PubcookieInactiveExpire -1
    AllowOverride AuthConfig
  </Directory>

  # Wherever a link leads to one of these, it logs out
  <LocationMatch .*/LOGOUT-REDIRECT.*>
    AuthType ExampleNetID
    require valid-user
    PubcookieEndSession redirect
  </LocationMatch>
  <LocationMatch .*/LOGOUT-CLEARLOGIN.*>
    AuthType ExampleNetID
    require valid-user
    PubcookieEndSession clearLogin
  </LocationMatch>
</IfModule>
"#
    )
}

/// A server with this configuration, and a login server of ours.
struct Old {
    httpd: Httpd,
    authority: Authority,
    // Last, so that it is removed when httpd has gone.
    directory: PrivateDirectory,
}

impl Old {
    fn start(method: &str) -> Result<Self> {
        let directory = PrivateDirectory::new("old-configuration")?;
        let old = directory.path().display().to_string();
        pki::self_signed(directory.path(), "granting", LOGIN_HOST)?;
        for (name, host) in [("appserver", HOST), ("weblogin", LOGIN_HOST)] {
            pki::self_signed(directory.path(), name, host)?;
            fs::rename(
                directory.join(format!("{name}.pem")),
                directory.join(format!("{name}.crt")),
            )?;
        }
        fs::rename(
            directory.join("granting.pem"),
            directory.join("pubcookie_granting.cert"),
        )?;
        let keys = directory.make_directory("keys", 0o700)?;
        for host in [HOST, LOGIN_HOST] {
            pki::crypt_key(&keys, host)?;
        }
        directory.make_directory("modules", 0o755)?;
        symlink(
            artifact("libmod_myproxy.so")?,
            directory.join("modules/mod_pubcookie.so"),
        )?;
        write_site(&directory)?;

        let authority = Authority::new(directory.path(), "tls")?;
        let certificate = authority.server_certificate("tls", &[HOST, LOGIN_HOST])?;
        directory.write("passwords", 0o644, "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")?;
        let httpd = Httpd::builder(directory.path())?;
        let section = global_section(&old, method, httpd.port());
        let application =
            "Options +ExecCGI\nDirectoryIndex index.cgi\n<Files *.cgi>\nSetHandler cgi-script\n</Files>\n";
        let login = format!(
            "PubcookieSessionKeyFile {old}/weblogin.key\nPubcookieSessionCertFile {old}/weblogin.crt\n\
             PubcookieGrantingKeyFile {old}/granting.key\nPubcookieLoginProvider file\n\
             <Location />\nSetHandler pubcookie-login\nAuthUserFile passwords\nRequire all granted\n</Location>"
        );
        let httpd = with_the_old_name(httpd)
            .configuration(&section)
            .host(
                HOST,
                &certificate,
                &format!("<Directory {old}/htdocs>\n{application}</Directory>"),
            )
            .host(LOGIN_HOST, &certificate, &login)
            .start()?;
        Ok(Old {
            httpd,
            authority,
            directory,
        })
    }

    fn url(&self, path: &str) -> String {
        self.httpd.url(HOST, path)
    }

    fn browser(&self) -> Result<Browser> {
        Browser::new(self.authority.certificate())
    }

    fn log_in(&self, browser: &Browser, path: &str) -> Result<Page> {
        let page = browser.get(&self.url(path))?;
        let form = page
            .form_with("user")?
            .fill("user", "alice")
            .fill("pass", "password");
        browser.submit(&page, &form)
    }

    /// A session with an application, of this age and idle for so long, in seconds.
    fn session(&self, app_id: &str, age: u64, idle: u64) -> Result<String> {
        let app_server_id = AppServerId::configured(HOST)?;
        let context = Context {
            server_name: HOST,
            app_server_id: &app_server_id,
        };
        let pem = fs::read(self.directory.join("appserver.key"))?;
        let session = Session {
            user: "alice".to_owned(),
            app_id: AppId::configured(app_id)?,
            app_server_id: app_server_id.clone(),
            creds: Creds::FIRST,
            reauthenticated: false,
            create_time: u64::from(now()) - age,
            last_time: u64::from(now()) - idle,
        };
        let keys = SealingKeys::derive(&pem, None, Purpose::Session, context)?;
        Ok(SessionCookies::Sealed(keys).write(&session)?.to_string())
    }
}

/// The module under the file name that it always had.
fn with_the_old_name(httpd: HttpdBuilder) -> HttpdBuilder {
    httpd.configuration("LoadModule pubcookie_module modules/mod_pubcookie.so\nLogLevel pubcookie:debug")
}

/// An application with an .htaccess, one in it with limits of its own, and a page for everybody.
fn write_site(directory: &PrivateDirectory) -> Result<()> {
    let program = application::install(directory.path())?;
    for (place, htaccess) in [
        ("", None),
        (
            "portal/",
            Some("AuthType ExampleNetID\nPubcookieAppID \"Campus Portal\"\nrequire valid-user\n"),
        ),
        (
            "portal/grades/",
            Some("PubcookieInactiveExpire 300\nPubcookieHardExpire 3600\nPubcookieSuperDebug on\n"),
        ),
        ("secret/", Some("authtype securid\nrequire user alice\n")),
    ] {
        fs::create_dir_all(directory.join(format!("htdocs/{place}")))?;
        fs::copy(&program, directory.join(format!("htdocs/{place}index.cgi")))?;
        if let Some(htaccess) = htaccess {
            fs::write(directory.join(format!("htdocs/{place}.htaccess")), htaccess)?;
        }
    }
    Ok(())
}

#[test]
fn a_login_an_application_and_both_logouts_by_either_method() -> Result<()> {
    for method in ["GET", "POST"] {
        let old = Old::start(method)?;
        let browser = old.browser()?;
        assert_eq!(user(&browser.get(&old.url("/"))?)?, None, "open to everybody");

        let page = old.log_in(&browser, "/portal/?view=all")?;
        assert_eq!(
            user(&page)?.as_deref(),
            Some("alice"),
            "{method}: {}",
            page.story()
        );
        let seen = Seen::in_page(&page.body)?;
        assert_eq!(seen.variable("AUTH_TYPE"), Some("ExampleNetID"));
        assert_eq!(seen.variable("QUERY_STRING"), Some("view=all"));
        ensure!(browser.cookie(SESSION).is_some(), "{:?}", browser.cookies());
        // What lies in the application's directory is part of it.
        assert_eq!(
            user(&browser.get(&old.url("/portal/grades/"))?)?.as_deref(),
            Some("alice")
        );

        // The application is left; the login stays.
        let page = browser.get(&old.url("/portal/LOGOUT-REDIRECT"))?;
        assert_eq!(page.url.host_str(), Some(LOGIN_HOST), "{}", page.story());
        ensure!(browser.cookie(SESSION).is_none(), "{:?}", browser.cookies());
        assert_eq!(
            user(&browser.get(&old.url("/portal/"))?)?.as_deref(),
            Some("alice")
        );

        // Both are left.
        let page = browser.get(&old.url("/portal/grades/LOGOUT-CLEARLOGIN?x"))?;
        assert_eq!(page.url.host_str(), Some(LOGIN_HOST), "{}", page.story());
        ensure!(browser.cookie(SESSION).is_none(), "{:?}", browser.cookies());
        browser.get(&old.url("/portal/"))?.form_with("user")?;
    }
    Ok(())
}

#[test]
fn each_directory_has_its_times_and_its_flavour() -> Result<()> {
    let old = Old::start("GET")?;
    for (path, age, idle, ended) in [
        ("/portal/", 28000, 28000, None),
        ("/portal/", 28900, 0, Some(Reason::SessionTooOld)),
        ("/portal/grades/", 3000, 200, None),
        ("/portal/grades/", 3000, 400, Some(Reason::SessionInactive)),
        ("/portal/grades/", 3700, 0, Some(Reason::SessionTooOld)),
    ] {
        let browser = old.browser()?;
        browser.set_cookie(&old.url("/"), &old.session("Campus Portal", age, idle)?)?;
        let response = ask(&browser, &old.url(path))?;
        match ended {
            None => assert!(
                Seen::in_page(&response.body).is_ok(),
                "{path}: {}",
                response.summary()
            ),
            Some(reason) => assert_eq!(granting_request(&response)?.reason, Some(reason), "{path}"),
        }
    }
    // The third of the type names, in any case.
    let asked = granting_request(&ask(&old.browser()?, &old.url("/secret/"))?)?;
    assert_eq!(asked.creds, Creds::new(3).unwrap_or(Creds::NONE));
    assert_eq!(asked.app_id.as_str(), "/secret/");
    Ok(())
}

#[test]
fn what_means_nothing_any_more_is_told_of_once() -> Result<()> {
    let old = Old::start("GET")?;
    let browser = old.browser()?;
    old.log_in(&browser, "/portal/grades/")?;
    ask(&browser, &old.url("/portal/grades/"))?;
    let log = old.httpd.log();
    for (directive, instead) in [
        ("PubcookieEgdDevice", "the system"),
        ("PubcookieNoBlank", "PubcookieNoObscureCookies"),
    ] {
        let lines = log.lines_with(&format!("{directive} ("));
        assert!(
            lines.len() == 1 && lines[0].contains(instead),
            "{directive}: {lines:?}"
        );
    }
    // One in an .htaccess is read for each request.
    assert_eq!(log.lines_with("PubcookieSuperDebug"), Vec::<String>::new());
    Ok(())
}

#[test]
fn the_case_of_directives_does_not_matter() -> Result<()> {
    let directory = PrivateDirectory::new("old-names")?;
    let keys = directory.path().display().to_string();
    pki::self_signed(directory.path(), "granting", LOGIN_HOST)?;
    pki::self_signed(directory.path(), "appserver", HOST)?;
    fs::rename(
        directory.join("granting.pem"),
        directory.join("pubcookie_granting.cert"),
    )?;
    fs::rename(directory.join("appserver.pem"), directory.join("appserver.crt"))?;
    pki::crypt_key(&directory.make_directory("keys", 0o700)?, HOST)?;
    directory.make_directory("modules", 0o755)?;
    symlink(
        artifact("libmod_myproxy.so")?,
        directory.join("modules/mod_pubcookie.so"),
    )?;
    let section = global_section(&keys, "GET", 443);
    for spelled in [str::to_owned, str::to_ascii_lowercase, str::to_ascii_uppercase] {
        let text: String = section
            .lines()
            .map(|line| {
                let directive = line.trim_start().split(' ').next().unwrap_or_default();
                match directive.to_ascii_lowercase().starts_with("pubcookie") {
                    true => line.replacen(directive, &spelled(directive), 1) + "\n",
                    false => line.to_owned() + "\n",
                }
            })
            .collect();
        let httpd = with_the_old_name(Httpd::builder(directory.path())?).configuration(&text);
        let words = httpd
            .configtest()?
            .unwrap_or_else(|words| panic!("{text}\n{words}"));
        assert!(words.contains("Syntax OK"), "{words}");
    }
    Ok(())
}
