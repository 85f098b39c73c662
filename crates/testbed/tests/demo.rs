//! The demo itself: what `cargo xtask demo` ends in.

use std::fs;
use std::io::{BufRead, BufReader, Seek, read_to_string};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::{PrivateDirectory, wait_until};

const LIMIT: Duration = Duration::from_secs(60);

/// The demo, for two minutes at most; signals are passed on to it.
fn demo(directory: &PrivateDirectory) -> Command {
    let mut demo = Command::new("timeout");
    demo.args(["120", env!("CARGO_BIN_EXE_demo")])
        .env("TMPDIR", directory.path())
        .stdin(Stdio::null());
    demo
}

/// How it ends, and what it says on standard output and standard error together.
fn walk_once(demo: &mut Command) -> Result<(ExitStatus, String)> {
    let mut output = tempfile::tempfile()?;
    let status = demo
        .arg("--once")
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .status()?;
    output.rewind()?;
    Ok((status, read_to_string(output)?))
}

fn is_empty(directory: &PrivateDirectory) -> bool {
    fs::read_dir(directory.path()).is_ok_and(|mut entries| entries.next().is_none())
}

#[test]
fn one_walk_ends_in_ok_and_leaves_nothing() -> Result<()> {
    let directory = PrivateDirectory::new("demo")?;
    let (status, said) = walk_once(&mut demo(&directory))?;
    assert!(status.success(), "{said}");
    assert_eq!(said.lines().last(), Some("demo: ok"), "{said}");
    for seen in [
        "REMOTE_USER      alice",
        "/CN=alice",
        "X509_USER_PROXY  ",
        " is gone",
    ] {
        assert!(said.contains(seen), "no {seen:?} in {said}");
    }
    assert!(
        wait_until(LIMIT, || is_empty(&directory)),
        "something stays in {}",
        directory.path().display()
    );
    Ok(())
}

#[test]
fn a_walk_that_fails_says_where() -> Result<()> {
    let directory = PrivateDirectory::new("demo")?;
    let (status, said) = walk_once(demo(&directory).env("TMPDIR", directory.join("nowhere")))?;
    assert_eq!(status.code(), Some(1), "{said}");
    assert_eq!(said.lines().last(), Some("demo: FAILED at servers"), "{said}");
    Ok(())
}

#[test]
fn it_stays_up_for_a_browser_until_it_is_interrupted() -> Result<()> {
    let directory = PrivateDirectory::new("demo")?;
    let mut demo = demo(&directory).stdout(Stdio::piped()).spawn()?;
    let output = demo.stdout.take().context("its output")?;
    let said: Vec<String> = BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.starts_with("Ctrl-C"))
        .collect();
    let value = |name: &str| {
        let line = said.iter().find(|line| line.trim_start().starts_with(name));
        line.and_then(|line| line.split_whitespace().last())
            .with_context(|| format!("no {name} in {said:#?}"))
    };
    let browser = testbed::browser::Browser::new(value("authority")?.as_ref())?;
    assert!(browser.get(value("page")?)?.form_with("user").is_ok());

    rustix::process::kill_process(
        rustix::process::Pid::from_child(&demo),
        rustix::process::Signal::INT,
    )?;
    demo.wait()?;
    assert!(
        wait_until(LIMIT, || is_empty(&directory)),
        "something stays in {}",
        directory.path().display()
    );
    assert!(browser.get(value("page")?).is_err(), "httpd is still there");
    Ok(())
}
