//! ID tokens, signed with RS256, and the key that they are checked with.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

const KEY_BITS: u32 = 2048;
const KEY_ID: &str = "first";
/// Seconds that an ID token is good for.
const LIFETIME: u64 = 600;

/// What an ID token says (OpenID Connect Core 1.0, section 2), but for the times.
pub(super) struct IdToken<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: &'a Value,
    pub(super) audience: &'a str,
    pub(super) nonce: Option<&'a str>,
}

/// The provider's key.
pub(super) struct SigningKey(PKey<Private>);

impl SigningKey {
    pub(super) fn generate() -> Result<Self> {
        Ok(SigningKey(PKey::from_rsa(Rsa::generate(KEY_BITS)?)?))
    }

    /// A JSON Web Signature in its compact form (RFC 7515).
    pub(super) fn sign(&self, token: &IdToken<'_>) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID });
        let mut claims = json!({
            "iss": token.issuer,
            "sub": token.subject,
            "aud": token.audience,
            "iat": now,
            "exp": now + LIFETIME,
        });
        if let Some(nonce) = token.nonce {
            claims["nonce"] = nonce.into();
        }
        let signed = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0)?;
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public half as a JSON Web Key Set (RFC 7517).
    pub(super) fn jwks(&self) -> Result<Value> {
        let key = self.0.rsa()?;
        Ok(json!({ "keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(key.n().to_vec()),
            "e": URL_SAFE_NO_PAD.encode(key.e().to_vec()),
        }] }))
    }
}
