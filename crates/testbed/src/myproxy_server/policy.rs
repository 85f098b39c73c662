//! Whom the server trusts besides: lines of myproxy-server.config(5), and certificates for those whom they name.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use myproxy_server_setup::{CertificationAuthority, DistinguishedName, HostCertificate, KeyPair};
use openssl::pkey::PKey;
use openssl::x509::X509;

use crate::pki::{CertificateFiles, write_key_pair};

const KEY_BITS: u32 = 2048;
const DAY: u32 = 86_400;

/// Whom a server trusts without a pass phrase. Names are those of [`certificate_of`].
#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    pub(super) pam_sufficient: bool,
    pub(super) trusted_retrievers: Vec<String>,
    pub(super) renewers: Vec<String>,
}

impl Policy {
    /// Writes it into the configuration that `setup-server` made.
    pub(super) fn apply(&self, configuration: &Path, organization: &str) -> Result<()> {
        let mut text = fs::read_to_string(configuration)?;
        if self.pam_sufficient {
            let required = "pam \"required\"";
            ensure!(text.contains(required), "setup-server wrote no {required}");
            text = text.replace(required, "pam \"sufficient\"");
        }
        let lists = [
            (
                ["trusted_retrievers", "default_trusted_retrievers"],
                &self.trusted_retrievers,
            ),
            (["authorized_renewers", "default_renewers"], &self.renewers),
        ];
        for (directives, names) in lists {
            for name in names {
                for directive in directives {
                    text += &format!("{directive} \"{organization}/CN={name}\"\n");
                }
            }
        }
        Ok(fs::write(configuration, text)?)
    }
}

/// A certificate of the server's own authority for `<organization>/CN=<name>`, in `<directory>/<name>.pem` and `.key`.
pub(super) fn certificate_of(
    name: &str,
    organization: &str,
    authority: &Path,
    directory: &Path,
) -> Result<CertificateFiles> {
    let authority = CertificationAuthority::from_key_pair(KeyPair {
        certificate: X509::from_pem(&fs::read(authority.join("ca-certificate.pem"))?)?,
        key: PKey::private_key_from_pem(&fs::read(authority.join("ca-key.pem"))?)?,
    });
    let subject = organization.parse::<DistinguishedName>()?.with("CN", name)?;
    let pair = authority.issue_with_new_key(&HostCertificate::new(subject, &[], DAY), KEY_BITS)?;
    write_key_pair(directory, name, &pair)
}
