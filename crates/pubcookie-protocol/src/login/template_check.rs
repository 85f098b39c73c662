//! What a site's templates are tried for, when they are loaded: a page that does not work must not wait for its first
//! visitor.

use super::pages::PAGES;
use super::templates::{
    COMMON, FORM, FORM_PLACE, Kind, LAYOUT, NO_FORM, PageTemplate, TemplateError, Templates, View, head,
};
use crate::page::Nonce;
use minijinja::value::Value;
use zeroize::Zeroizing;

/// A value as a stranger may send it. Its middle must never stand in a page as it is here.
const HOSTILE: &str = "x\"'<&>y z";
const UNESCAPED: &str = "\"'<&>";
/// Its beginning once it is escaped, in an attribute without quotes.
const UNQUOTED: &str = "=x&quot;";

/// Refuses templates with an unknown variable, or that do not work with any of the values that there are.
pub(super) fn check(templates: &Templates, names: &[String]) -> Result<(), TemplateError> {
    for name in names {
        check_variables(templates, name)?;
    }
    for page in PAGES {
        for variables in samples(page) {
            check_rendered(templates, page, variables)?;
        }
    }
    Ok(())
}

/// Names that mean nothing would show nothing, on a page that nobody may have looked at.
fn check_variables(templates: &Templates, name: &str) -> Result<(), TemplateError> {
    let environment = templates.environment();
    let template = environment
        .get_template(name)
        .map_err(|error| TemplateError::of(name, &error))?;
    let page = PAGES.iter().find(|page| page.file == name);
    // A file to include may serve several pages; rendering shows whether it serves each of them.
    let pages = match page {
        Some(page) => std::slice::from_ref(page),
        None if name == LAYOUT => &[],
        None => PAGES,
    };
    let known: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.variables.iter().map(|(variable, _)| *variable))
        .chain(pages.iter().filter(|page| page.form.is_some()).map(|_| FORM))
        .chain(COMMON)
        .chain(["loop", "self", "super", "caller"])
        .collect();
    let is_known =
        |variable: &str| known.contains(&variable) || environment.globals().any(|(name, _)| name == variable);
    let mut unknown: Vec<String> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|variable| !is_known(variable))
        .collect();
    unknown.sort();
    match unknown.first() {
        None => Ok(()),
        Some(variable) => Err(TemplateError {
            file: name.to_owned(),
            line: line_of(template.source(), variable),
            problem: format!("there is no variable `{variable}` here"),
        }),
    }
}

/// The first line in which a word stands between braces.
fn line_of(source: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let tags = source
        .split('{')
        .skip(1)
        .scan(source.split('{').next()?.len(), |at, tag| {
            let start = *at + 1;
            *at = start + tag.len();
            Some((start, tag.split('}').next().unwrap_or(tag)))
        });
    let place = tags.into_iter().find_map(|(start, tag)| {
        let found = tag
            .match_indices(word)
            .find(|(at, _)| !tag[..*at].ends_with(is_part) && !tag[at + word.len()..].starts_with(is_part))?;
        Some(start + found.0)
    })?;
    Some(source[..place].matches('\n').count() + 1)
}

type Variables = Vec<(&'static str, Value)>;

/// Sets of values: all that a variable can be, beside others that are empty and others that are not.
fn samples(page: &PageTemplate) -> Vec<Variables> {
    let values = page
        .variables
        .iter()
        .map(|(name, kind)| (*name, values_of(*kind)));
    let values: Vec<(&str, Vec<Value>)> = values.collect();
    let mut samples = Vec::new();
    for (changed, all) in &values {
        for value in all {
            for others in [<[Value]>::first, <[Value]>::last] {
                let sample = values.iter().map(|(name, all)| {
                    let other = || others(all).cloned().unwrap_or_default();
                    (*name, if name == changed { value.clone() } else { other() })
                });
                samples.push(sample.collect());
            }
        }
    }
    samples
}

fn values_of(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Text => vec![Value::from(""), Value::from(HOSTILE)],
        Kind::Number => vec![Value::from(0), Value::from(1), Value::from(1000)],
        Kind::Flag => vec![Value::from(false), Value::from(true)],
        Kind::OneOf(words) => words.iter().map(|word| Value::from(*word)).collect(),
    }
}

fn check_rendered(
    templates: &Templates,
    page: &'static PageTemplate,
    variables: Variables,
) -> Result<(), TemplateError> {
    let nonce = Nonce::example();
    let view = View {
        template: page,
        variables,
        refresh: Some("https://example.org/".to_owned()),
        form: page.form.map(|_| Zeroizing::new(FORM_PLACE.to_owned())),
        submits_itself: false,
    };
    let rendered = templates.render(&view, "https://example.org/", &nonce)?;
    let wrong = |problem: String| Err(TemplateError::about(page.file, problem));
    let once = |piece: &str| rendered.matches(piece).count() == 1;
    if !once(&head(&view)) {
        return wrong("{{ head }} has to stand in the page, once, whatever the values".to_owned());
    }
    if let Some(fields) = page.form {
        if !once(FORM_PLACE) {
            return wrong(NO_FORM.to_owned());
        }
        let of_form = rendered.split_once(FORM_PLACE).map_or("", |(_, after)| after);
        let Some((of_form, _)) = of_form.split_once("</form>") else {
            return wrong("</form> has to follow {{ form }}".to_owned());
        };
        if let Some(field) = fields.iter().find(|field| !has_field(of_form, field)) {
            return wrong(format!(
                "between {{{{ form }}}} and </form> there has to be a field with name=\"{field}\""
            ));
        }
        if !of_form.contains("<button") && !of_form.contains("type=\"submit\"") {
            return wrong("between {{ form }} and </form> there has to be a button".to_owned());
        }
    }
    check_safety(page, &rendered, &nonce)
}

fn check_safety(page: &PageTemplate, rendered: &str, nonce: &Nonce) -> Result<(), TemplateError> {
    let wrong = |problem: &str| Err(TemplateError::about(page.file, problem));
    if rendered.contains(UNESCAPED) {
        return wrong("a variable is not escaped");
    }
    if rendered.contains(UNQUOTED) {
        return wrong("a variable stands in an attribute without quotes");
    }
    let lower = rendered.to_ascii_lowercase();
    if lower.contains("<form") {
        return wrong("a page has no <form> but {{ form }}: browsers might submit the other one");
    }
    if lower.contains("<script") {
        return wrong("a page has no <script>: browsers are told not to run any");
    }
    let allowed = format!("<style nonce=\"{}\">", nonce.as_str()).to_ascii_lowercase();
    if lower.matches("<style").count() != lower.matches(&allowed).count() {
        return wrong("browsers take <style> only as <style nonce=\"{{ nonce }}\">");
    }
    if lower.contains(" style=") {
        return wrong(
            "browsers do not take style= attributes of this page: use <style nonce=\"{{ nonce }}\">",
        );
    }
    Ok(())
}

fn has_field(form: &str, name: &str) -> bool {
    [
        format!("name=\"{name}\""),
        format!("name='{name}'"),
        format!("name={name} "),
    ]
    .iter()
    .any(|attribute| form.contains(attribute.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)]) -> Result<Templates, TemplateError> {
        Templates::with(
            files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        )
    }

    /// The built-in login form with something in place of one of its parts.
    fn login_form(part: &str, changed: &str) -> Result<Templates, TemplateError> {
        let built_in = include_str!("../../templates/login.html");
        assert!(built_in.contains(part), "{part}");
        with(&[("login.html", &built_in.replacen(part, changed, 1))])
    }

    #[test]
    fn the_built_in_pages_pass() {
        let names: Vec<String> = PAGES.iter().map(|page| page.file.to_owned()).collect();
        check(&Templates::built_in(), &names).unwrap();
    }

    #[test]
    fn a_site_may_replace_any_part() {
        with(&[]).unwrap();
        let layout = include_str!("../../templates/layout.html");
        let with_logo = layout.replace("<main>", "{% include \"_logo.html\" %}<main>");
        with(&[
            ("layout.html", &with_logo),
            ("_logo.html", "<img src=\"/logo.svg\" alt=\"{{ login_url }}\">"),
        ])
        .unwrap();
        with(&[("login.html", "<html><head>{{ head }}<title>x</title></head><body>{% for i in range(2) %}{{ loop.index }}\
            {% endfor %}{{ form }}<input name='user' value='{{ user }}'><input name=pass type=password><button>OK</button>\
            </form></body></html>")]).unwrap();
        login_form(
            "<h1>Log in</h1>",
            "<h1>{% if flavour == 3 %}Code{% else %}Log in{% endif %}</h1>",
        )
        .unwrap();
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        for (part, changed, line, words) in [
            (
                "<h1>Log in</h1>",
                "<h1>{{ hots }}</h1>",
                Some(5),
                "no variable `hots`",
            ),
            (
                "<h1>Log in</h1>",
                "<h1>{% if x.host %}{% endif %}</h1>",
                Some(5),
                "no variable `x`",
            ),
            ("<h1>Log in</h1>", "<h1>{{ nonsense</h1>", Some(5), "syntax error"),
            ("{% if host %}\n", "", Some(7), "syntax error"),
            (
                "<h1>Log in</h1>",
                "<h1>{{ host.name.first }}</h1>",
                Some(5),
                "undefined",
            ),
            ("<h1>Log in</h1>", "<h1>{{ host|sfae }}</h1>", Some(5), "filter"),
            ("<h1>Log in</h1>", "<h1>{{ user|safe }}</h1>", Some(5), "filter"),
            (
                "<h1>Log in</h1>",
                "{% include \"_none.html\" %}",
                Some(5),
                "_none.html",
            ),
            ("<h1>Log in</h1>", "{{ debug() }}", Some(5), "no variable `debug`"),
        ] {
            let refused = login_form(part, changed).unwrap_err();
            assert_eq!(refused.file, "login.html", "{changed}: {refused}");
            assert_eq!(refused.line, line, "{changed}: {refused}");
            assert!(refused.to_string().contains(words), "{changed}: {refused}");
        }
        let refused = with(&[("layout.html", "{{ head }}\n{{ user }}")]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "layout.html:2: there is no variable `user` here"
        );
        let refused = with(&[("logn.html", "")]).unwrap_err();
        assert!(refused.to_string().contains("no page has this name"), "{refused}");
    }

    #[test]
    fn what_must_not_be_left_out_or_broken_is_refused() {
        for (part, changed, words) in [
            ("{{ form }}", "", "{{ form }} has to stand"),
            ("{{ form }}", "{{ form }}{{ form }}", "{{ form }} has to stand"),
            (
                "{{ form }}",
                "{% if host %}{{ form }}{% endif %}",
                "{{ form }} has to stand",
            ),
            ("</form>", "", "</form> has to follow"),
            ("name=\"user\"", "name=\"username\"", "name=\"user\""),
            ("name=\"pass\"", "", "name=\"pass\""),
            ("<button type=\"submit\">Log in</button>", "", "button"),
            (
                "{{ host }}",
                "{% autoescape false %}{{ host|upper }}{% endautoescape %}",
                "not escaped",
            ),
            ("value=\"{{ user }}\"", "value={{ user }}", "without quotes"),
            ("<h1>", "<SCRIPT>alert(1)</SCRIPT><h1>", "<script>"),
            (
                "<h1>",
                "<form action=\"/search\"><input name=\"q\"></form><h1>",
                "<form>",
            ),
            ("<h1>", "<style>h1 { color: red }</style><h1>", "nonce"),
            (
                "<h1>",
                "<style nonce=\"x\">h1 { color: red }</style><h1>",
                "nonce",
            ),
            ("<h1>", "<h1 style=\"color: red\">", "style="),
        ] {
            let refused = login_form(part, changed).unwrap_err().to_string();
            assert!(
                refused.contains("login.html") && refused.contains(words),
                "{changed}: {refused}"
            );
        }
        let layout = include_str!("../../templates/layout.html").replace("{{ head }}", "");
        let refused = with(&[("layout.html", &layout)]).unwrap_err().to_string();
        assert!(refused.contains("{{ head }} has to stand"), "{refused}");
    }
}
