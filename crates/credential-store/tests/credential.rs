//! A credential's life: published, looked up, replaced, erased.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use common::*;
use credential_store::{CredentialName, Error, FilePermissions, Lookup, Record, WebUser};

#[test]
fn published_credential_is_good_until_logout() {
    let stores = Stores::new();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    let session = stores.session("alice");
    let pem = credential("alice", *NOW + HOUR);
    let path = stores.publish_as(&session, &record("alice"), &pem).unwrap();

    let Lookup::Good(found) = stores.lookup("alice").unwrap() else {
        panic!("not good")
    };
    assert_eq!(found.path, path);
    assert_eq!(found.certificate.subject, "/DC=org/CN=alice");
    assert_eq!(found.certificate.expires, *NOW + HOUR);
    assert_eq!(
        fs::read(&path).unwrap(),
        credential("alice", *NOW + HOUR).as_slice()
    );
    assert_eq!(mode(&path), 0o600);

    let ended = stores.sessions.end(&session, *NOW).unwrap().unwrap();
    assert!(stores.credentials.erase(&ended).unwrap());
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    assert_eq!(stores.credential_files(), [""; 0]);
}
