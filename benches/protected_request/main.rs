//! What single sign-on costs a request: `cargo bench --bench protected_request`.
//!
//! One httpd serves the same small file over TLS, openly and protected in several ways. Each figure is a median of
//! rounds in which the cases take turns; each ratio is the median of the rounds' own ratios to the open file. Where
//! valgrind is installed, callgrind counts the instructions a request. `-- --help` shows the options.

mod cases;
mod client;
mod instructions;
mod rounds;
mod site;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use cases::Case;
use instructions::Instructions;
use rounds::Measured;
use site::{Loaded, Site};

/// Measures what single sign-on costs a request.
#[derive(Parser)]
struct Options {
    /// How often each case has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a turn is, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How many connections ask at once, each in turn.
    #[arg(long, num_args = 1.., default_values_t = [1, 16])]
    connections: Vec<usize>,
    /// How many requests callgrind watches; 0 leaves it out.
    #[arg(long, default_value_t = 400)]
    watched: usize,
    /// A directory to keep callgrind's profiles in.
    #[arg(long)]
    profiles: Option<PathBuf>,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    build_module()?;
    let site = Site::new()?;
    if options.rounds > 0 {
        let httpd = site.httpd(Loaded::Pubcookie)?.start()?;
        for &connections in &options.connections {
            let measured = rounds::measure(&site, &httpd, connections, &options)?;
            print_measured(connections, &measured);
        }
    }
    if options.watched > 0 {
        print_instructions(&site, &options)?;
    }
    Ok(())
}

/// The module is what is installed: built for release. Cargo builds none for a benchmark.
fn build_module() -> Result<()> {
    let cargo = std::env::var_os("CARGO").context("run this with `cargo bench`")?;
    let status = Command::new(cargo)
        .args(["build", "--release", "--package", "mod_myproxy"])
        .status()?;
    ensure!(status.success(), "the module cannot be built");
    Ok(())
}

fn print_measured(connections: usize, measured: &[(Case, Measured)]) {
    let s = if connections == 1 { "" } else { "s" };
    println!("\n{connections} connection{s}");
    println!(
        "{:44} {:>10} {:>6} {:>10} {:>6}",
        "", "requests/s", "ratio", "CPU us", "ratio"
    );
    for (case, measured) in measured {
        let Measured {
            rate,
            rate_ratio,
            cpu,
            cpu_ratio,
        } = measured;
        println!(
            "{:44} {rate:>10.0} {rate_ratio:>6.2} {cpu:>10.1} {cpu_ratio:>6.2}",
            case.to_string()
        );
    }
}

fn print_instructions(site: &Site, options: &Options) -> Result<()> {
    if !instructions::callgrind_is_there() {
        println!("\nvalgrind is not installed: instructions are not counted");
        return Ok(());
    }
    println!("\ninstructions a request, over one connection");
    for loaded in Loaded::ALL {
        let cases: &[Case] = match loaded {
            Loaded::Pubcookie => &Case::ALL,
            Loaded::Nothing | Loaded::Both => &Case::OPEN,
        };
        println!("{loaded}");
        let mut open = None;
        let (watched, profiles) = (options.watched, options.profiles.as_deref());
        for Instructions { case, count } in instructions::count(site, loaded, cases, watched, profiles)? {
            let open = *open.get_or_insert(count);
            println!("  {:44} {count:>10.0} {:>6.2}", case.to_string(), count / open);
        }
    }
    Ok(())
}
