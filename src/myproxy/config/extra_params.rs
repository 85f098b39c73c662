//! `MyProxyExtraParams`: options of `myproxy-logon`, as a site has them in its old `MYPROXY_EXTRA_PARAMS`.

use myproxy_client::{CredentialName, DEFAULT_PORT, Lifetime, Server, VoName};

/// What the options say that have a meaning here. `None` is what no option said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtraParams {
    /// `-s`.
    pub servers: Option<Vec<NamedServer>>,
    /// `-p`: of servers that are named without a port.
    pub port: Option<u16>,
    /// `-t`.
    pub lifetime: Option<Lifetime>,
    /// `-k`.
    pub credential_name: Option<CredentialName>,
    /// `-m`, each time that it is given.
    pub vo_names: Vec<VoName>,
}

/// A server as it was named.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedServer {
    server: Server,
    has_port: bool,
}

impl NamedServer {
    /// Reads `host[:port][=name]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parse = |port| Server::parse(text, port).map_err(|error| error.to_string());
        let server = parse(DEFAULT_PORT)?;
        // Whatever the default is makes no difference to a port that is written.
        let has_port = parse(DEFAULT_PORT + 1)?.port == server.port;
        Ok(NamedServer { server, has_port })
    }

    /// The server, at this port where it was named without one.
    pub fn at(&self, port: Option<u16>) -> Server {
        let mut server = self.server.clone();
        if let (Some(port), false) = (port, self.has_port) {
            server.port = port;
        }
        server
    }
}

/// The options of `myproxy-logon` that have no meaning here, and what has instead.
const REFUSED: [(&[&str], &str); 10] = [
    (
        &["-l", "--username"],
        "the user is the one in front of the browser: see MyProxyUser",
    ),
    (
        &["-d", "--dn_as_username"],
        "the user is the one in front of the browser: see MyProxyUser",
    ),
    (&["-o", "--out"], "files are kept in MyProxyCredStoreDir"),
    (
        &["-S", "--stdin_pass"],
        "pass phrases come from the browser: leave it out",
    ),
    (
        &["-n", "--no_passphrase"],
        "our own certificate is the proof with MyProxyAuthMethod certificate",
    ),
    (
        &["-a", "--authorization"],
        "credentials are renewed with MyProxyRenew",
    ),
    (
        &["-T", "--trustroots", "-b", "--bootstrap"],
        "trust roots are fetched by mod-myproxy trustroots, once a day, and not with each logon",
    ),
    (&["-Q", "--certreq"], "keys are made here: see MyProxyKey"),
    (&["-N", "--no_credentials"], "a logon is for a credential"),
    (
        &[
            "-q",
            "--quiet",
            "-v",
            "--verbose",
            "-V",
            "--version",
            "-u",
            "--usage",
            "-h",
            "--help",
        ],
        "what is told is up to LogLevel myproxy:...: leave it out",
    ),
];

impl ExtraParams {
    /// Reads options as a shell would have cut them apart. Each is taken, or refused by its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or("a quotation mark is not closed")?;
        let mut params = ExtraParams::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (option, attached) = parts(&word);
            let mut value = || {
                attached
                    .map(str::to_owned)
                    .or_else(|| words.next())
                    .ok_or_else(|| format!("{option} needs a value"))
            };
            let named = |problem: String| format!("{option}: {problem}");
            match option {
                "-s" | "--pshost" => {
                    let servers = value()?;
                    let servers = servers.split(',').map(|server| NamedServer::parse(server.trim()));
                    params.servers = Some(servers.collect::<Result<_, _>>().map_err(named)?);
                }
                "-p" | "--psport" => params.port = Some(port(&value()?).map_err(named)?),
                "-t" | "--proxy_lifetime" => params.lifetime = Some(hours(&value()?).map_err(named)?),
                "-k" | "--credname" => {
                    let name = CredentialName::new(value()?).map_err(|error| named(error.to_string()))?;
                    params.credential_name = Some(name);
                }
                "-m" | "--voms" => {
                    let name = VoName::new(value()?).map_err(|error| named(error.to_string()))?;
                    params.vo_names.push(name);
                }
                option => return Err(refusal(option)),
            }
        }
        Ok(params)
    }
}

/// An option, and the value that is attached to it: `-t12`, `--proxy_lifetime=12`.
fn parts(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (word, None),
        };
    }
    match word.char_indices().nth(2) {
        Some((end, _)) if word.starts_with('-') => (&word[..end], Some(&word[end..])),
        _ => (word, None),
    }
}

fn refusal(option: &str) -> String {
    let known = REFUSED.iter().find(|(names, _)| names.contains(&option));
    match known {
        Some((_, instead)) => format!("{option} of myproxy-logon has no meaning here: {instead}"),
        None => format!("\"{option}\" is no option of myproxy-logon"),
    }
}

fn port(digits: &str) -> Result<u16, String> {
    let port = digits.parse().ok().filter(|&port| port != 0);
    port.ok_or_else(|| format!("\"{digits}\" is not a port: write a number from 1 to 65535"))
}

/// As `MyProxyLifetime`: up to a year.
fn hours(digits: &str) -> Result<Lifetime, String> {
    let hours = digits.parse().ok().filter(|hours| (1..=8760).contains(hours));
    let hours = hours.ok_or_else(|| format!("\"{digits}\" is not a number of hours from 1 to 8760"))?;
    Lifetime::from_hours(hours).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_value_is_taken_as_it_is() {
        let params = ExtraParams::parse(
            "-s 'a.example.org:7513, b.example.org' -p7514 --proxy_lifetime=24 -k \"my work\" -m atlas \\\n --voms cms:/cms",
        )
        .unwrap();
        let servers = params.servers.unwrap();
        let ports = servers.iter().map(|server| server.at(params.port).port);
        assert_eq!(ports.collect::<Vec<_>>(), [7513, 7514]);
        assert_eq!(params.lifetime, Lifetime::from_hours(24).ok());
        assert_eq!(params.credential_name.unwrap().as_str(), "my work");
        let names = params.vo_names.iter().map(VoName::as_str);
        assert_eq!(names.collect::<Vec<_>>(), ["atlas", "cms:/cms"]);
        assert_eq!(ExtraParams::parse("  "), Ok(ExtraParams::default()));
    }

    #[test]
    fn what_has_no_meaning_is_refused_by_name() {
        for (text, expected) in [
            ("-l alice", "-l of myproxy-logon has no meaning here"),
            ("-t 12 -S", "-S of myproxy-logon"),
            (
                "--out=/tmp/x",
                "--out of myproxy-logon has no meaning here: files are kept in MyProxyCredStoreDir",
            ),
            ("-qt 12", "-q of myproxy-logon"),
            ("-T", "mod-myproxy trustroots"),
            ("-x", "\"-x\" is no option"),
            ("12", "\"12\" is no option"),
            ("-t", "-t needs a value"),
            ("-t 0", "-t: \"0\" is not a number of hours"),
            ("-t 8761", "from 1 to 8760"),
            ("-p 0", "-p: \"0\" is not a port"),
            ("-s a..b", "-s: \"a..b\" is not a host name"),
            ("-k ''", "-k: the credential name is empty"),
            ("-m :x", "-m: the VO name does not begin"),
            ("-k 'x", "a quotation mark is not closed"),
        ] {
            let problem = ExtraParams::parse(text).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
