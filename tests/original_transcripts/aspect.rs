//! What two answers are compared in.

use std::borrow::Cow;
use std::fmt;

/// What can be the same or differ: a kind, and the name of the cookie, field or variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aspect {
    pub kind: Kind,
    pub name: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The HTTP status.
    Status,
    /// Where the browser goes by itself, and how.
    GoesOn,
    /// Whether caches may keep the answer.
    Caching,
    /// Title or message of a page that the user sees.
    Page,
    /// Whether a cookie is set or cleared, for which domain and path, whether over TLS alone.
    Cookie,
    /// The whole name of a cookie; as an aspect it goes without `__Host-`.
    CookieName,
    /// What else protects a cookie.
    CookieProtection,
    /// What a signed or sealed cookie says.
    CookieContents,
    /// Who signed and encrypted or sealed it, and how.
    CookieMaking,
    /// A field of the granting request.
    GrantingRequest,
    /// Method and destination of a form.
    Form,
    /// A field of a form.
    Field,
    /// A variable that the application sees.
    Variable,
    /// The body that the application reads.
    Body,
}

impl Aspect {
    /// What has to be there for this to be there: a difference in that says it all.
    pub fn head(&self) -> Option<Aspect> {
        let aspect = |kind, name: &str| {
            Some(Aspect {
                kind,
                name: Cow::Owned(name.to_owned()),
            })
        };
        match self.kind {
            Kind::CookieName | Kind::CookieProtection | Kind::CookieContents | Kind::CookieMaking => {
                aspect(Kind::Cookie, &self.name)
            }
            Kind::GrantingRequest if !self.name.is_empty() => aspect(Kind::GrantingRequest, ""),
            Kind::Variable if !self.name.is_empty() => aspect(Kind::Variable, ""),
            Kind::Body => aspect(Kind::Variable, ""),
            Kind::Field => aspect(Kind::Form, ""),
            _ => None,
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Status => "status",
            Kind::GoesOn => "the browser goes on",
            Kind::Caching => "caches",
            Kind::Page => "page",
            Kind::Cookie => "cookie",
            Kind::CookieName => "name of cookie",
            Kind::CookieProtection => "protection of cookie",
            Kind::CookieContents => "contents of cookie",
            Kind::CookieMaking => "making of cookie",
            Kind::GrantingRequest => "granting request",
            Kind::Form => "form",
            Kind::Field => "form field",
            Kind::Variable if self.name.is_empty() => "the application",
            Kind::Variable => "environment variable",
            Kind::Body => "body",
        };
        formatter.write_str(kind)?;
        if !self.name.is_empty() {
            write!(formatter, " `{}`", self.name)?;
        }
        Ok(())
    }
}
