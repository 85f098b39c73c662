//! From the user's password to the client's ID token: the code flow (OpenID Connect Core 1.0, section 3.1).

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::{DOCTYPE, html};
use openssl::sha::sha256;
use serde_json::{Value, json};
use url::Url;

use super::https::{Request, Response};
use super::id_token::IdToken;
use super::{CLIENT_ID, Code, Provider, random, same};

impl Provider {
    /// The authorization endpoint: a form that asks for user and password, then back to the client with a code.
    pub(super) fn authorize(&self, request: &Request) -> Result<Response> {
        let redirect_uri = match self.check(request) {
            Ok(redirect_uri) => redirect_uri,
            Err(problem) => return Ok(Response::text(400, problem)),
        };
        let typed = |field| request.field(field).unwrap_or_default();
        let user = self.users.get(&typed("user"));
        if !user.is_some_and(|user| same(&user.password, &typed("pass"))) {
            return Ok(Response::html(&form(request)));
        }
        let mut target = Url::parse(&redirect_uri)?;
        let code = Code {
            user: typed("user"),
            redirect_uri,
            nonce: request.parameter("nonce"),
            challenge: request.parameter("code_challenge"),
        };
        let name = random()?;
        self.granted().codes.insert(name.clone(), code);

        target.query_pairs_mut().append_pair("code", &name);
        if let Some(state) = request.parameter("state") {
            target.query_pairs_mut().append_pair("state", &state);
        }
        Ok(Response::redirect(target.as_str()))
    }

    /// The address to lead back to, once the request is one of this client.
    fn check(&self, request: &Request) -> Result<String, &'static str> {
        let asks = |name, expected: &str| request.parameter(name).as_deref() == Some(expected);
        let scopes = request.parameter("scope").unwrap_or_default();
        let redirect_uri = request.parameter("redirect_uri").unwrap_or_default();
        if !asks("client_id", CLIENT_ID) {
            Err("There is no such client.")
        } else if !self.redirect_uris.contains(&redirect_uri) {
            Err("This is not an address of the client.")
        } else if !asks("response_type", "code") {
            Err("Only response_type=code is known.")
        } else if !scopes.split(' ').any(|scope| scope == "openid") {
            Err("The scope has no openid.")
        } else if request.parameter("code_challenge").is_some() && !asks("code_challenge_method", "S256") {
            Err("Only code_challenge_method=S256 is known.")
        } else {
            Ok(redirect_uri)
        }
    }

    /// The token endpoint: a code, once, for an ID token and an access token.
    pub(super) fn exchange_code(&self, request: &Request) -> Result<Response> {
        let refuse = |status, error| Ok(Response::json(status, &json!({ "error": error })));
        if !self.is_client(request) {
            return refuse(401, "invalid_client");
        }
        if request.field("grant_type").as_deref() != Some("authorization_code") {
            return refuse(400, "unsupported_grant_type");
        }
        let code = request
            .field("code")
            .and_then(|code| self.granted().codes.remove(&code));
        let (Some(code), Some(uri)) = (code, request.field("redirect_uri")) else {
            return refuse(400, "invalid_grant");
        };
        if uri != code.redirect_uri || !code.is_answered_by(request.field("code_verifier").as_deref()) {
            return refuse(400, "invalid_grant");
        }
        let access_token = random()?;
        self.granted()
            .access_tokens
            .insert(access_token.clone(), code.user.clone());
        let id_token = self.key.sign(&IdToken {
            issuer: &self.issuer,
            subject: self
                .users
                .get(&code.user)
                .map_or(&Value::Null, |user| &user.claims["sub"]),
            audience: CLIENT_ID,
            nonce: code.nonce.as_deref(),
        })?;
        Ok(Response::json(
            200,
            &json!({
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": 3600,
                "id_token": id_token,
            }),
        ))
    }
}

impl Code {
    /// Whether whoever brings the code is who asked for it (RFC 7636, section 4.6).
    fn is_answered_by(&self, verifier: Option<&str>) -> bool {
        match (&self.challenge, verifier) {
            (None, None) => true,
            (Some(challenge), Some(verifier)) => {
                same(challenge, &URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())))
            }
            _ => false,
        }
    }
}

fn form(request: &Request) -> String {
    let action = format!("{}?{}", request.path, request.query);
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Log in" } }
            body {
                h1 { "Log in" }
                @if request.field("user").is_some() { p { "Wrong user name or password." } }
                form method="post" action=(action) {
                    label { "User " input name="user"; }
                    label { " Password " input name="pass" type="password"; }
                    button { "Log in" }
                }
            }
        }
    }
    .into_string()
}
