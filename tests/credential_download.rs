//! A user downloads the own credential: `SetHandler myproxy-credential`.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::PrivateDirectory;
use testbed::browser::{Browser, Form, Page, Request, Response};
use testbed::site::{AppServer, PASSWORD, Site, USER};
use url::Url;

const PATH: &str = "/app/credential";
const PASS_PHRASE: &str = "seven + five > eleven & a half";
const WRONG: [&str; 2] = ["seven + five > eleven & a hal", ""];

fn site() -> Result<Site> {
    let places = "<Location /app/credential>\nSetHandler myproxy-credential\n</Location>\n\
                  <Location /app/off>\nSetHandler myproxy-credential\nMyProxyCredential Off\n</Location>\n\
                  <Location /open/credential>\nSetHandler myproxy-credential\nMyProxyCredential On\n</Location>";
    Site::builder()
        .module("http2")
        .user("bob", "bobs-password")
        .configuration("Protocols h2 http/1.1")
        .app_server(AppServer::new("app").configuration(places))
        .start()
}

fn form(site: &Site, browser: &Browser) -> Result<(Page, Form)> {
    let page = browser.get(&site.url(PATH))?;
    let form = page.form_with("seal")?;
    Ok((page, form))
}

fn typed(form: &Form, pass_phrase: &str, format: &str) -> Form {
    let mut form = form
        .clone()
        .fill("pass_phrase", pass_phrase)
        .fill("again", pass_phrase);
    form.buttons = vec![("format".to_owned(), format.to_owned())];
    form
}

/// The request that sends the form as a browser does from a page at `from`.
fn sent_from(site: &Site, from: &str, form: &Form) -> Result<Request> {
    let request = Request::post(
        site.url(PATH).parse()?,
        "application/x-www-form-urlencoded",
        form.encode(),
    );
    Ok(request.caused_by(&Url::parse(from)?))
}

fn is_refused(response: &Response, status: u16) -> Result<()> {
    ensure!(
        response.status == status && response.header("content-disposition").is_none(),
        "{}: {}",
        response.summary(),
        response.body
    );
    ensure!(!response.body.contains("PRIVATE KEY"), "{}", response.body);
    Ok(())
}

fn openssl(arguments: &[&str]) -> Result<Output> {
    Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("no openssl here: install the package openssl")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn the_files_open_under_the_pass_phrase_and_under_no_other() -> Result<()> {
    let site = site()?;
    let browser = site.browser()?;
    let page = site.log_in(&browser, PATH)?;
    assert!(
        page.body.contains("/CN=alice") && !page.body.contains("<script"),
        "{}",
        page.body
    );
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.starts_with("default-src 'none'") && policy.ends_with("form-action 'self'"),
        "{policy}"
    );
    assert!(
        page.header("cache-control")
            .is_some_and(|value| value.starts_with("no-store"))
    );

    let stored = site.credential_directory().join(USER).display().to_string();
    let public_key = openssl(&["x509", "-in", &stored, "-noout", "-pubkey"])?.stdout;
    let file = download(&site, &browser, "pem", "credential.pem", "application/x-pem-file")?;
    the_pem_file_is_good(&file, &public_key)?;
    let file = download(
        &site,
        &browser,
        "pkcs12",
        "credential.p12",
        "application/x-pkcs12",
    )?;
    the_pkcs12_file_is_good(&file, &public_key)?;
    what_was_typed_wrong_is_asked_for_again(&site, &browser)?;
    without_content_length(&site, &browser)
}

fn download(site: &Site, browser: &Browser, format: &str, name: &str, media_type: &str) -> Result<Page> {
    let (page, form) = form(site, browser)?;
    let log = site.httpd.log_from_now();
    let file = browser.submit(&page, &typed(&form, PASS_PHRASE, format))?;
    ensure!(file.status == 200, "{}", file.story());
    let disposition = format!("attachment; filename=\"{name}\"");
    for (header, value) in [
        ("content-type", media_type),
        ("content-disposition", &disposition),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        ensure!(
            file.header(header) == Some(value),
            "{header}: {:?}",
            file.header(header)
        );
    }
    log.wait_for("alice downloads the own credential", Duration::from_secs(5))?;
    ensure!(!log.text().contains(PASS_PHRASE), "the pass phrase is in the log");
    Ok(file)
}

fn the_pem_file_is_good(file: &Response, public_key: &[u8]) -> Result<()> {
    let directory = PrivateDirectory::new("download")?;
    let path = directory
        .write("credential.pem", 0o600, &file.bytes)?
        .display()
        .to_string();
    let open = |pass_phrase: &str| {
        let pass_phrase = format!("pass:{pass_phrase}");
        openssl(&["pkey", "-in", &path, "-passin", &pass_phrase, "-pubout"])
    };
    let opened = open(PASS_PHRASE)?;
    ensure!(opened.stdout == public_key, "{}", text(&opened));
    for wrong in WRONG {
        ensure!(!open(wrong)?.status.success(), "it opens under {wrong:?}");
    }
    let key = file
        .body
        .find("-----BEGIN ENCRYPTED PRIVATE KEY")
        .context("no encrypted key")?;
    let key = directory.write("key.pem", 0o600, &file.body[key..])?;
    let words = text(&openssl(&["asn1parse", "-in", &key.display().to_string()])?);
    // 600 000 rounds.
    for expected in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"] {
        ensure!(words.contains(expected), "no {expected}: {words}");
    }
    Ok(())
}

fn the_pkcs12_file_is_good(file: &Response, public_key: &[u8]) -> Result<()> {
    let directory = PrivateDirectory::new("download")?;
    let path = directory
        .write("credential.p12", 0o600, &file.bytes)?
        .display()
        .to_string();
    let open = |pass_phrase: &str, what: &[&str]| {
        let pass_phrase = format!("pass:{pass_phrase}");
        openssl(&[&["pkcs12", "-in", &path, "-passin", &pass_phrase], what].concat())
    };
    let key = directory.write(
        "key.pem",
        0o600,
        open(PASS_PHRASE, &["-nocerts", "-nodes"])?.stdout,
    )?;
    let opened = openssl(&["pkey", "-in", &key.display().to_string(), "-pubout"])?;
    ensure!(opened.stdout == public_key, "{}", text(&opened));
    for wrong in WRONG {
        ensure!(
            !open(wrong, &["-noout"])?.status.success(),
            "it opens under {wrong:?}"
        );
    }
    let words = text(&open(PASS_PHRASE, &["-info", "-noout"])?);
    ensure!(words.contains("MAC: sha256, Iteration 600000"), "{words}");
    let bags = "PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256";
    ensure!(words.matches(bags).count() == 2, "{words}");
    Ok(())
}

fn what_was_typed_wrong_is_asked_for_again(site: &Site, browser: &Browser) -> Result<()> {
    let (page, form) = form(site, browser)?;
    let different = typed(&form, PASS_PHRASE, "pem").fill("again", "seven + five > eleven");
    let long = "x".repeat(256);
    let unfit = [
        "eleven char",
        "pass phräse with an accent",
        "a pass phrase with a \u{7}",
        &long,
    ];
    let unfit = unfit.map(|pass_phrase| (typed(&form, pass_phrase, "pem"), "too short"));
    for (wrong, words) in unfit.into_iter().chain([(different, "differ")]) {
        let answer = browser.submit(&page, &wrong)?;
        is_refused(&answer, 400)?;
        ensure!(
            answer.body.contains(words) && answer.form_with("seal").is_ok(),
            "{}",
            answer.body
        );
        ensure!(
            !answer.body.contains("value=\"eleven"),
            "what was typed comes back: {}",
            answer.body
        );
    }
    Ok(())
}

/// HTTP/2 and chunked HTTP/1.1 need none.
fn without_content_length(site: &Site, browser: &Browser) -> Result<()> {
    let (_, form) = form(site, browser)?;
    let cookies: Vec<String> = browser
        .cookies()
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    for version in ["--http2", "--http1.1"] {
        let mut curl = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "60",
                "--noproxy",
                "*",
                version,
                "--include",
            ])
            .args([
                "--request",
                "POST",
                "--upload-file",
                "-",
                "--header",
                "Expect:",
                "--cacert",
            ])
            .arg(site.authority())
            .args([
                "--resolve",
                &format!("app.demo.localhost:{}:127.0.0.1", site.httpd.port()),
            ])
            .args(["--header", "Content-Type: application/x-www-form-urlencoded"])
            .args([
                "--header",
                "Sec-Fetch-Site: same-origin",
                "--header",
                &format!("Cookie: {}", cookies.join("; ")),
            ])
            .arg(site.url(PATH))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("no curl here: install the package curl")?;
        let body = typed(&form, PASS_PHRASE, "pem").encode();
        curl.stdin
            .take()
            .context("no stdin")?
            .write_all(body.as_bytes())?;
        let answer = text(&curl.wait_with_output()?);
        ensure!(
            answer.contains("BEGIN ENCRYPTED PRIVATE KEY"),
            "{version}: {answer}"
        );
    }
    Ok(())
}

#[test]
fn a_form_of_anybody_else_brings_nothing() -> Result<()> {
    let site = site()?;
    let (alice, bob) = (site.browser()?, site.browser()?);
    site.log_in(&alice, PATH)?;
    site.log_in_as(&bob, &site.url(PATH), "bob", "bobs-password")?;
    let (_, of_alice) = form(&site, &alice)?;
    let own = site.url(PATH);
    let send = |browser: &Browser, from: &str, form: &Form| {
        browser.exchange(&sent_from(&site, from, &typed(form, PASS_PHRASE, "pem"))?)
    };

    // Another site, whose form the cookies do not come with; another host of this one; somebody else's browser.
    let log = site.httpd.log_from_now();
    is_refused(&send(&alice, "https://evil.example/", &of_alice)?, 200)?;
    is_refused(&send(&alice, &site.url_at("other", "/"), &of_alice)?, 403)?;
    log.wait_for(
        "a download of a credential was refused to alice: the form was sent by a page of another site",
        Duration::from_secs(5),
    )?;
    is_refused(&send(&bob, &own, &of_alice)?, 403)?;
    log.wait_for(
        "refused to bob: the form is not one that was shown to this session",
        Duration::from_secs(5),
    )?;

    // A seal that was changed, one without its form, one of the future, none.
    let seal = of_alice.field("seal").unwrap_or_default();
    let (made, mac) = seal.split_once('.').context("a seal")?;
    let later = format!("{}.{mac}", made.parse::<u64>()? + 1);
    for seal in [
        later.as_str(),
        made,
        "9999999999.00",
        ".",
        "",
        &format!("{made}.{}", "0".repeat(mac.len())),
    ] {
        is_refused(&send(&alice, &own, &of_alice.clone().fill("seal", seal))?, 403)?;
    }
    // A format that there is not, and bodies that are no form of ours.
    is_refused(
        &alice.exchange(&sent_from(&site, &own, &typed(&of_alice, PASS_PHRASE, "text"))?)?,
        403,
    )?;
    let whole = typed(&of_alice, PASS_PHRASE, "pem").encode();
    for (content_type, body, status) in [
        ("text/plain", whole.clone(), 403),
        ("multipart/form-data; boundary=x", whole.clone(), 403),
        (
            "application/x-www-form-urlencoded",
            format!("{whole}&pass_phrase=another+pass+phrase"),
            403,
        ),
        (
            "application/x-www-form-urlencoded",
            format!("{whole}&x={}", "x".repeat(5000)),
            413,
        ),
    ] {
        let request = Request::post(own.parse()?, content_type, body).caused_by(&Url::parse(&own)?);
        is_refused(&alice.exchange(&request)?, status)?;
    }
    // In the address it is nothing.
    is_refused(
        &alice.exchange(&Request::get(format!("{own}?{whole}").parse()?))?,
        200,
    )?;
    // A script of another application on this host could read what it gets.
    is_refused(
        &alice.exchange(&sent_from(&site, &own, &typed(&of_alice, PASS_PHRASE, "pem"))?.by_script())?,
        403,
    )?;
    is_refused(&alice.exchange(&Request::get(own.parse()?).by_script())?, 403)?;

    // The seal goes with the session.
    alice.get(&site.url("/logout"))?;
    is_refused(&send(&alice, &own, &of_alice)?, 403)?;
    let gone = alice.get(&own)?;
    is_refused(&gone, 403)?;
    assert!(
        gone.body.contains("There is no credential to download") && gone.body.contains("Log in again"),
        "{}",
        gone.body
    );
    Ok(())
}

#[test]
fn nobody_gets_anything_where_it_is_not_due() -> Result<()> {
    let mut site = site()?;
    let browser = site.browser()?;
    site.log_in(&browser, PATH)?;
    let head = browser.exchange(&Request::head(site.url(PATH).parse()?))?;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let cookies: Vec<String> = browser
        .cookies()
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let request = format!(
            "{method} {PATH} HTTP/1.1\r\nHost: app.demo.localhost\r\nCookie: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            cookies.join("; ")
        );
        let answer = browser.raw(&site.url(PATH), request.as_bytes())?;
        assert!(
            answer.starts_with("HTTP/1.1 405") && answer.contains("Allow: "),
            "{method}: {answer}"
        );
    }

    // Where no credential is fetched, and where there is no user.
    let log = site.httpd.log_from_now();
    is_refused(&browser.get(&site.url("/app/off"))?.response, 403)?;
    log.wait_for("MyProxyCredential is not On", Duration::from_secs(5))?;
    let stranger = site.browser()?.get(&site.url("/open/credential"))?;
    is_refused(&stranger, 403)?;
    assert!(stranger.body.contains("there is no user"), "{}", stranger.body);

    site.myproxy.stop();
    let page = site.log_in_as(&site.browser()?, &site.url(PATH), USER, PASSWORD)?;
    is_refused(&page, 503)?;
    assert!(
        page.body.contains("cannot connect") && page.body.contains("Try again"),
        "{}",
        page.body
    );
    Ok(())
}
