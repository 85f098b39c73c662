//! A granting request as it reached the login server, with the way back.

use super::refusal::Refusal;
use super::relay_url::RelayUrl;
use crate::form::{Carriage, Form};
use crate::granting_request::{GrantingRequest, LoginMethod};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use zeroize::Zeroizing;

/// What an app server asks, and how its answer gets there. Its parts fit together: granting cookies only ever go to
/// the server that the granting request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoginRequest {
    granting: Box<GrantingRequest>,
    relay_url: Option<RelayUrl>,
    carried: Option<CarriedBody>,
}

/// The body of the user's POST, which goes through the login and back (`post_stuff`).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct CarriedBody {
    /// The body: fields as a browser spells them.
    pub body: Zeroizing<String>,
    /// Its fields.
    pub fields: Form,
    /// Whether it goes on by itself. One that a foreign site may have sent waits for a click.
    pub carriage: Carriage,
}

impl CarriedBody {
    /// A body that a browser can send again, byte for byte; `None` for an empty one.
    pub fn new(body: &str, carriage: Carriage) -> Result<Option<CarriedBody>, Refusal> {
        let fields = Form::parse(body.as_bytes(), body.len())?;
        fields.check_carriable()?;
        Ok((!body.is_empty()).then(|| CarriedBody {
            body: fields.to_urlencoded(),
            fields,
            carriage,
        }))
    }
}

impl LoginRequest {
    /// A granting request from the cookie of a shared domain (GET method).
    pub fn by_get(granting: GrantingRequest, carried: Option<CarriedBody>) -> LoginRequest {
        LoginRequest {
            granting: Box::new(granting),
            relay_url: None,
            carried,
        }
    }

    /// A granting request from a form (POST method).
    pub fn by_post(
        granting: GrantingRequest,
        relay_url: &str,
        carried: Option<CarriedBody>,
    ) -> Result<LoginRequest, Refusal> {
        if relay_url.is_empty() {
            return Err(Refusal::NoRelayUrl);
        }
        let relay_url: RelayUrl = relay_url.parse()?;
        if relay_url.host() != &granting.host {
            return Err(Refusal::RelayHost {
                relay: relay_url.host().clone(),
                host: granting.host,
            });
        }
        Ok(LoginRequest {
            granting: Box::new(granting),
            relay_url: Some(relay_url),
            carried,
        })
    }

    /// What is asked.
    pub fn granting(&self) -> &GrantingRequest {
        &self.granting
    }

    /// How the browser carries question and answer.
    pub fn method(&self) -> LoginMethod {
        if self.relay_url.is_some() {
            LoginMethod::Post
        } else {
            LoginMethod::Get
        }
    }

    /// Where the POST method takes the answer; `None` in the GET method.
    pub fn relay_url(&self) -> Option<&RelayUrl> {
        self.relay_url.as_ref()
    }

    /// The body that is carried along.
    pub fn carried(&self) -> Option<&CarriedBody> {
        self.carried.as_ref()
    }

    /// The page that the user wanted: `https://<six><seven>[?<args>]`.
    pub fn destination(&self) -> String {
        let GrantingRequest {
            host, path, query, ..
        } = &*self.granting;
        let question_mark = if query.is_empty() { "" } else { "?" };
        format!("https://{host}{path}{question_mark}{query}")
    }

    /// The same as the POST method's reply URL is told it: `https://<six>/<base64 of the path>`.
    pub fn redirect_url(&self) -> String {
        format!(
            "https://{}/{}",
            self.granting.host,
            STANDARD.encode(&self.granting.path)
        )
    }
}

impl fmt::Debug for CarriedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CarriedBody({} bytes, {:?})", self.body.len(), self.carriage)
    }
}
