//! The trust roots that a server hands out, and how they get into a directory.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use openssl::base64;
use openssl::x509::X509Crl;

use crate::client::Client;
use crate::connection::{Connection, Trust};
use crate::conversation::{self, expect_ok, submit};
use crate::credential::Credential;
use crate::error::{Error, Step};
use crate::error_queue::ErrorQueue;
use crate::fingerprint::ServerFingerprint;
use crate::key::Key;
use crate::message::{Command, Message};
use crate::request::GetRequest;
use crate::response::{Fields, MalformedAnswer};

impl Client {
    /// Gets the server's trust roots (command 7): nobody is asked for, and nothing is shown. A server that has none to
    /// give is an error.
    pub fn trust_roots(&self) -> Result<TrustRoots, Error> {
        self.converse(None, ask)
    }

    /// The same from a server that is not trusted yet but for its certificate, which has this fingerprint.
    pub fn first_trust_roots(&self, fingerprint: &ServerFingerprint) -> Result<TrustRoots, Error> {
        self.converse_with(Trust::Fingerprint(fingerprint), None, ask)
    }

    /// Gets a credential, and the trust roots with it; none where the server has none to give.
    pub fn get_with_trust_roots(
        &self,
        request: &GetRequest,
        key: &Key,
    ) -> Result<(Credential, TrustRoots), Error> {
        self.converse(request.proof.client_certificate(), |connection| {
            let message = request.message().line("TRUSTED_CERTS=", b"1");
            let fields = conversation::verify(connection, message, &request.proof)?;
            let trust_roots = read(connection, &fields)?;
            let credential = conversation::receive_credential(connection, request, key, self.trust())?;
            Ok((credential, trust_roots))
        })
    }
}

fn ask(connection: &mut Connection) -> Result<TrustRoots, Error> {
    submit(connection, Message::new(Command::TrustRoots, None, None, 0))?;
    let fields = expect_ok(connection, Step::Verdict)?;
    let trust_roots = read(connection, &fields)?;
    if trust_roots.files.is_empty() {
        return Err(Error::NoTrustRoots {
            server: connection.server().to_owned(),
        });
    }
    Ok(trust_roots)
}

fn read(connection: &Connection, fields: &Fields) -> Result<TrustRoots, Error> {
    TrustRoots::from_fields(fields).map_err(|cause| Error::Malformed {
        server: connection.server().to_owned(),
        cause,
    })
}

/// The files of a server's trust directory: certificates, signing policies, revocation lists and others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustRoots {
    files: Vec<(String, Vec<u8>)>,
    ignored: Vec<String>,
}

/// What came of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// The names of files that are new or were replaced.
    pub written: Vec<String>,
    /// The number of files that were there already, with the same content or (revocation lists) a later one.
    pub current: usize,
}

/// A trust root that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the trust root {path}: {cause}", path = path.display())]
pub struct InstallError {
    /// The file.
    pub path: PathBuf,
    /// The system's error.
    pub cause: io::Error,
}

impl TrustRoots {
    /// From a line of names and one of content for each.
    fn from_fields(fields: &Fields) -> Result<Self, MalformedAnswer> {
        let names = fields.get("TRUSTED_CERTS").unwrap_or_default();
        let mut trust_roots = TrustRoots::default();
        for name in names.split(|&byte| byte == b',').filter(|name| !name.is_empty()) {
            let Some(name) = file_name(name) else {
                trust_roots.ignored.push(name.escape_ascii().to_string());
                continue;
            };
            let content = fields
                .get(&format!("FILEDATA_{name}"))
                .and_then(|encoded| base64::decode_block(str::from_utf8(encoded).ok()?).ok())
                .ok_or(MalformedAnswer::Field("FILEDATA"))?;
            trust_roots.files.push((name.to_owned(), content));
        }
        // Without its signing policy an authority is of no use: policies are written before certificates.
        trust_roots
            .files
            .sort_by_key(|(name, _)| !name.ends_with(".signing_policy"));
        Ok(trust_roots)
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Names that no file is written under: they hold other characters than letters, digits, `.`, `_` and `-`, or begin
    /// with another one than a letter or digit.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Writes the files into a directory, with mode 0644: each at once, so that whoever reads it finds the old file or
    /// the new one. A revocation list is not replaced by an older one. Other files in the directory are left alone.
    pub fn install(&self, directory: &Path) -> Result<Installed, InstallError> {
        let _queue = ErrorQueue::guard();
        let mut installed = Installed::default();
        for (name, content) in &self.files {
            let path = directory.join(name);
            let failed = |cause| InstallError {
                path: path.clone(),
                cause,
            };
            let old = match fs::read(&path) {
                Ok(old) => Some(old),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(failed(error)),
            };
            if old.is_some_and(|old| old == *content || is_later_list(&old, content)) {
                installed.current += 1;
            } else {
                replace(&path, content).map_err(failed)?;
                installed.written.push(name.clone());
            }
        }
        Ok(installed)
    }
}

/// A name that stays in its directory and is no hidden file.
fn file_name(name: &[u8]) -> Option<&str> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let safe = name.len() <= 255 && name.first()?.is_ascii_alphanumeric() && name.iter().all(plain);
    safe.then(|| str::from_utf8(name).ok())?
}

fn is_later_list(old: &[u8], new: &[u8]) -> bool {
    let (Ok(old), Ok(new)) = (X509Crl::from_pem(old), X509Crl::from_pem(new)) else {
        return false;
    };
    old.last_update() > new.last_update()
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".trust-root-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    file.write_all(content)?;
    // The mode that was asked for is subject to the umask.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{Response, response};

    fn from_lines(lines: &str) -> Result<TrustRoots, MalformedAnswer> {
        let message = format!("VERSION=MYPROXYv2\nRESPONSE=0\n{lines}\0");
        match response(message.as_bytes()) {
            Ok(Some((Response::Ok(fields), _))) => TrustRoots::from_fields(&fields),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_written_once_and_whole_and_only_where_it_belongs() {
        let trust_roots = from_lines(
            "TRUSTED_CERTS=2bbe627b.0,../evil,.hidden,a/b,2bbe627b.signing_policy,\n\
             FILEDATA_2bbe627b.0=b25l\nFILEDATA_2bbe627b.signing_policy=dHdv\nFILEDATA_../evil=AAAA\n",
        )
        .unwrap();
        assert_eq!(
            trust_roots.names().collect::<Vec<_>>(),
            ["2bbe627b.signing_policy", "2bbe627b.0"],
            "the policy first"
        );
        assert_eq!(trust_roots.ignored(), ["../evil", ".hidden", "a/b"]);
        let directory = tempfile::tempdir().unwrap();
        let first = trust_roots.install(directory.path()).unwrap();
        assert_eq!((first.written.len(), first.current), (2, 0));
        fs::write(directory.path().join("2bbe627b.0"), "old").unwrap();
        let second = trust_roots.install(directory.path()).unwrap();
        assert_eq!(
            (second.written, second.current),
            (vec!["2bbe627b.0".to_owned()], 1)
        );
        assert_eq!(fs::read(directory.path().join("2bbe627b.0")).unwrap(), b"one");
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            2,
            "no temporary file stays"
        );
        let mode = fs::metadata(directory.path().join("2bbe627b.0"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o644);

        let error = trust_roots.install(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("/nowhere/at/all/2bbe627b.signing_policy"),
            "{error}"
        );
    }

    #[test]
    fn a_file_without_its_content_is_an_error() {
        for lines in [
            "TRUSTED_CERTS=a\n",
            "TRUSTED_CERTS=a\nFILEDATA_a=%%%\n",
            "TRUSTED_CERTS=a\nFILEDATA_ab=b25l\n",
        ] {
            assert_eq!(
                from_lines(lines),
                Err(MalformedAnswer::Field("FILEDATA")),
                "{lines}"
            );
        }
        assert_eq!(from_lines(""), Ok(TrustRoots::default()));
    }
}
