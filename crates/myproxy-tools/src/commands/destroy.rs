//! `mod-myproxy destroy`: what `myproxy-destroy` does.

use anyhow::Result;

use crate::myproxy::account::AccountOptions;
use crate::myproxy::own_certificate::CertificateFiles;
use crate::myproxy::pass_phrase::PassPhrases;
use crate::myproxy::server::ServerOptions;

const AFTER_HELP: &str = "\
Removes a credential that the server keeps: the default one, or the one that -k names. Only its owner can do that.

Example:
  mod-myproxy destroy -s myproxy.example.org -l alice -k work";

/// The options of `myproxy-destroy`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerOptions,

    #[command(flatten)]
    account: AccountOptions,
}

/// Removes the credential.
pub fn run(arguments: Arguments) -> Result<()> {
    let client = arguments.server.client()?;
    let credential_name = arguments.account.credential_name()?;
    let owner = CertificateFiles::to_authenticate()?.read(PassPhrases::Terminal)?;
    let user_name = arguments.account.user_name(|| Ok(owner.identity().to_owned()))?;
    client.destroy(&user_name, credential_name.as_ref(), &owner)?;
    let which = match &credential_name {
        Some(name) => format!("credential {}", name.as_str()),
        None => "default credential".to_owned(),
    };
    super::print(&format!("The {which} of {} is removed", user_name.as_str()))
}
