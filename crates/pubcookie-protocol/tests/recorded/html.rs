//! What matters to the protocol in a page of ours, in the form in which the transcripts have it.

use serde_json::{Value, json};

/// Forms with their fields, meta refresh and title.
pub fn extract(page: &str) -> Value {
    let mut forms: Vec<Value> = Vec::new();
    let mut refresh = Value::Null;
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.split([' ', '\n']).next().unwrap();
        match name {
            "form" => {
                let field = |name| attribute(tag, name);
                forms.push(json!({"name": field("name"), "method": field("method"), "action": field("action"), "fields": []}));
            }
            "input" | "button" => {
                let field = json!([
                    attribute(tag, "type"),
                    attribute(tag, "name"),
                    attribute(tag, "value")
                ]);
                forms.last_mut().unwrap()["fields"]
                    .as_array_mut()
                    .unwrap()
                    .push(field);
            }
            "meta" if attribute(tag, "http-equiv") == "Refresh" => refresh = attribute(tag, "content"),
            _ => {}
        }
    }
    json!({"forms": forms, "meta_refresh": refresh})
}

fn attribute(tag: &str, name: &str) -> Value {
    let Some((_, rest)) = tag.split_once(&format!(" {name}=\"")) else {
        return Value::Null;
    };
    let (value, _) = rest.split_once('"').unwrap();
    let value = value
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    Value::String(value)
}
