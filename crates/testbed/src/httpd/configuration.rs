//! What an httpd is told before it starts.

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::installation::{self, Installation};
use super::{Httpd, READY, START_LIMIT};
use crate::PrivateDirectory;
use crate::artifact::artifact;
use crate::pki::CertificateFiles;
use crate::process::{Process, free_port};

/// Modules that every httpd here loads, unless they are compiled in.
const MODULES: [&str; 17] = [
    "unixd",
    "log_config",
    "watchdog",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_host",
    "authz_user",
    "auth_basic",
    "alias",
    "cgi",
    "dir",
    "env",
    "headers",
    "setenvif",
    "socache_shmcb",
    "ssl",
];

/// The multi-processing module: how httpd spreads requests over processes and threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mpm {
    /// Processes with threads, idle connections watched by one thread: the default of Debian and Fedora.
    #[default]
    Event,
    /// Processes with threads.
    Worker,
    /// Processes.
    Prefork,
}

impl Mpm {
    /// All three.
    pub const ALL: [Mpm; 3] = [Mpm::Event, Mpm::Worker, Mpm::Prefork];

    fn module(self) -> &'static str {
        match self {
            Mpm::Event => "mpm_event",
            Mpm::Worker => "mpm_worker",
            Mpm::Prefork => "mpm_prefork",
        }
    }

    /// Two processes at least, so that what must hold across processes is tried; 64 requests at once.
    fn configuration(self) -> &'static str {
        match self {
            Mpm::Event | Mpm::Worker => {
                "StartServers 2\nServerLimit 4\nThreadsPerChild 16\nMaxRequestWorkers 64\n\
                 MinSpareThreads 16\nMaxSpareThreads 64\n"
            }
            Mpm::Prefork => "StartServers 4\nServerLimit 64\nMaxRequestWorkers 64\n",
        }
    }
}

/// Puts an httpd together.
pub struct HttpdBuilder {
    directory: PathBuf,
    port: u16,
    mpm: Mpm,
    modules: Vec<String>,
    ours: bool,
    environment: Vec<(String, String)>,
    hosts: String,
    configuration: String,
}

impl HttpdBuilder {
    pub(super) fn new(directory: &Path) -> Result<Self> {
        Ok(HttpdBuilder {
            directory: directory.to_owned(),
            port: free_port()?,
            mpm: Mpm::default(),
            modules: MODULES.map(str::to_owned).to_vec(),
            ours: false,
            environment: Vec::new(),
            hosts: String::new(),
            configuration: String::new(),
        })
    }

    /// The port that it will listen on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The multi-processing module.
    pub fn mpm(mut self, mpm: Mpm) -> Self {
        self.mpm = mpm;
        self
    }

    /// One more of httpd's own modules, by the name of its file without `mod_` (`rewrite`, `http2`).
    pub fn module(mut self, name: &str) -> Self {
        if self.modules.iter().all(|module| module != name) {
            self.modules.push(name.to_owned());
        }
        self
    }

    /// Load `myproxy_module` and `pubcookie_module` from the `mod_myproxy.so` that cargo has built.
    pub fn with_our_modules(mut self) -> Self {
        self.ours = true;
        self
    }

    /// An environment variable of httpd itself; it gets `PATH` and no other by itself.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Configuration outside of all virtual hosts, after what the builder writes.
    pub fn configuration(mut self, text: &str) -> Self {
        self.configuration.push_str(text);
        self.configuration.push('\n');
        self
    }

    /// A virtual host that speaks TLS, on the common port. Its document root is empty.
    pub fn host(mut self, name: &str, certificate: &CertificateFiles, configuration: &str) -> Self {
        let port = self.port;
        let CertificateFiles { certificate, key } = certificate;
        let _ = write!(
            self.hosts,
            "\n<VirtualHost 127.0.0.1:{port}>\n\
             ServerName {name}:{port}\n\
             SSLEngine on\n\
             SSLCertificateFile \"{}\"\n\
             SSLCertificateKeyFile \"{}\"\n\
             {configuration}\n\
             </VirtualHost>\n",
            certificate.display(),
            key.display(),
        );
        self
    }

    /// Start it, and wait until it accepts requests.
    ///
    /// # Errors
    /// It refuses its configuration, or is not ready within 30 seconds: with what it said.
    pub fn start(self) -> Result<Httpd> {
        let mut process = Process::start(
            "httpd",
            self.command()?.arg("-DFOREGROUND"),
            &self.directory.join("httpd.out"),
        )?;
        let error_log = self.directory.join("error.log");
        let logged = || fs::read_to_string(&error_log).unwrap_or_default();
        let ready = process.wait_until_ready(START_LIMIT, || logged().contains(READY));
        ready.map_err(|error| match logged() {
            // It did not get as far as to open it.
            log if log.is_empty() => error,
            log => error.context(format!("httpd's error log:\n{log}")),
        })?;
        Ok(Httpd {
            process,
            directory: self.directory,
            port: self.port,
        })
    }

    /// Start it as one process without children (`httpd -X`) that a `tool`, say a profiler, runs, and wait until it
    /// listens. The tool stays the same process.
    pub fn start_as_one_process(self, tool: &[String]) -> Result<Httpd> {
        let httpd = self.command()?;
        let (program, arguments) = tool.split_first().context("a tool has a name")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(httpd.get_program())
            .args(httpd.get_args())
            .arg("-X");
        command.env_clear();
        for (name, value) in httpd.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let mut process = Process::start("httpd", &mut command, &self.directory.join("httpd.out"))?;
        process.wait_until_listening(START_LIMIT, (Ipv4Addr::LOCALHOST, self.port).into())?;
        Ok(Httpd {
            process,
            directory: self.directory,
            port: self.port,
        })
    }

    /// Have httpd read the configuration, as `apachectl configtest` does, and answer its words: warnings
    /// where it accepts it, the error where it does not.
    pub fn configtest(self) -> Result<Result<String, String>> {
        let output = self.command()?.arg("-t").output()?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(if output.status.success() {
            Ok(words)
        } else {
            Err(words)
        })
    }

    fn command(&self) -> Result<Command> {
        let installation = Installation::find()?;
        for name in ["run", "htdocs"] {
            fs::create_dir_all(self.directory.join(name))?;
        }
        let file = self.directory.join("httpd.conf");
        fs::write(&file, self.text(&installation)?)?;
        let mut command = Command::new(&installation.program);
        command
            .arg("-f")
            .arg(file)
            .env_clear()
            .envs(self.environment.iter().cloned());
        command.env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        Ok(command)
    }

    fn text(&self, installation: &Installation) -> Result<String> {
        let directory = self.directory.display();
        // A restart waits for idle connections: not for long.
        let mut text = format!(
            "ServerRoot \"{directory}\"\n\
             ServerName localhost\n\
             Listen 127.0.0.1:{}\n\
             DefaultRuntimeDir run\n\
             PidFile run/httpd.pid\n\
             ErrorLog error.log\n\
             LogLevel notice\n\
             KeepAliveTimeout 1\n",
            self.port
        );
        for name in self.modules.iter().map(String::as_str).chain([self.mpm.module()]) {
            if let Some(path) = installation.module(name) {
                writeln!(text, "LoadModule {name}_module \"{}\"", path.display())?;
            }
        }
        if self.ours {
            let ours = artifact("libmod_myproxy.so")?;
            for name in ["myproxy", "pubcookie"] {
                writeln!(
                    text,
                    "LoadModule {name}_module \"{}\"\nLogLevel {name}:debug",
                    ours.display()
                )?;
            }
        }
        if rustix::process::geteuid().is_root() {
            writeln!(
                text,
                "User {}\nGroup {}",
                Installation::user(),
                installation::group()
            )?;
        }
        text.push_str(self.mpm.configuration());
        text.push_str(
            "LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" combined\n\
             CustomLog access.log combined\n\
             SSLSessionCache shmcb:run/tls-sessions(512000)\n\
             DocumentRoot htdocs\n\
             <Directory />\nAllowOverride None\nRequire all denied\n</Directory>\n\
             ",
        );
        writeln!(
            text,
            "<Directory \"{directory}/htdocs\">\nRequire all granted\n</Directory>"
        )?;
        text.push_str(&self.configuration);
        text.push_str(&self.hosts);
        Ok(text)
    }
}

/// Have httpd with our modules read this configuration, written outside of all virtual hosts: its warnings, or
/// its error.
pub fn configtest(configuration: &str) -> Result<String, String> {
    let answer = || {
        let directory = PrivateDirectory::new("configtest")?;
        Httpd::builder(directory.path())?
            .with_our_modules()
            .configuration(configuration)
            .configtest()
    };
    answer().unwrap_or_else(|error| Err(format!("{error:#}")))
}
