//! Where user and password of the login come from.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use url::Url;
use zeroize::Zeroizing;

use super::hop::host_of;

/// More than any login server reads, so that a longer one is refused and not cut.
const LONGEST: u64 = 4096;

/// Who logs in. Nothing is asked for, or read, before a login form is there.
pub struct Credentials {
    /// Asked for on the terminal where it is not given.
    pub user: Option<String>,
    pub password: PasswordSource,
}

/// Where the password comes from.
pub enum PasswordSource {
    Terminal,
    StandardInput,
    File(PathBuf),
}

impl Credentials {
    /// User and password for the login form that goes to `url`.
    pub fn for_login_at(&self, url: &Url) -> Result<(String, Zeroizing<String>)> {
        let user = match &self.user {
            Some(user) => user.clone(),
            None => ask(&format!("User name at {}: ", host_of(url)))?,
        };
        let password = match &self.password {
            PasswordSource::Terminal => {
                let prompt = format!("Password of {user} at {}: ", host_of(url));
                let typed = rpassword::prompt_password(prompt);
                Zeroizing::new(
                    typed.context("no terminal to ask for the password: use -S or --password-file")?,
                )
            }
            PasswordSource::StandardInput => first_line(io::stdin().lock()).context("standard input")?,
            PasswordSource::File(file) => {
                let open = fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
                first_line(BufReader::new(open)).with_context(|| file.display().to_string())?
            }
        };
        Ok((user, password))
    }
}

/// Its first line without the end of it.
fn first_line(input: impl BufRead) -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST as usize));
    input
        .take(LONGEST)
        .read_until(b'\n', &mut line)
        .context("cannot read the password")?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    ensure!(
        (line.len() as u64) < LONGEST,
        "the password has {LONGEST} bytes or more"
    );
    let text = str::from_utf8(&line).context("the password is not UTF-8")?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Asks on the terminal, wherever standard input and output lead.
fn ask(prompt: &str) -> Result<String> {
    const NO_TERMINAL: &str = "no terminal to ask for the user name: use --user";
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.context(NO_TERMINAL)?;
    terminal.write_all(prompt.as_bytes()).context(NO_TERMINAL)?;
    let mut answer = String::new();
    BufReader::new(terminal)
        .read_line(&mut answer)
        .context(NO_TERMINAL)?;
    Ok(answer.trim().to_owned())
}
