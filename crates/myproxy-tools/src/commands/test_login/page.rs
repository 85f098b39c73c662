//! What a page shows and where it leads: its words, its refresh, its forms.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use pubcookie_protocol::reason::Reason;
use zeroize::Zeroizing;

/// The parts of an HTML page that a login goes by.
#[derive(Default)]
pub struct Page {
    /// The address of a meta refresh, as written.
    pub refresh: Option<String>,
    pub forms: Vec<Form>,
    /// A script of the page submits a form.
    pub submits_itself: bool,
    /// The first heading.
    pub heading: String,
    /// What stands in an element with `role="alert"`.
    pub alert: String,
    /// The reason that an error page of an application server names by its number.
    pub reason: Option<Reason>,
}

/// A form.
#[derive(Clone, Default)]
pub struct Form {
    /// Where it goes, as written: empty is the page's own address.
    pub action: String,
    pub post: bool,
    /// What is sent without the user's doing.
    fields: Vec<(String, Zeroizing<String>)>,
    /// The field for the user's name: the last one for text before the password.
    user: Option<String>,
    password: Option<String>,
}

impl Form {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str())
    }

    /// Whether it asks for a password.
    pub fn asks_for_password(&self) -> bool {
        self.password.is_some()
    }

    /// Fills in user and password.
    pub fn fill(mut self, user: &str, password: &str) -> Form {
        for (field, value) in [(self.user.take(), user), (self.password.take(), password)] {
            if let Some(field) = field {
                self.fields.retain(|(name, _)| *name != field);
                self.fields.push((field, Zeroizing::new(value.to_owned())));
            }
        }
        self
    }

    /// What a browser sends, `application/x-www-form-urlencoded`.
    pub fn encode(&self) -> Zeroizing<String> {
        let pairs = self.fields.iter().map(|(name, value)| (name, value.as_str()));
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        Zeroizing::new(text.extend_pairs(pairs).finish())
    }
}

impl Page {
    /// Reads a page as a browser does: without errors.
    pub fn read(html: &str) -> Page {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut reader = Reader::default();
        for token in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Ok(Token::StartTag(tag)) => reader.start(&tag),
                Ok(Token::EndTag(tag)) => reader.end(&tag.name),
                Ok(Token::String(text)) => reader.text(&String::from_utf8_lossy(&text)),
                _ => {}
            }
        }
        for text in [&mut reader.page.heading, &mut reader.page.alert] {
            // They are shown on a terminal.
            let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
            *text = words
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ");
        }
        reader.page.reason = reason(html);
        reader.page
    }

    /// The first form that asks for a password.
    pub fn login_form(&self) -> Option<&Form> {
        self.forms.iter().find(|form| form.asks_for_password())
    }

    /// The first form with this field that only carries something on.
    pub fn form_with(&self, field: &str) -> Option<&Form> {
        let mut forms = self.forms.iter();
        forms.find(|form| !form.asks_for_password() && form.field(field).is_some())
    }
}

#[derive(Default)]
struct Reader {
    page: Page,
    in_form: bool,
    in_script: bool,
    in_heading: bool,
    /// The element with `role="alert"` that is open.
    alert: Option<Vec<u8>>,
}

impl Reader {
    fn start(&mut self, tag: &StartTag<()>) {
        self.page.submits_itself |= attribute(tag, "onload").is_some_and(|script| submits(&script));
        if self.page.alert.is_empty() && attribute(tag, "role").as_deref() == Some("alert") {
            self.alert = Some(tag.name.to_vec());
        }
        match tag.name.as_slice() {
            b"meta" => self.meta(tag),
            b"script" => self.in_script = true,
            b"h1" => self.in_heading = self.page.heading.is_empty(),
            b"form" if !self.in_form => {
                self.in_form = true;
                self.page.forms.push(Form {
                    action: attribute(tag, "action").unwrap_or_default().trim().to_owned(),
                    post: attribute(tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
                    ..Form::default()
                });
            }
            b"input" => self.input(tag),
            _ => {}
        }
    }

    fn end(&mut self, name: &[u8]) {
        match name {
            b"form" => self.in_form = false,
            b"script" => self.in_script = false,
            b"h1" => self.in_heading = false,
            _ => {}
        }
        if self.alert.as_deref() == Some(name) {
            self.alert = None;
        }
    }

    fn text(&mut self, text: &str) {
        self.page.submits_itself |= self.in_script && submits(text);
        if self.in_heading {
            self.page.heading.push_str(text);
        }
        if self.alert.is_some() {
            self.page.alert.push_str(text);
        }
    }

    fn meta(&mut self, tag: &StartTag<()>) {
        let is_refresh =
            attribute(tag, "http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("refresh"));
        let content = attribute(tag, "content").unwrap_or_default();
        let address = content
            .split_once([';', ','])
            .and_then(|(_, rest)| rest.split_once('='));
        if let (true, Some((name, address))) = (is_refresh, address)
            && name.trim().eq_ignore_ascii_case("url")
        {
            self.page.refresh = Some(address.trim().trim_matches(['\'', '"']).to_owned());
        }
    }

    fn input(&mut self, tag: &StartTag<()>) {
        let (true, Some(form), Some(name)) = (
            self.in_form,
            self.page.forms.last_mut(),
            attribute(tag, "name").filter(|name| !name.is_empty()),
        ) else {
            return;
        };
        let kind = attribute(tag, "type").unwrap_or_default().to_ascii_lowercase();
        match kind.as_str() {
            "button" | "reset" | "file" | "image" => return,
            "checkbox" | "radio" if attribute(tag, "checked").is_none() => return,
            "password" => form.password = form.password.take().or_else(|| Some(name.clone())),
            "" | "text" | "email" if form.password.is_none() => form.user = Some(name.clone()),
            _ => {}
        }
        let value = attribute(tag, "value").unwrap_or_default();
        form.fields.push((name, Zeroizing::new(value)));
    }
}

fn reason(html: &str) -> Option<Reason> {
    let (_, rest) = html.split_once("(reason ")?;
    let (number, _) = rest.split_once(')')?;
    Reason::from_number(number.parse().ok()?)
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn submits(script: &str) -> bool {
    [".submit(", ".submit.call(", ".click(", ".requestSubmit("]
        .iter()
        .any(|call| script.contains(call))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_form_is_filled_in_whatever_its_fields_are_called() {
        let page = Page::read(
            "<h1>Log\n in&#27;</h1><p role=alert>\x1bWrong <b>password</b>.</p><form method=POST action='/x?a&amp;b'>\
             <input name=search type=text><input type=hidden name=seal value='a&amp;b'><input name=netid>\
             <input type=password name=pw><input type=text name=otp><input type=checkbox name=keep></form>\
             <form><input name=other></form>",
        );
        assert_eq!(page.heading, "Log in");
        assert_eq!(page.alert, "Wrong password.");
        assert!(!page.submits_itself);
        let mut forms = page.forms.into_iter().filter(Form::asks_for_password);
        let form = forms.next().unwrap();
        assert!(form.post && form.action == "/x?a&b");
        let sent = form.fill("alice", "p w").encode();
        assert_eq!(*sent, "search=&seal=a%26b&otp=&netid=alice&pw=p+w");
        assert!(forms.next().is_none());
    }

    #[test]
    fn a_page_that_leads_on_is_seen_as_one() {
        let page = Page::read("<meta http-equiv=Refresh content=\"0;URL=https://login/x?a&amp;b\">");
        assert_eq!(page.refresh.as_deref(), Some("https://login/x?a&b"));
        for script in [
            "<body onLoad='document.relay.submit()'>",
            "<script>document.forms[0].go.click()</script>",
        ] {
            let page = Page::read(&format!(
                "{script}<form><input type=hidden name=pubcookie_g value=v></form>"
            ));
            assert!(page.submits_itself, "{script}");
            assert!(page.form_with("pubcookie_g").is_some());
        }
    }
}
