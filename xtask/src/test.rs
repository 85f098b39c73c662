//! `cargo xtask test`: every test, on a machine that is prepared first.

use anyhow::Result;

use crate::lint::{self, MissingTools};
use crate::{cargo, packages};

/// Installs, builds what the tests start (the modules are no library that a test could link), tests and lints.
pub fn run(missing_tools: MissingTools) -> Result<()> {
    packages::install_for_tests()?;
    cargo::build()?;
    cargo::run(&["test", "--workspace", "--no-fail-fast"])?;
    lint::run(missing_tools)
}
