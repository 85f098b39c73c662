//! The documentation names what is there: every directive and its place, every link, every option of the command line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use regex::Regex;

#[test]
fn every_directive_is_documented_as_it_is() -> Result<()> {
    for (source, page) in [
        ("src/myproxy/directives.rs", "docs/directives-myproxy.md"),
        ("src/pubcookie/directives.rs", "docs/directives-pubcookie.md"),
    ] {
        let declared = declared_directives(&read(source)?)?;
        ensure!(declared.len() > 10, "{source}: only {declared:?}");
        nothing_wrong(page, directive_problems(&declared, &read(page)?))?;
    }
    Ok(())
}

#[test]
fn every_link_leads_somewhere_and_the_readme_to_every_page() -> Result<()> {
    let pages = pages()?;
    let mut links = 0;
    for (page, text) in &pages {
        links += relative_links(text)?.len();
        nothing_wrong(&page.display().to_string(), link_problems(page, text)?)?;
    }
    ensure!(links > 100, "only {links} links were found");
    let readme = relative_links(&read("README.md")?)?;
    for page in files("docs")? {
        let page = page.strip_prefix(root())?.display().to_string();
        ensure!(readme.contains(&page), "README.md does not name {page}");
    }
    Ok(())
}

#[test]
fn every_command_that_is_shown_has_these_options() -> Result<()> {
    let mut help = Help::default();
    let mut texts = pages()?;
    for file in files("conf")? {
        let without_comments: String = fs::read_to_string(&file)?
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| format!("    {line}\n"))
            .collect();
        texts.insert(file, format!("```\n{without_comments}```\n"));
    }
    let mut commands = 0;
    for (file, text) in &texts {
        for (command, options) in shown_commands(text)? {
            commands += 1;
            let known = help
                .options(&command)
                .with_context(|| file.display().to_string())?;
            let unknown: Vec<_> = options.difference(known).collect();
            ensure!(
                unknown.is_empty(),
                "{}: {command} has no {unknown:?}",
                file.display()
            );
        }
    }
    ensure!(commands > 15, "only {commands} commands were found");
    Ok(())
}

/// By this a command refers to the options that the stock clients of MyProxy have in common.
const OF_ALL_CLIENTS: &str = "[as for all](#the-client-of-myproxy)";

#[test]
fn the_command_line_is_documented_as_it_is() -> Result<()> {
    let mut help = Help::default();
    let text = read("docs/command-line.md")?;
    let sections = sections(&text);
    let of_all_clients = sections
        .get("The client of MyProxy")
        .context("no section about the client of MyProxy")?;
    let of_all_clients = options_in_inline_code(of_all_clients)?;
    let commands = [
        "list",
        "sweep",
        "check-config",
        "logon",
        "init",
        "store",
        "info",
        "change-passphrase",
        "destroy",
        "trustroots",
        "test-login",
        "keyclient",
        "setup-server",
        "cookie decode",
        "cookie encode",
    ];
    for command in commands {
        let section = sections
            .get(format!("mod-myproxy {command}").as_str())
            .with_context(|| format!("no section about {command}"))?;
        let mut named = options_in_inline_code(section)?;
        // Said once, of all of them.
        named.extend(["-h", "--help"].map(str::to_owned));
        if section.contains(OF_ALL_CLIENTS) {
            let options = help.options(command)?;
            named.extend(of_all_clients.intersection(options).cloned());
        }
        let known = help.options(command)?;
        let unknown: Vec<_> = named.difference(known).collect();
        let missing: Vec<_> = known.difference(&named).collect();
        ensure!(unknown.is_empty(), "{command} has no {unknown:?}");
        ensure!(missing.is_empty(), "nothing is said of {missing:?} of {command}");
    }
    Ok(())
}

/// The checks above find what is wrong.
#[test]
fn what_is_wrong_is_found() -> Result<()> {
    const SOURCE: &str = r#"
        D::server(c"MyProxyServer", Count::AtLeast(1), c"MyProxyServer host ...", server::servers),
        D::directory(c"MyProxyUser", Place::Directory, ONE, c"an expression", place::user),
    "#;
    const PAGE: &str = "
## MyProxyServer
| Description | what |
| Syntax | `MyProxyServer host ...` |
| Default | none |
| Context | server config, virtual host |
## MyProxyUser
| Description | what |
| Syntax | `MyProxyUser expression` |
| Default | none |
| Context | server config, virtual host, directory |
";
    let declared = declared_directives(SOURCE)?;
    assert!(directive_problems(&declared, PAGE).is_empty());
    for (right, wrong) in [
        ("## MyProxyUser", "## MyProxyOther"),
        ("| Default | none |", ""),
        (", directory", ""),
        ("host ...", "hosts"),
    ] {
        let problems = directive_problems(&declared, &PAGE.replace(right, wrong));
        assert!(!problems.is_empty(), "{wrong}, not {right}");
    }

    let page = root().join("docs/page.md");
    let right = "[a](../README.md) [b](https://example.org/) [c](#the-end)\n\n## The `end`!\n";
    assert!(link_problems(&page, right)?.is_empty());
    let wrong = "[a](nowhere.md) [b](../README.md#nowhere) [c](#nowhere)";
    assert_eq!(link_problems(&page, wrong)?.len(), 3);

    let shown = "```\n# x | mod-myproxy cookie decode --a \\\n    --b | mod-myproxy list -c\n```\n";
    let shown = shown_commands(shown)?;
    let names: Vec<_> = shown
        .iter()
        .map(|(command, options)| (command.as_str(), options.len()))
        .collect();
    assert_eq!(names, [("cookie decode", 2), ("list", 1)]);
    Ok(())
}

/// A directive as the source declares it.
#[derive(Debug)]
struct Declared {
    name: String,
    contexts: &'static [&'static str],
    usage: String,
}

fn declared_directives(source: &str) -> Result<Vec<Declared>> {
    let declaration = Regex::new(
        r#"D::(?:server|directory)\(\s*c"(?<name>\w+)",\s*(?:Place::(?<place>\w+),\s*)?[^,]+(?:\([^)]*\))?,\s*c"(?<usage>[^"]*)""#,
    )?;
    let started = source.matches("D::server(").count() + source.matches("D::directory(").count();
    let declared: Vec<_> = declaration
        .captures_iter(source)
        .map(|found| Declared {
            name: found["name"].to_owned(),
            contexts: match found.name("place").map(|place| place.as_str()) {
                None => &["server config, virtual host", "server config"],
                Some("Directory") => &["server config, virtual host, directory"],
                Some("Htaccess") => &["directory, .htaccess"],
                Some(_) => &["server config, virtual host, directory, .htaccess"],
            },
            usage: found["usage"].to_owned(),
        })
        .collect();
    ensure!(
        declared.len() == started,
        "{} of {started} directives were understood",
        declared.len()
    );
    Ok(declared)
}

fn directive_problems(declared: &[Declared], page: &str) -> Vec<String> {
    let sections = sections(page);
    let mut problems: Vec<String> = sections
        .keys()
        .filter(|heading| heading.starts_with("MyProxy") || heading.starts_with("Pubcookie"))
        .filter(|heading| declared.iter().all(|directive| directive.name != **heading))
        .map(|heading| format!("there is no directive {heading}"))
        .collect();
    for directive in declared {
        let Some(section) = sections.get(directive.name.as_str()) else {
            problems.push(format!("{} has no section", directive.name));
            continue;
        };
        let mut wrong = |what: &str| problems.push(format!("{}: {what}", directive.name));
        for name in ["Description", "Default"] {
            if row(section, name).is_none() {
                wrong(&format!("no row {name}"));
            }
        }
        let syntax = row(section, "Syntax").unwrap_or_default().replace(r"\|", "|");
        let by_name = format!("{} ", directive.name);
        if !syntax.starts_with(&format!("`{by_name}")) {
            wrong("the row Syntax does not begin with its name");
        } else if directive.usage.starts_with(&by_name) && syntax != format!("`{}`", directive.usage) {
            wrong(&format!("httpd says its syntax is {}", directive.usage));
        }
        let context = row(section, "Context").unwrap_or_default();
        if !directive.contexts.contains(&context.as_str()) {
            wrong(&format!("it may stand in {}", directive.contexts[0]));
        }
        let overridden = row(section, "Override").is_some_and(|value| value.starts_with("AuthConfig"));
        if overridden != context.contains(".htaccess") {
            wrong("the row Override belongs to those that may stand in an .htaccess");
        }
    }
    problems
}

/// The second cell of the first table's row of this name.
fn row(section: &str, name: &str) -> Option<String> {
    let start = format!("| {name} | ");
    let line = section.lines().find(|line| line.starts_with(&start))?;
    Some(line[start.len()..].trim_end_matches('|').trim().to_owned())
}

/// The text under each heading of the second level.
fn sections(page: &str) -> BTreeMap<&str, &str> {
    page.split("\n## ")
        .skip(1)
        .chain(
            page.strip_prefix("## ")
                .map(|first| first.split("\n## ").next().unwrap_or(first)),
        )
        .map(|section| section.split_once('\n').unwrap_or((section, "")))
        .collect()
}

fn link_problems(page: &Path, text: &str) -> Result<Vec<String>> {
    let directory = page.parent().context("a page lies in a directory")?;
    let mut problems = Vec::new();
    for link in relative_links(text)? {
        let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
        let target = directory.join(file);
        if !target.exists() {
            problems.push(format!("{link}: there is no such file"));
            continue;
        }
        let there = if file.is_empty() {
            text.to_owned()
        } else {
            fs::read_to_string(&target).unwrap_or_default()
        };
        if !heading.is_empty() && !anchors(&there).contains(heading) {
            problems.push(format!("{link}: there is no such heading"));
        }
    }
    Ok(problems)
}

fn relative_links(text: &str) -> Result<Vec<String>> {
    let link = Regex::new(r"\]\(([^)\s]+)\)")?;
    let prose = prose(text);
    let targets = link.captures_iter(&prose).map(|found| found[1].to_owned());
    Ok(targets.filter(|target| !target.contains("://")).collect())
}

/// What GitHub makes of headings: lower case, without punctuation, `-` for a space.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
            kept.map(|letter| if letter == ' ' { '-' } else { letter })
                .collect()
        })
        .collect()
}

/// A page without its blocks of code.
fn prose(text: &str) -> String {
    let outside = text.split("```").step_by(2);
    outside.collect()
}

/// The commands in a page's code, each with its options.
fn shown_commands(text: &str) -> Result<Vec<(String, BTreeSet<String>)>> {
    let command = Regex::new(r"mod-myproxy (?<command>cookie [a-z]+|[a-z][a-z-]*)(?<rest>[^|`\n]*)")?;
    let blocks = text.split("```").skip(1).step_by(2).map(str::to_owned);
    let inline = inline_code(text)?.into_iter();
    let mut found = Vec::new();
    for code in blocks.chain(inline) {
        let joined = code.replace("\\\n", " ");
        for shown in command.captures_iter(&joined) {
            found.push((shown["command"].to_owned(), options(&shown["rest"])));
        }
    }
    Ok(found)
}

fn inline_code(text: &str) -> Result<Vec<String>> {
    let code = Regex::new("`([^`\n]+)`")?;
    Ok(code
        .captures_iter(&prose(text))
        .map(|found| found[1].to_owned())
        .collect())
}

fn options_in_inline_code(text: &str) -> Result<BTreeSet<String>> {
    Ok(inline_code(text)?.iter().flat_map(|code| options(code)).collect())
}

/// The words that begin with `-`; a lone one is a file.
fn options(words: &str) -> BTreeSet<String> {
    let words = words
        .split([' ', ','])
        .filter(|word| word.starts_with('-') && *word != "-");
    words.map(str::to_owned).collect()
}

/// What the program's own help says.
#[derive(Default)]
struct Help(BTreeMap<String, BTreeSet<String>>);

impl Help {
    /// The options of a command.
    fn options(&mut self, command: &str) -> Result<&BTreeSet<String>> {
        if !self.0.contains_key(command) {
            self.0.insert(command.to_owned(), options_in_help(command)?);
        }
        Ok(&self.0[command])
    }
}

fn options_in_help(command: &str) -> Result<BTreeSet<String>> {
    let output = Command::new(testbed::artifact("mod-myproxy")?)
        .args(command.split(' '))
        .arg("--help")
        .output()?;
    ensure!(
        output.status.success(),
        "there is no command mod-myproxy {command}"
    );
    let help = String::from_utf8(output.stdout)?;
    let (_, listed) = help
        .split_once("\nOptions:\n")
        .context("the help lists no options")?;
    let listed = listed
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '));
    // "  -s, --pshost <HOST>  The server": what follows two spaces is its meaning.
    let names = listed
        .filter(|line| line.trim_start().starts_with('-'))
        .map(|line| {
            let names = line.trim_start();
            names.split("  ").next().unwrap_or(names)
        });
    Ok(names.flat_map(options).collect())
}

fn pages() -> Result<BTreeMap<PathBuf, String>> {
    let mut pages = files("docs")?;
    pages.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|page| root().join(page)));
    pages
        .into_iter()
        .map(|page| Ok((page.clone(), fs::read_to_string(page)?)))
        .collect()
}

fn files(directory: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(directory))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(root().join(file)).with_context(|| file.to_owned())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn nothing_wrong(file: &str, problems: Vec<String>) -> Result<()> {
    ensure!(problems.is_empty(), "{file}:\n{}", problems.join("\n"));
    Ok(())
}
