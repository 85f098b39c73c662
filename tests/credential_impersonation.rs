//! Nobody becomes another user: neither whoever may write an .htaccess file, whatever `AllowOverride` lets him say there, nor
//! whoever types a name that nobody checks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::openid_provider::OpenIdUser;
use testbed::site::{AppServer, PASSWORD, Site, SiteBuilder, USER};
use url::Url;

const PASSWORD_OF_THE_WRITER: &str = "of-the-writer";
/// `AllowOverrideList` instead of a class.
const LISTED: &str = "AllowOverride None\nAllowOverrideList RewriteEngine RewriteRule SetEnvIf RequestHeader";

/// The directory of somebody who is not the administrator, at `/files`: the administrator authenticates its visitors.
struct Files {
    directory: PrivateDirectory,
    site: Site,
}

impl Files {
    fn start(site: SiteBuilder, overrides: &str, configuration: &str) -> Result<Self> {
        let directory = PrivateDirectory::new("documents")?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let path = directory.path().display();
        let app = AppServer::new("app").configuration(&format!(
            "RewriteEngine On\nRewriteRule ^/files/(.*) \"{path}/$1\" [L]\n\
             <Location /files>\nRequire valid-user\n</Location>\n\
             <Directory \"{path}\">\n{overrides}\nOptions ExecCGI FollowSymLinks\nSetHandler cgi-script\n\
             AuthType Basic\nAuthName demo\nAuthBasicProvider file\nAuthUserFile passwords\nMyProxyCredential On\n\
             </Directory>\n{configuration}"
        ));
        let site = site.module("rewrite").module("headers").app_server(app).start()?;
        fs::copy(site.directory().join("application"), directory.join("show.cgi"))?;
        Ok(Files { directory, site })
    }

    fn htaccess(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.directory.join(".htaccess"), text)?)
    }

    fn ask(&self, browser: &Browser, request: Request, user: &str, password: &str) -> Result<Response> {
        let credentials = openssl::base64::encode_block(format!("{user}:{password}").as_bytes());
        browser.exchange(&request.header("Authorization", &format!("Basic {credentials}")))
    }

    fn get(&self, browser: &Browser, path: &str, user: &str) -> Result<Response> {
        self.ask(
            browser,
            Request::get(self.site.url(path).parse()?),
            user,
            PASSWORD,
        )
    }
}

const REFUSED: &str = "AllowOverride lets an .htaccess file say who the user is";

fn is_refused(page: &Response, place: &str) -> Result<()> {
    let seen = Seen::in_page(&page.body).with_context(|| page.summary())?;
    ensure!(
        seen.credential.is_none() && seen.variable("MYPROXY_ERROR") == Some("refused"),
        "{place}: {:?}",
        seen.environment
    );
    let words = seen.variable("MYPROXY_ERROR_DESC").unwrap_or_default();
    ensure!(words.contains(REFUSED), "{place}: {words}");
    Ok(())
}

/// What `MyProxyUser` reads is the administrator's too.
#[test]
fn nobody_says_there_who_the_user_is_at_the_myproxy_server() -> Result<()> {
    let site = || {
        Site::builder()
            .trusted_retriever()
            .user("mallory", PASSWORD)
            .configuration("MyProxyAuthMethod certificate\nMyProxyUser \"%{reqenv:GRID_USER}\"")
    };
    // What leads on to a place of the administrator's counts, too: a header that was changed on the way is still changed.
    let places = "<Location /basic>\nMyProxyUser \"%{HTTP:X-Grid-User}\"\n</Location>";
    for overrides in ["AllowOverride FileInfo", LISTED] {
        let files = Files::start(site(), overrides, places)?;
        for line in [
            "RewriteRule ^ - [E=GRID_USER:alice]",
            "SetEnvIf Host . GRID_USER=alice",
            "RequestHeader set X-Grid-User alice\nRewriteRule ^ /basic [L]",
        ] {
            files.htaccess(&format!("RewriteEngine On\n{line}"))?;
            let page = files.get(&files.site.browser()?, "/files/show.cgi", "mallory")?;
            is_refused(&page, line)?;
        }
    }
    Ok(())
}

/// Whoever is somebody there could be taken over from there: mod_auth_openidc does so.
#[test]
fn nobody_becomes_somebody_there() -> Result<()> {
    let claims = json!({ "sub": "users/alice", "preferred_username": "alice" });
    let site = Site::builder()
        .trusted_retriever()
        .openid_user(OpenIdUser::new("alice", PASSWORD, claims))
        .configuration("MyProxyAuthMethod certificate\nOIDCRemoteUserClaim preferred_username");
    let openid = "<Location /openid>\nAuthType openid-connect\nRequire valid-user\nMyProxyCredential On\n</Location>\n\
         <Location /down>\nAuthType Basic\nAuthName demo\nAuthBasicProvider file\nAuthUserFile /dev/null\n\
         AuthBasicAuthoritative Off\nRequire valid-user\nErrorDocument 500 /openid\n</Location>";
    let files = Files::start(site, "AllowOverride All", openid)?;
    let hash = openssl::base64::encode_block(&openssl::sha::sha1(PASSWORD_OF_THE_WRITER.as_bytes()));
    let passwords = files
        .directory
        .write("passwords", 0o644, format!("alice:{{SHA}}{hash}\n"))?;
    let by_his_passwords = format!("AuthUserFile \"{}\"\nRewriteEngine On\n", passwords.display());
    // mod_ssl names the user before anybody looks at a password.
    let by_a_header = "SSLUserName HTTP_REFERER\nRewriteEngine On\n";
    // At first with nothing stored for alice, then with what she got herself.
    for _ in 0..2 {
        // A name that nobody has checked, and the page that says so.
        let page = files.ask(
            &files.site.browser()?,
            Request::get(files.site.url("/down").parse()?),
            "alice",
            "any",
        )?;
        let seen = Seen::in_page(&page.body).with_context(|| page.summary())?;
        assert_eq!(seen.variable("REMOTE_USER"), Some("alice"));
        ensure!(seen.credential.is_none(), "{:?}", seen.environment);
        for (htaccess, user, password) in [
            (&*by_his_passwords, "alice", PASSWORD_OF_THE_WRITER),
            (by_a_header, "mallory", "any"),
        ] {
            files.htaccess(&format!("{htaccess}RewriteRule ^ /openid [L]"))?;
            let request = Request::get(files.site.url("/files/show.cgi").parse()?).header("Referer", "alice");
            let page = files.ask(&files.site.browser()?, request, user, password)?;
            let seen = Seen::in_page(&page.body).with_context(|| page.summary())?;
            assert_eq!(seen.variable("REMOTE_USER"), Some("alice"), "{htaccess}");
            ensure!(seen.credential.is_none(), "{htaccess}: {:?}", seen.environment);
        }
        let page = files.site.log_in_as(
            &files.site.browser()?,
            &files.site.url("/openid"),
            "alice",
            PASSWORD,
        )?;
        Seen::in_page(&page.body)?.credential()?;
    }
    Ok(())
}

/// Headers are what keeps a download from scripts of the same host.
#[test]
fn nobody_offers_downloads_there() -> Result<()> {
    let place = "<Location /app/credential>\nSetHandler myproxy-credential\n</Location>";
    let files = Files::start(Site::builder(), "AllowOverride FileInfo", place)?;
    let browser = files.site.browser()?;
    files.site.log_in(&browser, "/app")?;
    let own: Url = files.site.url("/app/credential").parse()?;
    let mut form = browser.get(own.as_str())?.form_with("seal")?;
    form = form
        .fill("pass_phrase", "of the script")
        .fill("again", "of the script");
    form.buttons = vec![("format".to_owned(), "pem".to_owned())];
    for line in [
        "Header always unset Content-Disposition\nHeader always unset Content-Security-Policy\n\
         SetHandler myproxy-credential",
        "RequestHeader set Sec-Fetch-Mode navigate\nRequestHeader set Sec-Fetch-Dest document\n\
         RewriteEngine On\nRewriteRule ^ /app/credential [L]",
    ] {
        files.htaccess(line)?;
        let url = files.site.url("/files/show.cgi").parse()?;
        let post = Request::post(url, "application/x-www-form-urlencoded", form.encode()).caused_by(&own);
        let answer = files.ask(&browser, post.by_script(), "alice", PASSWORD)?;
        ensure!(
            answer.status == 403 && !answer.body.contains("seal") && !answer.body.contains("PRIVATE KEY"),
            "{line}: {}: {}",
            answer.summary(),
            answer.body
        );
    }
    files.site.httpd.log().wait_for(
        "AllowOverride lets an .htaccess file change headers (FileInfo)",
        Duration::from_secs(5),
    )?;
    Ok(())
}

/// `alice` of one realm is not `alice` of another.
#[test]
fn nobody_is_of_another_realm_there() -> Result<()> {
    const IN_A_REALM: &str = "alice@example.edu";
    const IN_ANOTHER: &str = "alice@other.edu";
    let site = Site::builder()
        .user(IN_A_REALM, PASSWORD)
        .user(IN_ANOTHER, PASSWORD)
        .realm("example.edu");
    let places = "<Location /app>\nPubcookieStripRealm On\n</Location>\n\
                  <Location /files>\nAuthType webiso\nPubcookieAppID demo\nPubcookieStripRealm On\n</Location>\n\
                  <Location /files/show.cgi/required>\nRequire myproxy-credential\n</Location>";
    let files = Files::start(site, "AllowOverride FileInfo", places)?;
    let log_in = |user, path| {
        let browser = files.site.browser()?;
        let page = files
            .site
            .log_in_as(&browser, &files.site.url(path), user, PASSWORD)?;
        anyhow::Ok((browser, page))
    };
    Seen::in_page(&log_in(IN_A_REALM, "/app")?.1.body)?.credential()?;
    let others = [IN_ANOTHER, USER].map(|user| log_in(user, "/files/show.cgi"));
    for line in [
        "SetEnv REMOTE_REALM example.edu",
        "SetEnvIf Host . REMOTE_REALM=example.edu",
        "RewriteEngine On\nRewriteRule ^ - [E=REMOTE_REALM:example.edu]",
    ] {
        files.htaccess(line)?;
        for other in &others {
            let (browser, _) = other.as_ref().map_err(|error| anyhow!("{error:#}"))?;
            let page = browser.get(&files.site.url("/files/show.cgi"))?;
            let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
            assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
            ensure!(seen.credential.is_none(), "{line}: {:?}", seen.environment);
            let page = browser.get(&files.site.url("/files/show.cgi/required"))?;
            ensure!(page.status == 403, "{line}: {}", page.story());
        }
    }
    Ok(())
}

/// Who has a browser's cookies is its user.
#[test]
fn nobody_sees_cookies_there() -> Result<()> {
    let place = "<Location /files>\nAuthType webiso\nPubcookieAppID demo\nRequire valid-user\n</Location>";
    let files = Files::start(Site::builder(), "AllowOverride FileInfo", place)?;
    let browser = files.site.browser()?;
    files.site.log_in(&browser, "/files/show.cgi")?;
    for line in [
        "SetEnvIf Cookie (.*) SEEN=$1",
        "RewriteEngine On\nRewriteCond %{HTTP_COOKIE} (.*)\nRewriteRule ^ - [E=SEEN:%1]",
    ] {
        files.htaccess(line)?;
        let page = browser.get(&files.site.url("/files/show.cgi"))?;
        let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
        let header = seen
            .variable("SEEN")
            .with_context(|| format!("{line}: no Cookie header"))?;
        let secret = browser.cookies();
        let secret = secret
            .iter()
            .filter(|cookie| cookie.name == "MM_SESSION" || cookie.name.contains("pubcookie"));
        let mut hidden = 0;
        for cookie in secret {
            ensure!(!header.contains(&cookie.value), "{line}: {header}");
            hidden += 1;
        }
        ensure!(hidden >= 2 && header.contains("XXXX"), "{line}: {header}");
    }
    Ok(())
}
