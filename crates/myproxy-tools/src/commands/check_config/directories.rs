//! The directories of credentials and sessions.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use credential_store::{Directory, DirectoryPolicy, check_separate};
use rustix::fs::{StatVfsMountFlags, statfs, statvfs};

use super::finding::{Finding, Severity};
use super::settings::Server;

const CREDENTIALS: &str = "MyProxyCredStoreDir";
const SESSIONS: &str = "MyProxySessionStore";

/// File systems of other machines, by the numbers of Linux's `magic.h`.
const NETWORK: [(u32, &str); 5] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x5346_414f, "AFS"),
    (0x6573_5546, "FUSE"),
];

/// Whether they can be used as they are, or be made.
pub fn check(server: &Server) -> Vec<Finding> {
    let credentials = server.path(CREDENTIALS);
    let sessions = server
        .value(SESSIONS)
        .and_then(|value| value.strip_prefix("dir:"))
        .map(|directory| server.absolute(directory));
    let mut findings = Vec::new();
    if let (Some(credentials), Some(sessions)) = (&credentials, &sessions)
        && let Err(error) = check_separate(credentials, sessions)
    {
        findings.push(server.finding(Severity::Fails, SESSIONS, error, ""));
    }
    for (directive, path) in [(CREDENTIALS, credentials), (SESSIONS, sessions)] {
        findings.extend(path.and_then(|path| directory(server, directive, &path)));
    }
    findings
}

fn directory(server: &Server, directive: &str, path: &Path) -> Option<Finding> {
    let fails =
        |problem: String, advice: &str| Some(server.finding(Severity::Fails, directive, problem, advice));
    let there = match path.symlink_metadata() {
        Ok(_) => path.to_owned(),
        Err(_) => existing_parent(path),
    };
    if there == path {
        let children = server.children();
        let mode = server
            .value("MyProxyDirPermissions")
            .and_then(|mode| u32::from_str_radix(mode, 8).ok());
        let policy = DirectoryPolicy::new(mode.unwrap_or(0o700))
            .owned_by(children.user.as_raw(), Some(children.group.as_raw()));
        if let Err(error) = Directory::open(path, policy) {
            return fails(error.to_string(), "");
        }
        if path
            .metadata()
            .is_ok_and(|metadata| metadata.mode() & 0o700 != 0o700)
        {
            let problem = format!("its owner cannot write to {}", path.display());
            return fails(problem, &format!("chmod u+rwx {}", path.display()));
        }
    } else if let Some(unsafe_parent) = there.ancestors().find(|parent| !is_safe(parent)) {
        let problem = format!(
            "httpd does not make {} because {} is not root's alone",
            path.display(),
            unsafe_parent.display()
        );
        return fails(problem, "make it elsewhere, such as in /run");
    }
    file_system(server, directive, &there)
}

/// Where httpd would begin to make directories.
fn existing_parent(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|parent| parent.is_dir());
    there.unwrap_or(Path::new("/")).to_owned()
}

/// Belongs to root or to who starts httpd, and nobody else can write there.
fn is_safe(directory: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    directory.metadata().is_ok_and(|metadata| {
        (metadata.uid() == 0 || metadata.uid() == own)
            && (metadata.mode() & 0o022 == 0 || metadata.mode() & 0o1000 != 0)
    })
}

fn file_system(server: &Server, directive: &str, path: &Path) -> Option<Finding> {
    let shown = path.display();
    let finding =
        |severity, problem: String, advice: &str| Some(server.finding(severity, directive, problem, advice));
    let (Ok(kind), Ok(state)) = (statfs(path), statvfs(path)) else {
        return None;
    };
    if state.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let problem = format!("the file system of {shown} is read-only");
        return finding(Severity::Fails, problem, "mount it writable, or use another");
    }
    if state.f_bavail == 0 || state.f_files > 0 && state.f_favail == 0 {
        let problem = format!("the file system of {shown} is full");
        return finding(Severity::Fails, problem, "make room");
    }
    let (_, name) = NETWORK.iter().find(|(number, _)| kind.f_type as u32 == *number)?;
    let problem = format!("{shown} is on {name}: private keys travel, and locks may not hold");
    finding(
        Severity::Doubtful,
        problem,
        "use a local file system, best one in memory such as /run",
    )
}
