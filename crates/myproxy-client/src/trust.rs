//! The trust directory of the grid: certification authorities by the hash of their subject.
//!
//! | file | what it is |
//! | --- | --- |
//! | `<hash>.0`, `<hash>.1`, ... | an authority's certificate, PEM |
//! | `<hash>.signing_policy` | the subjects that it may sign; mandatory |
//! | `<hash>.r0`, `<hash>.r1`, ... | its revocation lists, PEM, one or more in a file |
//!
//! Where an authority has revocation lists, one has to be current, and what any of them revokes is revoked.
//!
//! The directory is read anew for every verification, by the user that the calling process runs as, so that a
//! revocation list counts as soon as `fetch-crl` has written it. With one authority that takes 0.2 ms, against
//! 0.02 ms with a store kept in memory.

use std::fs;
use std::io;
use std::path::PathBuf;

use openssl::error::ErrorStack;
use openssl::ssl::SslFiletype;
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{
    CrlStatus, X509, X509Crl, X509CrlRef, X509Ref, X509StoreContext, X509StoreContextRef, X509VerifyResult,
};

use crate::distinguished_name::slash_form;
use crate::signing_policy::{SigningPolicy, SigningPolicyError};

/// Why a certificate is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustProblem {
    /// The trust directory cannot be read.
    #[error("the trust directory {path} cannot be read: {cause}", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// OpenSSL's verdict: unknown authority, expired, revoked, revocation list expired and so on.
    #[error("the verification of {} failed: {result}", subject.as_deref().unwrap_or("its certificate"))]
    Verification {
        /// The certificate, in slash form, where it is known.
        subject: Option<String>,
        /// The verdict.
        result: X509VerifyResult,
    },
    /// An authority without a signing policy.
    #[error("the signing policy {path} of {authority} cannot be read: {cause}", path = path.display())]
    NoSigningPolicy {
        /// The file that should be there.
        path: PathBuf,
        /// The authority, in slash form.
        authority: String,
        /// The system's error.
        cause: io::Error,
    },
    /// A signing policy with an error in it.
    #[error("the signing policy {path} is wrong: {cause}", path = path.display())]
    SigningPolicy {
        /// The file.
        path: PathBuf,
        /// The error and its line.
        cause: SigningPolicyError,
    },
    /// A subject that the authority may not sign.
    #[error("the signing policy {path} does not allow {authority} to sign {subject}", path = path.display())]
    OutsideSigningPolicy {
        /// The file.
        path: PathBuf,
        /// The authority, in slash form.
        authority: String,
        /// The subject, in slash form.
        subject: String,
    },
    /// A certificate that its authority has revoked.
    #[error("{authority} has revoked {subject}, says {path}", path = path.display())]
    Revoked {
        /// The file with the revocation list.
        path: PathBuf,
        /// The authority, in slash form.
        authority: String,
        /// The certificate, in slash form.
        subject: String,
    },
    /// A revocation list that cannot be read.
    #[error("the revocation list {path} cannot be read: {cause}", path = path.display())]
    RevocationList {
        /// The file.
        path: PathBuf,
        /// The system's or OpenSSL's error.
        cause: io::Error,
    },
    /// OpenSSL failed in this process.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

/// A directory of trust roots.
#[derive(Clone, Debug)]
pub struct TrustDirectory(PathBuf);

impl TrustDirectory {
    pub fn new(path: PathBuf) -> Self {
        TrustDirectory(path)
    }

    /// A fresh store that finds the directory's authorities. A chain that OpenSSL builds and verifies with it
    /// still has to pass [`Self::check_issuers`].
    pub fn store(&self, flags: X509VerifyFlags) -> Result<X509Store, TrustProblem> {
        let path = self
            .0
            .to_str()
            .ok_or_else(|| self.unreadable(io::ErrorKind::InvalidFilename.into()))?;
        // OpenSSL takes a directory that it cannot read for an empty one.
        fs::read_dir(&self.0).map_err(|cause| self.unreadable(cause))?;
        let mut store = X509StoreBuilder::new()?;
        store
            .add_lookup(X509Lookup::hash_dir())?
            .add_dir(path, SslFiletype::PEM)?;
        store.set_flags(flags)?;
        Ok(store.build())
    }

    /// Verifies a credential up to a trust root, over the certificates that came with it. It may be a proxy
    /// certificate (RFC 3820).
    pub fn verify(&self, certificate: &X509Ref, others: &[X509]) -> Result<(), TrustProblem> {
        let store = self.store(X509VerifyFlags::ALLOW_PROXY_CERTS)?;
        let mut untrusted = Stack::new()?;
        for other in others {
            untrusted.push(other.clone())?;
        }
        X509StoreContext::new()?.init(&store, certificate, &untrusted, |context| {
            let verified = context.verify_cert()?;
            Ok(match context.chain() {
                Some(chain) if verified => self.check_issuers(chain),
                _ => Err(rejected_by_openssl(context)),
            })
        })?
    }

    /// What the grid demands of a verified chain besides: each authority in it may sign what it signed, and
    /// has not revoked it. Proxy certificates are signed by users, who have neither policy nor revocation
    /// list.
    pub fn check_issuers(&self, chain: &StackRef<X509>) -> Result<(), TrustProblem> {
        let issuers = chain.iter().skip(1);
        for (certificate, issuer) in chain.iter().zip(issuers) {
            if !is_proxy(certificate)? {
                self.check_signing_policy(certificate, issuer)?;
                self.check_revocation(certificate, issuer)?;
            }
        }
        Ok(())
    }

    fn check_signing_policy(&self, certificate: &X509Ref, issuer: &X509Ref) -> Result<(), TrustProblem> {
        let path = self.file_of(issuer, "signing_policy");
        let authority = slash_form(issuer.subject_name());
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(cause) => {
                return Err(TrustProblem::NoSigningPolicy {
                    path,
                    authority,
                    cause,
                });
            }
        };
        let policy = match SigningPolicy::parse(&text) {
            Ok(policy) => policy,
            Err(cause) => return Err(TrustProblem::SigningPolicy { path, cause }),
        };
        let subject = slash_form(certificate.subject_name());
        if policy.allows(&authority, &subject) {
            Ok(())
        } else {
            Err(TrustProblem::OutsideSigningPolicy {
                path,
                authority,
                subject,
            })
        }
    }

    /// The revocation check of one certificate, made only where its issuer has a revocation list.
    fn check_revocation(&self, certificate: &X509Ref, issuer: &X509Ref) -> Result<(), TrustProblem> {
        let lists = self.revocation_lists(issuer)?;
        if lists.is_empty() {
            return Ok(());
        }
        let issuer_key = issuer.public_key()?;
        let mut store = X509StoreBuilder::new()?;
        let lookup = store.add_lookup(X509Lookup::file())?;
        for RevocationList { path, list } in lists {
            if is_revoked(certificate, &list) && list.verify(&issuer_key)? {
                return Err(TrustProblem::Revoked {
                    path,
                    authority: slash_form(issuer.subject_name()),
                    subject: slash_form(certificate.subject_name()),
                });
            }
            lookup.load_crl_file(path, SslFiletype::PEM)?;
        }
        // What OpenSSL adds: that there is a list by this issuer, that it is current, and that nothing in it is of
        // a critical kind that it does not know. It looks into only one of them.
        store.add_cert(issuer.to_owned())?;
        store.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::PARTIAL_CHAIN)?;
        let none = Stack::new()?;
        X509StoreContext::new()?.init(&store.build(), certificate, &none, |context| {
            Ok(if context.verify_cert()? {
                Ok(())
            } else {
                Err(rejected_by_openssl(context))
            })
        })?
    }

    /// The revocation lists in the name of an authority. Names with the same hash share the numbered files, and the
    /// numbers may have gaps.
    fn revocation_lists(&self, issuer: &X509Ref) -> Result<Vec<RevocationList>, TrustProblem> {
        let prefix = format!("{:08x}.r", issuer.subject_name_hash());
        let mut lists = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(|cause| self.unreadable(cause))? {
            let path = entry.map_err(|cause| self.unreadable(cause))?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_prefix(&prefix));
            if number.is_none_or(|number| number.parse::<u32>().is_err()) {
                continue;
            }
            let unreadable = |cause| TrustProblem::RevocationList {
                path: path.clone(),
                cause,
            };
            let pem = fs::read(&path).map_err(unreadable)?;
            for list in lists_in(&pem).map_err(unreadable)? {
                if list.issuer_name().try_cmp(issuer.subject_name())?.is_eq() {
                    let path = path.clone();
                    lists.push(RevocationList { path, list });
                }
            }
        }
        Ok(lists)
    }

    fn unreadable(&self, cause: io::Error) -> TrustProblem {
        TrustProblem::Directory {
            path: self.0.clone(),
            cause,
        }
    }

    fn file_of(&self, authority: &X509Ref, extension: &str) -> PathBuf {
        self.0
            .join(format!("{:08x}.{extension}", authority.subject_name_hash()))
    }
}

/// A revocation list, and the file that holds it.
struct RevocationList {
    path: PathBuf,
    list: X509Crl,
}

/// Every revocation list in a PEM file; one without any is an error.
fn lists_in(pem: &[u8]) -> io::Result<Vec<X509Crl>> {
    const BEGIN: &[u8] = b"-----BEGIN X509 CRL-----";
    let starts = (0..pem.len()).filter(|&start| pem[start..].starts_with(BEGIN));
    let lists: Vec<_> = starts
        .map(|start| X509Crl::from_pem(&pem[start..]))
        .collect::<Result<_, _>>()?;
    if lists.is_empty() {
        return Err(io::Error::other("there is no \"X509 CRL\" in it"));
    }
    Ok(lists)
}

fn is_revoked(certificate: &X509Ref, list: &X509CrlRef) -> bool {
    matches!(
        list.get_by_serial(certificate.serial_number()),
        CrlStatus::Revoked(_)
    )
}

/// Whether a certificate is an RFC 3820 proxy certificate. OpenSSL knows but does not say, except by refusing
/// one where no proxy certificates are allowed.
pub fn is_proxy(certificate: &X509Ref) -> Result<bool, ErrorStack> {
    /// `X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED` of OpenSSL's `x509_vfy.h`.
    const PROXY_NOT_ALLOWED: i32 = 40;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(certificate.to_owned())?;
    store.set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME)?;
    let none = Stack::new()?;
    X509StoreContext::new()?.init(&store.build(), certificate, &none, |context| {
        Ok(!context.verify_cert()? && context.error().as_raw() == PROXY_NOT_ALLOWED)
    })
}

fn rejected_by_openssl(context: &X509StoreContextRef) -> TrustProblem {
    let subject = context
        .current_cert()
        .map(|certificate| slash_form(certificate.subject_name()));
    TrustProblem::Verification {
        subject,
        result: context.error(),
    }
}
