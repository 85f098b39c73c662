//! What single sign-on costs a request: `cargo bench --bench protected_request`.
//!
//! One httpd serves the same small file over TLS, openly and protected in several ways. Each figure is a median of
//! rounds in which the cases take turns; each ratio is the median of the rounds' own ratios to the open file. Where
//! valgrind is installed, callgrind counts the instructions a request. `-- --help` shows the options.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod site;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use cases::Case;
use common::callgrind::{self, Profiler};
use common::rounds::{self, Plan};
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
    common::build_module()?;
    let site = Site::new()?;
    if options.rounds > 0 {
        let httpd = site.httpd(Loaded::Pubcookie)?.start()?;
        let targets = Case::ALL.map(|case| (case, site.target(case, httpd.port())));
        for &connections in &options.connections {
            let plan = Plan {
                rounds: options.rounds,
                length: Duration::from_secs_f64(options.seconds),
                connections,
            };
            rounds::print(plan, &targets, &rounds::measure(&httpd, &targets, plan)?);
        }
    }
    if options.watched > 0 {
        print_instructions(&site, &options)?;
    }
    Ok(())
}

/// In one httpd for each set of modules. The profiles are kept where `--profiles` says.
fn print_instructions(site: &Site, options: &Options) -> Result<()> {
    if !callgrind::is_there() {
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
        let mut profiler = Profiler::start(site.httpd(loaded)?, site.directory(), &format!("{loaded:?}"))?;
        let mut open = None;
        for &case in cases {
            let target = site.target(case, profiler.port());
            let count = profiler.count(&target, &site.mark(&target), options.watched);
            let count = count.with_context(|| format!("{case}, under callgrind"))?;
            if let Some(profiles) = &options.profiles {
                profiler.keep(&profiles.join(format!("{loaded:?}, {case}")))?;
            }
            let open = *open.get_or_insert(count);
            println!("  {:44} {count:>10.0} {:>6.2}", case.to_string(), count / open);
        }
    }
    Ok(())
}
