//! A server with PAM services and a syslog of its own, while `/etc` and `/dev` of the machine stay untouched.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::unistd::{Uid, User};

/// Where Debian and Fedora keep libpam-wrapper.
const PAM_WRAPPER_LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/libpam_wrapper.so",
    "/usr/lib/aarch64-linux-gnu/libpam_wrapper.so",
    "/usr/lib64/libpam_wrapper.so",
];

/// Run as root of a new mount namespace: `$1` becomes `/etc/pam.d`, and `/dev` a small one (built up at `$2`)
/// whose `log` is the socket `$3`. The rest is the command to run.
const ENTER: &str = r#"set -e
mount --bind "$1" /etc/pam.d
mount --rbind /dev "$2"
mount -t tmpfs -o mode=755,size=64k tmpfs /dev
for device in null zero full random urandom; do
    : >"/dev/$device"
    mount --bind "$2/$device" "/dev/$device"
done
ln -s "$3" /dev/log
shift 3
exec "$@"
"#;

/// By what means a server gets its own PAM services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// A private mount namespace, made by root.
    MountNamespace,
    /// A private mount namespace inside a user namespace, in which an ordinary user is root.
    UserNamespace,
    /// libpam-wrapper, where the kernel or a container forbids both. There is no private syslog then.
    PamWrapper(&'static str),
}

impl Isolation {
    /// The best that this machine allows.
    ///
    /// # Errors
    /// None does.
    pub fn detect() -> Result<Self> {
        let namespace = if Uid::effective().is_root() {
            Isolation::MountNamespace
        } else {
            Isolation::UserNamespace
        };
        if namespace.is_allowed() {
            return Ok(namespace);
        }
        Self::pam_wrapper().context(
            "this machine forbids mount namespaces, and libpam-wrapper (Fedora: pam_wrapper) is not installed: \
             a MyProxy server cannot get PAM services of its own",
        )
    }

    /// libpam-wrapper, where it is installed.
    pub fn pam_wrapper() -> Option<Self> {
        let library = PAM_WRAPPER_LIBRARIES
            .into_iter()
            .find(|library| Path::new(library).exists())?;
        Some(Isolation::PamWrapper(library))
    }

    /// Whether what the server logs through syslog can be seen.
    pub fn has_private_syslog(self) -> bool {
        !matches!(self, Isolation::PamWrapper(_))
    }

    /// The command that runs `program` with the PAM services in `pam_directory`, logging to `syslog`, as `user`
    /// (None: as the present one), with `environment` and nothing else.
    ///
    /// `devices` is an empty directory that the namespace needs. The command's arguments go to the program.
    pub fn command(
        self,
        files: &PrivateFiles<'_>,
        user: Option<&User>,
        environment: &[(&str, &str)],
        program: &str,
    ) -> Command {
        let mut command = self.enter(files);
        if let Some(user) = user {
            let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
            command.args([
                "setpriv",
                "--reuid",
                &uid,
                "--regid",
                &gid,
                "--clear-groups",
                "--",
            ]);
        }
        command.args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        command.args(environment.iter().map(|(name, value)| format!("{name}={value}")));
        if let Isolation::PamWrapper(library) = self {
            command.args([format!("LD_PRELOAD={library}"), "PAM_WRAPPER=1".to_owned()]);
            command.arg(format!(
                "PAM_WRAPPER_SERVICE_DIR={}",
                files.pam_directory.display()
            ));
        }
        command.arg(program);
        command
    }

    /// What comes before the command that is to see the private files.
    fn enter(self, files: &PrivateFiles<'_>) -> Command {
        let mut command = match self {
            Isolation::PamWrapper(_) => return Command::new("/usr/bin/env"),
            Isolation::MountNamespace => Command::new("unshare"),
            Isolation::UserNamespace => {
                let mut command = Command::new("unshare");
                command.arg("--map-root-user");
                command
            }
        };
        command.args(["--mount", "--", "/bin/sh", "-c", ENTER, "private-files"]);
        command.args([files.pam_directory, files.devices, files.syslog]);
        command
    }

    /// Tries it out.
    fn is_allowed(self) -> bool {
        let here = Path::new("/tmp");
        let files = PrivateFiles {
            pam_directory: Path::new("/etc/pam.d"),
            devices: here,
            syslog: here,
        };
        let mut command = self.enter(&files);
        command
            .arg("true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// What a server is to see instead of the machine's own.
#[derive(Clone, Copy, Debug)]
pub struct PrivateFiles<'a> {
    /// For `/etc/pam.d`.
    pub pam_directory: &'a Path,
    /// An empty directory, behind which the machine's devices are kept at hand.
    pub devices: &'a Path,
    /// For `/dev/log`.
    pub syslog: &'a Path,
}

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Isolation::MountNamespace => "a private mount namespace",
            Isolation::UserNamespace => "a private mount and user namespace",
            Isolation::PamWrapper(_) => "libpam-wrapper (mount namespaces are forbidden here)",
        })
    }
}
