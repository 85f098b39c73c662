//! What is compared: a place, and what the client brings there.

use std::fmt;

/// A place, and a client there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// An open file.
    Open,
    /// An open file, and a session cookie for another place.
    OpenWithCookie,
    /// A file behind mod_auth_basic and mod_authn_file.
    Basic,
    /// A file behind a session.
    Protected(Format, Client),
}

/// The format of the session cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Ours.
    Sealed,
    /// The original's.
    Legacy,
}

/// What the client does with cookies that it is given. Both begin with one that is due to be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// It keeps them, as browsers do.
    Keeps,
    /// It sends what it began with, as load generators do: the server makes a new one for every request.
    NeverKeeps,
}

impl Case {
    /// Every case; the first is what the others are compared with.
    pub const ALL: [Case; 7] = [
        Case::Open,
        Case::OpenWithCookie,
        Case::Basic,
        Case::Protected(Format::Sealed, Client::Keeps),
        Case::Protected(Format::Sealed, Client::NeverKeeps),
        Case::Protected(Format::Legacy, Client::Keeps),
        Case::Protected(Format::Legacy, Client::NeverKeeps),
    ];

    /// Those without a login.
    pub const OPEN: [Case; 2] = [Case::Open, Case::OpenWithCookie];

    /// Whether its client keeps the cookies that it is given.
    pub fn keeps_cookies(self) -> bool {
        matches!(self, Case::Protected(_, Client::Keeps))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Case::Open => "open",
            Case::OpenWithCookie => "open, session cookie sent",
            Case::Basic => "mod_auth_basic",
            Case::Protected(Format::Sealed, Client::Keeps) => "sealed session",
            Case::Protected(Format::Sealed, Client::NeverKeeps) => "sealed session, made anew each time",
            Case::Protected(Format::Legacy, Client::Keeps) => "legacy session",
            Case::Protected(Format::Legacy, Client::NeverKeeps) => "legacy session, made anew each time",
        })
    }
}
