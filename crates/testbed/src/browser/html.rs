//! What a browser reads out of a page: its forms, its meta refresh, whether it submits itself.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

/// The parts of an HTML page that lead on to another request.
#[derive(Debug, Default)]
pub struct Document {
    /// Every form, in the order of the page.
    pub forms: Vec<Form>,
    /// The address of `<meta http-equiv=refresh content="0;URL=...">`, not yet resolved.
    pub refresh: Option<String>,
    /// A script of the page (inline, or `onload`) submits a form or presses its button.
    pub submits_itself: bool,
}

/// A form, and what the user filled in.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The form's `name`, or its `id`, or nothing.
    pub name: String,
    /// Where it goes, as written: empty means the page's own address.
    pub action: String,
    /// `method=post`.
    pub post: bool,
    /// Names and values of what is sent, without the buttons.
    pub fields: Vec<(String, String)>,
    /// Submit buttons that have a name, with their values.
    pub buttons: Vec<(String, String)>,
}

impl Form {
    /// The value of the first field called `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// The form with `value` in the field `name`: the field is added where the page has none.
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// What is sent when the user presses the first button, `application/x-www-form-urlencoded`. Every line end is sent
    /// as CR LF (HTML, 4.10.22.4).
    pub fn encode(&self) -> String {
        let line_ends = |text: &str| {
            text.replace("\r\n", "\n")
                .replace('\r', "\n")
                .replace('\n', "\r\n")
        };
        let sent = self.fields.iter().chain(self.buttons.first());
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(sent.map(|(name, value)| (line_ends(name), line_ends(value))))
            .finish()
    }
}

impl Document {
    /// Read a page. Whatever it is, it is read as a browser reads it: without errors.
    pub fn parse(html: &str) -> Self {
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
        reader.document
    }
}

#[derive(Default)]
struct Reader {
    document: Document,
    in_form: bool,
    in_script: bool,
    /// The name of the `<textarea>` that is open, and its text so far.
    text_area: Option<(String, String)>,
    /// The name of the `<select>` that is open: its first option counts unless another is selected.
    select: Option<String>,
}

impl Reader {
    fn start(&mut self, tag: &StartTag<()>) {
        if attribute(tag, "onload").is_some_and(|script| submits(&script)) {
            self.document.submits_itself = true;
        }
        match tag.name.as_slice() {
            b"meta" => self.meta(tag),
            b"script" => self.in_script = true,
            b"form" if !self.in_form => {
                self.in_form = true;
                self.document.forms.push(Form {
                    name: attribute(tag, "name")
                        .or_else(|| attribute(tag, "id"))
                        .unwrap_or_default(),
                    action: attribute(tag, "action").unwrap_or_default().trim().to_owned(),
                    post: attribute(tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
                    ..Form::default()
                });
            }
            b"input" => self.input(tag),
            b"button" if kind(tag, "submit") == "submit" => self.button(tag),
            b"textarea" => self.text_area = Some((attribute(tag, "name").unwrap_or_default(), String::new())),
            b"select" => self.select = attribute(tag, "name"),
            b"option" => self.option(tag),
            _ => {}
        }
    }

    fn end(&mut self, name: &[u8]) {
        match name {
            b"form" => self.in_form = false,
            b"script" => self.in_script = false,
            b"select" => self.select = None,
            b"textarea" => {
                if let Some((name, text)) = self.text_area.take() {
                    self.field(name, text);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_script && submits(text) {
            self.document.submits_itself = true;
        }
        if let Some((_, content)) = &mut self.text_area {
            content.push_str(text);
        }
    }

    fn meta(&mut self, tag: &StartTag<()>) {
        if !attribute(tag, "http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("refresh")) {
            return;
        }
        let content = attribute(tag, "content").unwrap_or_default();
        let Some((_, rest)) = content.split_once([';', ',']) else {
            return;
        };
        let rest = rest.trim_start();
        let address = match rest.split_once('=') {
            Some((name, address)) if name.trim().eq_ignore_ascii_case("url") => address.trim(),
            _ => rest,
        };
        self.document.refresh = Some(address.trim_matches(['\'', '"']).to_owned());
    }

    fn input(&mut self, tag: &StartTag<()>) {
        let name = attribute(tag, "name").unwrap_or_default();
        match kind(tag, "text").as_str() {
            "submit" | "image" => self.button(tag),
            "button" | "reset" | "file" => {}
            "checkbox" | "radio" => {
                if attribute(tag, "checked").is_some() {
                    self.field(name, attribute(tag, "value").unwrap_or_else(|| "on".to_owned()));
                }
            }
            _ => self.field(name, attribute(tag, "value").unwrap_or_default()),
        }
    }

    fn button(&mut self, tag: &StartTag<()>) {
        if let (true, Some(name), Some(form)) = (
            self.in_form,
            attribute(tag, "name"),
            self.document.forms.last_mut(),
        ) {
            form.buttons
                .push((name, attribute(tag, "value").unwrap_or_default()));
        }
    }

    fn option(&mut self, tag: &StartTag<()>) {
        let (true, Some(name), Some(form)) =
            (self.in_form, self.select.clone(), self.document.forms.last_mut())
        else {
            return;
        };
        let value = attribute(tag, "value").unwrap_or_default();
        if attribute(tag, "selected").is_some() || form.field(&name).is_none() {
            *form = std::mem::take(form).fill(&name, &value);
        }
    }

    fn field(&mut self, name: String, value: String) {
        if let (true, false, Some(form)) = (self.in_form, name.is_empty(), self.document.forms.last_mut()) {
            form.fields.push((name, value));
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    tag.attributes
        .get(name.as_bytes())
        .map(|value| String::from_utf8_lossy(value).into_owned())
}

fn kind(tag: &StartTag<()>, default: &str) -> String {
    attribute(tag, "type")
        .unwrap_or_else(|| default.to_owned())
        .to_ascii_lowercase()
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
    fn reads_a_form_as_a_browser_does() {
        let page = Document::parse(
            "<FORM name=query METHOD=Post action='/login?a=1&amp;b=2'>\
             <input type=hidden name=post_stuff value='x=&quot;1&quot;'><input name=user>\
             <input type=checkbox name=no><input type=checkbox name=yes checked>\
             <textarea name=area>a &lt; b</textarea><input type=submit name=go value=Log&#32;in></FORM>\
             <script>if (1 < 2) { '<form action=fake>' }</script>",
        );
        let [form] = page.forms.as_slice() else {
            panic!("one form, not {:?}", page.forms)
        };
        assert_eq!(form.action, "/login?a=1&b=2");
        assert!(form.post && !page.submits_itself);
        assert_eq!(
            form.clone().fill("user", "a b").encode(),
            "post_stuff=x%3D%221%22&user=a+b&yes=on&area=a+%3C+b&go=Log+in"
        );
    }

    #[test]
    fn finds_the_refresh_and_the_script() {
        let page = Document::parse("<meta http-equiv=Refresh content=\"0;URL=https://login/x?a&amp;b\">");
        assert_eq!(page.refresh.as_deref(), Some("https://login/x?a&b"));
        for script in [
            "<body onLoad=\"document.relay.submit()\">",
            "<script nonce=x>document.forms[0].go.click()</script>",
        ] {
            assert!(Document::parse(script).submits_itself, "{script}");
        }
    }
}
