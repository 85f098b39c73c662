//! Applications of other users than httpd's, by each way that leads to one: what they are told, and that they can read it.

mod application_support;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use application_support::{
    Names, VARIABLES, Way, another_user, ask_everything, command_of_another_user, program, site_with,
};
use testbed::{PrivateDirectory, Process, free_port};

const START_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn php_through_php_fpm() -> Result<()> {
    let directory = PrivateDirectory::new("php")?;
    let script = program(&directory, "application.php")?;
    let socket = directory.join("pool.sock");
    let pool = match another_user() {
        Some((user, group)) => {
            format!("user = {user}\ngroup = {group}\nlisten.group = {group}\nlisten.mode = 0660\n")
        }
        None => String::new(),
    };
    let configuration = format!(
        "[global]\nerror_log = /dev/stderr\ndaemonize = no\n\
         [application]\n{pool}listen = {}\npm = static\npm.max_children = 2\n",
        socket.display()
    );
    let configuration = directory.write("php-fpm.conf", 0o644, configuration)?;
    let mut command = std::process::Command::new(php_fpm()?);
    command
        .args(["--nodaemonize", "--allow-to-run-as-root", "-n", "--fpm-config"])
        .arg(configuration);
    let mut fpm = Process::start("php-fpm", &mut command, &directory.join("php-fpm.log"))?;
    fpm.wait_until_ready(START_LIMIT, || socket.exists())?;

    let way = format!(
        "Alias \"{}\"\nSetHandler \"proxy:unix:{}|fcgi://localhost\"",
        script.display(),
        socket.display()
    );
    let site = site_with(
        &[Way {
            name: "there",
            configuration: &way,
        }],
        "",
    )
    .module("proxy")
    .module("proxy_fcgi")
    .start()?;
    ask_everything(&site, "there", &VARIABLES)
}

#[test]
fn python_through_mod_wsgi() -> Result<()> {
    let directory = PrivateDirectory::new("python")?;
    let script = program(&directory, "application.py")?;
    let user = another_user().map_or(String::new(), |(user, group)| {
        format!("user={user} group={group}")
    });
    let way = format!(
        "Alias \"{}\"\nSetHandler wsgi-script\nOptions ExecCGI\nWSGIProcessGroup application\nWSGIApplicationGroup %{{GLOBAL}}",
        script.display()
    );
    let site = site_with(
        &[Way {
            name: "there",
            configuration: &way,
        }],
        "",
    )
    .module("wsgi")
    .configuration(&format!(
        "WSGISocketPrefix run/wsgi\nWSGIDaemonProcess application {user} threads=2 home={}",
        directory.path().display()
    ))
    .start()?;
    ask_everything(&site, "there", &VARIABLES)
}

#[test]
fn what_mod_proxy_leads_to() -> Result<()> {
    let protocols = ["http", "ajp", "scgi", "uwsgi"];
    let backends: Vec<Backend> = protocols
        .iter()
        .map(|protocol| match *protocol {
            "http" => Backend::start(&["application.py"]),
            protocol => Backend::start(&["listener.py", protocol]),
        })
        .collect::<Result<_>>()?;
    let configurations: Vec<String> = protocols
        .iter()
        .zip(&backends)
        .map(|(protocol, backend)| format!("ProxyPass {protocol}://127.0.0.1:{}/", backend.port))
        .collect();
    let ways: Vec<Way<'_>> = protocols
        .iter()
        .zip(&configurations)
        .map(|(name, configuration)| Way { name, configuration })
        .collect();
    let header = "<Location /app/http>\nMyProxyHeader X-Grid-Credential\n</Location>";
    let site = protocols
        .iter()
        .fold(site_with(&ways, header).module("proxy"), |site, protocol| {
            site.module(&format!("proxy_{protocol}"))
        })
        .start()?;
    let headers = Names {
        file: "HTTP_X_GRID_CREDENTIAL",
        prefix: "HTTP_",
    };
    ask_everything(&site, "http", &headers).context("http")?;
    for protocol in &protocols[1..] {
        ask_everything(&site, protocol, &VARIABLES).with_context(|| (*protocol).to_owned())?;
    }
    Ok(())
}

/// An application that listens on a port of its own.
struct Backend {
    port: u16,
    _process: Process,
    _directory: PrivateDirectory,
}

impl Backend {
    /// Starts a program of `tests/applications`: its name and the arguments before the port.
    fn start(program_and_arguments: &[&str]) -> Result<Self> {
        let directory = PrivateDirectory::new("backend")?;
        program(&directory, "application.py")?;
        let (name, arguments) = program_and_arguments.split_first().context("which program?")?;
        let port = free_port()?;
        let mut command = command_of_another_user("/usr/bin/python3");
        command
            .arg(program(&directory, name)?)
            .args(arguments)
            .arg(port.to_string());
        let mut process = Process::start("the backend", &mut command, &directory.join("backend.log"))?;
        process.wait_until_listening(START_LIMIT, ([127, 0, 0, 1], port).into())?;
        Ok(Backend {
            port,
            _process: process,
            _directory: directory,
        })
    }
}

/// Where Debian and Fedora keep it: one has the version in its name.
fn php_fpm() -> Result<PathBuf> {
    let programs = std::fs::read_dir("/usr/sbin")?
        .flatten()
        .map(|entry| entry.path());
    let is_fpm = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("php-fpm"))
    };
    programs
        .filter(is_fpm)
        .max()
        .context("no php-fpm here: install the package php-fpm")
}
