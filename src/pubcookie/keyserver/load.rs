//! What a keyserver needs, checked when httpd starts.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use granting_cookie::VerifyingCertificate;

use super::Keyserver;
use crate::httpd::{ChildUser, Server, log};
use crate::pubcookie::Pubcookie;
use crate::pubcookie::config::ServerConfig;

impl Keyserver {
    /// The keyserver that the directives describe. httpd's children serve it: the directories have to be theirs to write.
    pub fn load(config: &ServerConfig, server: Server<'_>) -> Result<Self, String> {
        let permits = &config.key_permits;
        let directory = config
            .key_files
            .key_directory
            .as_ref()
            .ok_or("PubcookieKeyDir: not set; it is where the keyserver keeps the keys of all hosts")?;
        let directories = [
            ("PubcookieKeyDir", Some(directory)),
            ("PubcookieKeyPermitDir", permits.permit_directory.as_ref()),
            ("PubcookieKeyTrustDir", permits.trust_directory.as_ref()),
        ];
        for (directive, directory) in directories {
            if let Some(directory) = directory {
                check_directory(directory, ChildUser::current())
                    .map_err(|problem| format!("{directive}: {problem}"))?;
            }
        }
        warn_of_requests_of_the_original(server);
        Ok(Keyserver::new(
            permits.clone(),
            directory,
            granting_certificate(config)?,
        ))
    }
}

fn check_directory(path: &Path, child: ChildUser) -> Result<(), String> {
    let shown = path.display();
    let found = fs::metadata(path).map_err(|problem| format!("{shown} cannot be read: {problem}"))?;
    if !found.is_dir() {
        return Err(format!("{shown} is no directory"));
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(format!(
            "{shown} has mode {mode:04o}: everybody can put keys there; chmod o-w it"
        ));
    }
    if !may(child, &found, 0o3) {
        return Err(format!(
            "{shown} (mode {mode:04o}, owner {}, group {}) cannot be written to by the user that httpd's children run as \
             ({}), who serve the keys: chown it, with the files in it",
            found.uid(),
            found.gid(),
            child.user
        ));
    }
    let closed = path.ancestors().skip(1).find(|above| {
        let found = fs::metadata(above);
        found.is_ok_and(|found| !may(child, &found, 0o1))
    });
    match closed {
        None => Ok(()),
        Some(above) => Err(format!(
            "{shown} cannot be reached by the user that httpd's children run as ({}), who serve the keys: chmod a+x {}",
            child.user,
            above.display()
        )),
    }
}

/// Whether httpd's children have these rights (4 to read, 2 to write, 1 to search).
fn may(child: ChildUser, found: &Metadata, rights: u32) -> bool {
    let shift = match child {
        ChildUser { user: 0, .. } => return true,
        ChildUser { user, .. } if user == found.uid() => 6,
        child if child.groups().contains(&found.gid()) => 3,
        _ => 0,
    };
    (found.mode() >> shift) & rights == rights
}

/// What is handed out as granting certificate: the first one, which is the one that is used, or will be next.
fn granting_certificate(config: &ServerConfig) -> Result<Option<String>, String> {
    let Some(path) = config.key_files.granting_certificates.first() else {
        return Ok(None);
    };
    let about =
        |problem: &dyn std::fmt::Display| format!("PubcookieGrantingCertFile: {}: {problem}", path.display());
    let pem = fs::read_to_string(path).map_err(|problem| about(&problem))?;
    VerifyingCertificate::from_pem(pem.as_bytes()).map_err(|problem| about(&problem))?;
    Ok(Some(pem))
}

/// Clients of the original send a request line without an HTTP version, and upload keys in it.
fn warn_of_requests_of_the_original(server: Server<'_>) {
    let name = server.name();
    if server.refuses_http_0_9() {
        log!(
            Pubcookie,
            server,
            Warning,
            "HttpProtocolOptions Require1.0: the keyserver {name} will answer 400 to an original keyclient that sends its \
             requests without an HTTP version; mod_myproxy's own keyclient does not"
        );
    }
    if server.logs_request_lines() {
        log!(
            Pubcookie,
            server,
            Warning,
            "LogLevel core:trace5 logs request lines before any module sees them, and with them the keys that original \
             clients upload to the keyserver {name}: say core:trace4"
        );
    }
}
