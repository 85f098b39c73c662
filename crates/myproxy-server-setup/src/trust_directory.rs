//! The trust directory: what a MyProxy client (and httpd's module) needs in order to trust the server.

use openssl::asn1::{Asn1Object, Asn1OctetString, Asn1Time};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::x509::extension::AuthorityKeyIdentifier;
use openssl::x509::{X509, X509CrlBuilder, X509Extension, X509Ref};

use crate::target::{Owner, Target};
use crate::{CertificationAuthority, SetupError, one_line};

const DIRECTORY: &str = "trust";

/// Writes the authority's certificate, the signing policy that allows it just `subjects` (patterns with `*`),
/// and an empty revocation list.
pub(crate) fn write_authority(
    target: &mut Target,
    authority: &CertificationAuthority,
    subjects: &[String],
) -> Result<(), SetupError> {
    write_certificate(target, authority.certificate(), subjects)?;
    let name = format!("{DIRECTORY}/{}.r0", subject_hash(authority.certificate()));
    if !target.exists(&name) {
        target.file(
            &name,
            0o644,
            Owner::Administrator,
            &empty_revocation_list(authority)?,
        )?;
    }
    Ok(())
}

/// Writes the certificate of an authority and the signing policy that allows it just `subjects`.
pub(crate) fn write_certificate(
    target: &mut Target,
    certificate: &X509Ref,
    subjects: &[String],
) -> Result<(), SetupError> {
    target.directory(DIRECTORY, 0o755, Owner::Administrator)?;
    let hash = subject_hash(certificate);
    target.file(
        &format!("{DIRECTORY}/{hash}.0"),
        0o644,
        Owner::Administrator,
        &certificate.to_pem()?,
    )?;
    let policy = signing_policy(&one_line(certificate.subject_name()), subjects);
    target.file(
        &format!("{DIRECTORY}/{hash}.signing_policy"),
        0o644,
        Owner::Administrator,
        policy.as_bytes(),
    )?;
    Ok(())
}

/// What OpenSSL and the grid's tools name the files of an authority after: 8 hexadecimal digits.
fn subject_hash(certificate: &X509Ref) -> String {
    format!("{:08x}", certificate.subject_name_hash())
}

/// The grid's own restriction of an authority, in the format of the Globus toolkit's `*.signing_policy` (EACL).
fn signing_policy(authority: &str, subjects: &[String]) -> String {
    let subjects = subjects
        .iter()
        .map(|subject| format!("\"{subject}\""))
        .collect::<Vec<_>>()
        .join(" ");
    format!(
        "access_id_CA  X509    '{authority}'\n\
         pos_rights    globus  CA:sign\n\
         cond_subjects globus  '{subjects}'\n"
    )
}

/// A revocation list without entries, good as long as the authority: where a list is there and has run out,
/// clients refuse every certificate.
fn empty_revocation_list(authority: &CertificationAuthority) -> Result<Vec<u8>, ErrorStack> {
    let issuer = authority.certificate();
    let mut list = X509CrlBuilder::new()?;
    list.set_issuer_name(issuer.subject_name())?;
    list.set_last_update(Asn1Time::days_from_now(0)?.as_ref())?;
    list.set_next_update(issuer.not_after())?;
    let certificate = X509::builder()?;
    let context = certificate.x509v3_context(Some(issuer), None);
    list.append_extension(AuthorityKeyIdentifier::new().keyid(true).build(&context)?)?;
    let number_one = Asn1OctetString::new_from_bytes(&[0x02, 0x01, 0x01])?;
    let crl_number = Asn1Object::from_str("2.5.29.20")?;
    list.append_extension(X509Extension::new_from_der(&crl_number, false, &number_one)?)?;
    list.sign(authority.key(), MessageDigest::sha256())?;
    list.build()?.to_pem()
}
