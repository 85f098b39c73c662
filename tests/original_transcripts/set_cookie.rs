//! How a cookie is set or cleared.

use std::fmt;

/// A `Set-Cookie` header.
pub struct SetCookie<'a> {
    pub name: &'a str,
    pub value: &'a str,
    domain: Option<&'a str>,
    path: Option<&'a str>,
    secure: bool,
    expires: Option<&'a str>,
    /// Attributes besides, sorted.
    pub protection: Vec<&'a str>,
}

impl<'a> SetCookie<'a> {
    pub fn parse(text: &'a str) -> SetCookie<'a> {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts
            .next()
            .and_then(|pair| pair.split_once('='))
            .unwrap_or((text, ""));
        let mut cookie = SetCookie {
            name,
            value,
            domain: None,
            path: None,
            secure: false,
            expires: None,
            protection: Vec::new(),
        };
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            match attribute.to_ascii_lowercase().as_str() {
                "domain" => cookie.domain = Some(value.trim_start_matches('.')),
                "path" => cookie.path = Some(value),
                "secure" => cookie.secure = true,
                "expires" => cookie.expires = Some(value),
                _ => cookie.protection.push(part),
            }
        }
        cookie.protection.sort_unstable();
        cookie
    }

    /// Cookies of one name in two scopes are two.
    pub fn scope(&self) -> String {
        format!("{:?} {:?}", self.domain, self.path)
    }

    /// Set, not cleared.
    pub fn is_set(&self) -> bool {
        self.expires.is_none()
    }
}

impl fmt::Display for SetCookie<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expires {
            None => formatter.write_str("set")?,
            Some(expires) if expires.contains("1990") => formatter.write_str("cleared")?,
            Some(expires) => write!(formatter, "set until {expires}")?,
        }
        if let Some(domain) = self.domain {
            write!(formatter, "; domain={domain}")?;
        }
        write!(formatter, "; path={}", self.path.unwrap_or_default())?;
        if self.secure {
            formatter.write_str("; secure")?;
        }
        Ok(())
    }
}

/// The `Set-Cookie` headers of an answer.
pub fn set_cookies(headers: &[(String, String)]) -> Vec<String> {
    headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .map(|(_, value)| value.clone())
        .collect()
}
