//! The PAM service of the MyProxy server: what it takes for a pass phrase.

use std::path::Path;

use crate::{GrantingCookies, Proof};

/// The file `/etc/pam.d/<service>`.
pub(crate) fn file(proof: &Proof, granting_certificates: &[String], replay_directory: &Path) -> String {
    match proof {
        Proof::PassPhrases { pam_module } => format!(
            "# The pass phrase of a MyProxy logon is checked by this module.\n\
             auth     required  {pam_module}\n\
             account  required  {pam_module}\n"
        ),
        Proof::GrantingCookies(cookies) => {
            let lines = arguments(cookies, granting_certificates, replay_directory).join(" \\\n    ");
            format!(
                "# The pass phrase of a MyProxy logon is a Pubcookie granting cookie.\n\
                 auth     required  {} \\\n    {lines}\n\
                 account  required  pam_permit.so\n",
                cookies.pam_module
            )
        }
    }
}

fn arguments(
    cookies: &GrantingCookies,
    granting_certificates: &[String],
    replay_directory: &Path,
) -> Vec<String> {
    let mut arguments: Vec<String> = granting_certificates
        .iter()
        .map(|path| format!("granting_cert={path}"))
        .collect();
    arguments.extend(
        cookies
            .app_server_ids
            .iter()
            .map(|id| format!("app_server_id={id}")),
    );
    arguments.extend(cookies.realms.iter().map(|realm| format!("realm={realm}")));
    if let Some(encrypted) = &cookies.encrypted {
        arguments.push(format!("keydir={}", encrypted.key_directory.display()));
        arguments.extend(
            encrypted
                .app_servers
                .iter()
                .map(|server| format!("app_server={server}")),
        );
    }
    arguments.extend(cookies.max_age.map(|seconds| format!("max_age={seconds}")));
    arguments.push(format!("replay_dir={}", replay_directory.display()));
    arguments
}
