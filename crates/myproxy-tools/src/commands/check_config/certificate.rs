//! Our own certificate, for which the MyProxy server trusts us.

use std::io;
use std::time::{Duration, SystemTime};

use myproxy_client::{ClientCertificate, ClientCertificateError};

use super::finding::{Finding, Severity};
use super::settings::Server;

const DIRECTIVE: &str = "MyProxyCertificateFile";
const KEY_DIRECTIVE: &str = "MyProxyCertificateKeyFile";
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Both files, the key, the dates, the usage. A key with a pass phrase is left to httpd.
pub fn check(server: &Server) -> Option<Finding> {
    let certificate = server.path(DIRECTIVE)?;
    let key_file = server.path(KEY_DIRECTIVE);
    let key = key_file.as_ref().unwrap_or(&certificate);
    let not_here = || Err(io::Error::other("it is not asked for here"));
    match ClientCertificate::from_files(&certificate, key, not_here) {
        Ok(own) => {
            let left = own
                .not_after()
                .duration_since(SystemTime::now())
                .unwrap_or_default();
            (left < SOON).then(|| {
                let problem = format!(
                    "the certificate {} expires in {} h",
                    own.subject(),
                    left.as_secs() / 3600
                );
                server.finding(Severity::Doubtful, DIRECTIVE, problem, "get a new one in time")
            })
        }
        Err(ClientCertificateError::PassPhrase { .. }) => None,
        Err(error) => {
            let about_key = key_file.is_some_and(|key_file| error.is_about_key(&key_file));
            let directive = if about_key { KEY_DIRECTIVE } else { DIRECTIVE };
            Some(server.finding(Severity::Fails, directive, error, ""))
        }
    }
}
