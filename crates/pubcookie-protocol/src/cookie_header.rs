//! Reading a request's Cookie header, and hiding our cookies in it from the application.

/// The values of the cookies with exactly this name, in their order.
///
/// The original takes the first place where the name occurs, so that `xxpubcookie_g=` counts. A browser may send
/// several cookies of one name (of different domains or paths), and a neighbour may have planted the first: try each.
pub fn values<'a>(header: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    pairs(header)
        .filter(move |pair| pair.name == name.as_bytes())
        .map(|pair| pair.value)
}

/// The values of the cookies whose names begin so, in their order.
pub fn values_of_names_with<'a>(header: &'a [u8], prefix: &'a str) -> impl Iterator<Item = &'a [u8]> {
    pairs(header)
        .filter(move |pair| pair.name.starts_with(prefix.as_bytes()))
        .map(|pair| pair.value)
}

/// The header with the value of each cookie that `is_ours` names replaced by X's; `None` where it has none.
pub fn obscured(header: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut hidden = header.to_vec();
    let mut found = false;
    for pair in pairs(header).filter(|pair| is_ours(pair.name)) {
        found = true;
        hidden[pair.start..pair.start + pair.value.len()].fill(b'X');
    }
    found.then_some(hidden)
}

/// Whether a cookie of this name is one that only app servers and login servers read.
pub fn is_pubcookie(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"__Host-").unwrap_or(name);
    matches!(
        name,
        b"pubcookie_g" | b"pubcookie_g_req" | b"pubcookie_pre_s" | b"pubcookie_l"
    ) || name.starts_with(b"pubcookie_s_")
}

struct Pair<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// Where the value begins in the header.
    start: usize,
}

/// `name=value` pairs (RFC 6265, section 4.2.1). A value is taken as it is, with the quotes that it may have.
fn pairs(header: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let mut next = Some(0);
    let parts = std::iter::from_fn(move || {
        let begin = next?;
        let length = memchr::memchr(b';', &header[begin..]);
        next = length.map(|length| begin + length + 1);
        Some((
            begin,
            &header[begin..length.map_or(header.len(), |length| begin + length)],
        ))
    });
    parts.filter_map(|(begin, part)| {
        let equals = memchr::memchr(b'=', part)?;
        Some(Pair {
            name: part[..equals].trim_ascii(),
            value: &part[equals + 1..],
            start: begin + equals + 1,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found<'a>(header: &'a str, name: &'a str) -> Vec<&'a str> {
        values(header.as_bytes(), name)
            .map(|value| std::str::from_utf8(value).unwrap())
            .collect()
    }

    #[test]
    fn only_the_exact_name_counts_and_each_of_it() {
        let header = "xxpubcookie_g=1; pubcookie_g=AA=; pubcookie_g_req=2;pubcookie_g =BB==; Pubcookie_g=3; pubcookie_g";
        assert_eq!(found(header, "pubcookie_g"), ["AA=", "BB=="]);
        assert_eq!(found(header, "pubcookie_g_req"), ["2"]);
        assert_eq!(found(header, "pubcookie"), [""; 0]);
        assert_eq!(found("", "pubcookie_g"), [""; 0]);
        assert_eq!(found("pubcookie_g=", "pubcookie_g"), [""]);
    }

    #[test]
    fn used_cookies_are_hidden_and_nothing_else() {
        let header = b"a=1; pubcookie_g=AA=; xpubcookie_g=7; __Host-pubcookie_s_app=Q\"Q; pubcookie_s_=Z;b=pubcookie_g=2";
        assert_eq!(
            obscured(header, is_pubcookie).as_deref(),
            Some(
                &b"a=1; pubcookie_g=XXX; xpubcookie_g=7; __Host-pubcookie_s_app=XXX; pubcookie_s_=X;b=pubcookie_g=2"[..]
            )
        );
        assert_eq!(obscured(b"a=1; b=2", is_pubcookie), None);
    }

    proptest! {
        #[test]
        fn hiding_leaves_the_length_and_no_value(header in "[ -~]{0,20}; pubcookie_g=[ -~]{0,20}; [a-z=;\" ]{0,30}") {
            let hidden = obscured(header.as_bytes(), is_pubcookie).unwrap();
            prop_assert_eq!(hidden.len(), header.len());
            prop_assert!(values(&hidden, "pubcookie_g").all(|value| value.iter().all(|&byte| byte == b'X')));
        }
    }
}
