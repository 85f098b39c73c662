//! `mod-myproxy check-config`: the machine's httpd reads the configuration, the real MyProxy server is asked.
#![allow(clippy::unwrap_used, reason = "tests")]

mod prepared_configuration;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::Uid;
use prepared_configuration::{Scene, text};
use testbed::pki::Authority;
use testbed::{MyProxyServer, PrivateDirectory};

#[test]
fn a_configuration_that_works_is_good_wherever_its_directives_stand() {
    let scene = Scene::new();
    scene.finds(&scene.good(), &[]);
    let virtual_hosts = format!(
        "<Macro Site $name>\n<VirtualHost *:9>\nServerName $name\n<Location />\nMyProxyCredential On\n\
         </Location>\n</VirtualHost>\n</Macro>\nDefine PORT {}\n<IfModule myproxy_module>\n{}</IfModule>\n\
         Use Site a.example.org\nUse Site b.example.org\n",
        scene.server.port(),
        scene.good().replace(&scene.server.port().to_string(), "${PORT}")
    );
    scene.finds(&virtual_hosts, &[]);
    let defined = format!("<IfDefine PORTAL>\n{}</IfDefine>\n", scene.good());
    assert!(scene.check(&defined, &["-D", "PORTAL"]).status.success());
    let undefined = scene.check(&defined, &[]);
    assert!(
        text(&undefined.stderr).contains("there is no MyProxyServer"),
        "{undefined:?}"
    );
    let output = scene.check(&scene.good(), &["--json"]);
    assert_eq!(text(&output.stdout), "[]\n");
}

#[test]
fn a_server_that_cannot_be_found_reached_or_trusted_fails() {
    let scene = Scene::new();
    let good = scene.good();
    let port = scene.server.port();
    let others = [
        (
            "nowhere.invalid",
            "fails: MyProxyServer: cannot find the address of nowhere.invalid ... name service",
        ),
        (
            "127.0.0.1:1",
            "fails: MyProxyServer: 127.0.0.1:1 at 127.0.0.1: cannot connect ... firewall",
        ),
        (
            &format!("127.0.0.1:{port}=other.example.org"),
            "fails: MyProxyServer: 127.0.0.1 ... is not the server that was meant ... localhost",
        ),
    ];
    for (server, words) in others {
        let directives = good.replacen("MyProxyServer ", &format!("MyProxyServer {server} "), 1);
        scene.finds(&directives, &[("1", words)]);
    }
    // An old value of MYPROXY_EXTRA_PARAMS names servers too.
    let (_, rest) = good.split_once('\n').unwrap();
    let extra = format!("MyProxyExtraParams \"-s 127.0.0.1:{port}=localhost,127.0.0.1 -p 1\"\n{rest}");
    let found = "fails: MyProxyServer: 127.0.0.1 at 127.0.0.1: cannot connect to 127.0.0.1:1 ... firewall";
    scene.finds(&extra, &[("1", found)]);
    // Told once, however many virtual hosts share it.
    let hosts = "<VirtualHost *:9>\nServerName a.example.org\n</VirtualHost>\n".repeat(3);
    let down = good.replacen("MyProxyServer ", "MyProxyServer localhost:1 ", 1) + &hosts;
    let output = scene.check(&down, &[]);
    assert_eq!(
        text(&output.stdout)
            .matches("at 127.0.0.1: cannot connect")
            .count(),
        1
    );
    // A name given for all of them, and in a virtual host only.
    let virtual_host = format!(
        "<VirtualHost *:9>\nServerName a.example.org\nMyProxyServer 127.0.0.1:{port}\nMyProxyServerDN /CN=other\n\
         </VirtualHost>\n"
    );
    scene.finds(
        &(good + &virtual_host),
        &[("7", "fails: MyProxyServer: ... expected was /CN=other")],
    );
}

#[test]
fn nobody_is_asked_offline() {
    let scene = Scene::new();
    let directives = scene
        .good()
        .replacen("MyProxyServer ", "MyProxyServer 127.0.0.1:1 ", 1);
    let output = scene.check(&directives, &["--offline"]);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains("nobody was asked"), "{output:?}");
}

#[test]
fn trust_roots_that_trust_nobody_are_found() {
    let scene = Scene::new();
    let trust = scene.trust();
    let good = scene.good();
    let (lines, _) = good.split_once("MyProxyTrustDir").unwrap();
    let elsewhere = |path: &Path| {
        format!(
            "{lines}MyProxyTrustDir {}\n{}",
            path.display(),
            &good[good.find("MyProxyCred").unwrap()..]
        )
    };
    scene.finds(
        &elsewhere(&scene.path("nowhere")),
        &[
            ("2", "fails: MyProxyTrustDir: cannot read ... trustroots"),
            ("1", "fails: MyProxyServer: ... cannot be read"),
        ],
    );
    scene.finds(
        &elsewhere(&scene.directory.make_directory("empty", 0o755).unwrap()),
        &[
            ("2", "fails: MyProxyTrustDir: there is no certification authority"),
            (
                "1",
                "fails: MyProxyServer: ... is not trusted ... MyProxyTrustDir",
            ),
        ],
    );
    fs::write(only(&trust, ".0").with_extension("r0"), "no list").unwrap();
    scene.finds(
        &elsewhere(&trust),
        &[
            (
                "2",
                "doubtful: MyProxyTrustDir: there is no revocation list ... fetch-crl",
            ),
            ("1", "fails: MyProxyServer: ... the revocation list"),
        ],
    );
    expire_revocation_list(scene.server, &only(&trust, ".r0"));
    scene.finds(
        &elsewhere(&trust),
        &[
            (
                "2",
                "doubtful: MyProxyTrustDir: the revocation list ... has expired ... fetch-crl",
            ),
            ("1", "fails: MyProxyServer: ... CRL has expired"),
        ],
    );
    fs::remove_file(only(&trust, ".r0")).unwrap();
    let misnamed = trust.join("00000000.0");
    fs::rename(only(&trust, ".0"), &misnamed).unwrap();
    scene.finds(
        &elsewhere(&trust),
        &[
            (
                "2",
                "doubtful: MyProxyTrustDir: ... is never looked at ... openssl rehash",
            ),
            ("1", "fails: MyProxyServer: ... is not trusted"),
        ],
    );
    let right = only(&trust, ".signing_policy").with_extension("0");
    fs::rename(misnamed, right).unwrap();
    if Uid::effective().is_root() {
        fs::set_permissions(&trust, Permissions::from_mode(0o700)).unwrap();
        let obstacle = "fails: MyProxyTrustDir: httpd's user nobody has no permission ... chmod a+rX";
        scene.finds(&elsewhere(&trust), &[("2", obstacle)]);
        fs::set_permissions(&trust, Permissions::from_mode(0o755)).unwrap();
    }
    fs::remove_file(only(&trust, ".signing_policy")).unwrap();
    scene.finds(
        &elsewhere(&trust),
        &[
            ("2", "doubtful: MyProxyTrustDir: cannot read ... signing_policy"),
            ("1", "fails: MyProxyServer: ... the signing policy"),
        ],
    );
}

/// Writes a revocation list of the server's authority that was good yesterday.
fn expire_revocation_list(server: &MyProxyServer, file: &Path) {
    let authority = Path::new(&server.summary().ca_directory);
    let directory = PrivateDirectory::new("revocation-list").unwrap();
    let configuration = "[ca]\ndefault_ca = test\n[test]\ndatabase = index\ndefault_md = sha256\n";
    directory.write("ca.conf", 0o644, configuration).unwrap();
    directory.write("index", 0o644, "").unwrap();
    let output = Command::new("openssl")
        .args(["ca", "-gencrl", "-config", "ca.conf"])
        .args([
            "-crl_lastupdate",
            "20200101000000Z",
            "-crl_nextupdate",
            "20200102000000Z",
        ])
        .arg("-cert")
        .arg(authority.join("ca-certificate.pem"))
        .arg("-keyfile")
        .arg(authority.join("ca-key.pem"))
        .arg("-out")
        .arg(file)
        .current_dir(directory.path())
        .output()
        .expect("openssl (package openssl)");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn directories_that_httpd_would_refuse_are_found() {
    let scene = Scene::new();
    let good = scene.good();
    scene.store("wide", 0o750);
    scene.finds(
        &good.replace("credentials", "wide"),
        &[(
            "3",
            "fails: MyProxyCredStoreDir: ... has mode 0750 ... chmod 0700",
        )],
    );
    scene.store("narrow", 0o500);
    scene.finds(
        &good.replace("dir:sessions", "dir:narrow"),
        &[(
            "4",
            "fails: MyProxySessionStore: its owner cannot write ... chmod u+rwx",
        )],
    );
    scene.store("credentials/inner", 0o700);
    scene.finds(
        &good.replace("dir:sessions", "dir:credentials/inner"),
        &[("4", "fails: MyProxySessionStore: ... neither inside the other")],
    );
    if Uid::effective().is_root() {
        scene.directory.make_directory("of-root", 0o700).unwrap();
        scene.finds(
            &good.replace("credentials", "of-root"),
            &[(
                "3",
                "fails: MyProxyCredStoreDir: ... belongs to user root ... chown",
            )],
        );
    }
    // One that is not there is made, where nobody else can be quicker.
    scene.finds(&good.replace("credentials", "new"), &[]);
    let open = scene.directory.make_directory("open", 0o777).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    scene.finds(
        &good.replace("credentials", "open/new"),
        &[(
            "3",
            "fails: MyProxyCredStoreDir: httpd does not make ... is not root's alone",
        )],
    );
    assert!(!scene.path("new").exists(), "a check changes nothing");
}

#[test]
fn what_httpd_refuses_is_said_in_its_words() {
    let scene = Scene::new();
    for directives in ["MyProxyLifetime never\n", "NoSuchDirective x\n"] {
        let output = scene.check(&(scene.good() + directives), &[]);
        assert_eq!(output.status.code(), Some(1));
        let name = directives.split(' ').next().unwrap();
        assert!(text(&output.stdout).contains(name), "{output:?}");
        assert!(text(&output.stdout).contains("myproxy.conf"), "{output:?}");
        assert!(
            text(&output.stdout).contains("1 would fail"),
            "one thing, in one line: {output:?}"
        );
    }
    let output = scene.check("", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("there is no MyProxyServer"),
        "{output:?}"
    );
}

#[test]
fn programs_that_are_not_there_are_named() {
    let scene = Scene::new();
    for (options, words) in [
        (["--httpd", "/nonexistent"], "cannot run /nonexistent"),
        (["--httpd", "/bin/true"], "does not answer as httpd"),
        (
            ["--modules", "/nonexistent"],
            "name the directory of httpd's modules",
        ),
    ] {
        let output = scene.check("", &options);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(words), "{output:?}");
    }
}

#[test]
fn a_certificate_that_no_server_would_take_is_found() {
    let scene = Scene::new();
    let authority = Authority::new(scene.directory.path(), "test").unwrap();
    let names = ["portal.example.org"];
    let good = authority.server_certificate("good", &names).unwrap();
    let expired = authority.expired_certificate("expired", &names).unwrap();
    let with = |certificate: &Path, key: &Path| {
        format!(
            "{}MyProxyCertificateFile {}\nMyProxyCertificateKeyFile {}\n",
            scene.good(),
            certificate.display(),
            key.display()
        )
    };
    scene.finds(&with(&good.certificate, &good.key), &[]);
    for (certificate, key, words) in [
        (&expired.certificate, &expired.key, "has expired: get a new one"),
        (&good.certificate, &expired.key, "does not belong to"),
        (&good.key, &good.key, "there is no certificate"),
    ] {
        let words = format!("fails: MyProxyCertificateFile: ... {words}");
        scene.finds(&with(certificate, key), &[("5", &words)]);
    }
    let nowhere = "fails: MyProxyCertificateKeyFile: ... cannot read";
    scene.finds(
        &with(&good.certificate, &scene.path("nowhere")),
        &[("6", nowhere)],
    );
    fs::set_permissions(&good.key, Permissions::from_mode(0o644)).unwrap();
    let open = "fails: MyProxyCertificateKeyFile: ... is open to every user";
    scene.finds(&with(&good.certificate, &good.key), &[("6", open)]);
}

fn only(directory: &Path, ending: &str) -> PathBuf {
    let mut paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.to_str().unwrap().ends_with(ending))
        .unwrap()
}
