//! Distinguished names in the slash form of the grid world: `/DC=org/DC=example/CN=alice`.

use std::fmt::Write;

use openssl::x509::X509NameRef;

/// The name in OpenSSL's one-line form (`X509_NAME_oneline`), whatever is not printable ASCII as `\xHH`.
pub fn slash_form(name: &X509NameRef) -> String {
    let mut text = String::new();
    for entry in name.entries() {
        let object = entry.object();
        match object.nid().short_name() {
            Ok(short_name) if short_name != "UNDEF" => {
                text.push('/');
                text.push_str(short_name);
            }
            _ => {
                text.push('/');
                text.push_str(&object.to_string());
            }
        }
        text.push('=');
        for &byte in entry.data().as_slice() {
            if (b' '..=b'~').contains(&byte) {
                text.push(char::from(byte));
            } else {
                write!(text, "\\x{byte:02X}").expect("writing to a string does not fail");
            }
        }
    }
    text
}

/// Whether two names in slash form are the same: without regard to case, and to which of its names an e-mail
/// or user identifier attribute goes by, as the Globus libraries compare them.
pub fn same(left: &str, right: &str) -> bool {
    normalised(left) == normalised(right)
}

fn normalised(name: &str) -> String {
    name.to_ascii_lowercase()
        .replace("/emailaddress=", "/email=")
        .replace("/e=", "/email=")
        .replace("/userid=", "/uid=")
}

#[cfg(test)]
mod tests {
    use openssl::x509::X509Name;

    use super::*;

    #[test]
    fn a_name_is_written_as_openssl_writes_it() {
        let mut name = X509Name::builder().unwrap();
        for (field, value) in [
            ("DC", "org"),
            ("O", "a/b"),
            ("CN", "J\u{fc}rgen\n"),
            ("emailAddress", "j@example.org"),
        ] {
            name.append_entry_by_text(field, value).unwrap();
        }
        assert_eq!(
            slash_form(&name.build()),
            "/DC=org/O=a/b/CN=J\\xC3\\xBCrgen\\x0A/emailAddress=j@example.org"
        );
    }

    #[test]
    fn names_are_compared_as_globus_does() {
        assert!(same(
            "/DC=org/CN=Host/A.example.org",
            "/dc=ORG/cn=host/a.example.org"
        ));
        assert!(same("/CN=a/Email=a@b", "/CN=a/emailAddress=a@b"));
        assert!(same("/CN=a/E=a@b", "/CN=a/emailAddress=a@b"));
        assert!(same("/USERID=a", "/UID=a"));
        assert!(!same("/DC=org/CN=a", "/DC=org/CN=ab"));
        assert!(!same("/DC=org/CN=a", "/CN=a"));
    }
}
