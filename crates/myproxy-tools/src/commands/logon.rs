//! (under construction)

/// Arguments.
#[derive(clap::Args)]
pub struct Arguments {}

/// Run the command.
pub fn run(_arguments: Arguments) -> anyhow::Result<()> {
    anyhow::bail!("under construction")
}
