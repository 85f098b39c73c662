//! Debian's base image: from a registry, or made here; kept for the next time.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Podman;

const LOAD_LIMIT: Duration = Duration::from_secs(120);
const PULL_LIMIT: Duration = Duration::from_secs(120);
const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(600);

/// Makes the release `$1` in the directory `$2`, and the image `$3` of it. As in the registry's, security updates are
/// installed, and dpkg does not wait for the disk.
const BOOTSTRAP: &str = r#"set -e
release=$1 root=$2 image=$3
debootstrap --variant=minbase "$release" "$root"
echo "deb http://deb.debian.org/debian-security $release-security main" >"$root/etc/apt/sources.list.d/security.list"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
tar -C "$root" -c . | podman import - "$image"
rm -rf "$root"
"#;

/// The name of Debian's own small image of a release.
pub(super) fn name(release: &str) -> String {
    format!("docker.io/library/debian:{release}-slim")
}

/// Gives `podman` the image of this release.
pub(super) fn provide(podman: &Podman, release: &str, cache: &Path) -> Result<()> {
    let kept = cache.join(format!("debian-{release}-slim.tar"));
    if kept.exists() {
        let mut load = podman.command();
        load.args(["load", "--input"]).arg(&kept);
        podman.finish("load", load, LOAD_LIMIT)?;
        return Ok(());
    }
    let image = name(release);
    let mut pull = podman.command();
    pull.args(["pull", &image]);
    let pulled = podman.finish("pull", pull, PULL_LIMIT);
    if let Err(no_registry) = pulled {
        bootstrap(podman, release, &image).with_context(|| format!("{no_registry:#}; nor can it be made"))?;
    }
    keep(podman, &image, &kept)
}

fn bootstrap(podman: &Podman, release: &str, image: &str) -> Result<()> {
    let mut command = podman.inside("/bin/sh");
    command
        .args(["-c", BOOTSTRAP, "bootstrap", release])
        .arg(podman.directory.join("debian"))
        .arg(image);
    podman.finish("import", command, BOOTSTRAP_LIMIT)?;
    Ok(())
}

/// Writes the image to the file `kept`, which is there whole or not at all.
fn keep(podman: &Podman, image: &str, kept: &Path) -> Result<()> {
    let written = kept.with_extension(format!("{}.new", std::process::id()));
    let mut save = podman.command();
    save.args(["save", "--output"]).arg(&written).arg(image);
    let saved = podman.finish("save", save, LOAD_LIMIT);
    let kept = saved.and_then(|_| Ok(fs::rename(&written, kept)?));
    if kept.is_err() {
        let _ = fs::remove_file(&written);
    }
    kept.context("cannot keep it for the next time")
}

/// The code name of this machine's Debian: what is built here runs on the image of the same release, and perhaps
/// on no other.
///
/// # Errors
/// It is another system.
pub(super) fn release() -> Result<String> {
    let description = fs::read_to_string("/etc/os-release").context("cannot tell what system this is")?;
    let field = |name: &str| {
        let line = description.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    ensure!(
        field("ID=").as_deref() == Some("debian"),
        "this is no Debian: what is built here may not run on Debian's image"
    );
    field("VERSION_CODENAME=").context("this Debian has no code name")
}
