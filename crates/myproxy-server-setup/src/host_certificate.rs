//! Whether clients accept the host certificate.

use std::net::IpAddr;
use std::path::Path;

use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::ssl::SslFiletype;
use openssl::stack::Stack;
use openssl::x509::store::{X509Lookup, X509StoreBuilder};
use openssl::x509::{X509, X509Ref, X509StoreContext, X509VerifyResult};

use crate::SetupError;
use crate::key_pair_files::KeyPairFiles;

/// What OpenSSL says where an authority is missing (X509_V_ERR_...): UNABLE_TO_GET_ISSUER_CERT,
/// DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN, UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
/// UNABLE_TO_VERIFY_LEAF_SIGNATURE.
const AUTHORITY_IS_MISSING: [i32; 5] = [2, 18, 19, 20, 21];

/// Refuses a certificate that clients with the trust directory would refuse, under any of the names.
pub(crate) fn check(files: &KeyPairFiles, names: &[String], trust: &Path) -> Result<(), SetupError> {
    let path = files.certificate_path.clone();
    let chain = X509::stack_from_pem(&files.certificate)?;
    let (certificate, others) = chain.split_first().ok_or_else(ErrorStack::get)?;
    match verify(certificate, others, trust)? {
        X509VerifyResult::OK => {}
        result if AUTHORITY_IS_MISSING.contains(&result.as_raw()) => {
            let reason = result.error_string();
            return Err(SetupError::UnknownAuthority { path, reason });
        }
        result => {
            let reason = result.error_string();
            return Err(SetupError::InvalidHostCertificate { path, reason });
        }
    }
    match names.iter().find(|name| !names_host(certificate, name)) {
        Some(name) => Err(SetupError::HostNotNamed {
            path,
            name: name.clone(),
        }),
        None => Ok(()),
    }
}

/// Chain and validity, by the authorities in `trust`.
fn verify(certificate: &X509Ref, others: &[X509], trust: &Path) -> Result<X509VerifyResult, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    store
        .add_lookup(X509Lookup::hash_dir())?
        .add_dir(&trust.to_string_lossy(), SslFiletype::PEM)?;
    let mut intermediates = Stack::new()?;
    for other in others {
        intermediates.push(other.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    context.init(&store.build(), certificate, &intermediates, |context| {
        context.verify_cert()?;
        Ok(context.error())
    })
}

/// Whether clients that look for `name` accept the certificate (RFC 2818): by its subject alternative names, or,
/// only where it has none, by its CN, which on the grid may say the service too: `host/<name>`, `myproxy/<name>`.
fn names_host(certificate: &X509Ref, name: &str) -> bool {
    let Some(alternatives) = certificate.subject_alt_names() else {
        let accepted = ["", "host/", "myproxy/"].map(|service| format!("{service}{name}"));
        let mut common_names = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
        return common_names.any(|entry| {
            let common_name = entry.data().as_slice();
            accepted
                .iter()
                .any(|accepted| common_name.eq_ignore_ascii_case(accepted.as_bytes()))
        });
    };
    let address = name.parse::<IpAddr>().ok().map(|address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    });
    let wildcard = name.split_once('.').map(|(_, domain)| format!("*.{domain}"));
    alternatives.iter().any(|alternative| match &address {
        Some(address) => alternative.ipaddress() == Some(address),
        None => alternative.dnsname().is_some_and(|dns| {
            dns.eq_ignore_ascii_case(name)
                || wildcard
                    .as_ref()
                    .is_some_and(|wildcard| dns.eq_ignore_ascii_case(wildcard))
        }),
    })
}

#[cfg(test)]
mod tests {
    use openssl::x509::X509Name;

    use super::*;

    fn with_common_name(common_name: &str) -> X509 {
        let mut name = X509Name::builder().expect("a name");
        name.append_entry_by_nid(Nid::COMMONNAME, common_name)
            .expect("its CN");
        let mut certificate = X509::builder().expect("a certificate");
        certificate.set_subject_name(&name.build()).expect("its subject");
        certificate.build()
    }

    #[test]
    fn a_common_name_may_say_the_service() {
        for (common_name, accepted) in [
            ("a.example.org", true),
            ("host/a.example.org", true),
            ("myproxy/A.example.org", true),
            ("ldap/a.example.org", false),
            ("b.example.org", false),
            ("host/", false),
        ] {
            let certificate = with_common_name(common_name);
            assert_eq!(
                names_host(&certificate, "a.example.org"),
                accepted,
                "{common_name}"
            );
        }
    }
}
