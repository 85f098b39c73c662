//! What a server refuses, and in which words.

use std::fmt;

/// What a server refuses, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not the pass phrase of this user or stored credential.
    #[error("wrong pass phrase")]
    WrongPassPhrase,
    /// The server has no such user, or no credential stored for it.
    #[error("unknown user")]
    UnknownUser,
    /// The server's way of checking pass phrases (PAM, SASL) failed for another reason than a wrong one.
    #[error("the authentication failed")]
    Authentication,
    /// The server saw no pass phrase.
    #[error("no pass phrase")]
    NoPassPhrase,
    /// The stored credential has expired: its owner has to store a new one.
    #[error("the stored credential has expired")]
    CredentialExpired,
    /// The administrator locked the credential.
    #[error("the credential is locked")]
    CredentialLocked,
    /// The server would not sign our certificate request.
    #[error("the certificate request was not signed")]
    CertificateRequest,
    /// The same, for a key on an elliptic curve.
    #[error(
        "an EC key was not signed: the authority of a MyProxy server signs RSA keys alone, ask with rsa:2048"
    )]
    EllipticKey,
    /// VOMS gave the server no attributes for the credential.
    #[error("VOMS gave no attributes")]
    Attributes,
    /// The server's or the credential's policy does not allow it.
    #[error("the policy does not allow it")]
    NotAuthorized,
    /// The stored credential belongs to the owner of another certificate.
    #[error("the stored credential is another owner's")]
    NotOwner,
    /// The server wants a signature by the credential besides, which is for renewals.
    #[error("a signature is asked for besides")]
    Challenge,
    /// Something else; see the words.
    #[error("the request was not accepted")]
    Other,
}

impl Refusal {
    /// Reads the words of myproxy-server 6.2. The first line that is known decides: later ones may hold free
    /// text.
    pub(crate) fn from_words(words: &ServerWords) -> Self {
        words
            .0
            .lines()
            .find_map(Self::from_line)
            .unwrap_or(Refusal::Other)
    }

    fn from_line(line: &str) -> Option<Self> {
        const KNOWN: [(&str, Refusal); 23] = [
            ("unknown username: ", Refusal::UnknownUser),
            ("invalid username", Refusal::UnknownUser),
            ("No credentials exist ", Refusal::UnknownUser),
            ("no credentials found ", Refusal::UnknownUser),
            ("Credentials do not exist", Refusal::UnknownUser),
            ("invalid password", Refusal::WrongPassPhrase),
            ("Bad password", Refusal::WrongPassPhrase),
            ("invalid credential passphrase", Refusal::WrongPassPhrase),
            ("invalid pass phrase", Refusal::WrongPassPhrase),
            ("no passphrase", Refusal::NoPassPhrase),
            ("PAM authentication failed", Refusal::Authentication),
            ("SASL authentication failed", Refusal::Authentication),
            ("authentication failed", Refusal::Authentication),
            (
                "X509_verify_cert() failed: certificate has expired",
                Refusal::CredentialExpired,
            ),
            ("credential locked", Refusal::CredentialLocked),
            ("Certificate generation failure.", Refusal::CertificateRequest),
            ("Unable to delegate credentials.", Refusal::CertificateRequest),
            ("No VOMS Server Information", Refusal::Attributes),
            ("Couldn't get VOMS User Information", Refusal::Attributes),
            ("authorization failed", Refusal::NotAuthorized),
            ("Credentials are already stored for user ", Refusal::NotOwner),
            ("Credentials not owned by ", Refusal::NotOwner),
            (
                "certificate subject does not match credential to be renewed",
                Refusal::NotOwner,
            ),
        ];
        let known = KNOWN
            .iter()
            .find(|(text, _)| line.starts_with(text))
            .map(|&(_, refusal)| refusal);
        // `"<DN>" not authorized by server's authorized_retriever policy`, `'<DN>' does not own the credentials`
        known.or_else(|| match line.chars().next()? {
            '"' if line.contains("\" not authorized ") => Some(Refusal::NotAuthorized),
            '\'' if line.ends_with("' does not own the credentials") => Some(Refusal::NotOwner),
            _ => None,
        })
    }
}

/// What a server said, line by line. It may echo the user name or what a stranger made of it, so it is shown
/// ([`fmt::Display`]) only as [`ServerWords::printable`].
#[derive(Clone, PartialEq, Eq)]
pub struct ServerWords(String);

impl ServerWords {
    pub(crate) fn from_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        ServerWords(lines.map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n"))
    }

    /// Nothing was said.
    pub(crate) fn none() -> Self {
        ServerWords(String::new())
    }

    /// All of it, as it came (invalid UTF-8 replaced).
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// At most 200 characters, all printable ASCII: lines joined by `; `, every other character a `?`.
    pub fn printable(&self) -> String {
        const LONGEST: usize = 200;
        self.0
            .lines()
            .collect::<Vec<_>>()
            .join("; ")
            .chars()
            .take(LONGEST)
            .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
            .collect()
    }
}

impl fmt::Display for ServerWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.printable())
    }
}

impl fmt::Debug for ServerWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.printable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> ServerWords {
        ServerWords(text.to_owned())
    }

    #[test]
    fn the_first_known_line_decides() {
        for (text, refusal) in [
            ("invalid password", Refusal::WrongPassPhrase),
            (
                "Bad password\ninvalid credential passphrase",
                Refusal::WrongPassPhrase,
            ),
            ("unknown username: credential locked", Refusal::UnknownUser),
            ("No credentials exist for username \"X\".", Refusal::UnknownUser),
            ("no passphrase\nauthentication failed", Refusal::NoPassPhrase),
            ("PAM authentication failed: System error", Refusal::Authentication),
            (
                "X509_verify_cert() failed: certificate has expired",
                Refusal::CredentialExpired,
            ),
            (
                "credential locked\nunknown username: free text",
                Refusal::CredentialLocked,
            ),
            ("Certificate generation failure.", Refusal::CertificateRequest),
            ("Unable to delegate credentials.", Refusal::CertificateRequest),
            (
                "\"<anonymous>\" not authorized by server's authorized_retriever policy",
                Refusal::NotAuthorized,
            ),
            ("error parsing request", Refusal::Other),
            ("", Refusal::Other),
        ] {
            assert_eq!(Refusal::from_words(&words(text)), refusal, "{text}");
        }
    }

    #[test]
    fn words_are_shown_short_and_printable() {
        assert_eq!(words("one\ntwo\u{e9}\x1b[0m").printable(), "one; two??[0m");
        assert_eq!(words(&"x".repeat(999)).printable().len(), 200);
        assert_eq!(words("one\ntwo").as_str(), "one\ntwo");
    }
}
