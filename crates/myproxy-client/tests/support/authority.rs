//! A certification authority and its files in a trust directory.

use std::fs;
use std::path::Path;

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509CrlBuilder, X509Extension, X509Name, X509NameRef, X509RevokedBuilder};
use std::time::{SystemTime, UNIX_EPOCH};

pub struct Authority {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What a certificate says, besides who signed it.
pub struct Wanted<'a> {
    /// Behind `/DC=org/DC=mptest`.
    pub common_name: &'a str,
    /// Alternative names: DNS names, or IP addresses.
    pub names: &'a [&'a str],
    /// Seconds from now.
    pub valid: (i64, i64),
    /// A certification authority's.
    pub authority: bool,
    /// Others that OpenSSL makes none of: object identifier, whether it is critical, DER.
    pub extensions: &'a [(&'a str, bool, &'a [u8])],
}

/// What makes a proxy certificate (RFC 3820, section 3.8): no limit of length, all rights inherited.
pub const PROXY: (&str, bool, &[u8]) = (
    "1.3.6.1.5.5.7.1.14",
    true,
    b"\x30\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x15\x01",
);

/// For TLS clients alone (RFC 5280, section 4.2.1.12).
pub const CLIENTS_ONLY: (&str, bool, &[u8]) = (
    "2.5.29.37",
    false,
    b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02",
);

/// For TLS servers alone, as public authorities issue it.
pub const SERVERS_ONLY: (&str, bool, &[u8]) = (
    "2.5.29.37",
    false,
    b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01",
);

impl<'a> Wanted<'a> {
    pub fn server(names: &'a [&'a str]) -> Self {
        Wanted {
            common_name: "server",
            names,
            valid: (-60, 3600),
            authority: false,
            extensions: &[],
        }
    }

    pub fn user(common_name: &'a str) -> Self {
        Wanted {
            common_name,
            names: &[],
            valid: (-60, 24 * 3600),
            authority: false,
            extensions: &[],
        }
    }
}

impl Authority {
    pub fn new(common_name: &str) -> Self {
        let key = new_key();
        let wanted = Wanted {
            common_name,
            names: &[],
            valid: (-60, 24 * 3600),
            authority: true,
            extensions: &[],
        };
        Authority {
            certificate: sign(&wanted, name(common_name), &key, &name(common_name), &key),
            key,
        }
    }

    pub fn issue(&self, wanted: &Wanted, key: &PKey<Private>) -> X509 {
        let subject = name(wanted.common_name);
        sign(wanted, subject, key, self.certificate.subject_name(), &self.key)
    }

    /// Certificate and signing policy, for every subject below `/DC=org/DC=mptest`.
    pub fn install(&self, trust_directory: &Path) {
        fs::write(
            self.file(trust_directory, "0"),
            self.certificate.to_pem().unwrap(),
        )
        .unwrap();
        self.install_policy(trust_directory, "/DC=org/DC=mptest/*");
    }

    pub fn install_policy(&self, trust_directory: &Path, subjects: &str) {
        let own_name = self
            .certificate
            .subject_name()
            .entries()
            .last()
            .unwrap()
            .data()
            .to_string()
            .unwrap();
        let policy = format!(
            "access_id_CA X509 '/DC=org/DC=mptest/CN={own_name}'\npos_rights globus CA:sign\n\
             cond_subjects globus '\"{subjects}\"'\n"
        );
        fs::write(self.file(trust_directory, "signing_policy"), policy).unwrap();
    }

    /// A revocation list that is valid for `seconds`.
    pub fn install_revocation_list(&self, trust_directory: &Path, revoked: &[&X509], seconds: i64) {
        fs::write(
            self.file(trust_directory, "r0"),
            self.revocation_list(revoked, seconds),
        )
        .unwrap();
    }

    /// The same, as PEM.
    pub fn revocation_list(&self, revoked: &[&X509], seconds: i64) -> Vec<u8> {
        let mut list = X509CrlBuilder::new().unwrap();
        list.set_issuer_name(self.certificate.subject_name()).unwrap();
        list.set_last_update(&from_now(-3600)).unwrap();
        list.set_next_update(&from_now(seconds)).unwrap();
        for certificate in revoked {
            let mut entry = X509RevokedBuilder::new().unwrap();
            entry.set_serial_number(certificate.serial_number()).unwrap();
            entry.set_revocation_date(&from_now(-60)).unwrap();
            list.add_revoked(entry.build()).unwrap();
        }
        list.sort().unwrap();
        let any = X509::builder().unwrap();
        let context = any.x509v3_context(Some(&self.certificate), None);
        list.append_extension(AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap())
            .unwrap();
        let number = Asn1OctetString::new_from_bytes(&[0x02, 1, 1]).unwrap();
        let crl_number = Asn1Object::from_str("2.5.29.20").unwrap();
        list.append_extension(X509Extension::new_from_der(&crl_number, false, &number).unwrap())
            .unwrap();
        list.sign(&self.key, MessageDigest::sha256()).unwrap();
        list.build().unwrap().to_pem().unwrap()
    }

    pub fn file(&self, trust_directory: &Path, extension: &str) -> std::path::PathBuf {
        trust_directory.join(format!(
            "{:08x}.{extension}",
            self.certificate.subject_name_hash()
        ))
    }
}

pub fn new_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

pub fn name(common_name: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    for (field, value) in [("DC", "org"), ("DC", "mptest"), ("CN", common_name)] {
        name.append_entry_by_text(field, value).unwrap();
    }
    name.build()
}

/// A proxy certificate with this common name, signed by a user.
pub fn proxy_of(user: &X509, user_key: &PKey<Private>, common_name: &str, key: &PKey<Private>) -> X509 {
    proxy_with(&[PROXY], user, user_key, common_name, key)
}

/// The same with other extensions.
pub fn proxy_with(
    extensions: &[(&str, bool, &[u8])],
    user: &X509,
    user_key: &PKey<Private>,
    common_name: &str,
    key: &PKey<Private>,
) -> X509 {
    let wanted = Wanted {
        extensions,
        ..Wanted::user(common_name)
    };
    let mut subject = X509Name::builder().unwrap();
    for entry in user.subject_name().entries() {
        let value = entry.data().to_string().unwrap();
        subject.append_entry_by_nid(entry.object().nid(), &value).unwrap();
    }
    subject.append_entry_by_text("CN", common_name).unwrap();
    sign(&wanted, subject.build(), key, user.subject_name(), user_key)
}

fn sign(
    wanted: &Wanted,
    subject: X509Name,
    key: &PKey<Private>,
    issuer: &X509NameRef,
    issuer_key: &PKey<Private>,
) -> X509 {
    let mut builder = X509::builder().unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(100, openssl::bn::MsbOption::ONE, false).unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&Asn1Integer::from_bn(&serial).unwrap())
        .unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&from_now(wanted.valid.0)).unwrap();
    builder.set_not_after(&from_now(wanted.valid.1)).unwrap();
    let mut usage = KeyUsage::new();
    let mut constraints = BasicConstraints::new();
    if wanted.authority {
        let identifier = SubjectKeyIdentifier::new()
            .build(&builder.x509v3_context(None, None))
            .unwrap();
        builder.append_extension(identifier).unwrap();
        builder
            .append_extension(constraints.critical().ca().build().unwrap())
            .unwrap();
        builder
            .append_extension(usage.critical().key_cert_sign().crl_sign().build().unwrap())
            .unwrap();
    } else {
        builder
            .append_extension(constraints.critical().build().unwrap())
            .unwrap();
        builder
            .append_extension(
                usage
                    .critical()
                    .digital_signature()
                    .key_encipherment()
                    .build()
                    .unwrap(),
            )
            .unwrap();
    }
    if !wanted.names.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for name in wanted.names {
            match name.parse::<std::net::IpAddr>() {
                Ok(_) => names.ip(name),
                Err(_) => names.dns(name),
            };
        }
        let extension = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(extension).unwrap();
    }
    for &(kind, critical, der) in wanted.extensions {
        let kind = Asn1Object::from_str(kind).unwrap();
        let der = Asn1OctetString::new_from_bytes(der).unwrap();
        builder
            .append_extension(X509Extension::new_from_der(&kind, critical, &der).unwrap())
            .unwrap();
    }
    builder.sign(issuer_key, MessageDigest::sha256()).unwrap();
    builder.build()
}

fn from_now(seconds: i64) -> Asn1Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Asn1Time::from_unix(i64::try_from(now).unwrap() + seconds).unwrap()
}
