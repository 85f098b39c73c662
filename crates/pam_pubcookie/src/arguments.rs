//! The arguments behind `pam_pubcookie.so` in a PAM service file.

use std::path::PathBuf;

/// What an administrator wrote, complete and sensible.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    /// `granting_cert=FILE`, more than once while the login server changes its key.
    pub granting_certificates: Vec<PathBuf>,
    /// `app_server_id=NAME`, more than once, or `*`.
    pub app_server_ids: AppServerIds,
    /// `crypt_key=FILE` or `keydir=DIR`, with `app_server=NAME`, for cookies that are still encrypted.
    pub decryption: Option<Decryption>,
    /// `max_age=SECONDS`: how old a granting cookie may be.
    pub max_age: u32,
    /// `creds=DIGIT`: the login flavour that is demanded, as it stands in a cookie.
    pub creds: u8,
    /// `realm=NAME`, more than once: may follow the user's name in a cookie after an `@`.
    pub realms: Vec<String>,
    /// `replay_dir=DIR`, or `none`.
    pub replay_directory: Option<PathBuf>,
}

/// The application servers whose visitors are served. Without this any server that uses the same login server could
/// turn a visitor's cookie into a grid credential.
#[derive(Debug, PartialEq, Eq)]
pub enum AppServerIds {
    /// `*`.
    Any,
    /// These, whatever their case.
    These(Vec<String>),
}

/// What it takes to decrypt.
#[derive(Debug, PartialEq, Eq)]
pub struct Decryption {
    /// Where the keys shared with the login server are.
    pub keys: Keys,
    /// The host names of the application servers.
    pub app_servers: Vec<String>,
}

/// Where the keys shared with the login server are.
#[derive(Debug, PartialEq, Eq)]
pub enum Keys {
    /// One file for all application servers.
    File(PathBuf),
    /// A directory with a file for each.
    Directory(PathBuf),
}

/// What is wrong with the arguments. Nobody is let in then.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    #[error("argument {0:?} is unknown")]
    Unknown(String),
    #[error("argument {0} has no value")]
    Empty(&'static str),
    #[error("argument {0} is given twice")]
    Twice(&'static str),
    #[error("argument {0} is missing")]
    Missing(&'static str),
    #[error("argument max_age={0} is not a number of seconds from 1 to 86400")]
    MaxAge(String),
    #[error("argument creds={0} is not one digit")]
    Creds(String),
    #[error("argument app_server_id=* stands for any name, so it excludes others")]
    AnyAndOthers,
    #[error("arguments crypt_key and keydir exclude each other")]
    TwoKeySources,
    #[error("argument app_server says whose cookies to decrypt, but crypt_key or keydir is missing")]
    AppServerWithoutKey,
    #[error("argument {0} is a relative path")]
    RelativePath(&'static str),
}

const DEFAULT_MAX_AGE: u32 = 120;
const DEFAULT_CREDS: u8 = b'1';

impl Arguments {
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, ArgumentError> {
        let mut given = Given::default();
        for argument in arguments {
            given.take(argument)?;
        }
        given.complete()
    }
}

/// What was given so far.
#[derive(Default)]
struct Given {
    granting_certificates: Vec<PathBuf>,
    app_server_ids: Vec<String>,
    app_servers: Vec<String>,
    realms: Vec<String>,
    crypt_key: Option<PathBuf>,
    key_directory: Option<PathBuf>,
    max_age: Option<u32>,
    creds: Option<u8>,
    replay_directory: Option<ReplayDirectory>,
}

enum ReplayDirectory {
    None,
    At(PathBuf),
}

impl Given {
    fn take(&mut self, argument: &str) -> Result<(), ArgumentError> {
        let unknown = || ArgumentError::Unknown(argument.to_owned());
        let (name, value) = argument.split_once('=').ok_or_else(unknown)?;
        match name {
            "granting_cert" => self.granting_certificates.push(path("granting_cert", value)?),
            "app_server_id" => self.app_server_ids.push(text("app_server_id", value)?),
            "app_server" => self.app_servers.push(text("app_server", value)?),
            "realm" => self.realms.push(text("realm", value)?),
            "crypt_key" => once("crypt_key", &mut self.crypt_key, path("crypt_key", value)?)?,
            "keydir" => once("keydir", &mut self.key_directory, path("keydir", value)?)?,
            "max_age" => once("max_age", &mut self.max_age, max_age(value)?)?,
            "creds" => once("creds", &mut self.creds, creds(value)?)?,
            "replay_dir" => once("replay_dir", &mut self.replay_directory, replay_directory(value)?)?,
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn complete(self) -> Result<Arguments, ArgumentError> {
        if self.granting_certificates.is_empty() {
            return Err(ArgumentError::Missing("granting_cert"));
        }
        let app_server_ids = match self.app_server_ids.as_slice() {
            [] => return Err(ArgumentError::Missing("app_server_id")),
            [any] if any == "*" => AppServerIds::Any,
            names if names.iter().any(|name| name == "*") => return Err(ArgumentError::AnyAndOthers),
            _ => AppServerIds::These(self.app_server_ids),
        };
        let keys = match (self.crypt_key, self.key_directory) {
            (Some(_), Some(_)) => return Err(ArgumentError::TwoKeySources),
            (Some(file), None) => Some(Keys::File(file)),
            (None, Some(directory)) => Some(Keys::Directory(directory)),
            (None, None) => None,
        };
        let decryption = match (keys, self.app_servers) {
            (None, app_servers) if app_servers.is_empty() => None,
            (None, _) => return Err(ArgumentError::AppServerWithoutKey),
            (Some(_), app_servers) if app_servers.is_empty() => {
                return Err(ArgumentError::Missing("app_server"));
            }
            (Some(keys), app_servers) => Some(Decryption { keys, app_servers }),
        };
        let replay_directory = match self.replay_directory {
            None => return Err(ArgumentError::Missing("replay_dir")),
            Some(ReplayDirectory::None) => None,
            Some(ReplayDirectory::At(path)) => Some(path),
        };
        Ok(Arguments {
            granting_certificates: self.granting_certificates,
            app_server_ids,
            decryption,
            max_age: self.max_age.unwrap_or(DEFAULT_MAX_AGE),
            creds: self.creds.unwrap_or(DEFAULT_CREDS),
            realms: self.realms,
            replay_directory,
        })
    }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), ArgumentError> {
    if place.replace(value).is_some() {
        Err(ArgumentError::Twice(name))
    } else {
        Ok(())
    }
}

fn text(name: &'static str, value: &str) -> Result<String, ArgumentError> {
    if value.is_empty() {
        Err(ArgumentError::Empty(name))
    } else {
        Ok(value.to_owned())
    }
}

/// A server changes its working directory as it likes, so a path is absolute.
fn path(name: &'static str, value: &str) -> Result<PathBuf, ArgumentError> {
    let path = PathBuf::from(text(name, value)?);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(ArgumentError::RelativePath(name))
    }
}

fn replay_directory(value: &str) -> Result<ReplayDirectory, ArgumentError> {
    if value == "none" {
        Ok(ReplayDirectory::None)
    } else {
        path("replay_dir", value).map(ReplayDirectory::At)
    }
}

fn max_age(value: &str) -> Result<u32, ArgumentError> {
    let seconds = value
        .parse()
        .ok()
        .filter(|seconds| (1..=86_400).contains(seconds));
    seconds.ok_or_else(|| ArgumentError::MaxAge(value.to_owned()))
}

fn creds(value: &str) -> Result<u8, ArgumentError> {
    match value.as_bytes() {
        &[digit @ b'0'..=b'9'] => Ok(digit),
        _ => Err(ArgumentError::Creds(value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMUM: [&str; 3] = ["granting_cert=/g.cert", "app_server_id=app", "replay_dir=/replay"];

    fn parse_more(more: &[&str]) -> Result<Arguments, ArgumentError> {
        Arguments::parse(MINIMUM.into_iter().chain(more.iter().copied()))
    }

    #[test]
    fn the_minimum_has_defaults() {
        let expected = Arguments {
            granting_certificates: vec!["/g.cert".into()],
            app_server_ids: AppServerIds::These(vec!["app".into()]),
            decryption: None,
            max_age: 120,
            creds: b'1',
            realms: vec![],
            replay_directory: Some("/replay".into()),
        };
        assert_eq!(parse_more(&[]), Ok(expected));
    }

    #[test]
    fn everything_at_once() {
        let arguments = Arguments::parse([
            "granting_cert=/new.cert",
            "granting_cert=/old.cert",
            "app_server_id=*",
            "keydir=/keys",
            "app_server=a.example.org",
            "app_server=b.example.org",
            "max_age=30",
            "creds=2",
            "realm=EXAMPLE.ORG",
            "realm=EXAMPLE.NET",
            "replay_dir=none",
        ]);
        let expected = Arguments {
            granting_certificates: vec!["/new.cert".into(), "/old.cert".into()],
            app_server_ids: AppServerIds::Any,
            decryption: Some(Decryption {
                keys: Keys::Directory("/keys".into()),
                app_servers: vec!["a.example.org".into(), "b.example.org".into()],
            }),
            max_age: 30,
            creds: b'2',
            realms: vec!["EXAMPLE.ORG".into(), "EXAMPLE.NET".into()],
            replay_directory: None,
        };
        assert_eq!(arguments, Ok(expected));
    }

    #[test]
    fn each_required_argument_is_missed_by_name() {
        for (left_out, name) in [(0, "granting_cert"), (1, "app_server_id"), (2, "replay_dir")] {
            let mut rest = MINIMUM.to_vec();
            rest.remove(left_out);
            assert_eq!(Arguments::parse(rest), Err(ArgumentError::Missing(name)));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |argument: &str, error: ArgumentError| {
            assert_eq!(parse_more(&[argument]), Err(error), "{argument}");
        };
        refused("debug", ArgumentError::Unknown("debug".into()));
        refused("max-age=3", ArgumentError::Unknown("max-age=3".into()));
        refused("max_age=0", ArgumentError::MaxAge("0".into()));
        refused("max_age=-1", ArgumentError::MaxAge("-1".into()));
        refused("max_age=two", ArgumentError::MaxAge("two".into()));
        refused("creds=x", ArgumentError::Creds("x".into()));
        refused("creds=12", ArgumentError::Creds("12".into()));
        refused("realm=", ArgumentError::Empty("realm"));
        refused("app_server_id=*", ArgumentError::AnyAndOthers);
        refused("replay_dir=/other", ArgumentError::Twice("replay_dir"));
        refused(
            "granting_cert=g.cert",
            ArgumentError::RelativePath("granting_cert"),
        );
        refused("app_server=a.example.org", ArgumentError::AppServerWithoutKey);
        refused("crypt_key=/key", ArgumentError::Missing("app_server"));
        let two = parse_more(&["crypt_key=/key", "keydir=/keys", "app_server=a"]);
        assert_eq!(two, Err(ArgumentError::TwoKeySources));
    }
}
