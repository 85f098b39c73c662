//! What a logon has to show, and the PAM services that check it.

use std::fs;

use anyhow::{Context, Result, bail};
use myproxy_server_setup::{GrantingCookies, Proof, Summary};

use super::PAM_SERVICE;
use crate::private_directory::{PrivateDirectory, write_file};

/// What a logon has to show.
#[derive(Clone, Debug)]
pub enum Accepts {
    /// One of these users with this pass phrase (of six characters or more: myproxy-logon demands that).
    PassPhrases(Vec<(String, String)>),
    /// A granting cookie; `pam_module` is the path of the built `libpam_pubcookie.so`.
    GrantingCookies(GrantingCookies),
}

impl Accepts {
    /// As `setup-server` takes it; the module goes to where the server can read it.
    pub(super) fn proof(&self, directory: &PrivateDirectory) -> Result<Proof> {
        match self {
            Accepts::PassPhrases(_) => Ok(Proof::PassPhrases {
                pam_module: "pam_exec.so".to_owned(),
            }),
            Accepts::GrantingCookies(cookies) => {
                let module = directory.join("pam_pubcookie.so");
                fs::copy(&cookies.pam_module, &module)
                    .with_context(|| format!("cannot copy {}", cookies.pam_module))?;
                let pam_module = module.display().to_string();
                Ok(Proof::GrantingCookies(GrantingCookies {
                    pam_module,
                    ..cookies.clone()
                }))
            }
        }
    }

    /// Fills the directory that the server sees as `/etc/pam.d`.
    pub(super) fn write_pam_services(&self, directory: &PrivateDirectory, summary: &Summary) -> Result<()> {
        let service = match self {
            Accepts::GrantingCookies(_) => fs::read_to_string(&summary.pam_file)?,
            Accepts::PassPhrases(users) => {
                let script = directory.write("check-pass-phrase", 0o755, pass_phrase_script(users)?)?;
                // pam_exec calls a refusal a system error; pam_deny says that the pass phrase is wrong.
                format!(
                    "auth sufficient pam_exec.so quiet expose_authtok {}\n\
                     auth required pam_deny.so\n\
                     account required pam_permit.so\n",
                    script.display()
                )
            }
        };
        let services = directory.make_directory("pam.d", 0o755)?;
        write_file(&services.join(PAM_SERVICE), 0o644, service.as_bytes())?;
        // PAM wants one, also where it is never used.
        write_file(
            &services.join("other"),
            0o644,
            b"auth required pam_deny.so\naccount required pam_deny.so\n",
        )
    }
}

/// A program for pam_exec: the pass phrase comes on its standard input, the user in its environment.
fn pass_phrase_script(users: &[(String, String)]) -> Result<String> {
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte))
    };
    let mut script = "#!/bin/sh\nIFS= read -r pass_phrase\n".to_owned();
    for (user, pass_phrase) in users {
        if !(plain(user) && plain(pass_phrase)) {
            bail!("the test server takes users and pass phrases of letters, digits and @ . _ - only");
        }
        script += &format!("[ \"$PAM_USER $pass_phrase\" = '{user} {pass_phrase}' ] && exit 0\n");
    }
    Ok(script + "exit 1\n")
}
