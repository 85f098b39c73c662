//! Pass phrases: from the terminal, without echo, or from standard input; never from the command line.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use anyhow::{Context, Result, bail};
use zeroize::Zeroizing;

/// More than any server reads, so that a longer pass phrase is refused and not cut.
const LONGEST: usize = 4096;

/// Where pass phrases come from.
#[derive(Clone, Copy)]
pub enum PassPhrases {
    Terminal,
    /// One on each line.
    StandardInput,
}

impl PassPhrases {
    /// From standard input with -S.
    pub fn new(from_stdin: bool) -> Self {
        if from_stdin {
            PassPhrases::StandardInput
        } else {
            PassPhrases::Terminal
        }
    }

    /// An existing pass phrase.
    pub fn ask(self, prompt: &str) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            PassPhrases::StandardInput => line_of(io::stdin()).context("cannot read the pass phrase"),
            PassPhrases::Terminal => {
                let pass_phrase = rpassword::prompt_password(prompt)
                    .context("no terminal to ask for the pass phrase: use -S")?;
                Ok(Zeroizing::new(pass_phrase.into_bytes()))
            }
        }
    }

    /// A new pass phrase: on the terminal it has to be typed twice.
    pub fn ask_for_new(self, prompt: &str) -> Result<Zeroizing<Vec<u8>>> {
        /// What MyProxy servers demand of a pass phrase, in bytes.
        const SHORTEST: usize = 6;
        let pass_phrase = self.ask(prompt)?;
        if !pass_phrase.is_empty() && pass_phrase.len() < SHORTEST {
            bail!("the new pass phrase is too short: MyProxy servers want {SHORTEST} characters or more");
        }
        if matches!(self, PassPhrases::Terminal) && *self.ask("Once more: ")? != *pass_phrase {
            bail!("the two pass phrases differ: nothing was changed");
        }
        Ok(pass_phrase)
    }
}

/// A line without its end, read byte by byte: no buffer keeps a copy, and what follows is left for the next one.
fn line_of(input: impl AsFd) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0]);
    while line.len() < LONGEST {
        match rustix::io::read(&input, byte.as_mut_slice()).map_err(io::Error::from) {
            Ok(0) => break,
            Ok(_) if *byte == *b"\n" => break,
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(line)
}
