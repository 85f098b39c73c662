//! Requests, replies and permits of a keyserver.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use granting_cookie::CryptKey;
use openssl::asn1::Asn1Time;
use openssl::base64::encode_block;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::{X509, X509Name};
use proptest::prelude::*;
use pubcookie_protocol::keyserver::{
    Client, HostName, Permit, PermitError, Permits, Reply, ReplyError, Request, RequestError,
    TrustedCertificate, asks_for_keys, without_secrets,
};

const HOST: &str = "app1.example.edu";

fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

fn certificate() -> X509 {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "key peer\u{e9}").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn requests() -> Vec<Request> {
    let pem = String::from_utf8(certificate().to_pem().unwrap()).unwrap();
    vec![
        Request::Fetch(host(HOST)),
        Request::Make(host(HOST)),
        Request::Put(host(HOST), CryptKey::random().unwrap()),
        Request::Permit(host(HOST)),
        Request::Deny(host(HOST)),
        Request::GrantingCertificate,
        Request::Trust(TrustedCertificate::from_pem(&pem).unwrap()),
    ]
}

#[test]
fn both_forms_say_the_same() {
    for request in requests() {
        let query = request.to_query();
        let from_query = Request::from_query(query.as_bytes()).unwrap();
        assert_eq!(from_query.to_form(), request.to_form(), "{request}");
        let from_form = Request::from_form(request.to_form().as_bytes()).unwrap();
        assert_eq!(from_form.to_query(), query, "{request}");
        assert!(asks_for_keys(query.as_bytes()));
    }
}

#[test]
fn requests_are_read_as_the_original_writes_them() {
    let key = CryptKey::random().unwrap();
    let base64 = encode_block(key.as_bytes());
    let escaped = base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for (query, meant) in [
        (
            "genkey=yes&setkey=app1.example.edu".to_owned(),
            "make a new key for app1.example.edu",
        ),
        (
            "genkey=yes&setkey=APP1.example.edu;".to_owned(),
            "make a new key for app1.example.edu",
        ),
        (
            "genkey=no&setkey=app1.example.edu".to_owned(),
            "fetch the key of app1.example.edu",
        ),
        ("genkey=getgc;".to_owned(), "fetch the granting certificate"),
        (
            "genkey=permit&setkey=app1.example.edu;".to_owned(),
            "permit app1.example.edu",
        ),
        (
            "genkey=deny&setkey=app1.example.edu;".to_owned(),
            "deny app1.example.edu",
        ),
        (
            format!("genkey=put&setkey=app1.example.edu;{base64}"),
            "store a key for app1.example.edu",
        ),
        (
            format!("genkey=put&setkey=app1.example.edu;{escaped};"),
            "store a key for app1.example.edu",
        ),
    ] {
        let request = Request::from_query(query.as_bytes()).unwrap();
        assert_eq!(request.to_string(), meant);
        if let Request::Put(_, read) = request {
            assert!(read.is_same_as(&key));
        }
    }
}

#[test]
fn a_certificate_survives_what_a_request_line_does_to_it() {
    let certificate = certificate();
    let pem = String::from_utf8(certificate.to_pem().unwrap()).unwrap();
    let percent = Request::Trust(TrustedCertificate::from_pem(&pem).unwrap()).to_query();
    let one_line = pem.replace('\n', "").replace(' ', "+");
    for query in [
        percent.to_string(),
        format!("genkey=setpkey&setkey={one_line}"),
        format!(
            "genkey=setpkey&setkey={}",
            pem.replace('\n', "%0D%0A").replace(' ', "%20")
        ),
    ] {
        let Request::Trust(read) = Request::from_query(query.as_bytes()).unwrap() else {
            panic!("{query}");
        };
        assert_eq!(read.to_pem().unwrap(), certificate.to_pem().unwrap());
        assert_eq!(read.to_string(), "/CN=key peer\\u{e9}");
        assert_eq!(
            read.file_stem(),
            format!("{:08x}", certificate.subject_name_hash())
        );
    }
    assert!(TrustedCertificate::from_pem(&pem.repeat(2)).is_err());
}

#[test]
fn what_is_no_request_is_refused() {
    let short = encode_block(&[7; 2047]);
    let long = encode_block(&[7; 2049]);
    for (query, error) in [
        ("", RequestError::Missing),
        ("setkey=app1.example.edu", RequestError::Missing),
        ("genkey=maybe&setkey=app1.example.edu", RequestError::Unknown),
        ("genkey=yes", RequestError::NoHost),
        ("genkey=yes&setkey=", RequestError::NoHost),
        ("genkey=yes&setkey=a&setkey=b", RequestError::ExtraField),
        ("genkey=no&genkey=yes&setkey=a", RequestError::ExtraField),
        ("genkey=yes&setkey=a&x=y", RequestError::ExtraField),
        ("genkey=yes&setkey=a;b", RequestError::ExtraField),
        ("genkey=put&setkey=a", RequestError::BadKey),
        (&format!("genkey=put&setkey=a;{short}"), RequestError::BadKey),
        (&format!("genkey=put&setkey=a;{long}"), RequestError::BadKey),
    ] {
        assert_eq!(
            Request::from_query(query.as_bytes()).err(),
            Some(error),
            "{query}"
        );
    }
    for name in ["..", "../x", "%2e%2e%2fx", ".x", "a/b", "a%00b", "a%0d%0ab", "*"] {
        let refused = Request::from_query(format!("genkey=yes&setkey={name}").as_bytes());
        assert!(matches!(refused, Err(RequestError::BadHost(_))), "{name}");
    }
    for form in [
        "request=make",
        "request=make&host=a&host=b",
        "request=make&host=a&key=b",
        "request=put&host=a",
        "request=trust&certificate=x",
        "request=erase&host=a",
        "host=a",
        "",
    ] {
        assert!(Request::from_form(form.as_bytes()).is_err(), "{form}");
    }
    let endless = vec![b'a'; 1 << 17];
    assert_eq!(Request::from_form(&endless).err(), Some(RequestError::TooLong));
    assert_eq!(Request::from_query(&endless).err(), Some(RequestError::TooLong));
}

#[test]
fn nothing_secret_is_shown() {
    let key = CryptKey::random().unwrap();
    let base64 = encode_block(key.as_bytes());
    for query in [
        format!("genkey=put&setkey=app1.example.edu;{base64}"),
        // Broken ones too.
        format!("genkey=put&setkey=app1.example.edu;{}", &base64[..600]),
        format!("genkey=pot&setkey=app1.example.edu;{base64}"),
        format!("gen%6bey=put&setkey={base64}"),
        format!("x=y&SETKEY={base64}"),
    ] {
        assert!(asks_for_keys(query.as_bytes()), "{query}");
        let shown = without_secrets(query.as_bytes());
        assert!(shown.len() < 60 && !shown.contains(&base64[..12]), "{shown}");
        let error = Request::from_query(query.as_bytes()).err();
        assert!(error.is_none_or(|error| !error.to_string().contains(&base64[..12])));
    }
    assert!(!asks_for_keys(b"user=alice&page=2"));
    let put = Request::Put(host(HOST), key);
    assert_eq!(put.to_string(), "store a key for app1.example.edu");
}

#[test]
fn replies_are_read_as_the_original_writes_them() {
    let key = CryptKey::random().unwrap();
    let fetch = Request::Fetch(host(HOST));
    let bare = Reply::Key(CryptKey::from_bytes(key.as_bytes()).unwrap()).to_bare();
    assert!(bare.starts_with(b"\r\nOK ") && bare.ends_with(b"\r\n"));
    assert_eq!(bare.len(), 2 + 3 + 2732 + 2);
    let Ok(Reply::Key(read)) = Reply::parse(&bare, &fetch) else {
        panic!("no key");
    };
    assert!(read.is_same_as(&key));
    for cut in [0, 1, 4, 5, 1000, bare.len() - 3] {
        assert!(Reply::parse(&bare[..cut], &fetch).is_err(), "{cut}");
    }

    let pem = String::from_utf8(certificate().to_pem().unwrap()).unwrap();
    let granting = format!("\r\nOK {pem}\r\n");
    let Ok(Reply::GrantingCertificate(read)) =
        Reply::parse(granting.as_bytes(), &Request::GrantingCertificate)
    else {
        panic!("no certificate");
    };
    assert_eq!(read, pem);
    let cut = Reply::parse(&granting.as_bytes()[..200], &Request::GrantingCertificate);
    assert_eq!(cut.err(), Some(ReplyError::BadCertificate));

    let recorded = b"\r\nNO you (app1.example.edu) are not authorized for host app2.example.edu\r\n";
    let Ok(Reply::Refused(reason)) = Reply::parse(recorded, &fetch) else {
        panic!("not refused");
    };
    assert_eq!(
        reason,
        "you (app1.example.edu) are not authorized for host app2.example.edu"
    );
    assert_eq!(*Reply::Refused(reason).to_bare(), recorded);

    let permit = Request::Permit(host(HOST));
    assert!(
        matches!(Reply::parse(b"\r\nOK key set\r\n", &permit), Ok(Reply::Done(words)) if words == "key set")
    );
    let Ok(Reply::Refused(reason)) = Reply::parse(b"NO \x1b[31m\xc3\xa9", &permit) else {
        panic!("not refused");
    };
    assert_eq!(reason, " [31m ");
    for other in [
        &b""[..],
        b"OKAY",
        b"HTTP/1.1 200 OK\r\n\r\nOK x",
        b"<html>",
        b"\xff",
    ] {
        assert_eq!(Reply::parse(other, &permit).err(), Some(ReplyError::NoReply));
    }
}

/// Whether a client may do something by these entries.
fn may(entries: &[&str], names: &[&str], request: &Request, since: &[&str]) -> Result<(), String> {
    let mut permits = Permits::default();
    for entry in entries {
        permits.push(Permit::parse(entry.split(' ')).unwrap());
    }
    let client = Client::new(names.iter().copied());
    let checked = permits.check(&client, request, |host| since.contains(&host.as_str()));
    checked.map_err(|refusal| refusal.to_string())
}

#[test]
fn a_host_has_its_own_key_once_it_is_permitted() {
    let fetch = Request::Fetch(host(HOST));
    for (entries, names, since, allowed) in [
        (&["app1.example.edu"][..], &[HOST][..], &[][..], true),
        (&["APP1.example.edu"], &[HOST], &[], true),
        (&[], &[HOST], &[HOST], true),
        (&[], &[HOST], &[], false),
        (&["app2.example.edu"], &[HOST], &[], false),
        (&["*.example.edu"], &[HOST], &[], true),
        (&["*.edu"], &[HOST], &[], true),
        (&["*.ample.edu"], &[HOST], &[], false),
        (&["*"], &[HOST], &[], true),
        // Another's, permitted or not.
        (&["app1.example.edu"], &["app2.example.edu"], &[HOST], false),
        (&["*"], &["app2.example.edu"], &[], false),
        // One of several names, or by a wildcard.
        (&["app1.example.edu"], &["www.example.edu", HOST], &[], true),
        (&["app1.example.edu"], &["*.example.edu"], &[], true),
        (&["app1.example.edu"], &["*.edu"], &[], false),
        // A cluster or virtual hosts.
        (
            &["node1.example.edu app1.example.edu"],
            &["node1.example.edu"],
            &[],
            true,
        ),
        (
            &["node1.example.edu app1.example.edu"],
            &["node2.example.edu"],
            &[],
            false,
        ),
        (
            &["node1.example.edu app1.example.edu"],
            &["*.example.edu"],
            &[],
            false,
        ),
        (&["app1.example.edu"], &[], &[HOST], false),
        (&["app1.example.edu"], &["not a host", ""], &[HOST], false),
        // Rights are no keys.
        (
            &["login.example.edu +put +permit"],
            &["login.example.edu"],
            &[],
            false,
        ),
    ] {
        let result = may(entries, names, &fetch, since);
        assert_eq!(
            result.is_ok(),
            allowed,
            "{entries:?} {names:?} {since:?}: {result:?}"
        );
        assert_eq!(may(entries, names, &Request::Make(host(HOST)), since), result);
    }
    // In the recorded words.
    assert_eq!(
        may(&["*"], &[HOST], &Request::Fetch(host("app2.example.edu")), &[]),
        Err("you (app1.example.edu) are not authorized for host app2.example.edu".to_owned())
    );
}

#[test]
fn rights_are_those_of_named_clients() {
    for request in requests() {
        let right = match request {
            Request::Put(..) => "+put",
            Request::Permit(_) | Request::Deny(_) | Request::Trust(_) => "+permit",
            Request::GrantingCertificate => {
                assert_eq!(may(&[], &["any.example.org"], &request, &[]), Ok(()));
                assert!(may(&[], &["*"], &request, &[]).is_err());
                continue;
            }
            Request::Fetch(_) | Request::Make(_) => continue,
        };
        let other = if right == "+put" { "+permit" } else { "+put" };
        let entry = format!("login.example.edu {right}");
        let of_another = format!("login.example.edu {other}");
        assert_eq!(
            may(&[&entry], &["login.example.edu"], &request, &[]),
            Ok(()),
            "{request}"
        );
        for (entry, name) in [
            (&entry, HOST),
            (&entry, "*.example.edu"),
            (&of_another, "login.example.edu"),
            (&HOST.to_owned(), HOST),
        ] {
            assert!(
                may(&[entry], &[name], &request, &[HOST]).is_err(),
                "{request}: {entry} {name}"
            );
        }
    }
}

#[test]
fn what_is_listed_for_a_host_is_told() {
    let mut permits = Permits::default();
    assert!(permits.is_empty());
    permits.push(Permit::parse(["node1.example.edu", "www.example.edu"]).unwrap());
    permits.push(Permit::parse(["*.dept.example.edu"]).unwrap());
    for (name, told) in [
        ("node1.example.edu", true),
        ("www.example.edu", true),
        ("wiki.dept.example.edu", true),
        (HOST, false),
    ] {
        assert_eq!(permits.permit_anybody(&host(name)), told, "{name}");
    }
}

#[test]
fn entries_that_say_nothing_are_refused() {
    assert_eq!(Permit::parse([]), Err(PermitError::NoClient));
    for entry in ["a/b", "*.", "**", "*example.edu", "a -x", "a *", "a *.b", "+put"] {
        assert!(Permit::parse(entry.split(' ')).is_err(), "{entry}");
    }
    let refused = Permit::parse(["a", "+admin"]).unwrap_err();
    assert_eq!(refused.to_string(), "`+admin`: a right is +permit or +put");
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(bytes: Vec<u8>, text: String) {
        let _ = Request::from_query(&bytes);
        let _ = Request::from_form(&bytes);
        let _ = without_secrets(&bytes);
        let _ = Reply::parse(&bytes, &Request::GrantingCertificate);
        let _ = Request::from_query(format!("genkey=put&setkey={text}").as_bytes());
        let _ = TrustedCertificate::from_pem(&text);
        let _ = Client::new([text.as_str()]);
    }

    #[test]
    fn a_host_name_is_a_file_name(text in "[a-zA-Z0-9._/*%\\-]{0,12}") {
        if let Ok(name) = text.parse::<HostName>() {
            prop_assert!(!name.as_str().contains('/') && !name.as_str().starts_with('.'));
            prop_assert_eq!(name.as_str(), text.to_lowercase());
        }
    }
}
