//! Whether httpd's children can read a file: they do not run as root.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, getgrouplist};

use super::settings::Children;

const READ: u32 = 0o4;
const SEARCH: u32 = 0o1;

/// Why the children cannot read a file or directory, in words that follow on "the directory"; nothing where they can.
/// It goes by owners and modes, not by access control lists.
pub fn obstacle(path: &Path, children: &Children) -> Option<String> {
    if children.user.is_root() {
        return None;
    }
    let groups = CString::new(children.name.as_str())
        .ok()
        .and_then(|name| getgrouplist(&name, children.group).ok())
        .unwrap_or_else(|| vec![children.group]);
    let path = path.canonicalize().ok()?;
    let above = path
        .ancestors()
        .skip(1)
        .map(|directory| (directory, SEARCH, "chmod a+x"));
    let own = if path.is_dir() { READ | SEARCH } else { READ };
    std::iter::once((path.as_path(), own, "chmod a+rX"))
        .chain(above)
        .find(|(path, wanted, _)| !allows(path, *wanted, children, &groups))
        .map(|(path, _, remedy)| {
            format!(
                "httpd's user {} has no permission for {}: {remedy} {}",
                children.name,
                path.display(),
                path.display()
            )
        })
}

fn allows(path: &Path, wanted: u32, children: &Children, groups: &[Gid]) -> bool {
    fs::metadata(path).is_ok_and(|metadata| {
        let shift = if metadata.uid() == children.user.as_raw() {
            6
        } else if groups.contains(&Gid::from_raw(metadata.gid())) {
            3
        } else {
            0
        };
        metadata.mode() >> shift & wanted == wanted
    })
}
