//! The packages that building, testing and showing mod_myproxy need: which are missing, and installing them.

mod needed;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use needed::{NEEDED, NEEDED_BY_TESTS, Package};

/// Where Debian's packages ask whether they may start their services (invoke-rc.d).
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Where the services are listed that would not be disabled, one a line: the next run tries again.
const STILL_ENABLED: &str = "/var/lib/cargo-xtask-still-enabled";

/// Installs packages and lets none of their services start: its arguments are the policy, the list of services that are
/// still enabled, and the packages.
const INSTALL: &str = include_str!("install-packages.sh");

/// Installs what is missing on Debian, having said what; elsewhere says what to install.
///
/// # Errors
/// Something is missing and cannot be installed from here.
pub fn install() -> Result<()> {
    install_those(&NEEDED.iter().collect::<Vec<_>>())
}

/// The same for what the tests need too.
///
/// # Errors
/// As [`install`].
pub fn install_for_tests() -> Result<()> {
    install_those(&NEEDED.iter().chain(NEEDED_BY_TESTS).collect::<Vec<_>>())
}

fn install_those(needed: &[&Package]) -> Result<()> {
    if Path::new("/usr/bin/dpkg-query").exists() {
        return install_on_debian(needed);
    }
    if !Path::new("/usr/bin/rpm").exists() {
        println!(
            "This is neither Debian nor Fedora: what follows needs the counterparts of {}.",
            debian(needed)
        );
        return Ok(());
    }
    let installed = |package: &str| succeeds("rpm", &["-q", "--whatprovides", package]);
    let missing: Vec<&str> = needed
        .iter()
        .flat_map(|package| package.fedora.split(' '))
        .filter(|package| !installed(package))
        .collect();
    let names = missing.join(" ");
    ensure!(
        missing.is_empty(),
        "missing packages; as root: dnf install {names} (and start no service)"
    );
    Ok(())
}

fn install_on_debian(needed: &[&Package]) -> Result<()> {
    let missing: Vec<&str> = needed
        .iter()
        .map(|package| package.debian)
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        disable_what_is_still_enabled();
        return Ok(());
    }
    let names = missing.join(" ");
    println!("Missing packages, to be installed now: {names}");
    let mut command = root_shell().with_context(|| {
        format!("missing packages; as root: apt-get install --no-install-recommends {names}")
    })?;
    command
        .args(["-c", INSTALL, "install-packages", POLICY, STILL_ENABLED])
        .args(&missing);
    let status = command.status().context("cannot run /bin/sh")?;
    ensure!(
        status.success(),
        "the packages {names} could not be installed: see above"
    );
    Ok(())
}

/// Tries again to disable services that an earlier run installed: that it fails has been said, and stops nothing.
fn disable_what_is_still_enabled() {
    if Path::new(STILL_ENABLED).exists()
        && let Ok(mut command) = root_shell()
    {
        let _ = command
            .args(["-c", INSTALL, "install-packages", POLICY, STILL_ENABLED])
            .status();
    }
}

/// A shell with root's rights.
fn root_shell() -> Result<Command> {
    if fs::metadata("/proc/self").context("cannot read /proc")?.uid() == 0 {
        return Ok(Command::new("/bin/sh"));
    }
    if !succeeds("sudo", &["-V"]) {
        bail!("this is not root, and there is no sudo");
    }
    let mut command = Command::new("sudo");
    command.args(["--", "/bin/sh"]);
    Ok(command)
}

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output();
    query.is_ok_and(|output| output.stdout == b"installed")
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let status = command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn debian(packages: &[&Package]) -> String {
    packages
        .iter()
        .map(|package| package.debian)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// A directory of this test, with a pretended apt-get and a policy in it.
    struct Machine {
        directory: tempfile::TempDir,
    }

    impl Machine {
        fn new(apt_get: &str) -> Self {
            let machine = Machine {
                directory: tempfile::tempdir().expect("a temporary directory"),
            };
            machine.write("apt-get", 0o755, &format!("#!/bin/sh\n{apt_get}\n"));
            machine
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn write(&self, name: &str, mode: u32, contents: &str) {
            fs::write(self.path(name), contents).expect("a file in it");
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("its mode");
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap_or_default()
        }

        fn install(&self) -> Command {
            let search = format!("{}:/usr/bin:/bin", self.directory.path().display());
            let mut command = Command::new("/bin/sh");
            command
                .args(["-c", INSTALL, "install-packages"])
                .args([self.path("policy-rc.d"), self.path("still-enabled")])
                .args(["this", "that"]);
            command
                .env("PATH", search)
                .current_dir(self.directory.path())
                .stderr(Stdio::null());
            command
        }

        /// File number, mode, size and time: what a file has besides its contents.
        fn identity(&self) -> (u64, u32, u64, i64) {
            let metadata = fs::metadata(self.path("policy-rc.d")).expect("the policy is there");
            (
                metadata.ino(),
                metadata.mode(),
                metadata.size(),
                metadata.mtime_nsec(),
            )
        }

        fn files(&self) -> usize {
            fs::read_dir(self.directory.path())
                .expect("the directory")
                .count()
        }
    }

    /// An apt-get whose packages have a service start with the machine.
    const ENABLES: &str = "[ $1 = update ] || echo php8.2-fpm.service enabled enabled >>units";

    /// A systemctl that lists `units`, and does this where it is to disable one.
    fn systemctl(disable: &str) -> String {
        format!("#!/bin/sh\nif [ $1 = list-unit-files ]; then cat units; exit; fi\n{disable}\n")
    }

    const RECORD: &str = "sh policy-rc.d; echo $? $* >>calls";

    #[test]
    fn no_service_may_start_while_packages_are_installed_and_a_policy_comes_back_as_it_was() {
        let machine = Machine::new(RECORD);
        machine.write("policy-rc.d", 0o750, "#!/bin/sh\nexit 0 # as it was");
        let before = machine.identity();
        assert!(machine.install().status().expect("sh runs").success());
        let calls = machine.read("calls");
        let last = calls.lines().last().expect("apt-get was called");
        assert!(
            last.starts_with("101 install ") && last.ends_with("-- this that"),
            "{calls}"
        );
        assert_eq!(machine.identity(), before);
        assert_eq!(machine.files(), 3);
    }

    #[test]
    fn an_installed_service_does_not_start_with_the_machine_either() {
        let machine = Machine::new(ENABLES);
        machine.write("units", 0o644, "ssh.service enabled enabled\n");
        machine.write("systemctl", 0o755, &systemctl("echo $* >>disabled"));
        assert!(machine.install().status().expect("sh runs").success());
        assert_eq!(machine.read("disabled"), "--quiet disable php8.2-fpm.service\n");
    }

    #[test]
    fn a_service_that_cannot_be_disabled_fails_nothing_and_is_tried_again() {
        let machine = Machine::new(ENABLES);
        machine.write("systemctl", 0o755, &systemctl("exit 1"));
        assert!(machine.install().status().expect("sh runs").success());
        assert_eq!(machine.read("still-enabled"), "php8.2-fpm.service\n");
        machine.write("apt-get", 0o755, "#!/bin/sh\n");
        machine.write("systemctl", 0o755, &systemctl("echo $* >>disabled; : >units"));
        assert!(machine.install().status().expect("sh runs").success());
        assert_eq!(machine.read("disabled"), "--quiet disable php8.2-fpm.service\n");
        assert!(!machine.path("still-enabled").exists());
    }

    #[test]
    fn two_runs_at_once_let_no_service_start_either() {
        let machine =
            Machine::new("for _ in 1 2 3 4 5 6; do sh policy-rc.d; echo $? >>calls; sleep 0.1; done");
        machine.write("policy-rc.d", 0o750, "#!/bin/sh\nexit 0 # as it was");
        let before = machine.identity();
        let mut first = machine.install().spawn().expect("sh runs");
        std::thread::sleep(std::time::Duration::from_millis(300));
        let mut second = machine.install().spawn().expect("sh runs");
        for run in [&mut first, &mut second] {
            assert!(run.wait().expect("it ends").success());
        }
        let calls = machine.read("calls");
        assert!(calls.lines().count() >= 12, "{calls}");
        assert!(calls.lines().all(|call| call == "101"), "{calls}");
        assert_eq!(machine.identity(), before);
    }

    #[test]
    fn where_no_policy_was_none_stays_though_the_installation_fails() {
        let machine = Machine::new(&format!("{RECORD}; exit 100"));
        assert!(!machine.install().status().expect("sh runs").success());
        assert!(machine.read("calls").lines().all(|call| call.starts_with("101 ")));
        assert_eq!(machine.files(), 2, "apt-get and its calls");
    }

    #[test]
    fn a_signal_puts_the_policy_back() {
        let machine = Machine::new("kill -s TERM $PPID");
        machine.write("policy-rc.d", 0o700, "#!/bin/sh\nexit 0");
        let before = machine.identity();
        assert_eq!(machine.install().status().expect("sh runs").code(), Some(143));
        assert_eq!((machine.identity(), machine.files()), (before, 2));
    }

    #[test]
    fn the_next_run_makes_good_what_a_killed_one_left() {
        let machine = Machine::new("[ $1 = update ] || kill -s KILL $PPID");
        machine.write("policy-rc.d", 0o700, "#!/bin/sh\nexit 0");
        let before = machine.identity();
        assert!(!machine.install().status().expect("sh runs").success());
        assert_ne!(machine.identity(), before);
        machine.write("apt-get", 0o755, "#!/bin/sh\n");
        assert!(machine.install().status().expect("sh runs").success());
        assert_eq!((machine.identity(), machine.files()), (before, 2));
    }
}
