//! Forms: reading `application/x-www-form-urlencoded` byte for byte, and carrying a body through a login.

use crate::percent;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The most fields of a form that are read.
pub const FIELD_LIMIT: usize = 10_000;

/// The fields of a form in their order; a name may occur more than once, and names and values are any bytes. They may
/// hold a password: wiped from memory when dropped, and not shown.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Form(Vec<(Vec<u8>, Vec<u8>)>);

/// Why a request's body cannot be carried through a login, or read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Larger than the limit.
    #[error(
        "the form has more than {limit} bytes, which is the limit (PubcookieMaxPost or LimitRequestBody)"
    )]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// More than [`FIELD_LIMIT`] fields.
    #[error("the form has more than {FIELD_LIMIT} fields")]
    TooManyFields,
    /// Nothing in it.
    #[error("the request has no body")]
    Empty,
    /// Files and other bodies that are no simple form.
    #[error("a body of type `{}` cannot be carried through a login", .0.escape_debug())]
    NotAForm(String),
    /// Fields that no page can send again.
    #[error(
        "the form has fields that a browser cannot send again after a login (not UTF-8, or without a name)"
    )]
    NotCarriable,
    /// A file upload.
    #[error("multipart/form-data not allowed: files cannot be carried through a login")]
    Multipart,
}

impl Form {
    /// Reads a form of at most `limit` bytes.
    pub fn parse(body: &[u8], limit: usize) -> Result<Form, FormError> {
        if body.len() > limit {
            return Err(FormError::TooLarge { limit });
        }
        let mut form = Form::default();
        for field in body.split(|&byte| byte == b'&').filter(|field| !field.is_empty()) {
            if form.0.len() == FIELD_LIMIT {
                return Err(FormError::TooManyFields);
            }
            let equals = field.iter().position(|&byte| byte == b'=');
            let (name, value) = equals.map_or((field, &b""[..]), |at| (&field[..at], &field[at + 1..]));
            form.0
                .push((percent::decode_form(name), percent::decode_form(value)));
        }
        Ok(form)
    }

    /// The fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (&name[..], &value[..]))
    }

    /// The value of the field with this name; `None` where there is none or more than one.
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self
            .fields()
            .filter(|(field, _)| *field == name.as_bytes())
            .map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    }

    /// Refuses a form that a browser could not send again from a page of ours, byte for byte: one with bytes that are
    /// no text, with other line ends than a browser's own, with a field without a name, or with one that browsers fill in.
    pub fn check_carriable(&self) -> Result<(), FormError> {
        let carriable = self.fields().all(|(name, value)| {
            !name.is_empty() && is_text(name) && is_text(value) && !is_replaced(name, value)
        });
        if carriable {
            Ok(())
        } else {
            Err(FormError::NotCarriable)
        }
    }

    /// The fields spelled as a browser spells them.
    pub fn to_urlencoded(&self) -> Zeroizing<String> {
        // Room for all of it from the start: growing would leave copies behind.
        let limit = |(name, value): (&[u8], &[u8])| 3 * (name.len() + value.len()) + 2;
        let mut text = Zeroizing::new(String::with_capacity(self.fields().map(limit).sum()));
        for (name, value) in self.fields() {
            if !text.is_empty() {
                text.push('&');
            }
            percent::push_encoded_form(&mut text, name);
            text.push('=');
            percent::push_encoded_form(&mut text, value);
        }
        text
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} fields)", self.0.len())
    }
}

/// A hidden field's value comes back with CR LF for every line end (HTML, section 4.10.22.4).
fn is_text(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    !text.replace("\r\n", "").contains(['\r', '\n', '\0'])
}

/// A hidden field of this name comes back with the encoding of the page, whatever it held (HTML, section 4.10.22.4).
fn is_replaced(name: &[u8], value: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"_charset_") && value != b"UTF-8"
}

/// Whether a body of this Content-Type can be carried through a login.
pub fn check_content_type(content_type: Option<&str>) -> Result<(), FormError> {
    let whole = content_type.unwrap_or("").trim();
    let essence = whole.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Ok(()),
        "multipart/form-data" => Err(FormError::Multipart),
        _ => Err(FormError::NotAForm(whole.chars().take(80).collect())),
    }
}

/// How a request's body goes on through a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// By itself: the request came from our own origin or site.
    ByItself,
    /// Only when the user clicks. A cross-site POST reaches us without the session cookie, would pass silently through
    /// single sign-on, and would then come from our own page.
    OnClick,
}

/// Decides it by the request's headers: `Sec-Fetch-Site`, and `Origin` for browsers without it.
pub fn carriage(sec_fetch_site: Option<&str>, origin: Option<&str>, own_origin: &str) -> Carriage {
    let ours = match (sec_fetch_site, origin) {
        (Some(site), _) => matches!(site, "same-origin" | "same-site"),
        (None, Some(origin)) => origin.eq_ignore_ascii_case(own_origin),
        (None, None) => false,
    };
    if ours {
        Carriage::ByItself
    } else {
        Carriage::OnClick
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(body: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Form::parse(body.as_bytes(), 1000)
            .unwrap()
            .fields()
            .map(|(n, v)| (text(n), text(v)))
            .collect()
    }

    #[test]
    fn a_form_is_read_in_order_and_byte_for_byte() {
        let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
        assert_eq!(
            fields("field1=a+b%26c&field2=%3Cscript%3E%22&text=l1%0D%0Al2&submit=Go%21&utf=%C3%A9"),
            [
                pair("field1", "a b&c"),
                pair("field2", "<script>\""),
                pair("text", "l1\r\nl2"),
                pair("submit", "Go!"),
                pair("utf", "é")
            ]
        );
        assert_eq!(
            fields("a=1&b=<x>&c=d+e&=z&flag&&x=%zz%4"),
            [
                pair("a", "1"),
                pair("b", "<x>"),
                pair("c", "d e"),
                pair("", "z"),
                pair("flag", ""),
                pair("x", "%zz%4")
            ]
        );
        assert!(fields("").is_empty());
    }

    #[test]
    fn a_field_given_twice_has_no_single_value() {
        let form = Form::parse(b"a=1&b=2&a=3", 100).unwrap();
        assert_eq!(form.only("b"), Some(&b"2"[..]));
        assert_eq!(form.only("a"), None);
        assert_eq!(form.only("c"), None);
    }

    #[test]
    fn a_form_is_not_shown() {
        let form = Form::parse(b"pass=secret&user=alice", 100).unwrap();
        assert_eq!(format!("{form:?}"), "Form(2 fields)");
        assert_eq!(*form.to_urlencoded(), "pass=secret&user=alice");
    }

    #[test]
    fn large_forms_and_other_bodies_are_refused() {
        assert_eq!(Form::parse(b"a=1", 2), Err(FormError::TooLarge { limit: 2 }));
        assert_eq!(
            Form::parse(&b"a&".repeat(FIELD_LIMIT + 1), 1 << 20),
            Err(FormError::TooManyFields)
        );
        assert_eq!(
            check_content_type(Some("Application/X-WWW-Form-URLencoded; charset=UTF-8")),
            Ok(())
        );
        assert_eq!(
            check_content_type(Some("multipart/form-data; boundary=b")),
            Err(FormError::Multipart)
        );
        assert_eq!(
            check_content_type(Some("application/json")),
            Err(FormError::NotAForm("application/json".into()))
        );
        assert_eq!(check_content_type(None), Err(FormError::NotAForm(String::new())));
    }

    #[test]
    fn only_our_own_pages_carry_on_by_themselves() {
        let own = "https://app.example.edu";
        for (site, origin, carried) in [
            (Some("same-origin"), None, Carriage::ByItself),
            (
                Some("same-site"),
                Some("https://www.example.edu"),
                Carriage::ByItself,
            ),
            (Some("cross-site"), Some(own), Carriage::OnClick),
            (Some("none"), None, Carriage::OnClick),
            (None, Some("https://APP.example.edu"), Carriage::ByItself),
            (None, Some("http://app.example.edu"), Carriage::OnClick),
            (
                None,
                Some("https://app.example.edu.evil.example"),
                Carriage::OnClick,
            ),
            (None, Some("null"), Carriage::OnClick),
            (None, None, Carriage::OnClick),
        ] {
            assert_eq!(carriage(site, origin, own), carried, "{site:?} {origin:?}");
        }
    }

    #[test]
    fn a_form_is_carried_only_where_it_comes_back_the_same() {
        let check = |body: &[u8]| Form::parse(body, 100).unwrap().check_carriable();
        assert_eq!(check(b"a=%0D%0A%C3%A9%09&a="), Ok(()));
        assert_eq!(check(b"_charset_=UTF-8"), Ok(()));
        for body in [
            &b"a=%0A"[..],
            b"a=%0D",
            b"a=%E9",
            b"%00=a",
            b"=a",
            b"_Charset_=ISO-8859-1",
        ] {
            assert_eq!(check(body), Err(FormError::NotCarriable), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive(fields in proptest::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..6)) {
            let form = Form(fields);
            prop_assert_eq!(Form::parse(form.to_urlencoded().as_bytes(), usize::MAX).unwrap(), form);
        }

        #[test]
        fn no_input_makes_it_panic(body: Vec<u8>) {
            let _ = Form::parse(&body, 1000);
        }
    }
}
