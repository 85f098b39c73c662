//! Who may do what with a credential that is kept at the server.

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use myproxy_client::{DnPattern, Storage};

/// The options by which `init` and `store` say it.
pub struct PolicyOptions {
    retrievers: Option<String>,
    trusted_retrievers: Option<String>,
    key_retrievers: Option<String>,
    renewers: Option<String>,
}

#[derive(Args)]
struct Options {
    /// Anybody may retrieve the credential with its pass phrase
    #[arg(
        short = 'a',
        long = "allow_anonymous_retrievers",
        conflicts_with = "retrievers"
    )]
    anonymous_retrievers: bool,

    /// Anybody may renew with the credential: not recommended
    #[arg(short = 'A', long = "allow_anonymous_renewers", conflicts_with = "renewers")]
    anonymous_renewers: bool,

    /// Who may retrieve the credential with its pass phrase
    #[arg(short = 'r', long = "retrievable_by", value_name = "NAME")]
    retrievers: Option<String>,

    /// Who may renew with the credential; it has no pass phrase then
    #[arg(short = 'R', long = "renewable_by", value_name = "NAME")]
    renewers: Option<String>,

    /// Who may retrieve the credential without a pass phrase
    #[arg(short = 'Z', long = "retrievable_by_cert", value_name = "NAME")]
    trusted_retrievers: Option<String>,

    /// Who may retrieve the credential itself, with its private key
    #[arg(short = 'E', long = "retrieve_key", value_name = "NAME")]
    key_retrievers: Option<String>,

    /// Names in the options that follow are whole subjects, in which * stands for any characters
    #[arg(short = 'x', long = "regex_dn_match")]
    whole_subjects: bool,

    /// Names in the options that follow are common names [default]
    #[arg(short = 'X', long = "match_cn_only")]
    common_names: bool,
}

impl PolicyOptions {
    /// Whether what is stored is for those who show a certificate: it has no pass phrase then.
    pub fn without_pass_phrase(&self) -> bool {
        self.trusted_retrievers.is_some() || self.renewers.is_some()
    }

    /// Puts it down.
    pub fn write(&self, storage: &mut Storage) -> Result<()> {
        storage.retrievers = pattern(self.retrievers.as_deref())?;
        storage.trusted_retrievers = pattern(self.trusted_retrievers.as_deref())?;
        storage.key_retrievers = pattern(self.key_retrievers.as_deref())?;
        storage.renewers = pattern(self.renewers.as_deref())?;
        Ok(())
    }
}

fn pattern(text: Option<&str>) -> Result<Option<DnPattern>> {
    Ok(text.map(DnPattern::new).transpose()?)
}

/// A name as a pattern of subjects. -x and -X count for the options after them, as in the stock clients.
fn named(matches: &ArgMatches, option: &str, name: Option<String>) -> Option<String> {
    let given_before = |flag: &str| {
        let at = matches.index_of(option)?;
        let given = matches.value_source(flag) == Some(ValueSource::CommandLine);
        matches.index_of(flag).filter(|&flag| given && flag < at)
    };
    let is_whole = given_before("whole_subjects") > given_before("common_names");
    Some(match name? {
        name if is_whole => name,
        name => format!("*/CN={name}"),
    })
}

impl FromArgMatches for PolicyOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let options = Options::from_arg_matches(matches)?;
        let anybody = |anonymous: bool| anonymous.then(|| "*".to_owned());
        let named = |option, name| named(matches, option, name);
        Ok(PolicyOptions {
            retrievers: anybody(options.anonymous_retrievers).or(named("retrievers", options.retrievers)),
            renewers: anybody(options.anonymous_renewers).or(named("renewers", options.renewers)),
            trusted_retrievers: named("trusted_retrievers", options.trusted_retrievers),
            key_retrievers: named("key_retrievers", options.key_retrievers),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for PolicyOptions {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}
