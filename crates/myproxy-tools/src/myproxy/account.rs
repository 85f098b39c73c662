//! Whose credential at the server, and which one.

use std::env;

use anyhow::{Context, Result};
use myproxy_client::{CredentialName, UserName};

/// The options by which every command of MyProxy names an account.
#[derive(clap::Args)]
pub struct AccountOptions {
    /// Account at the server [default: LOGNAME]
    #[arg(short = 'l', long = "username", value_name = "NAME")]
    user_name: Option<String>,

    /// The account is called like the subject of the own certificate, unless -l names another
    #[arg(short = 'd', long = "dn_as_username")]
    subject_as_user_name: bool,

    /// Which one of several stored credentials
    #[arg(short = 'k', long = "credname", value_name = "NAME")]
    credential_name: Option<String>,
}

impl AccountOptions {
    /// The account. `subject` says whose the own certificate is; it is asked only with -d.
    pub fn user_name(&self, subject: impl FnOnce() -> Result<String>) -> Result<UserName> {
        let name = match &self.user_name {
            Some(name) => name.clone(),
            None if self.subject_as_user_name => subject()?,
            None => env::var("LOGNAME")
                .ok()
                .context("whose credential? LOGNAME is not set: name the account with -l")?,
        };
        Ok(UserName::new(name)?)
    }

    /// Which credential, where one was named.
    pub fn credential_name(&self) -> Result<Option<CredentialName>> {
        let name = self.credential_name.as_deref();
        Ok(name.map(CredentialName::new).transpose()?)
    }
}
