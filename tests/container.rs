//! The image that `Containerfile` builds: a login through an httpd in a container.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::application::Seen;
use testbed::container::{Container, Podman};
use testbed::site::{AppServer, PASSWORD, Site, USER};
use testbed::{PrivateDirectory, artifact, free_port};

const IMAGE: &str = "mod_myproxy";
const HOST: &str = "container.demo.localhost";
const CREDENTIALS: &str = "/run/mod_myproxy/credentials";

#[test]
fn a_login_through_a_container_brings_a_credential_and_the_logout_erases_it() -> Result<()> {
    let podman = match Podman::start(Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        Ok(podman) => podman,
        Err(reason) => {
            // Past the capture of what a test prints: that this one did nothing has to be seen.
            writeln!(io::stderr(), "skipped: no container was tried: {reason:#}")?;
            return Ok(());
        }
    };
    let directory = PrivateDirectory::new("container")?;
    podman.build(IMAGE, Path::new(env!("CARGO_MANIFEST_DIR")), &staged(&directory)?)?;

    let site = Site::builder().app_server(AppServer::new("container")).start()?;
    let port = free_port()?;
    let ports = directory.write("ports.conf", 0o644, format!("Listen 127.0.0.1:{port}\n"))?;
    let configuration = directory.write("site.conf", 0o644, configuration(&site, port))?;
    let read_only = |from: &Path, to: &Path| format!("--volume={}:{}:ro", from.display(), to.display());
    let options = [
        "--read-only".to_owned(),
        format!("--env=HEALTH_URL=https://127.0.0.1:{port}/"),
        read_only(&ports, Path::new("/etc/apache2/ports.conf")),
        read_only(&configuration, Path::new("/etc/apache2/sites-enabled/site.conf")),
        read_only(site.directory().path(), site.directory().path()),
        read_only(site.myproxy.trust_directory(), site.myproxy.trust_directory()),
    ];
    let mut container = podman.run("app-server", IMAGE, &options)?;
    container.wait_until_healthy(Duration::from_secs(60))?;

    log_in_and_out(&site, port, &container)
        .with_context(|| format!("the container's output:\n{}", container.log()))?;
    let log = container.log();
    assert!(log.contains("\"GET /app HTTP/1.1\" 200"), "no access log: {log}");
    assert!(log.contains("resuming normal operations"), "no error log: {log}");
    assert!(container.stop()?.success(), "httpd did not end by itself");
    Ok(())
}

fn log_in_and_out(site: &Site, port: u16, container: &Container<'_>) -> Result<()> {
    let browser = site.browser()?;
    let url = |path: &str| format!("https://{HOST}:{port}{path}");
    let page = site.log_in_as(&browser, &url("/app"), USER, PASSWORD)?;
    let seen = Seen::in_page(&page.body)?;
    assert_eq!(seen.variable("REMOTE_USER"), Some("alice"));
    let credential = seen.credential()?;
    let file = format!("{CREDENTIALS}/alice");
    assert_eq!(seen.variable("X509_USER_PROXY"), Some(file.as_str()));
    assert_eq!(
        seen.variable("MYPROXY_CRED_SUBJECT"),
        Some(credential.subject.as_str())
    );
    assert_eq!(site.myproxy.issued()?, 1);
    let listed = container.execute(&["mod-myproxy", "list", CREDENTIALS])?;
    assert!(listed.contains(&credential.subject), "{listed}");

    browser.get(&url("/logout"))?;
    assert_eq!(container.execute(&["find", CREDENTIALS, "-name", "alice*"])?, "");
    Ok(())
}

/// A directory with `target/image` as the `make` of `Containerfile` leaves it, of what cargo has built for this test.
fn staged(directory: &PrivateDirectory) -> Result<PathBuf> {
    let context = directory.make_directory("context", 0o755)?;
    let module = artifact("libmod_myproxy.so")?;
    let built = module.parent().context("a file lies in a directory")?;
    let output = Command::new("make")
        .args(["-C", concat!(env!("CARGO_MANIFEST_DIR"), "/apxs"), "install"])
        .arg(format!("DESTDIR={}", context.join("target/image").display()))
        .arg("LOADDIR=/etc/apache2/mods-available")
        .arg(format!("TARGET={}", built.display()))
        .output()
        .context("cannot run make")?;
    ensure!(
        output.status.success(),
        "`make install` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(context)
}

/// The virtual host of an application server whose login server and MyProxy server are those of `site`.
fn configuration(site: &Site, port: u16) -> String {
    let keys = site.keys.of(HOST);
    format!(
        "LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so\n\
         ServerName {HOST}\n\
         <VirtualHost 127.0.0.1:{port}>\n\
         ServerName {HOST}:{port}\n\
         SSLEngine on\n\
         SSLCertificateFile {site_directory}/tls.pem\n\
         SSLCertificateKeyFile {site_directory}/tls.key\n\
         PubcookieLogin {login}\n\
         PubcookieDomain .demo.localhost\n\
         PubcookieGrantingCertFile {granting}\n\
         PubcookieSessionKeyFile {session_key}\n\
         PubcookieSessionCertFile {session_certificate}\n\
         PubcookieKeyDir {key_directory}\n\
         {myproxy}\n\
         MyProxyCredStoreDir {CREDENTIALS}\n\
         MyProxySessionStore dir:/run/mod_myproxy/sessions\n\
         MyProxyLogoutURI ^/logout\n\
         ScriptAliasMatch \"^/\" {site_directory}/application\n\
         <Location />\n\
         Require all granted\n\
         </Location>\n\
         <Location /app>\n\
         AuthType webiso\n\
         Require valid-user\n\
         PubcookieAppID demo\n\
         MyProxyCredential On\n\
         </Location>\n\
         </VirtualHost>\n",
        site_directory = site.directory().path().display(),
        login = site.url_at("login", "/"),
        granting = site.keys.granting.certificate.display(),
        session_key = keys.session.key.display(),
        session_certificate = keys.session.certificate.display(),
        key_directory = keys.key_directory.display(),
        myproxy = site.myproxy.summary().httpd.join("\n"),
    )
}
