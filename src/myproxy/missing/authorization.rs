//! `Require myproxy-credential`: who has a good credential may come in.

use std::ffi::CStr;

use crate::httpd::{Arguments, Authorization, AuthorizationProvider, Outcome, Request, Use};
use crate::myproxy::MyProxy;
use crate::myproxy::config::{DirectoryConfig, ServerConfig};
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::wanted::Wanted;
use crate::myproxy::{fixups, missing, session};

/// The provider.
pub struct CredentialRequired;

impl AuthorizationProvider for CredentialRequired {
    type Module = MyProxy;

    const NAME: &'static CStr = c"myproxy-credential";

    fn required(server: &ServerConfig, line: &Arguments<'_>) {
        let needed_by = || format!("Require myproxy-credential ({})", line.position());
        server.needed_by.get_or_init(needed_by);
        server.required.get_or_init(|| ());
    }

    /// May fetch the credential, except where having one is to keep the user out, or where `MyProxyCredential` is Off.
    fn check(request: &Request<'_>, use_: Use) -> Authorization {
        // A blank user is one: httpd has asked who it is.
        if request.user() == Ok(None) {
            return Authorization::NeedsUser;
        }
        let Some(place) = request.directory_config::<MyProxy>() else {
            return Authorization::Unknown;
        };
        match use_ {
            Use::Demanded => demanded(request, place),
            Use::Negated => negated(request, place),
        }
    }
}

/// Why a `Require` line keeps a user out.
pub enum KeptOut {
    /// There is no credential, for this reason.
    ForWantOfOne(Shortfall),
    /// There is one.
    ForHavingOne,
}

fn demanded(request: &Request<'_>, place: &DirectoryConfig) -> Authorization {
    let result = match place.credential() {
        true => fixups::verdict(request, place)
            .result
            .as_ref()
            .map(|_| ())
            .map_err(Shortfall::clone),
        false => what_is_stored(request, place),
    };
    let Err(shortfall) = result else {
        return Authorization::Granted;
    };
    keep_out(request, KeptOut::ForWantOfOne(shortfall));
    Authorization::Denied
}

fn negated(request: &Request<'_>, place: &DirectoryConfig) -> Authorization {
    match what_is_stored(request, place) {
        Ok(()) => {
            keep_out(request, KeptOut::ForHavingOne);
            Authorization::Granted
        }
        // Nobody may come in because it cannot be told.
        Err(shortfall) if shortfall.class == Class::Store => Authorization::Unknown,
        Err(_) => Authorization::Denied,
    }
}

fn keep_out(request: &Request<'_>, why: KeptOut) {
    request.state::<MyProxy>().kept_out.replace(Some(why));
}

/// Whether there is a credential that a former request has fetched.
fn what_is_stored(request: &Request<'_>, place: &DirectoryConfig) -> Result<(), Shortfall> {
    if request.first().state::<MyProxy>().logged_out.get() {
        return Err(Shortfall::logged_out());
    }
    let wanted = Wanted::of(request, place)?;
    // A session that was idle takes its credential along.
    session::find(&wanted)?;
    wanted.what_is_there().map(|_| ())
}

/// `auth_checker`, around those of all modules: mod_authz_core answers 401 to whoever lacks what is required, as if
/// another password would help. Where that is a credential, [`missing`](super) decides by the cause; where it is to have
/// none, the answer is 403.
pub fn auth_checker(request: &Request<'_>) -> Outcome {
    let required = request
        .server_config::<MyProxy>()
        .is_some_and(|config| config.required.get().is_some());
    let Some(place) = request.directory_config::<MyProxy>().filter(|_| required) else {
        return Outcome::Declined;
    };
    let state = request.state::<MyProxy>();
    if state.in_auth_checker.replace(true) {
        return Outcome::Declined;
    }
    const CHALLENGES: [&str; 2] = ["WWW-Authenticate", "Proxy-Authenticate"];
    let headers = request.response_headers_always();
    let before = CHALLENGES.map(|name| headers.get_all(name));
    let outcome = request.ask_authorization_hooks();
    state.in_auth_checker.set(false);
    // The last that was said decided, or something else did.
    let kept_out = state.kept_out.take();
    let (Outcome::Status(401 | 403), Some(why)) = (outcome, kept_out) else {
        return outcome;
    };
    for (name, values) in CHALLENGES.iter().zip(&before) {
        headers.set_all(name, values);
    }
    match why {
        KeptOut::ForWantOfOne(shortfall) => missing::refuse(request, place, &shortfall),
        KeptOut::ForHavingOne => Outcome::Status(403),
    }
}
