//! Whether a setup can be written into configuration files at all: each has its own quoting, so nothing that
//! would need any is let in.

use std::net::IpAddr;

use nix::unistd::Uid;

use crate::{Proof, ServerSetup, SetupError};

/// Bits of an RSA key of the authority and of the host at least.
const SMALLEST_KEY: u32 = 3072;
/// Characters of a host name at most: as many as a CN may have (RFC 5280, ub-common-name).
const LONGEST_NAME: usize = 64;

impl ServerSetup {
    /// Refuses what does not fit.
    pub(crate) fn check(&self) -> Result<(), SetupError> {
        let directory = self.directory.to_string_lossy();
        if !self.directory.is_absolute() {
            return Err(unfit("the directory", &directory, "it must be an absolute path"));
        }
        plain("the directory", &directory)?;
        if directory.contains(':') {
            let reason = "in OpenSSL's paths of trust directories a colon separates two";
            return Err(unfit("the directory", &directory, reason));
        }
        if self.names.is_empty() {
            return Err(unfit("the server", "", "it needs a name"));
        }
        if let Some(name) = self.names.iter().find(|name| !is_address_or_host_name(name)) {
            return Err(unfit(
                "the host name",
                name,
                "it must be an IP address, or 1 to 64 letters, digits, dots and hyphens",
            ));
        }
        let service = &self.pam_service;
        if service.is_empty()
            || !service
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        {
            return Err(unfit(
                "the PAM service",
                service,
                "letters, digits, _ and - are allowed",
            ));
        }
        if self.key_bits < SMALLEST_KEY {
            let bits = self.key_bits.to_string();
            return Err(unfit("the key size", &bits, "3072 bits or more are needed"));
        }
        self.proof.check()?;
        let is_root = self
            .user
            .as_ref()
            .map_or_else(Uid::effective, |user| user.uid)
            .is_root();
        match &self.proof {
            Proof::PassPhrases { pam_module } if pam_module.contains("pam_unix.so") && !is_root => {
                Err(SetupError::PamUnixWithoutRoot)
            }
            _ => Ok(()),
        }
    }
}

impl Proof {
    fn check(&self) -> Result<(), SetupError> {
        let cookies = match self {
            Proof::PassPhrases { pam_module } => return one_line("the PAM module", pam_module),
            Proof::GrantingCookies(cookies) => cookies,
        };
        one_line("the PAM module", &cookies.pam_module)?;
        if cookies.granting_certificates.is_empty() || cookies.app_server_ids.is_empty() {
            return Err(SetupError::NobodyAccepted);
        }
        cookies
            .app_server_ids
            .iter()
            .try_for_each(|id| plain("the app server ID", id))?;
        cookies
            .realms
            .iter()
            .try_for_each(|realm| plain("the realm", realm))?;
        if let Some(encrypted) = &cookies.encrypted {
            plain("the key directory", &encrypted.key_directory.to_string_lossy())?;
            encrypted
                .app_servers
                .iter()
                .try_for_each(|name| plain("the application server", name))?;
        }
        Ok(())
    }
}

/// An IP address, or a host name (RFC 1123) that fits into a CN; what ends in a number is an address or nothing.
fn is_address_or_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ends_in_a_number = |name: &str| {
        let last = name.rsplit('.').next().unwrap_or_default();
        last.bytes().all(|byte| byte.is_ascii_digit())
    };
    name.parse::<IpAddr>().is_ok()
        || name.len() <= LONGEST_NAME && name.split('.').all(is_label) && !ends_in_a_number(name)
}

/// A word that means itself in myproxy-server.config, PAM, systemd and the shell.
fn plain(what: &'static str, value: &str) -> Result<(), SetupError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@:,=*".contains(&byte);
    if value.is_empty() || !value.bytes().all(allowed) {
        return Err(unfit(
            what,
            value,
            "letters, digits and / . _ - + @ : , = * are allowed",
        ));
    }
    Ok(())
}

fn one_line(what: &'static str, value: &str) -> Result<(), SetupError> {
    if value.is_empty() || !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || value.ends_with('\\') {
        return Err(unfit(what, value, "one line of printable ASCII is allowed"));
    }
    Ok(())
}

fn unfit(what: &'static str, value: &str, reason: &'static str) -> SetupError {
    SetupError::Unfit {
        what,
        value: value.to_owned(),
        reason,
    }
}
