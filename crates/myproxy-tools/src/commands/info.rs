//! `mod-myproxy info`: what `myproxy-info` does.

use std::fmt::Write;
use std::time::SystemTime;

use anyhow::{Result, bail};
use myproxy_client::{StoredCredential, UserName};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::myproxy::account::AccountOptions;
use crate::myproxy::own_certificate::CertificateFiles;
use crate::myproxy::pass_phrase::PassPhrases;
use crate::myproxy::server::ServerOptions;

const AFTER_HELP: &str = "\
Shows what the server keeps for an account, as far as the owner of the own certificate may see it. Credentials that a \
server makes itself, with a certification authority, are not kept there.

Example:
  mod-myproxy info -s myproxy.example.org -l alice";

/// The options of `myproxy-info`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerOptions,

    #[command(flatten)]
    account: AccountOptions,

    /// Print a JSON array of objects
    #[arg(long)]
    json: bool,
}

/// Asks the server, and prints what it keeps.
pub fn run(arguments: Arguments) -> Result<()> {
    let client = arguments.server.client()?;
    let credential_name = arguments.account.credential_name()?;
    let own = CertificateFiles::to_authenticate()?.read(PassPhrases::Terminal)?;
    let user_name = arguments.account.user_name(|| Ok(own.identity().to_owned()))?;
    let mut credentials = client.info(&user_name, &own)?;
    if let Some(name) = credential_name {
        credentials.retain(|credential| credential.name.as_deref() == Some(name.as_str()));
        if credentials.is_empty() {
            bail!(
                "there is no credential {} of {}",
                name.as_str(),
                user_name.as_str()
            );
        }
    }
    let output = if arguments.json {
        let objects = credentials.iter().map(object).collect::<Result<Vec<_>>>()?;
        serde_json::to_string_pretty(&objects)?
    } else {
        lines(&user_name, &credentials)
    };
    super::print(output.trim_end())
}

/// The lines of `myproxy-info`: programs read them.
fn lines(user_name: &UserName, credentials: &[StoredCredential]) -> String {
    let mut output = format!("username: {}\n", shown(user_name.as_str()));
    for credential in credentials {
        // Writing to a String cannot fail.
        let _ = writeln!(output, "owner: {}", shown(&credential.owner));
        let optional = [
            ("name", &credential.name),
            ("description", &credential.description),
            ("retrieval policy", &credential.retrievers),
            ("renewal policy", &credential.renewers),
            ("key retrieval policy", &credential.key_retrievers),
            ("trusted retrieval policy", &credential.trusted_retrievers),
            ("locked", &credential.lock_message),
        ];
        for (label, value) in optional {
            if let Some(value) = value {
                let _ = writeln!(output, "  {label}: {}", shown(value));
            }
        }
        let _ = writeln!(output, "  timeleft: {}", time_left(credential));
    }
    output
}

/// Hours, minutes and seconds; days too where there is more than one.
fn time_left(credential: &StoredCredential) -> String {
    let seconds = seconds_left(credential);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut text = format!("{hours}:{minutes:02}:{:02}", seconds % 60);
    let tenths_of_days = seconds / 8640;
    if tenths_of_days > 10 {
        let _ = write!(text, "  ({}.{} days)", tenths_of_days / 10, tenths_of_days % 10);
    }
    text
}

fn seconds_left(credential: &StoredCredential) -> u64 {
    let left = credential.end_time.duration_since(SystemTime::now());
    left.unwrap_or_default().as_secs()
}

/// Others may have written it: nothing in it reaches the terminal but what can be seen.
fn shown(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn object(credential: &StoredCredential) -> Result<serde_json::Value> {
    let time = |time: SystemTime| OffsetDateTime::from(time).format(&Rfc3339);
    Ok(serde_json::json!({
        "name": credential.name,
        "description": credential.description,
        "owner": credential.owner,
        "start_time": time(credential.start_time)?,
        "end_time": time(credential.end_time)?,
        "seconds_left": seconds_left(credential),
        "retrievers": credential.retrievers,
        "trusted_retrievers": credential.trusted_retrievers,
        "key_retrievers": credential.key_retrievers,
        "renewers": credential.renewers,
        "locked": credential.lock_message,
    }))
}
