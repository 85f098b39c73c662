//! The list that `httpd -t -D DUMP_CONFIG` prints: sections, directives, and comments that say where they stand.

/// A directive as httpd understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: String,
    pub arguments: Vec<String>,
    /// File and line.
    pub place: String,
    /// The number of the virtual host that it stands in, counted from 0; none is the main server.
    pub virtual_host: Option<usize>,
    /// Whether it stands in a section of a server (Directory, Location, ...), and so counts for a part of it.
    pub in_section: bool,
}

/// Reads all of it.
pub fn directives(dump: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut reader = Reader::default();
    for line in dump.lines().map(str::trim) {
        if let Some(directive) = reader.line(line) {
            found.push(directive);
        }
    }
    found
}

#[derive(Default)]
struct Reader {
    file: String,
    line: String,
    sections: Vec<String>,
    virtual_hosts: usize,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<Directive> {
        if let Some(comment) = line.strip_prefix('#') {
            self.comment(comment.trim());
            return None;
        }
        if line.starts_with("</") {
            self.sections.pop();
            return None;
        }
        if let Some(section) = line.strip_prefix('<') {
            let name = section.split_whitespace().next().unwrap_or_default();
            let name = name.trim_end_matches('>').to_ascii_lowercase();
            self.virtual_hosts += usize::from(name == VIRTUAL_HOST);
            self.sections.push(name);
            return None;
        }
        let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if name.is_empty() {
            return None;
        }
        let in_virtual_host = self.sections.iter().any(|section| section == VIRTUAL_HOST);
        Some(Directive {
            name: name.to_owned(),
            arguments: words(arguments),
            place: self.place(),
            virtual_host: in_virtual_host.then(|| self.virtual_hosts - 1),
            in_section: self.sections.iter().any(|section| section != VIRTUAL_HOST),
        })
    }

    fn comment(&mut self, comment: &str) {
        if let Some(file) = comment.strip_prefix("In file: ") {
            self.file = file.to_owned();
        } else if let Some(line) = comment.strip_suffix(':') {
            self.line = line.to_owned();
        }
    }

    /// `file:line`. Of a macro, where it is used: `macro 'x' (defined on line 1 of "file") used on line 2 of "file"`.
    fn place(&self) -> String {
        let used = self.file.rsplit_once(" used on line ").and_then(|(name, used)| {
            let (line, file) = used.split_once(" of ")?;
            let name = name.split(" (defined").next()?;
            Some(format!("{}:{line} ({name})", file.trim_matches('"')))
        });
        used.unwrap_or_else(|| format!("{}:{}", self.file, self.line))
    }
}

const VIRTUAL_HOST: &str = "virtualhost";

/// Words as httpd takes them apart: quotes hold a word together, and in them a backslash stands before a quote or
/// another backslash.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = text.trim_start().chars().peekable();
    while let Some(&first) = letters.peek() {
        let quote = Some(first).filter(|letter| matches!(letter, '"' | '\''));
        if quote.is_some() {
            letters.next();
        }
        let mut word = String::new();
        while let Some(letter) = letters.next() {
            match (letter, quote) {
                (end, Some(quote)) if end == quote => break,
                (end, None) if end.is_whitespace() => break,
                ('\\', Some(quote)) if letters.peek().is_some_and(|next| *next == quote || *next == '\\') => {
                    word.extend(letters.next());
                }
                (letter, _) => word.push(letter),
            }
        }
        words.push(word);
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = r#"# In file: /etc/httpd.conf
#  15:
MyProxyServer "one.example.org"    two.example.org=other
#  25:
<VirtualHost *:443>
  #  26:
  ServerName x.example.org
# In file: macro 'place' (defined on line 16 of "/etc/httpd.conf") used on line 27 of "/etc/httpd.conf"
  #   1:
  <Location /app>
    #   2:
    MyProxyUser "a\"b c"
  </Location>
# In file: /etc/b.inc
  #   1:
  MyProxyLifetime 100
# In file: /etc/httpd.conf
</VirtualHost>
#  30:
<IfVersion >= 2.4>
</IfVersion>
#  31:
User #33
"#;

    #[test]
    fn directives_have_their_place_and_their_server() {
        let found = directives(DUMP);
        let shown: Vec<_> = found
            .iter()
            .map(|directive| {
                (
                    directive.name.as_str(),
                    directive.place.as_str(),
                    directive.virtual_host,
                    directive.in_section,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("MyProxyServer", "/etc/httpd.conf:15", None, false),
                ("ServerName", "/etc/httpd.conf:26", Some(0), false),
                ("MyProxyUser", "/etc/httpd.conf:27 (macro 'place')", Some(0), true),
                ("MyProxyLifetime", "/etc/b.inc:1", Some(0), false),
                ("User", "/etc/httpd.conf:31", None, false),
            ]
        );
        assert_eq!(found[0].arguments, ["one.example.org", "two.example.org=other"]);
        assert_eq!(found[2].arguments, ["a\"b c"]);
        assert_eq!(found[4].arguments, ["#33"]);
    }

    #[test]
    fn words_are_what_httpd_makes_of_them() {
        for (text, expected) in [
            (r#"a  "b c"'d e'"#, &["a", "b c", "d e"][..]),
            (r#""a\\b\n" c\d"#, &[r"a\b\n", r"c\d"]),
            (r#""" x"#, &["", "x"]),
            ("", &[]),
            (r#""open"#, &["open"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
