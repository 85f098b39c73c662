//! What a credential costs: `cargo bench --bench credential`.
//!
//! A logon is compared with a client beside httpd that has a key ready, and with `myproxy-logon`; a request, with one to
//! the same place where the module is switched off. All meet the same real MyProxy server, and take turns: each figure is
//! a median of rounds, each ratio the median of the rounds' own ratios. Where valgrind is installed, callgrind counts the
//! instructions a request. `-- --help` shows the options.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod logons;
mod site;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use common::callgrind::{self, Profiler};
use common::rounds::{self, Plan};
use common::{in_turns, median};
use logons::{Contender, Logons};
use site::{POOL, Site};

/// Measures what a credential costs.
#[derive(Parser)]
struct Options {
    /// How often each has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a turn is, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How many users log on at once; none leaves logons out.
    #[arg(long, num_args = 0.., default_values_t = [1, 2, 4, 8, 32])]
    logons: Vec<usize>,
    /// How many connections ask for a file at once, each in turn; none leaves them out.
    #[arg(long, num_args = 0.., default_values_t = [1, 16])]
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
        measure(&site, &options)?;
    }
    if options.watched > 0 {
        count_instructions(&site, &options)?;
    }
    Ok(())
}

fn measure(site: &Site, options: &Options) -> Result<()> {
    let httpd = site.httpd(POOL)?.start()?;
    let length = Duration::from_secs_f64(options.seconds);
    let logons = Logons::new(site, &httpd)?;
    if !options.logons.is_empty() {
        print_logons("milliseconds a logon", options.rounds, |contender| {
            logons.time(contender)
        })?;
    }
    for &at_once in &options.logons {
        let title = format!("logons a second, {at_once} at once");
        print_logons(&title, options.rounds, |contender| {
            logons.rate(contender, at_once, length)
        })?;
    }
    let targets = site.targets(httpd.port())?;
    for &connections in &options.connections {
        let plan = Plan {
            rounds: options.rounds,
            length,
            connections,
        };
        rounds::print(plan, &targets, &rounds::measure(&httpd, &targets, plan)?);
    }
    Ok(())
}

/// The medians of all contenders, and their ratios to the client with a ready key and to the stock program.
fn print_logons(title: &str, rounds: usize, measure: impl Fn(Contender) -> Result<f64>) -> Result<()> {
    let turns = in_turns(rounds, &Contender::ALL, |&contender| {
        measure(contender).with_context(|| contender.to_string())
    })?;
    let (ready, stock) = (&turns[0], &turns[turns.len() - 1]);
    println!("\n{title:44} {:>10} {:>9} {:>9}", "", "to ready", "to stock");
    for (contender, figures) in Contender::ALL.iter().zip(&turns) {
        let ratio = |others: &[f64]| median(figures.iter().zip(others).map(|(figure, other)| figure / other));
        println!(
            "{:44} {:>10.1} {:>9.2} {:>9.2}",
            contender.to_string(),
            median(figures.iter().copied()),
            ratio(ready),
            ratio(stock),
        );
    }
    Ok(())
}

fn count_instructions(site: &Site, options: &Options) -> Result<()> {
    if !callgrind::is_there() {
        println!("\nvalgrind is not installed: instructions are not counted");
        return Ok(());
    }
    // Nothing goes on there beside the requests.
    let mut profiler = Profiler::start(site.httpd(0)?, site.directory(), "all")?;
    let targets = site.targets(profiler.port())?;
    println!("\ninstructions a request, over one connection");
    let mut first = None;
    for (case, target) in &targets {
        let count = profiler
            .count(target, &site.mark(target), options.watched)
            .with_context(|| format!("{case}, under callgrind"))?;
        if let Some(profiles) = &options.profiles {
            profiler.keep(&profiles.join(case.to_string()))?;
        }
        let first = *first.get_or_insert(count);
        println!("{:44} {count:>10.0} {:>6.2}", case.to_string(), count / first);
    }
    Ok(())
}
