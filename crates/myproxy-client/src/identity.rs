//! Is this server the one we meant? RFC 2818, section 3.1, with the wildcards and the old forms of a common
//! name that the MyProxy clients of Debian accept.

use std::net::IpAddr;

use openssl::nid::Nid;
use openssl::x509::X509Ref;

use crate::distinguished_name;
use crate::server::{Server, ServerIdentity};

/// A trusted certificate, but of another server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its certificate is for {presented}, expected was {expected}")]
pub struct WrongName {
    /// The name, address or subject that was expected.
    pub expected: String,
    /// What the certificate names.
    pub presented: String,
}

/// Compares the names in the server's certificate with the one expected.
pub fn check(certificate: &X509Ref, server: &Server) -> Result<(), WrongName> {
    let subject = distinguished_name::slash_form(certificate.subject_name());
    let expected = match &server.identity {
        ServerIdentity::DistinguishedName(name) if distinguished_name::same(name, &subject) => return Ok(()),
        ServerIdentity::DistinguishedName(name) => {
            return Err(WrongName {
                expected: name.clone(),
                presented: subject,
            });
        }
        ServerIdentity::HostName => &server.host,
        ServerIdentity::Name(name) => name,
    };
    let names = Names::of(certificate);
    let found = match expected.parse::<IpAddr>() {
        Ok(address) => names.addresses.contains(&address),
        Err(_) => {
            names.dns.iter().any(|name| dns_name_matches(name, expected))
                || names
                    .common_name
                    .as_deref()
                    .is_some_and(|name| common_name_is(name, expected))
        }
    };
    if found {
        Ok(())
    } else {
        Err(WrongName {
            expected: expected.clone(),
            presented: names.shown(subject),
        })
    }
}

/// The names in a certificate.
struct Names {
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
    /// The most specific one, where there are no alternative names of any kind: those replace it, also where they
    /// name no host or cannot be read.
    common_name: Option<String>,
}

impl Names {
    fn of(certificate: &X509Ref) -> Self {
        let mut names = Names {
            dns: Vec::new(),
            addresses: Vec::new(),
            common_name: None,
        };
        let Some(alternatives) = certificate.subject_alt_names() else {
            let common_name = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).last();
            names.common_name = common_name.and_then(|entry| entry.data().to_string().ok());
            return names;
        };
        for name in &alternatives {
            if let Some(dns) = name.dnsname() {
                names.dns.push(dns.to_owned());
            }
            match name
                .ipaddress()
                .map(|bytes| (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)))
            {
                Some((Ok(v4), _)) => names.addresses.push(IpAddr::from(v4)),
                Some((_, Ok(v6))) => names.addresses.push(IpAddr::from(v6)),
                _ => {}
            }
        }
        names
    }

    /// For a message: the alternative names if there are any, else the subject.
    fn shown(&self, subject: String) -> String {
        let names: Vec<String> = self
            .dns
            .iter()
            .cloned()
            .chain(self.addresses.iter().map(IpAddr::to_string))
            .collect();
        let text = if names.is_empty() {
            subject
        } else {
            names.join(", ")
        };
        text.chars()
            .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
            .collect()
    }
}

/// Label by label and without regard to case; a `*` that ends a label of the certificate's name stands for
/// the rest of that label (`*.example.org`, `login*.example.org`).
fn dns_name_matches(certificate: &str, expected: &str) -> bool {
    let (mut left, mut right) = (certificate.split('.'), without_root(expected).split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(label), Some(wanted)) if label_matches(label, wanted) => {}
            _ => return false,
        }
    }
}

fn label_matches(label: &str, wanted: &str) -> bool {
    match label.split_once('*') {
        None => label.eq_ignore_ascii_case(wanted),
        Some((head, "")) => wanted
            .get(..head.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(head)),
        Some(_) => false,
    }
}

/// `name`, or one of the old service forms `host/name` and `myproxy/name`.
fn common_name_is(common_name: &str, expected: &str) -> bool {
    let host = match common_name.split_once('/') {
        None => common_name,
        Some((service, host))
            if ["host", "myproxy"]
                .iter()
                .any(|known| service.eq_ignore_ascii_case(known)) =>
        {
            host
        }
        Some(_) => return false,
    };
    host.eq_ignore_ascii_case(without_root(expected))
}

/// A fully qualified name may be written with a closing dot; certificates are not.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use openssl::asn1::{Asn1Object, Asn1OctetString};
    use openssl::x509::extension::SubjectAlternativeName;
    use openssl::x509::{X509, X509Extension, X509Name};
    use proptest::prelude::*;

    use super::*;

    fn certificate(common_name: &str, dns: &[&str], addresses: &[&str]) -> X509 {
        let mut builder = X509::builder().unwrap();
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_text("DC", "org").unwrap();
        name.append_entry_by_text("CN", common_name).unwrap();
        builder.set_subject_name(&name.build()).unwrap();
        if !dns.is_empty() || !addresses.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in dns {
                names.dns(name);
            }
            for address in addresses {
                names.ip(address);
            }
            let extension = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(extension).unwrap();
        }
        builder.build()
    }

    fn accepts(certificate: &X509, server: &str) -> bool {
        check(certificate, &server.parse().unwrap()).is_ok()
    }

    #[test]
    fn alternative_names_come_first() {
        let certificate = certificate(
            "cn.example.org",
            &["a.example.org", "*.b.example.org"],
            &["10.0.0.1", "::1"],
        );
        for good in [
            "a.example.org",
            "A.Example.ORG.",
            "x.b.example.org",
            "10.0.0.1",
            "[::1]",
            "gate=a.example.org",
        ] {
            assert!(accepts(&certificate, good), "{good}");
        }
        for bad in [
            "cn.example.org",
            "b.example.org",
            "x.y.b.example.org",
            "10.0.0.2",
            "a.example.org=gate",
        ] {
            assert!(!accepts(&certificate, bad), "{bad}");
        }
    }

    #[test]
    fn a_common_name_counts_where_there_is_no_alternative_name() {
        for name in ["m.example.org", "host/m.example.org", "myproxy/M.example.org"] {
            assert!(accepts(&certificate(name, &[], &[]), "m.example.org"), "{name}");
        }
        for name in [
            "ldap/m.example.org",
            "*.example.org",
            "m.example.org/host",
            "10.0.0.1",
        ] {
            assert!(!accepts(&certificate(name, &[], &[]), "m.example.org"), "{name}");
        }
        assert!(
            !accepts(&certificate("10.0.0.1", &[], &[]), "10.0.0.1"),
            "an address is no common name"
        );
    }

    #[test]
    fn an_alternative_name_of_any_kind_replaces_the_common_name() {
        let address = certificate("m.example.org", &[], &["10.0.0.1"]);
        assert!(accepts(&address, "10.0.0.1") && !accepts(&address, "m.example.org"));
        // A DNS name that is not ASCII, as no authority should sign it: SEQUENCE { [2] FF }.
        let mut builder = X509::builder().unwrap();
        builder
            .set_subject_name(certificate("m.example.org", &[], &[]).subject_name())
            .unwrap();
        let names = Asn1OctetString::new_from_bytes(&[0x30, 0x03, 0x82, 0x01, 0xff]).unwrap();
        let kind = Asn1Object::from_str("2.5.29.17").unwrap();
        builder
            .append_extension(X509Extension::new_from_der(&kind, false, &names).unwrap())
            .unwrap();
        assert!(!accepts(&builder.build(), "m.example.org"));
    }

    #[test]
    fn wildcards_end_a_label() {
        assert!(dns_name_matches("f*.com", "foo.com"));
        assert!(dns_name_matches("*.com", "foo.com"));
        assert!(!dns_name_matches("*f.com", "foof.com"));
        assert!(!dns_name_matches("*.com", "a.b.com"));
        assert!(!dns_name_matches("*", "a.b"));
    }

    #[test]
    fn a_distinguished_name_replaces_the_host() {
        let certificate = certificate("host/m", &["other"], &[]);
        let mut server: Server = "elsewhere".parse().unwrap();
        server.identity = ServerIdentity::DistinguishedName("/dc=ORG/cn=HOST/m".to_owned());
        assert_eq!(check(&certificate, &server), Ok(()));
        server.identity = ServerIdentity::DistinguishedName("/CN=host/m".to_owned());
        let error = check(&certificate, &server).unwrap_err().to_string();
        assert_eq!(
            error,
            "its certificate is for /DC=org/CN=host/m, expected was /CN=host/m"
        );
    }

    proptest! {
        #[test]
        fn no_name_panics(certificate: String, expected: String) {
            dns_name_matches(&certificate, &expected);
            common_name_is(&certificate, &expected);
        }
    }
}
