//! What is compared for requests: places behind the same password, with and without credentials.

use std::fmt;

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `MyProxyCredential Off`.
    Off,
    /// `MyProxyCredential On`, for a user who has none.
    Without,
    /// `MyProxyCredential On`, for a user who has one.
    With,
    /// A mod_perl handler that does the least of it.
    Perl,
}

impl Case {
    /// All; the first is what the others are compared with.
    pub const ALL: [Case; 4] = [Case::Off, Case::Without, Case::With, Case::Perl];
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Case::Off => "switched off",
            Case::Without => "on, without a credential",
            Case::With => "on, with a credential",
            Case::Perl => "mod_perl handler",
        })
    }
}
