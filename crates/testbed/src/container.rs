//! Containers, by a podman of a test's own: its images, containers, mounts and processes are its alone.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::private_directory::PrivateDirectory;
use crate::process::Process;

mod base_image;
mod sandbox;

use sandbox::Sandbox;

const COMMAND_LIMIT: Duration = Duration::from_secs(60);
const BUILD_LIMIT: Duration = Duration::from_secs(600);
/// Seconds after which podman kills a container that it has asked to stop, and what it needs itself.
const STOP_SECONDS: u32 = 20;
const STOP_LIMIT: Duration = Duration::from_secs(STOP_SECONDS as u64 + 10);

/// Podman with storage and settings of its own, inside a mount and a process namespace. Dropped, it is gone with all
/// its containers and images.
///
/// Its containers use the machine's network and its own limits, so that it works inside another container too.
pub struct Podman {
    sandbox: Sandbox,
    base_image: String,
    // Last, so that it is removed when nothing runs any more.
    directory: PrivateDirectory,
}

impl Podman {
    /// One that has Debian's base image, of the release that this machine runs, and has run a container of it.
    ///
    /// The image is pulled from its registry, or made by `debootstrap` where there is no way to that, in some
    /// minutes; it is kept in the directory `cache` for the next time.
    ///
    /// # Errors
    /// Containers do not work on this machine: why.
    pub fn start(cache: &Path) -> Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "only root can give podman namespaces of its own"
        );
        for program in ["podman", "nsenter", "unshare"] {
            let found = Command::new(program).arg("--version").output();
            ensure!(found.is_ok(), "{program} is not installed");
        }
        let release = base_image::release()?;
        let directory = PrivateDirectory::new("podman")?;
        directory.write("containers.conf", 0o644, settings(directory.path()))?;
        directory.make_directory("home", 0o700)?;
        let podman = Podman {
            sandbox: Sandbox::new(&directory)?,
            base_image: base_image::name(&release),
            directory,
        };
        base_image::provide(&podman, &release, cache).context("there is no base image")?;
        let mut command = podman.run_command();
        command.args(["--rm", &podman.base_image, "true"]);
        podman
            .finish("run", command, COMMAND_LIMIT)
            .context("podman cannot run a container")?;
        Ok(podman)
    }

    /// Builds `image` by `<project>/Containerfile`, on the base image, from what lies in `context`; what
    /// `<project>/.containerignore` names is left out.
    pub fn build(&self, image: &str, project: &Path, context: &Path) -> Result<()> {
        let mut command = self.command();
        command
            .args(["build", "--isolation=chroot", "--pull=never", "--format=docker"])
            .args([
                "--build-arg",
                &format!("BASE={}", self.base_image),
                "--tag",
                image,
            ])
            .arg("--file")
            .arg(project.join("Containerfile"))
            .arg("--ignorefile")
            .arg(project.join(".containerignore"))
            .arg(context);
        self.finish("build", command, BUILD_LIMIT)?;
        Ok(())
    }

    /// Starts the container `name` of `image`, with more of `podman run`'s options.
    pub fn run(&self, name: &str, image: &str, options: &[String]) -> Result<Container<'_>> {
        let mut command = self.run_command();
        command.args(["--name", name]).args(options).arg(image);
        let process = Process::start(name, &mut command, &self.directory.join(format!("{name}.out")))?;
        Ok(Container {
            process,
            podman: self,
            name: name.to_owned(),
        })
    }

    /// `podman run`, whose control groups go with the sandbox.
    fn run_command(&self) -> Command {
        let mut command = self.command();
        command.args(["run", "--cgroup-parent"]);
        command.arg(format!("/{}", self.sandbox.cgroup()));
        command
    }

    /// `podman`, to be told what to do.
    fn command(&self) -> Command {
        self.inside("podman")
    }

    /// A command in the sandbox, in whose environment podman has its own settings. It does not have the machine's
    /// systemd ask for the containers' health.
    fn inside(&self, program: &str) -> Command {
        let mut command = self.sandbox.command(program);
        command
            .env("CONTAINERS_CONF", self.directory.join("containers.conf"))
            .env("DISABLE_HC_SYSTEMD", "true")
            .env("HOME", self.directory.join("home"))
            .env("TMPDIR", "/var/tmp")
            .env_remove("XDG_RUNTIME_DIR");
        command
    }

    /// Runs a command to its end, for `limit` at most: its output.
    ///
    /// # Errors
    /// It failed, or took longer: with what it said last.
    fn finish(&self, name: &str, mut command: Command, limit: Duration) -> Result<String> {
        let log = self.directory.join(format!("{name}.log"));
        let _ = fs::remove_file(&log);
        let mut process = Process::start(name, &mut command, &log)?;
        let status = process.wait(limit)?;
        let output = process.log();
        ensure!(
            status.success(),
            "`podman {name}` failed ({status}):\n{}",
            crate::last_lines(&output, 25)
        );
        Ok(output)
    }
}

/// A running container.
pub struct Container<'a> {
    process: Process,
    podman: &'a Podman,
    name: String,
}

impl Container<'_> {
    /// Waits until its health check succeeds, for `limit` at most.
    ///
    /// # Errors
    /// It ended, or was not healthy in time: with what it said last.
    pub fn wait_until_healthy(&mut self, limit: Duration) -> Result<()> {
        let healthy = || {
            let mut command = self.podman.command();
            command.args(["healthcheck", "run", &self.name]);
            self.podman.finish("health", command, COMMAND_LIMIT).is_ok()
        };
        self.process.wait_until_ready(limit, healthy)
    }

    /// Runs a command in it: its output.
    pub fn execute(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.podman.command();
        command.args(["exec", &self.name]).args(arguments);
        self.podman.finish("exec", command, COMMAND_LIMIT)
    }

    /// All that it has written so far, on standard output and standard error.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Sends it the signal that its image asks for, and waits for its end.
    ///
    /// # Errors
    /// It did not end by itself.
    pub fn stop(mut self) -> Result<ExitStatus> {
        let mut command = self.podman.command();
        command.args(["stop", "--time", &STOP_SECONDS.to_string(), &self.name]);
        self.podman.finish("stop", command, STOP_LIMIT)?;
        self.process.wait(COMMAND_LIMIT)
    }
}

/// `containers.conf`. Inside another container the limits of this process are the highest that there can be, crun
/// does not work where control groups of both versions are mounted, and there is no systemd and no network to set up.
fn settings(directory: &Path) -> String {
    let runtime = match Command::new("runc").arg("--version").output() {
        Ok(_) => "runtime = \"runc\"\n",
        Err(_) => "",
    };
    format!(
        "[containers]\n\
         default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
         netns = \"host\"\n\
         log_driver = \"k8s-file\"\n\
         [engine]\n\
         {runtime}\
         cgroup_manager = \"cgroupfs\"\n\
         events_logger = \"file\"\n\
         lock_type = \"file\"\n\
         [network]\n\
         network_config_dir = \"{}\"\n",
        directory.join("networks").display()
    )
}
