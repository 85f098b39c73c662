//! A small OpenID provider, for tests of a real relying party.
//!
//! It speaks the authorization code flow of [OpenID Connect Core 1.0](https://openid.net/specs/openid-connect-core-1_0.html)
//! with PKCE ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)), for one client. What it speaks it checks as strictly
//! as a real one; what it does not know it refuses. There is no login of its own: each visit is asked for user and
//! password.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use openssl::base64::encode_block;
use openssl::memcmp;
use openssl::rand::rand_bytes;
use serde_json::{Value, json};
use url::Url;

use crate::pki::Authority;
use https::{HttpsServer, Request, Response};
use id_token::SigningKey;

mod authorization;
mod https;
mod id_token;

/// What its client is called there.
pub const CLIENT_ID: &str = "portal";
/// Bytes of secrets and of what stands for somebody: more than anybody guesses.
const RANDOM_BYTES: usize = 24;

/// A running provider. Dropped, it has ended.
pub struct OpenIdProvider {
    provider: Arc<Provider>,
    authority: PathBuf,
    _server: HttpsServer,
}

/// Somebody who can log in there.
#[derive(Clone, Debug)]
pub struct OpenIdUser {
    name: String,
    password: String,
    claims: Value,
}

/// What all connections share.
struct Provider {
    issuer: String,
    client_secret: String,
    redirect_uris: Vec<String>,
    key: SigningKey,
    users: BTreeMap<String, OpenIdUser>,
    granted: Mutex<Granted>,
}

/// Who may come back with what.
#[derive(Default)]
struct Granted {
    /// Authorization codes; each is taken out when it is used.
    codes: BTreeMap<String, Code>,
    /// Access tokens, each with the name of its user.
    access_tokens: BTreeMap<String, String>,
}

struct Code {
    user: String,
    redirect_uri: String,
    nonce: Option<String>,
    /// The SHA-256 of what the client has to show, in base64url (`code_challenge`).
    challenge: Option<String>,
}

impl OpenIdProvider {
    /// Starts one at `https://localhost:<port>`, for the client that is called back at `redirect_uris`: one path at
    /// some hosts.
    pub fn start(authority: &Authority, redirect_uris: Vec<String>, users: Vec<OpenIdUser>) -> Result<Self> {
        let certificate = authority.server_certificate("openid-provider", &["localhost"])?;
        let listener = https::Listener::bind(&certificate)?;
        let provider = Arc::new(Provider {
            issuer: format!("https://localhost:{}", listener.port()?),
            client_secret: random()?,
            redirect_uris,
            key: SigningKey::generate()?,
            users: users.into_iter().map(|user| (user.name.clone(), user)).collect(),
            granted: Mutex::default(),
        });
        let answers = Arc::clone(&provider);
        Ok(OpenIdProvider {
            provider,
            authority: authority.certificate().to_owned(),
            _server: listener.serve(move |request| answers.answer(request))?,
        })
    }

    /// Its name, and the beginning of all its addresses.
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// What its client proves itself with.
    pub fn client_secret(&self) -> &str {
        &self.provider.client_secret
    }

    /// What mod_auth_openidc needs to know to be its client.
    pub fn directives(&self) -> Result<String> {
        let Provider {
            issuer,
            client_secret,
            redirect_uris,
            ..
        } = &*self.provider;
        let redirect_uri = redirect_uris
            .first()
            .context("a client is called back somewhere")?;
        Ok(format!(
            "OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration\n\
             OIDCCABundlePath \"{}\"\n\
             OIDCClientID {CLIENT_ID}\n\
             OIDCClientSecret {client_secret}\n\
             OIDCRedirectURI {}\n\
             OIDCCryptoPassphrase {}\n\
             OIDCScope \"openid email profile\"\n\
             OIDCPKCEMethod S256\n",
            self.authority.display(),
            Url::parse(redirect_uri)?.path(),
            random()?,
        ))
    }
}

impl OpenIdUser {
    /// A user with a password. `claims` is what the provider tells a client of the user: an object, with `sub` and
    /// whatever else there is.
    pub fn new(name: &str, password: &str, claims: Value) -> Self {
        OpenIdUser {
            name: name.to_owned(),
            password: password.to_owned(),
            claims,
        }
    }
}

impl Provider {
    fn answer(&self, request: &Request) -> Result<Response> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => Ok(Response::json(200, &self.metadata())),
            ("GET", "/jwks") => Ok(Response::json(200, &self.key.jwks()?)),
            ("GET" | "POST", "/authorize") => self.authorize(request),
            ("POST", "/token") => self.exchange_code(request),
            ("GET" | "POST", "/userinfo") => Ok(self.user_info(request)),
            ("GET", "/logout") => Ok(self.log_out(request)),
            _ => Ok(Response::text(404, "There is nothing here.")),
        }
    }

    /// OpenID Connect Discovery 1.0, section 3.
    fn metadata(&self) -> Value {
        let at = |path| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "end_session_endpoint": at("/logout"),
            "jwks_uri": at("/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
        })
    }

    /// The claims of the user whom an access token stands for (section 5.3).
    fn user_info(&self, request: &Request) -> Response {
        let bearer = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let granted = self.granted();
        let user = bearer.and_then(|token| granted.access_tokens.get(token));
        match user.and_then(|name| self.users.get(name)) {
            Some(user) => Response::json(200, &user.claims),
            None => Response::json(401, &json!({ "error": "invalid_token" })),
        }
    }

    /// OpenID Connect RP-Initiated Logout 1.0: nobody is logged in here, so that it leads back and does no more.
    fn log_out(&self, request: &Request) -> Response {
        let origin = |url: &str| Url::parse(url).map(|url| url.origin());
        match request.parameter("post_logout_redirect_uri") {
            Some(target)
                if self
                    .redirect_uris
                    .iter()
                    .any(|uri| origin(uri) == origin(&target)) =>
            {
                Response::redirect(&target)
            }
            Some(_) => Response::text(400, "This address is not the client's."),
            None => Response::text(200, "You are logged out."),
        }
    }

    /// Whether this is the client, by `client_secret_basic`.
    fn is_client(&self, request: &Request) -> bool {
        let expected = encode_block(format!("{CLIENT_ID}:{}", self.client_secret).as_bytes());
        request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Basic "))
            .is_some_and(|shown| same(shown, &expected))
    }

    fn granted(&self) -> MutexGuard<'_, Granted> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && memcmp::eq(one.as_bytes(), other.as_bytes())
}

fn random() -> Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    rand_bytes(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
