//! An httpd configuration that would work with a real MyProxy server, and what `check-config` finds when it is changed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use nix::unistd::{Uid, User};
use testbed::{Accepts, MyProxyServer, PrivateDirectory, artifact};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");

/// A directory with a configuration that would work.
pub struct Scene {
    pub server: &'static MyProxyServer,
    pub directory: PrivateDirectory,
}

impl Scene {
    /// All tests share one server, which ends with their process.
    pub fn new() -> Self {
        static SERVER: OnceLock<MyProxyServer> = OnceLock::new();
        let start = || {
            MyProxyServer::builder(Accepts::PassPhrases(Vec::new()))
                .start()
                .unwrap()
        };
        let directory = PrivateDirectory::new("check-config").unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let scene = Scene {
            server: SERVER.get_or_init(start),
            directory,
        };
        for name in ["credentials", "sessions"] {
            scene.store(name, 0o700);
        }
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A directory of httpd's children.
    pub fn store(&self, name: &str, mode: u32) {
        let path = self.directory.make_directory(name, mode).unwrap();
        if Uid::effective().is_root() {
            let user = User::from_name("nobody").unwrap().unwrap();
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
    }

    /// A copy of the server's trust directory, to be changed.
    pub fn trust(&self) -> PathBuf {
        let copy = self.directory.make_directory("trust", 0o755).unwrap();
        for entry in fs::read_dir(self.server.trust_directory()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
        copy
    }

    /// The directives of a server that works.
    pub fn good(&self) -> String {
        format!(
            "MyProxyServer 127.0.0.1:{}=localhost\nMyProxyTrustDir {}\nMyProxyCredStoreDir credentials\n\
             MyProxySessionStore dir:sessions\n",
            self.server.port(),
            self.server.trust_directory().display()
        )
    }

    /// Checks `directives` in the file `myproxy.conf`, which the main file includes.
    pub fn check(&self, directives: &str, options: &[&str]) -> Output {
        let root = self.directory.path().display();
        let mut main = format!("ServerRoot \"{root}\"\n");
        let modules = modules();
        for name in ["mpm_event", "unixd", "authz_core", "macro"] {
            let module = modules.join(format!("mod_{name}.so"));
            if module.is_file() {
                main += &format!("LoadModule {name}_module \"{}\"\n", module.display());
            }
        }
        main += &format!(
            "LoadModule myproxy_module \"{}\"\nListen 127.0.0.1:9\nServerName localhost\nUser nobody\nErrorLog error.log\n\
             Include myproxy.conf\n",
            artifact("libmod_myproxy.so").unwrap().display()
        );
        self.directory.write("httpd.conf", 0o644, main).unwrap();
        self.directory.write("myproxy.conf", 0o644, directives).unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .arg("check-config")
            .args(options)
            .arg(self.path("httpd.conf"));
        command.output().unwrap()
    }

    /// What is found where there is something wrong, after a line `place`.
    pub fn finds(&self, directives: &str, expected: &[(&str, &str)]) {
        let output = self.check(directives, &[]);
        let said = text(&output.stdout);
        for (place, words) in expected {
            let place = format!("{}:{place}: ", self.path("myproxy.conf").display());
            let found = said.lines().any(|line| {
                line.starts_with(&place) && words.split(" ... ").all(|words| line.contains(words))
            });
            assert!(found, "{place}{words}: {output:?}");
        }
        let fails = expected
            .iter()
            .filter(|(_, words)| words.starts_with("fails"))
            .count();
        assert_eq!(output.status.code(), Some(i32::from(fails > 0)), "{output:?}");
        let summary = format!("{fails} would fail, {} doubtful", expected.len() - fails);
        assert!(said.lines().last().unwrap().starts_with(&summary), "{output:?}");
    }
}

fn modules() -> PathBuf {
    let output = Command::new("apxs").args(["-q", "LIBEXECDIR"]).output();
    PathBuf::from(text(&output.expect("apxs (package apache2-dev)").stdout).trim())
}

pub fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}
