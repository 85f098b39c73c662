//! `mod-myproxy setup-server`, as an administrator runs it. That the stock client gets credentials from what it
//! prepares is tested with the test bed, which starts such servers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

use openssl::pkey::PKey;
use openssl::symm::Cipher;
use openssl::x509::X509;
use serde_json::Value;
use testbed::{PrivateDirectory, pki};

/// Pass phrases that some PAM module checks, for a server called `myproxy.example.org`.
const PASS_PHRASES: [&str; 4] = ["--name", "myproxy.example.org", "--pass-phrases", "pam_sss.so"];

fn setup_server(directory: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mod-myproxy"))
        .arg("setup-server")
        .arg(directory.join("server"))
        .args(options)
        .output()
        .unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn prints_and_keeps_a_summary() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let options = [
        "--name",
        "second.example.org",
        "--port",
        "7513",
        "--public-port",
        "7512",
    ];
    let options = [PASS_PHRASES.as_slice(), &options].concat();
    let printed = succeeded(&setup_server(directory.path(), &options));
    assert_eq!(
        printed,
        fs::read_to_string(directory.join("server/SUMMARY.txt")).unwrap()
    );
    for line in [
        "MyProxy server  myproxy.example.org:7512",
        "CA DN           /O=myproxy.example.org/CN=MyProxy CA",
        "server DN       /O=myproxy.example.org/CN=myproxy.example.org",
        "  MyProxyServer myproxy.example.org:7512",
        "  MyProxyServerDN \"/O=myproxy.example.org/CN=myproxy.example.org\"",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line} is not in\n{printed}"
        );
    }
    let trust = format!("  MyProxyTrustDir {}", directory.join("server/trust").display());
    assert!(
        printed.contains(&trust) && printed.contains(" -p 7513 "),
        "{printed}"
    );
}

#[test]
fn a_summary_that_cannot_be_printed_is_kept() {
    for json in [&[][..], &["--json"]] {
        let directory = PrivateDirectory::new("setup").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mod-myproxy"))
            .arg("setup-server")
            .arg(directory.join("server"))
            .args([PASS_PHRASES.as_slice(), json].concat())
            .stdout(fs::File::create("/dev/full").unwrap())
            .output()
            .unwrap();
        assert!(failed(&output).contains("cannot print the summary"), "{output:?}");
        assert!(directory.join("server/SUMMARY.txt").is_file());
    }
}

#[test]
fn the_trust_directory_is_named_by_hash_and_allows_just_the_servers_own_subjects() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let options = [
        PASS_PHRASES.as_slice(),
        &["--base-dn", "/DC=org/DC=example", "--json"],
    ]
    .concat();
    let summary: Value = serde_json::from_str(&succeeded(&setup_server(directory.path(), &options))).unwrap();
    assert_eq!(summary["ca_dn"], "/DC=org/DC=example/CN=MyProxy CA");
    assert_eq!(summary["ca_made"], true);
    let pem = fs::read(directory.join("server/ca/ca-certificate.pem")).unwrap();
    let ca = X509::from_pem(&pem).unwrap();
    assert!(ca.public_key().unwrap().bits() >= 3072);
    let trust = directory.join("server/trust");
    let file =
        |extension| fs::read(trust.join(format!("{:08x}.{extension}", ca.subject_name_hash()))).unwrap();
    assert_eq!(file("0"), pem);
    let policy = String::from_utf8(file("signing_policy")).unwrap();
    assert!(
        policy.contains("'\"/DC=org/DC=example/CN=*\" \"/DC=org/DC=example/OU=People/CN=*\"'"),
        "{policy}"
    );
    let revoked = openssl::x509::X509Crl::from_pem(&file("r0")).unwrap();
    assert!(revoked.verify(&ca.public_key().unwrap()).unwrap());
    assert!(revoked.next_update().unwrap() >= ca.not_after());
}

#[test]
fn runs_again_without_overwriting_and_completes_what_is_missing() {
    let directory = PrivateDirectory::new("setup").unwrap();
    succeeded(&setup_server(directory.path(), &PASS_PHRASES));
    let read = |name: &str| fs::read(directory.join("server").join(name)).unwrap();
    let (key, host) = (read("ca/ca-key.pem"), read("host/hostcert.pem"));
    fs::remove_file(directory.join("server/myproxy-server.config")).unwrap();
    fs::write(directory.join("server/map-user"), "mine").unwrap();

    let printed = succeeded(&setup_server(directory.path(), &PASS_PHRASES));
    assert!(
        printed.contains("server/ca was there already: not overwritten."),
        "{printed}"
    );
    assert!(
        printed.contains("server/map-user was there already, and these options"),
        "{printed}"
    );
    assert_eq!(
        (read("ca/ca-key.pem"), read("host/hostcert.pem")),
        (key.clone(), host)
    );
    assert_eq!(read("map-user"), b"mine");
    assert!(!read("myproxy-server.config").is_empty());

    let other = [PASS_PHRASES.as_slice(), &["--base-dn", "/O=Other"]].concat();
    let error = failed(&setup_server(directory.path(), &other));
    assert!(
        error.contains("refused to overwrite the certification authority"),
        "{error}"
    );
    let other = [PASS_PHRASES.as_slice(), &["--name", "other.example.org"]].concat();
    assert!(failed(&setup_server(directory.path(), &other)).contains("is not for other.example.org"));
    fs::remove_file(directory.join("server/ca/ca-certificate.pem")).unwrap();
    assert!(
        failed(&setup_server(directory.path(), &PASS_PHRASES)).contains("only one of ca-certificate.pem")
    );
    assert_eq!(read("ca/ca-key.pem"), key);
}

#[test]
fn takes_a_host_certificate_that_exists() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let authority = pki::Authority::new(directory.path(), "other").unwrap();
    let host = authority
        .server_certificate("host", &["host.example.org", "*.example.org"])
        .unwrap();
    let options = |key: &Path| {
        let files =
            [&host.certificate, key, authority.certificate()].map(|path| path.to_str().unwrap().to_owned());
        let [certificate, key, ca] = files;
        [
            "--host-certificate",
            &certificate,
            "--host-key",
            &key,
            "--host-ca",
            &ca,
        ]
        .map(str::to_owned)
    };
    let run = |options: &[String]| {
        let options: Vec<&str> = PASS_PHRASES
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .collect();
        setup_server(directory.path(), &options)
    };
    let stranger = authority
        .server_certificate("stranger", &["host.example.org", "*.example.org"])
        .unwrap();
    let unknown = failed(&run(&options(&host.key)[..4]));
    assert!(unknown.contains("name its authority with --host-ca"), "{unknown}");
    assert!(failed(&run(&options(&stranger.key))).contains("do not belong together"));
    let encrypted = directory.join("encrypted.key");
    let key = PKey::private_key_from_pem(&fs::read(&host.key).unwrap()).unwrap();
    let pem = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret");
    fs::write(&encrypted, pem.unwrap()).unwrap();
    assert!(failed(&run(&options(&encrypted))).contains("it is encrypted"));
    assert!(!directory.join("server/host/hostkey.pem").exists());
    let printed = succeeded(&run(&options(&host.key)));
    assert!(
        printed.contains("server DN       /O=Test/CN=host.example.org"),
        "{printed}"
    );
    let ca = X509::from_pem(&fs::read(authority.certificate()).unwrap()).unwrap();
    let trusted = directory.join(format!("server/trust/{:08x}.0", ca.subject_name_hash()));
    assert_eq!(fs::read(trusted).unwrap(), ca.to_pem().unwrap());
}

#[test]
fn an_expired_host_certificate_is_refused() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let authority = pki::Authority::new(directory.path(), "other").unwrap();
    let host = authority
        .expired_certificate("host", &["myproxy.example.org"])
        .unwrap();
    let files = [&host.certificate, &host.key, authority.certificate()].map(|path| path.to_str().unwrap());
    let options = [
        PASS_PHRASES.as_slice(),
        &["--host-certificate", files[0], "--host-key", files[1]],
        &["--host-ca", files[2]],
    ]
    .concat();
    let error = failed(&setup_server(directory.path(), &options));
    assert!(error.contains("is not valid: certificate has expired"), "{error}");
}

#[test]
fn a_directory_that_others_could_change_is_refused() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let refused = |directory: &Path| {
        let error = failed(&setup_server(directory, &PASS_PHRASES));
        assert!(error.contains("cannot be used"), "{error}");
        error
    };
    let linked = directory.make_directory("linked", 0o755).unwrap();
    symlink(&linked, directory.join("server")).unwrap();
    assert!(refused(directory.path()).contains("a link"));
    assert_eq!(fs::read_dir(&linked).unwrap().count(), 0);

    let open = directory.make_directory("open", 0o755).unwrap();
    fs::create_dir(open.join("server")).unwrap();
    fs::set_permissions(open.join("server"), Permissions::from_mode(0o775)).unwrap();
    assert!(refused(&open).contains("others may write"));

    let shared = directory.make_directory("shared", 0o777).unwrap();
    assert!(refused(&shared).contains("others may write"));
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    succeeded(&setup_server(&shared, &PASS_PHRASES));

    if nix::unistd::Uid::effective().is_root() {
        let foreign = directory.make_directory("foreign", 0o755).unwrap();
        fs::create_dir(foreign.join("server")).unwrap();
        chown(foreign.join("server"), Some(65534), None).unwrap();
        assert!(refused(&foreign).contains("another user"));
        chown(&foreign, Some(65534), None).unwrap();
        fs::remove_dir(foreign.join("server")).unwrap();
        assert!(refused(&foreign).contains("another user"));
    }
}

#[test]
fn a_link_in_the_directory_leads_nowhere() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let elsewhere = directory.make_directory("elsewhere", 0o750).unwrap();
    fs::create_dir(directory.join("server")).unwrap();
    symlink(&elsewhere, directory.join("server/ca")).unwrap();
    let error = failed(&setup_server(directory.path(), &PASS_PHRASES));
    assert!(
        error.contains("server/ca: ") && error.contains("ot a directory"),
        "{error}"
    );
    let mode = fs::metadata(&elsewhere).unwrap().permissions().mode();
    assert_eq!(
        (mode & 0o7777, fs::read_dir(&elsewhere).unwrap().count()),
        (0o750, 0)
    );
}

#[test]
fn a_run_that_is_cut_off_leaves_no_file_that_the_next_one_would_keep() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let server = directory.join("server");
    // No file may grow: the first write kills it.
    let cut_off = Command::new("/bin/sh")
        .args(["-c", "ulimit -f 0; exec \"$@\"", "cut-off"])
        .args([env!("CARGO_BIN_EXE_mod-myproxy"), "setup-server"])
        .arg(&server)
        .args(PASS_PHRASES)
        .output()
        .unwrap();
    assert!(!cut_off.status.success(), "{cut_off:?}");
    succeeded(&setup_server(directory.path(), &PASS_PHRASES));

    fs::write(server.join("map-user"), "").unwrap();
    let error = failed(&setup_server(directory.path(), &PASS_PHRASES));
    assert!(error.contains("server/map-user is empty"), "{error}");
}

#[test]
fn an_ipv6_address_is_printed_in_brackets() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let options = ["--name", "::1", "--pass-phrases", "pam_sss.so"];
    let printed = succeeded(&setup_server(directory.path(), &options));
    assert!(printed.contains("\n  MyProxyServer [::1]:7512\n"), "{printed}");
}

#[test]
fn granting_cookies_become_arguments_of_the_pam_module() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let options = [
        "--app-server-id",
        "second.example.org",
        "--realm",
        "example.org",
        "--max-age",
        "60",
    ];
    setup_for_granting_cookies(&directory, &options);
    let server = directory.join("server");
    let service = fs::read_to_string(server.join("pam.d/myproxy"))
        .unwrap()
        .replace("\\\n", "");
    let auth = service.lines().find(|line| line.starts_with("auth")).unwrap();
    let expected = format!(
        "auth required pam_pubcookie.so granting_cert={server}/granting/1.pem app_server_id=portal.example.org \
         app_server_id=second.example.org realm=example.org max_age=60 replay_dir={server}/replay",
        server = server.display()
    );
    assert_eq!(auth.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    assert!(server.join("replay").is_dir() && server.join("granting/1.pem").is_file());
}

#[test]
fn an_error_says_its_cause_once() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let options = [
        &["--name", "localhost", "--granting-cookies"],
        ["--granting-certificate", "/nowhere", "--app-server-id", "a"].as_slice(),
    ]
    .concat();
    let error = failed(&setup_server(directory.path(), &options));
    assert_eq!(error.matches("No such file").count(), 1, "{error}");
}

#[test]
fn the_samples_in_conf_are_what_it_writes() {
    let directory = PrivateDirectory::new("setup").unwrap();
    setup_for_granting_cookies(&directory, &[]);
    let server = directory.join("server").display().to_string();
    for (sample, written) in [
        ("myproxy-server.config", "myproxy-server.config"),
        ("pam.d-myproxy", "pam.d/myproxy"),
    ] {
        let conf = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../conf")
            .join(sample);
        let written = fs::read_to_string(directory.join("server").join(written)).unwrap();
        assert_eq!(
            fs::read_to_string(conf).unwrap(),
            written.replace(&server, "/srv/myproxy"),
            "{sample}"
        );
    }
}

/// A server for the granting cookies of `portal.example.org`.
fn setup_for_granting_cookies(directory: &PrivateDirectory, options: &[&str]) {
    let granting = pki::self_signed(directory.path(), "granting", "login.example.org").unwrap();
    let certificate = granting.certificate.to_str().unwrap();
    let common = [
        "--name",
        "myproxy.example.org",
        "--granting-cookies",
        "--granting-certificate",
        certificate,
    ];
    let options = [
        &common,
        ["--app-server-id", "portal.example.org"].as_slice(),
        options,
    ]
    .concat();
    succeeded(&setup_server(directory.path(), &options));
}

#[test]
fn what_would_need_quoting_or_could_never_work_is_refused() {
    let directory = PrivateDirectory::new("setup").unwrap();
    let refused = |options: &[&str]| failed(&setup_server(directory.path(), options));
    assert!(refused(&["--name", "a b", "--pass-phrases", "pam_sss.so"]).contains("host name \"a b\""));
    for name in ["", "a:b", "a-", "a..b", "a.", "256.1.1.1", "1.2.3"] {
        let error = refused(&["--name", name, "--pass-phrases", "pam_sss.so"]);
        assert!(error.contains(&format!("host name {name:?}")), "{error}");
    }
    for days in ["--ca-days=0", "--host-days=0", "--max-hours=0"] {
        let output = setup_server(directory.path(), &[PASS_PHRASES.as_slice(), &[days]].concat());
        assert_eq!(output.status.code(), Some(2), "{days}");
    }
    let with = |options: &[&str]| refused(&[PASS_PHRASES.as_slice(), options].concat());
    assert!(with(&["--key-bits", "2048"]).contains("3072 bits"));
    assert!(with(&["--pam-service", "../other"]).contains("PAM service"));
    assert!(refused(&["--name", "localhost", "--pass-phrases", "pam_unix.so"]).contains("only for root"));
    assert!(!directory.join("server").exists());
    for name in ["a b", "a:b"] {
        let odd = directory.make_directory(name, 0o755).unwrap();
        assert!(failed(&setup_server(&odd, &PASS_PHRASES)).contains("the directory"));
    }
    assert_eq!(
        setup_server(directory.path(), &["--name", "localhost"])
            .status
            .code(),
        Some(2),
        "no proof named"
    );
}
