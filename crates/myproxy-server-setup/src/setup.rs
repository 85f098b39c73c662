//! What the server shall be, and how its directory is filled.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use nix::unistd::User;
use openssl::x509::X509;
use zeroize::Zeroizing;

use crate::key_pair_files::KeyPairFiles;
use crate::target::{Owner, Target};
use crate::{
    CertificationAuthority, DistinguishedName, HostCertificate, SetupError, Summary, configuration,
    host_certificate, one_line, pam_service, systemd_unit, trust_directory, user_map,
};

const CA_CERTIFICATE: &str = "ca/ca-certificate.pem";
const CA_KEY: &str = "ca/ca-key.pem";
const HOST_CERTIFICATE: &str = "host/hostcert.pem";
const HOST_KEY: &str = "host/hostkey.pem";
const DAY: u32 = 86_400;

/// A MyProxy server that is to be prepared.
#[derive(Clone, Debug)]
pub struct ServerSetup {
    /// Where everything goes: an absolute path, made where it is missing.
    pub directory: PathBuf,
    /// The names under which clients know the server, the first one being the main one; behind NAT, the public
    /// ones.
    pub names: Vec<String>,
    /// The port that it listens on (MyProxy's own: 7512).
    pub port: u16,
    /// The port under which clients reach it, where that is another.
    pub public_port: Option<u16>,
    /// The address that it listens on; none: all.
    pub listen: Option<IpAddr>,
    /// The user that it runs as; none: the one who runs this.
    pub user: Option<User>,
    /// Name of its PAM service.
    pub pam_service: String,
    /// What it takes for a proof of who somebody is.
    pub proof: Proof,
    /// What every subject begins with: `<base>/CN=...` are the authority and the host, `<base>/OU=People/CN=...`
    /// the users. None: `/O=<first name>`.
    pub base: Option<DistinguishedName>,
    /// A host certificate that exists, from whichever authority; none: the authority here makes one.
    pub host: Option<ExistingHostCertificate>,
    /// Bits of the RSA keys of authority and host: 3072 or more.
    pub key_bits: u32,
    /// Days for which the authority is good.
    pub authority_days: u32,
    /// Days for which a host certificate made here is good.
    pub host_days: u32,
    /// Hours for which the server issues credentials at most.
    pub credential_hours: u32,
}

/// What a MyProxy server takes for a proof of who somebody is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Pass phrases, checked by a PAM module: its name or path, and its arguments.
    PassPhrases {
        /// As in a PAM configuration file: `pam_sss.so`, `pam_krb5.so minimum_uid=1000`.
        pam_module: String,
    },
    /// Granting cookies of a Pubcookie login server, checked by pam_pubcookie.
    GrantingCookies(GrantingCookies),
}

/// Which granting cookies are accepted: the arguments of pam_pubcookie.
#[derive(Clone, Debug)]
pub struct GrantingCookies {
    /// Certificates of the login server's granting key; more than one while it is being changed.
    pub granting_certificates: Vec<PathBuf>,
    /// The application servers whose cookies count; `*` is any.
    pub app_server_ids: Vec<String>,
    /// Realms that the cookie's user may carry.
    pub realms: Vec<String>,
    /// For cookies that come as the application server got them: still encrypted.
    pub encrypted: Option<EncryptedCookies>,
    /// Seconds that a cookie may be old; none: the module's own limit.
    pub max_age: Option<u32>,
    /// The module: its name, or its absolute path.
    pub pam_module: String,
}

/// How encrypted granting cookies are decrypted.
#[derive(Clone, Debug)]
pub struct EncryptedCookies {
    /// The directory with the key files that application servers share with the login server.
    pub key_directory: PathBuf,
    /// The application servers, by the names of their key files.
    pub app_servers: Vec<String>,
}

/// Files of a host certificate that exists.
#[derive(Clone, Debug)]
pub struct ExistingHostCertificate {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM, not encrypted.
    pub key: PathBuf,
    /// The authority that clients must trust for it.
    pub authority: Option<PathBuf>,
}

impl ServerSetup {
    /// Fills the directory. What is already there stays: run again, this only completes.
    ///
    /// # Errors
    /// Something of the setup does not fit, cannot be read or written, or contradicts what is already there (an
    /// authority of another name, a host certificate without these names): nothing is ever overwritten.
    pub fn prepare(&self) -> Result<Summary, SetupError> {
        self.check()?;
        let mut target = Target::open(&self.directory, self.user.clone())?;
        for (name, mode) in [("ca", 0o700), ("store", 0o700), ("run", 0o755)] {
            target.directory(name, mode, Owner::Server)?;
        }
        for name in ["host", "pam.d"] {
            target.directory(name, 0o755, Owner::Administrator)?;
        }
        let base = self.base()?;
        let (authority, authority_made) = self.authority(&mut target, &base)?;
        let subjects = [format!("{base}/CN=*"), format!("{base}/OU=People/CN=*")];
        trust_directory::write_authority(&mut target, &authority, &subjects)?;
        let host = self.host_certificate(&mut target, &authority, &base)?;
        target.file(
            "map-user",
            0o755,
            Owner::Administrator,
            user_map::script(&base.with("OU", "People")?).as_bytes(),
        )?;
        target.file(
            "myproxy-server.config",
            0o644,
            Owner::Administrator,
            configuration::file(self).as_bytes(),
        )?;
        let pam = self.pam_file(&mut target)?;
        target.file(
            &format!("pam.d/{}", self.pam_service),
            0o644,
            Owner::Administrator,
            pam.as_bytes(),
        )?;
        target.file(
            "myproxy-server.service",
            0o644,
            Owner::Administrator,
            systemd_unit::file(self).as_bytes(),
        )?;
        let summary = Summary::new(self, authority.certificate(), authority_made, &host);
        target.file(
            "SUMMARY.txt",
            0o644,
            Owner::Administrator,
            summary.to_string().as_bytes(),
        )?;
        Ok(summary.with_files(target.into_files()))
    }

    /// The path of `name` in the directory, as configuration files show it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    pub(crate) fn host_certificate_path(&self) -> String {
        self.path(HOST_CERTIFICATE)
    }

    pub(crate) fn host_key_path(&self) -> String {
        self.path(HOST_KEY)
    }

    pub(crate) fn authority_paths(&self) -> (String, String) {
        (self.path(CA_CERTIFICATE), self.path(CA_KEY))
    }

    fn base(&self) -> Result<DistinguishedName, SetupError> {
        match &self.base {
            Some(base) => Ok(base.clone()),
            None => Ok(format!("/O={}", self.names[0]).parse()?),
        }
    }

    /// The authority that is there, or a new one; and whether it is new.
    fn authority(
        &self,
        target: &mut Target,
        base: &DistinguishedName,
    ) -> Result<(CertificationAuthority, bool), SetupError> {
        let subject = base.with("CN", "MyProxy CA")?;
        let existing = [CA_CERTIFICATE, CA_KEY].map(|name| target.exists(name));
        if existing == [false, false] {
            let authority = CertificationAuthority::create(
                &subject,
                self.key_bits,
                self.authority_days.saturating_mul(DAY),
            )?;
            let key = Zeroizing::new(authority.key().private_key_to_pem_pkcs8()?);
            target.file(CA_KEY, 0o600, Owner::Server, &key)?;
            target.file(
                CA_CERTIFICATE,
                0o644,
                Owner::Server,
                &authority.certificate().to_pem()?,
            )?;
            return Ok((authority, true));
        }
        if existing != [true, true] {
            return Err(SetupError::HalfAuthority {
                directory: target.path("ca"),
            });
        }
        let pair = KeyPairFiles::in_target(target, CA_CERTIFICATE, CA_KEY)?.key_pair()?;
        let found = one_line(pair.certificate.subject_name());
        if found != subject.to_string() {
            let path = target.path(CA_CERTIFICATE);
            return Err(SetupError::OtherAuthority {
                path,
                found,
                wanted: subject.to_string(),
            });
        }
        Ok((CertificationAuthority::from_key_pair(pair), false))
    }

    /// The host certificate that is there, the given one, or a new one: clients that have the trust directory accept
    /// it, under each name.
    fn host_certificate(
        &self,
        target: &mut Target,
        authority: &CertificationAuthority,
        base: &DistinguishedName,
    ) -> Result<X509, SetupError> {
        if let Some(path) = self.host.as_ref().and_then(|given| given.authority.as_ref()) {
            for certificate in X509::stack_from_pem(&read(path)?)? {
                trust_directory::write_certificate(target, &certificate, &["/*".to_owned()])?;
            }
        }
        let existing = [HOST_CERTIFICATE, HOST_KEY].map(|name| target.exists(name));
        let files = match (existing, &self.host) {
            ([true, true], _) => KeyPairFiles::in_target(target, HOST_CERTIFICATE, HOST_KEY)?,
            ([false, false], Some(given)) => KeyPairFiles::read(&given.certificate, &given.key)?,
            ([false, false], None) => self.new_host_certificate(target, authority, base)?,
            _ => {
                return Err(SetupError::HalfHostCertificate {
                    directory: target.path("host"),
                });
            }
        };
        let certificate = files.key_pair()?.certificate;
        host_certificate::check(&files, &self.names, &target.path("trust"))?;
        if existing == [false, false] {
            target.file(HOST_KEY, 0o600, Owner::Server, &files.key)?;
            target.file(HOST_CERTIFICATE, 0o644, Owner::Server, &files.certificate)?;
        }
        Ok(certificate)
    }

    fn new_host_certificate(
        &self,
        target: &Target,
        authority: &CertificationAuthority,
        base: &DistinguishedName,
    ) -> Result<KeyPairFiles, SetupError> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let subject = base.with("CN", names[0])?;
        let contents = HostCertificate::new(subject, &names, self.host_days.saturating_mul(DAY));
        let pair = authority.issue_with_new_key(&contents, self.key_bits)?;
        Ok(KeyPairFiles {
            certificate_path: target.path(HOST_CERTIFICATE),
            certificate: pair.certificate.to_pem()?,
            key_path: target.path(HOST_KEY),
            key: Zeroizing::new(pair.key.private_key_to_pem_pkcs8()?),
        })
    }

    /// The PAM service file; the granting certificates that it names are copied to where the server can read
    /// them.
    fn pam_file(&self, target: &mut Target) -> Result<String, SetupError> {
        let mut certificates = Vec::new();
        if let Proof::GrantingCookies(cookies) = &self.proof {
            target.directory("replay", 0o700, Owner::Server)?;
            target.directory("granting", 0o755, Owner::Administrator)?;
            for (number, path) in cookies.granting_certificates.iter().enumerate() {
                let certificate = X509::from_pem(&read(path)?)?;
                let name = format!("granting/{}.pem", number + 1);
                let copy = target.file(&name, 0o644, Owner::Administrator, &certificate.to_pem()?)?;
                certificates.push(copy.display().to_string());
            }
        }
        Ok(pam_service::file(
            &self.proof,
            &certificates,
            &target.path("replay"),
        ))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SetupError> {
    fs::read(path).map_err(|cause| SetupError::Read {
        path: path.to_owned(),
        cause,
    })
}
