//! From user names to distinguished names: a script that the MyProxy server calls (`certificate_mapapp`).

use crate::DistinguishedName;

/// Characters of a user name at most: as many as a CN may have (RFC 5280, ub-common-name).
pub(crate) const LONGEST_USER_NAME: usize = 64;

/// The script: it gets the user name as its one argument, writes `<base>/CN=<user>` and succeeds; a name that
/// could mean something else in a distinguished name, a path or a shell is refused. What it writes on standard
/// error reaches the client.
pub(crate) fn script(base: &DistinguishedName) -> String {
    format!(
        r#"#!/bin/sh
# Called by myproxy-server (certificate_mapapp): the distinguished name of the user in $1.
# A name begins with a letter, a digit or _ and has no other characters than letters, digits and @ . _ -
LC_ALL=C
export LC_ALL
refuse() {{
    echo "this server gives no certificate to a user of that name: $1" >&2
    exit 1
}}
[ $# -eq 1 ] || refuse "one name is needed"
case $1 in
"") refuse "it is empty" ;;
*[!A-Za-z0-9@._-]*) refuse "it has a character other than letters, digits, @ . _ -" ;;
[!A-Za-z0-9_]*) refuse "it begins with @ . or -" ;;
esac
[ ${{#1}} -le {LONGEST_USER_NAME} ] || refuse "it is longer than {LONGEST_USER_NAME} characters"
printf '%s/CN=%s\n' '{base}' "$1"
"#
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn odd_names_are_refused() {
        let script = script(&"/O=Test".parse().expect("a distinguished name"));
        let map = |name: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &script, "map-user", name]).env_clear();
            command.output().expect("sh runs")
        };
        for good in ["alice", "Bob.O-Neil_2@example.org", "_www", "7", &"a".repeat(64)] {
            let output = map(good);
            assert!(output.status.success(), "{good:?}: {output:?}");
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("/O=Test/CN={good}\n")
            );
        }
        let long = "a".repeat(300);
        for odd in [
            "",
            "../x",
            "a/b",
            "a b",
            "\"",
            "a\nb",
            "alice\n",
            "\n",
            &long,
            &"a".repeat(65),
            ".",
            "..",
            ".alice",
            "-n",
            "@x",
            "*",
            "$(id)",
            "`id`",
            "a;id",
            "a\\",
            "a'b",
            "alice/CN=bob",
            "\u{fc}",
            "a\u{7f}",
            "a=b",
            "a,b",
            "a%b",
        ] {
            let output = map(odd);
            assert_eq!(
                (output.status.code(), output.stdout.len()),
                (Some(1), 0),
                "{odd:?}: {output:?}"
            );
        }
    }
}
