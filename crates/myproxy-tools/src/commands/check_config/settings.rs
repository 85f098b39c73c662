//! What the directives mean for each server: a virtual host has what the main server has, unless it says otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use myproxy_client::DEFAULT_PORT;
use nix::unistd::{Gid, Uid, User};

use super::dump::{self, Directive};
use super::finding::{Finding, Severity};
use super::httpd::Reading;

const SERVER: &str = "MyProxyServer";
/// Options of `myproxy-logon`, which may name servers too.
const EXTRA: &str = "MyProxyExtraParams";

/// The servers that have to do with MyProxy. Of those that have the same settings it is one.
pub struct Configuration(Vec<Server>);

/// The main server or a virtual host.
pub struct Server {
    /// Its own directives, then those that it inherits.
    directives: Vec<Directive>,
    root: PathBuf,
    children: Children,
}

/// Who httpd's children are.
#[derive(Clone, Debug)]
pub struct Children {
    pub user: Uid,
    pub group: Gid,
    pub name: String,
}

impl Configuration {
    pub fn new(reading: &Reading) -> Self {
        let all = dump::directives(&reading.configuration);
        let of = |virtual_host: Option<usize>| {
            let own =
                move |directive: &&Directive| directive.virtual_host == virtual_host && !directive.in_section;
            all.iter().filter(own).cloned()
        };
        let children = Children::of(&of(None).collect::<Vec<_>>());
        let hosts = all.iter().filter_map(|directive| directive.virtual_host).max();
        let servers = std::iter::once(None)
            .chain((0..hosts.map_or(0, |last| last + 1)).map(Some))
            .map(|virtual_host| Server {
                // A later directive takes the place of an earlier one.
                directives: of(virtual_host).rev().chain(of(None).rev()).collect(),
                root: reading.server_root.clone(),
                children: children.clone(),
            });
        let mut distinct: Vec<Server> = Vec::new();
        for server in servers.filter(|server| !server.names().is_empty()) {
            if distinct.iter().all(|other| other.settings() != server.settings()) {
                distinct.push(server);
            }
        }
        Configuration(distinct)
    }

    pub fn servers(&self) -> &[Server] {
        &self.0
    }
}

impl Server {
    /// The directive that counts.
    pub fn get(&self, name: &str) -> Option<&Directive> {
        self.directives
            .iter()
            .find(|directive| directive.name.eq_ignore_ascii_case(name))
    }

    /// What every directive of ours says here.
    fn settings(&self) -> BTreeMap<String, &[String]> {
        let names = self
            .directives
            .iter()
            .map(|directive| directive.name.to_ascii_lowercase());
        names
            .filter(|name| name.starts_with("myproxy"))
            .filter_map(|name| Some((name.clone(), self.get(&name)?.arguments.as_slice())))
            .collect()
    }

    /// Its first argument.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name)?.arguments.first().map(String::as_str)
    }

    /// A path, made absolute as httpd does it.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.absolute(self.value(name)?))
    }

    pub fn absolute(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub fn children(&self) -> &Children {
        &self.children
    }

    /// The MyProxy servers: those of `MyProxyServer`, else those of `MyProxyExtraParams`.
    pub fn names(&self) -> Vec<String> {
        match self.get(SERVER) {
            Some(directive) => directive.arguments.clone(),
            None => {
                let servers = self.extra("-s", "--pshost").unwrap_or_default();
                let names = servers.split(',').map(|name| name.trim().to_owned());
                names.filter(|name| !name.is_empty()).collect()
            }
        }
    }

    /// The port of servers that are named without one.
    pub fn port(&self) -> u16 {
        self.extra("-p", "--psport")
            .and_then(|port| port.parse().ok())
            .unwrap_or(DEFAULT_PORT)
    }

    /// The value of an option in `MyProxyExtraParams`. httpd has refused those that it does not know.
    fn extra(&self, short: &str, long: &str) -> Option<String> {
        let words = shlex::split(self.value(EXTRA)?)?;
        let attached = |word: &String| {
            let value = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
            value.or(word.strip_prefix(short)).map(str::to_owned)
        };
        let named = |word: &String| word == short || word == long;
        let at = words
            .iter()
            .rposition(|word| named(word) || attached(word).is_some())?;
        if named(&words[at]) {
            words.get(at + 1).cloned()
        } else {
            attached(&words[at])
        }
    }

    /// Something about a directive. Where that is not given, its default is found out where `MyProxyServer` stands.
    pub fn finding(
        &self,
        severity: Severity,
        directive: &str,
        problem: impl ToString,
        advice: impl Into<String>,
    ) -> Finding {
        let given = self
            .get(directive)
            .or_else(|| self.get(SERVER))
            .or_else(|| self.get(EXTRA));
        Finding {
            place: given.map(|given| given.place.clone()).unwrap_or_default(),
            severity,
            directive: directive.to_owned(),
            problem: problem.to_string(),
            advice: advice.into(),
        }
    }
}

impl Children {
    /// Root gives its children the user of `User`; for anybody else they are the same user.
    fn of(main: &[Directive]) -> Self {
        let named = main
            .iter()
            .rev()
            .find(|directive| directive.name.eq_ignore_ascii_case("User"));
        let name = named.and_then(|directive| directive.arguments.first());
        let user = name
            .filter(|_| Uid::effective().is_root())
            .and_then(|name| match name.strip_prefix('#') {
                Some(number) => User::from_uid(Uid::from_raw(number.parse().ok()?)).ok()?,
                None => User::from_name(name).ok()?,
            })
            .or_else(|| User::from_uid(Uid::effective()).ok()?);
        match user {
            Some(user) => Children {
                user: user.uid,
                group: user.gid,
                name: user.name,
            },
            None => Children {
                user: Uid::effective(),
                group: Gid::effective(),
                name: Uid::effective().to_string(),
            },
        }
    }
}

/// The trust directory of a server.
pub fn trust_directory(server: &Server) -> PathBuf {
    server
        .path("MyProxyTrustDir")
        .unwrap_or_else(|| Path::new("/etc/grid-security/certificates").to_owned())
}
