//! `mod-myproxy change-passphrase`: what `myproxy-change-pass-phrase` does.

use std::mem;

use anyhow::Result;
use myproxy_client::PassPhrase;

use crate::myproxy::account::AccountOptions;
use crate::myproxy::own_certificate::CertificateFiles;
use crate::myproxy::pass_phrase::PassPhrases;
use crate::myproxy::server::ServerOptions;

const AFTER_HELP: &str = "\
Changes the pass phrase of a credential that the server keeps. Only its owner can do that.

With -S standard input has the present pass phrase in its first line and the new one in the next.

Example:
  mod-myproxy change-passphrase -s myproxy.example.org -l alice";

/// The options of `myproxy-change-pass-phrase`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerOptions,

    #[command(flatten)]
    account: AccountOptions,

    /// Read both pass phrases from standard input, one a line
    #[arg(short = 'S', long = "stdin_pass")]
    pass_phrases_from_stdin: bool,
}

/// Changes the pass phrase.
pub fn run(arguments: Arguments) -> Result<()> {
    let client = arguments.server.client()?;
    let credential_name = arguments.account.credential_name()?;
    let owner = CertificateFiles::to_authenticate()?.read(PassPhrases::Terminal)?;
    let user_name = arguments.account.user_name(|| Ok(owner.identity().to_owned()))?;
    let pass_phrases = PassPhrases::new(arguments.pass_phrases_from_stdin);
    let mut old = pass_phrases.ask("Present MyProxy pass phrase: ")?;
    let old = PassPhrase::new(mem::take(&mut *old))?;
    let mut new = pass_phrases.ask_for_new("New MyProxy pass phrase: ")?;
    let new = PassPhrase::new(mem::take(&mut *new))?;
    client.change_pass_phrase(&user_name, credential_name.as_ref(), &old, &new, &owner)?;
    super::print("The pass phrase is changed")
}
