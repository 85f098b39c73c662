//! Where this machine keeps httpd: Debian and Fedora name everything differently.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// httpd as it is installed here.
pub(super) struct Installation {
    pub(super) program: PathBuf,
    modules: PathBuf,
}

impl Installation {
    /// Asks `apxs` where it is installed, and looks at the well-known places.
    pub(super) fn find() -> Result<Self> {
        let asked = |variable| {
            let output = Command::new("apxs").args(["-q", variable]).output().ok()?;
            let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
            (!answer.is_empty()).then(|| PathBuf::from(answer))
        };
        let programs = asked("SBINDIR")
            .into_iter()
            .chain(["/usr/sbin".into(), "/usr/local/apache2/bin".into()]);
        let program = programs
            .flat_map(|directory| [directory.join("apache2"), directory.join("httpd")])
            .find(|program| program.is_file())
            .context("no httpd here: install the package apache2-bin (Debian) or httpd (Fedora)")?;
        let modules = asked("LIBEXECDIR")
            .into_iter()
            .chain(["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"].map(PathBuf::from))
            .find(|directory| directory.join("mod_ssl.so").is_file())
            .context(
                "httpd's modules are not here: install apache2-bin (Debian) or httpd and mod_ssl (Fedora)",
            )?;
        Ok(Installation { program, modules })
    }

    /// The shared object of a module; none where it is compiled into the program.
    pub(super) fn module(&self, name: &str) -> Option<PathBuf> {
        Some(self.modules.join(format!("mod_{name}.so"))).filter(|path| path.is_file())
    }

    /// The user that the distribution's httpd runs its children as.
    pub(super) fn user() -> &'static str {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let exists = |name: &&str| users.lines().any(|line| line.split(':').next() == Some(*name));
        ["www-data", "apache"]
            .into_iter()
            .find(exists)
            .unwrap_or("nobody")
    }
}

/// Makes a file or directory the property of the user that httpd's children run as.
pub fn give_to_children(path: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        // They run as the same user as the test.
        return Ok(());
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let of_user = |line: &&str| line.split(':').next() == Some(Installation::user());
    let line = users
        .lines()
        .find(of_user)
        .context("httpd's user is not in /etc/passwd")?;
    let number = |field: usize| line.split(':').nth(field).and_then(|number| number.parse().ok());
    std::os::unix::fs::chown(path, number(2), number(3)).with_context(|| path.display().to_string())
}

/// The same user's group has the same name, but for `nobody`.
pub(super) fn group() -> &'static str {
    match Installation::user() {
        "nobody" if !Path::new("/etc/debian_version").exists() => "nobody",
        "nobody" => "nogroup",
        user => user,
    }
}
