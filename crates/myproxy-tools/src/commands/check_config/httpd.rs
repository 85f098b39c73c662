//! httpd reads its configuration and shows it as a list: nothing else knows all of Include, Define, IfModule and
//! macros.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// An httpd that can show a configuration.
pub struct Httpd {
    program: PathBuf,
    /// mod_info, which shows it.
    module: PathBuf,
    /// Compiled in: `ServerRoot` where the configuration has none.
    root: PathBuf,
}

/// What httpd says of a configuration.
pub struct Reading {
    /// The output of `-D DUMP_CONFIG`.
    pub configuration: String,
    pub server_root: PathBuf,
    /// Why httpd refuses it, line by line; nothing where it does not.
    pub refusal: Vec<String>,
}

/// In the order of preference: Debian's `apache2ctl` knows the variables of `/etc/apache2/envvars`.
const PROGRAMS: [&str; 7] = [
    "/usr/sbin/apache2ctl",
    "/usr/sbin/httpd",
    "/usr/sbin/apache2",
    "/usr/local/apache2/bin/httpd",
    "/usr/sbin/httpd2",
    "/opt/httpd/bin/httpd",
    "/usr/local/sbin/httpd",
];

const MODULE_DIRECTORIES: [&str; 5] = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/local/apache2/modules",
    "/usr/lib64/apache2",
];

impl Httpd {
    /// The one named, or the one installed.
    pub fn find(program: Option<&Path>, modules: Option<&Path>) -> Result<Self> {
        let installed = || {
            PROGRAMS
                .iter()
                .map(PathBuf::from)
                .find(|program| program.is_file())
        };
        let program = program
            .map(Path::to_owned)
            .or_else(installed)
            .context("httpd is not in any of the usual places: name it with --httpd")?;
        let root = compiled_in_root(&program)?;
        let directories = match modules {
            Some(directory) => vec![directory.to_owned()],
            None => std::iter::once(root.join("modules"))
                .chain(MODULE_DIRECTORIES.map(PathBuf::from))
                .collect(),
        };
        let module = directories
            .into_iter()
            .map(|directory| directory.join("mod_info.so"))
            .find(|module| module.is_file())
            .context(
                "mod_info.so, by which httpd shows its configuration, is not in any of the usual places: name \
                 the directory of httpd's modules with --modules",
            )?;
        Ok(Httpd {
            program,
            module,
            root,
        })
    }

    /// Reads a configuration. `Err` where httpd could not be asked, or does not get so far as to show anything.
    pub fn read(&self, file: Option<&Path>, defines: &[String]) -> Result<Reading> {
        let mut command = Command::new(&self.program);
        command
            .arg("-C")
            .arg(format!("LoadModule info_module \"{}\"", self.module.display()))
            .args(["-t", "-D", "DUMP_CONFIG"]);
        for name in defines {
            command.args(["-D", name]);
        }
        if let Some(file) = file {
            command.arg("-f").arg(absolute(file)?);
        }
        let output = run(&mut command)?;
        let configuration = String::from_utf8_lossy(&output.stdout).into_owned();
        let refusal = if output.status.success() {
            Vec::new()
        } else {
            words(&output.stderr)
        };
        let server_root = file
            .and_then(|file| fs::read_to_string(file).ok())
            .and_then(|text| server_root(&text))
            .unwrap_or_else(|| self.root.clone());
        Ok(Reading {
            configuration,
            server_root,
            refusal,
        })
    }
}

fn run(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_owned();
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))
}

/// `HTTPD_ROOT`, as `httpd -V` shows it.
fn compiled_in_root(program: &Path) -> Result<PathBuf> {
    let output = run(Command::new(program).arg("-V"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let root = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("-D HTTPD_ROOT=\"")?.strip_suffix('"'));
    match root {
        Some(root) => Ok(root.into()),
        None => bail!(
            "{} -V does not answer as httpd: name httpd with --httpd",
            program.display()
        ),
    }
}

/// `ServerRoot` is the one path that httpd does not show. It stands in the main file.
fn server_root(configuration: &str) -> Option<PathBuf> {
    let value = configuration.lines().find_map(|line| {
        let (name, value) = line.trim().split_once(char::is_whitespace)?;
        name.eq_ignore_ascii_case("ServerRoot").then_some(value)
    })?;
    Some(value.trim().trim_matches('"').into())
}

/// httpd takes a relative path as relative to its root.
fn absolute(file: &Path) -> Result<PathBuf> {
    std::path::absolute(file).with_context(|| file.display().to_string())
}

/// What httpd says on standard error, without what it says of itself.
fn words(stderr: &[u8]) -> Vec<String> {
    const OF_ITSELF: [&str; 5] = [
        "Configuration check failed",
        "Action '",
        "The Apache error log may have more information",
        "Could not reliably determine the server's fully qualified domain name",
        "is already loaded, skipping",
    ];
    let text = String::from_utf8_lossy(stderr);
    let mut sentences: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || OF_ITSELF.iter().any(|words| line.contains(words)) {
            continue;
        }
        // "Syntax error on line 5 of /etc/httpd.conf:", and what it is in the next line.
        match sentences.last_mut() {
            Some(place) if place.ends_with(':') => *place += &format!(" {line}"),
            _ => sentences.push(line.to_owned()),
        }
    }
    sentences
}
