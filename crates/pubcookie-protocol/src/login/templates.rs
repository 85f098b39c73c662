//! The templates of the pages: the built-in ones, and those that a site puts in their place.
//!
//! Everything that a browser or another server sent is escaped; what must not be changed (a form with its hidden fields,
//! what the head must say) comes as one piece. A site's templates are tried when they are loaded, with every value that
//! there is: see [`super::template_check`].

use super::template_check;
use crate::page::{self, Nonce};
use maud::html;
use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// The pages' templates.
#[derive(Clone)]
pub struct Templates {
    environment: Environment<'static>,
}

/// A template that was refused, or could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TemplateError {
    /// Its file's name.
    pub file: String,
    /// The line in it, where it is known; the first is 1.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub problem: String,
}

/// A page with its own template.
pub(super) struct PageTemplate {
    /// The name of its file.
    pub file: &'static str,
    /// The variables that it gets besides those of [`COMMON`].
    pub variables: &'static [(&'static str, Kind)],
    /// The fields that have to follow the variable `form`, which opens a form; `None` for a page without one.
    pub form: Option<&'static [&'static str]>,
}

/// What a variable can be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Any text; empty where there is none.
    Text,
    /// A whole number, 0 or more.
    Number,
    /// True or false.
    Flag,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// What a page shows.
pub(super) struct View {
    pub template: &'static PageTemplate,
    pub variables: Vec<(&'static str, Value)>,
    /// Where the browser goes by itself at once.
    pub refresh: Option<String>,
    /// The beginning of the page's form, with its hidden fields. It may hold a granting cookie, and so never passes
    /// through the template.
    pub form: Option<Zeroizing<String>>,
    /// Whether the form submits itself.
    pub submits_itself: bool,
}

/// The frame, which is no page of its own.
pub(super) const LAYOUT: &str = "layout.html";

/// The variables of every page.
pub(super) const COMMON: [&str; 4] = ["head", "nonce", "style", "login_url"];

/// The variable that opens a page's form.
pub(super) const FORM: &str = "form";

/// What stands in a rendered page until the form takes its place. No value can forge it, being escaped.
pub(super) const FORM_PLACE: &str = "<!--the form-->";

/// What is wrong with a page without its form.
pub(super) const NO_FORM: &str = "{{ form }} has to stand in the page, once, whatever the values";

const BUILT_IN: [(&str, &str); 8] = [
    (LAYOUT, include_str!("../../templates/layout.html")),
    ("login.html", include_str!("../../templates/login.html")),
    ("return.html", include_str!("../../templates/return.html")),
    ("send.html", include_str!("../../templates/send.html")),
    ("status.html", include_str!("../../templates/status.html")),
    (
        "still-logged-in.html",
        include_str!("../../templates/still-logged-in.html"),
    ),
    ("logged-out.html", include_str!("../../templates/logged-out.html")),
    ("refused.html", include_str!("../../templates/refused.html")),
];

impl Templates {
    /// Those that come with the product.
    pub fn built_in() -> Templates {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // What is not escaped would be a hole, and `debug` would show everything.
        environment.remove_filter("safe");
        environment.remove_global("debug");
        for (name, source) in BUILT_IN {
            environment
                .add_template(name, source)
                .expect("tests render every built-in template");
        }
        Templates { environment }
    }

    /// A site's files, by name, in place of the built-in ones of the same name. A name that begins with `_` is the
    /// site's own, for `{% include %}`; any other that no page has is refused, as it would have no effect.
    pub fn with(files: impl IntoIterator<Item = (String, String)>) -> Result<Templates, TemplateError> {
        let mut templates = Templates::built_in();
        let mut names = Vec::new();
        for (name, source) in files {
            if !name.starts_with('_') && BUILT_IN.iter().all(|(file, _)| *file != name) {
                let known = BUILT_IN.map(|(file, _)| file).join(", ");
                return Err(TemplateError {
                    file: name,
                    line: None,
                    problem: format!(
                        "no page has this name; they are {known}, and yours to include begin with _"
                    ),
                });
            }
            templates
                .environment
                .add_template_owned(name.clone(), source)
                .map_err(|error| TemplateError::of(&name, &error))?;
            names.push(name);
        }
        template_check::check(&templates, &names)?;
        Ok(templates)
    }

    /// The whole page.
    pub(super) fn render(
        &self,
        view: &View,
        login_url: &str,
        nonce: &Nonce,
    ) -> Result<Zeroizing<String>, TemplateError> {
        let given = view.variables.iter().map(|(name, _)| name);
        let declared = view.template.variables.iter().map(|(name, _)| name);
        debug_assert!(given.eq(declared), "{}", view.template.file);
        let mut variables: BTreeMap<&str, Value> = view.variables.iter().cloned().collect();
        variables.insert("head", Value::from_safe_string(head(view)));
        variables.insert("nonce", Value::from(nonce.as_str()));
        variables.insert("style", Value::from_safe_string(page::STYLE.to_owned()));
        variables.insert("login_url", Value::from(login_url));
        if view.form.is_some() {
            variables.insert(FORM, Value::from_safe_string(FORM_PLACE.to_owned()));
        }
        let file = view.template.file;
        let rendered = self
            .environment
            .get_template(file)
            .and_then(|template| template.render(Value::from_pairs(variables)))
            .map_err(|error| TemplateError::of(file, &error))?;
        let Some(form) = &view.form else {
            return Ok(Zeroizing::new(rendered));
        };
        let (before, after) = rendered
            .split_once(FORM_PLACE)
            .ok_or_else(|| TemplateError::about(file, NO_FORM))?;
        let script = page::script(view.submits_itself, nonce);
        // Room for all of it from the start: growing would leave copies behind.
        let mut whole = Zeroizing::new(String::with_capacity(
            before.len() + form.len() + script.len() + after.len(),
        ));
        for part in [before, form, &script, after] {
            whole.push_str(part);
        }
        Ok(whole)
    }

    pub(super) fn environment(&self) -> &Environment<'static> {
        &self.environment
    }
}

/// What every page's head must say.
pub(super) fn head(view: &View) -> String {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        meta name="robots" content="noindex";
        @if let Some(refresh) = &view.refresh {
            meta http-equiv="Refresh" content={ "0;URL=" (refresh) };
        }
    }
    .into_string()
}

impl TemplateError {
    pub(super) fn about(file: &str, problem: impl Into<String>) -> TemplateError {
        TemplateError {
            file: file.to_owned(),
            line: None,
            problem: problem.into(),
        }
    }

    /// The innermost cause, in the file that it stands in.
    pub(super) fn of(file: &str, error: &minijinja::Error) -> TemplateError {
        let mut innermost = error;
        while let Some(cause) =
            std::error::Error::source(innermost).and_then(<dyn std::error::Error>::downcast_ref)
        {
            innermost = cause;
        }
        let detail = innermost.detail().map(|detail| format!(": {detail}"));
        TemplateError {
            file: innermost.name().unwrap_or(file).to_owned(),
            line: innermost.line(),
            problem: format!("{}{}", innermost.kind(), detail.unwrap_or_default()),
        }
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Templates")
    }
}
