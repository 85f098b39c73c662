//! The keys of the recorded servers: what was written then can be read now, and the servers of the test have them too.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use granting_cookie::{Cookie, CryptKey, EncryptedCookie, Encryption, VerifyingCertificate};
use openssl::base64::decode_block;
use openssl::pkey::PKey;
use openssl::x509::X509;
use pubcookie_protocol::app_id::AppServerId;
use pubcookie_protocol::sealed::{self, Purpose, SealingKeys};
use serde::Deserialize;
use testbed::write_file;

/// The name under which the file has the login server's granting key.
pub const GRANTING: &str = "pubcookie_granting";

/// The keys of all hosts.
pub struct Keys {
    directory: PathBuf,
    verifying: Vec<(String, VerifyingCertificate)>,
    crypt: BTreeMap<String, CryptKey>,
    /// What was opened before: it takes its time.
    opened: RefCell<BTreeMap<String, Option<Opened>>>,
}

/// A cookie that was opened.
#[derive(Clone)]
pub struct Opened {
    pub cookie: Cookie,
    /// Whose key signed it.
    pub signer: String,
    /// For whom it was encrypted, and how.
    pub peer: String,
    pub encryption: Encryption,
}

#[derive(Deserialize)]
struct HostKeys {
    certificate_der: String,
    private_key_pkcs8_der: String,
    crypt_key: Option<String>,
}

impl Keys {
    /// Writes them into files in `directory`.
    pub fn write(directory: &Path) -> Result<Keys> {
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors/live-keys.json");
        let hosts: BTreeMap<String, HostKeys> = serde_json::from_slice(&fs::read(vectors)?)?;
        let mut keys = Keys {
            directory: directory.to_owned(),
            verifying: Vec::new(),
            crypt: BTreeMap::new(),
            opened: RefCell::default(),
        };
        fs::create_dir_all(keys.key_directory())?;
        for (host, files) in hosts {
            let certificate = X509::from_der(&decode_block(&files.certificate_der)?)?.to_pem()?;
            let key = PKey::private_key_from_der(&decode_block(&files.private_key_pkcs8_der)?)?;
            fs::write(keys.certificate(&host), &certificate)?;
            write_file(&keys.private_key(&host), 0o600, &key.private_key_to_pem_pkcs8()?)?;
            if let Some(crypt_key) = &files.crypt_key {
                let crypt_key = decode_block(crypt_key)?;
                write_file(&keys.key_directory().join(&host), 0o600, &crypt_key)?;
                let crypt_key = CryptKey::from_bytes(&crypt_key).context("a short key file")?;
                keys.crypt.insert(host.clone(), crypt_key);
            }
            keys.verifying
                .push((host, VerifyingCertificate::from_pem(&certificate)?));
        }
        Ok(keys)
    }

    pub fn certificate(&self, host: &str) -> PathBuf {
        self.directory.join(format!("{host}.pem"))
    }

    pub fn private_key(&self, host: &str) -> PathBuf {
        self.directory.join(format!("{host}.key"))
    }

    pub fn key_directory(&self) -> PathBuf {
        self.directory.join("keys")
    }

    /// The keys with which our application server of this name seals.
    pub fn sealing(&self, purpose: Purpose, host: &str) -> Option<SealingKeys> {
        let context = sealed::Context {
            server_name: host,
            app_server_id: &AppServerId::configured(host).ok()?,
        };
        let key = fs::read(self.private_key(host)).ok()?;
        SealingKeys::derive(&key, None, purpose, context).ok()
    }

    /// What a cookie says, whoever made it for whomever; `None` for what no key opens.
    pub fn open(&self, text: &str) -> Option<Opened> {
        let mut opened = self.opened.borrow_mut();
        opened
            .entry(text.to_owned())
            .or_insert_with(|| self.try_all(text))
            .clone()
    }

    fn try_all(&self, text: &str) -> Option<Opened> {
        let encrypted = EncryptedCookie::from_base64(text).ok()?;
        // AES in CBC mode fills whole blocks; two bytes of index follow.
        let encryptions: &[Encryption] = match decode_block(text).ok()?.len() % 16 {
            2 => &[Encryption::Aes, Encryption::AesDomain],
            _ => &[Encryption::Des],
        };
        let certificates = || self.verifying.iter().map(|(_, certificate)| certificate);
        for (peer, key) in &self.crypt {
            for &encryption in encryptions {
                if let Ok(verified) = encrypted.open(encryption, key, peer, certificates()) {
                    let signed_by =
                        |(_, certificate): &&(String, _)| verified.signed.verify([certificate]).is_ok();
                    let (signer, _) = self.verifying.iter().find(signed_by)?;
                    return Some(Opened {
                        cookie: verified.cookie,
                        signer: signer.clone(),
                        peer: peer.clone(),
                        encryption,
                    });
                }
            }
        }
        None
    }
}
