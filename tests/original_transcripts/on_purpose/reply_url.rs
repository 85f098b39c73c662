//! What the reply URL of the POST method answers otherwise.

use super::{CLEARED, ERROR_PAGE, Purpose, SET, STAYS, change, cookie, goes_on, page, status};
use crate::original_transcripts::aspect::Kind;

pub const TABLE: &[Purpose] = &[
    Purpose {
        at: &[("reply-handler", &[0, 1, 2, 3, 8, 9, 10, 13])],
        what: "error pages of the reply URL",
        changes: &[
            status("200", "400"),
            page("No granting reply", ERROR_PAGE),
            page("Invalid relay URL", ERROR_PAGE),
            cookie("pubcookie_g", CLEARED, None),
            cookie("pubcookie_pre_s", CLEARED, None),
            cookie("pubcookie_s__", CLEARED, None),
        ],
        why: "An error is no success; and nobody is logged out by a link to the reply URL.",
    },
    Purpose {
        at: &[("reply-handler", &[5])],
        what: "the reply URL by GET",
        changes: &[
            status("302", "400"),
            goes_on(
                "by redirect to https://app2.example.edu:18445/secure/x?a=1&b=2",
                STAYS,
            ),
            cookie("pubcookie_g", SET, None),
        ],
        why: "A granting cookie in an address ends up in logs and histories; no login server sends one so.",
    },
    Purpose {
        at: &[("reply-handler", &[6, 7, 11, 12, 14, 17, 18])],
        what: "destinations of the reply URL",
        changes: &[
            status("302", "400"),
            goes_on("by redirect to https://evil.example.com/x", STAYS),
            goes_on("by redirect to http://app2.example.edu/x", STAYS),
            goes_on("by redirect to https://app2.example.edu/*", STAYS),
            goes_on("by redirect to https://app2.example.edu:18445/s*", STAYS),
            cookie("pubcookie_g", SET, None),
        ],
        why: "The original sends the browser, with a granting cookie, to whatever is named. Another host, port or \
              scheme, what is no base64, and line breaks are refused.",
    },
    Purpose {
        at: &[("reply-handler", &[20, 21, 22])],
        what: "granting cookies that are none",
        changes: &[
            status("302", "400"),
            goes_on("by redirect to https://app2.example.edu:18445/s", STAYS),
            cookie("pubcookie_g", SET, None),
        ],
        why: "The reply URL sets only a granting cookie that is meant for this server, for the browser that asked.",
    },
    Purpose {
        at: &[("reply-handler", &[15, 16, 19, 25])],
        what: "spelling of destinations",
        changes: &[
            goes_on(
                "by redirect to https://app2.example.edu:18445/s/%22%3C%3E:%3B%3F%%3D&x%20y",
                "by redirect to https://app2.example.edu:18445/s/%22%3C%3E:;%3F%=&x%20y",
            ),
            goes_on(
                "by redirect to https://app2.example.edu:18445/s/a:b",
                "by redirect to https://app2.example.edu:18445/s/a%3Ab",
            ),
            goes_on(
                "by redirect to https://app2.example.edu:18445/s?a=%22%3C%3E%28%29:%3B%27&b=%22",
                "by redirect to https://app2.example.edu:18445/s?a=%22%3C%3E():;%27&b=%22",
            ),
            change(
                Kind::Form,
                "",
                Some("post https://app2.example.edu:18445/s%3At%3Fu"),
                Some("post https://app2.example.edu:18445/s:t%3Fu"),
            ),
        ],
        why: "Only what would end the path is percent-encoded, and what was encoded stays as it was.",
    },
    Purpose {
        at: &[("reply-handler", &[23])],
        what: "`pubcookie_transcred`",
        changes: &[cookie(
            "pubcookie_transcred",
            Some("set; domain=example.edu; path=/; secure"),
            None,
        )],
        why: "It handed Kerberos credentials through the browser; a user's credential comes from a MyProxy server now.",
    },
    Purpose {
        at: &[("reply-handler", &[24])],
        what: "a carried body that no form can send again",
        changes: &[
            status("200", "400"),
            goes_on("by submitting the form", STAYS),
            change(
                Kind::Form,
                "",
                Some("post https://app2.example.edu:18445/s?q=1"),
                None,
            ),
        ],
        why: "A field without a name gets lost on the way, one without `=` came out as `(null)`: it is refused with a \
              page that says so.",
    },
];
