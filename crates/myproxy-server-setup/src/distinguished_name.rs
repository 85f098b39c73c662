//! Distinguished names in OpenSSL's one-line form: `/DC=org/DC=example/CN=alice`.

use std::fmt;
use std::str::FromStr;

use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::x509::{X509Name, X509NameRef};

/// A distinguished name whose every part is printable ASCII without `/`, quotes or backslashes, so that it
/// means the same in a certificate, in a signing policy, in a configuration file and in a shell script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(Vec<(String, String)>);

/// A text that is not a distinguished name that this program would put into a certificate.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no distinguished name ({reason}): write it as in /DC=org/DC=example/CN=name")]
pub struct InvalidDistinguishedName {
    text: String,
    reason: &'static str,
}

impl DistinguishedName {
    /// The name with `field=value` after its last part.
    ///
    /// # Errors
    /// The value holds what a distinguished name here may not.
    pub fn with(&self, field: &str, value: &str) -> Result<Self, InvalidDistinguishedName> {
        format!("{self}/{field}={value}").parse()
    }

    pub(crate) fn to_x509_name(&self) -> Result<X509Name, ErrorStack> {
        let mut name = X509Name::builder()?;
        for (field, value) in &self.0 {
            name.append_entry_by_text(field, value)?;
        }
        Ok(name.build())
    }
}

impl FromStr for DistinguishedName {
    type Err = InvalidDistinguishedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidDistinguishedName {
            text: text.to_owned(),
            reason,
        };
        let parts = text
            .strip_prefix('/')
            .ok_or_else(|| invalid("it does not begin with /"))?;
        let mut fields = Vec::new();
        for part in parts.split('/') {
            let (field, value) = part.split_once('=').ok_or_else(|| invalid("a part without ="))?;
            if !["DC", "C", "ST", "L", "O", "OU", "CN"].contains(&field) {
                return Err(invalid("only DC, C, ST, L, O, OU and CN are known"));
            }
            if field == "C" && value.len() != 2 {
                return Err(invalid("C takes two letters"));
            }
            if value.is_empty() || value.len() > 64 || value.trim() != value {
                return Err(invalid("a value has 1 to 64 characters and no space around it"));
            }
            let allowed = |c: char| c.is_ascii_alphanumeric() || " @.,:()_+-".contains(c);
            if !value.chars().all(allowed) {
                return Err(invalid("a value takes letters, digits, spaces and @.,:()_+-"));
            }
            fields.push((field.to_owned(), value.to_owned()));
        }
        Ok(Self(fields))
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(field, value)| write!(formatter, "/{field}={value}"))
    }
}

/// A certificate's name in the one-line form, for people and for comparing; bytes other than printable ASCII
/// are written as `\xHH`, as OpenSSL does.
pub fn one_line(name: &X509NameRef) -> String {
    let mut line = String::new();
    for entry in name.entries() {
        let nid = entry.object().nid();
        let field = match nid {
            Nid::UNDEF => entry.object().to_string(),
            nid => nid
                .short_name()
                .map_or_else(|_| entry.object().to_string(), str::to_owned),
        };
        line.push_str(&format!("/{field}="));
        for &byte in entry.data().as_slice() {
            match byte {
                b' '..=b'~' => line.push(char::from(byte)),
                _ => line.push_str(&format!("\\x{byte:02X}")),
            }
        }
    }
    line
}
