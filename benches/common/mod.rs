//! What the benchmarks have in common: a client, medians of rounds, and instructions as callgrind counts them.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

pub mod callgrind;
pub mod client;
pub mod rounds;

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The module is what is installed: built for release. Cargo builds none for a benchmark.
pub fn build_module() -> Result<()> {
    let cargo = std::env::var_os("CARGO").context("run this with `cargo bench`")?;
    let status = Command::new(cargo)
        .args(["build", "--release", "--package", "mod_myproxy"])
        .status()?;
    ensure!(status.success(), "the module cannot be built");
    Ok(())
}

/// Measures each contender so many times: the figures of each, in the order of the rounds. Each round begins with another
/// contender, so that none always follows the same.
pub fn in_turns<C, F>(
    rounds: usize,
    contenders: &[C],
    measure: impl Fn(&C) -> Result<F>,
) -> Result<Vec<Vec<F>>> {
    let mut turns: Vec<Vec<F>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for position in 0..contenders.len() {
            let index = (position + round) % contenders.len();
            turns[index].push(measure(&contenders[index])?);
        }
    }
    Ok(turns)
}

/// The middle one, or the mean of the two in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    }
}
