//! `AuthBasicProvider myproxy`: a pass phrase is right if the MyProxy server takes it.
//!
//! Where the place wants a credential, the logon that gets it is the check. Elsewhere the server's verdict is all that
//! is asked for.

use std::ffi::CStr;
use std::time::SystemTime;

use credential_store::{Method, WebUser};
use myproxy_client::Refusal;
use zeroize::Zeroizing;

use super::Proof;
use super::proven::{Digest, Proven};
use crate::httpd::{Authentication, AuthenticationProvider, Request, offer_to_cache};
use crate::myproxy::config::DirectoryConfig;
use crate::myproxy::credential::Verdict;
use crate::myproxy::identity::Identity;
use crate::myproxy::running::Asking;
use crate::myproxy::session::{self, OpenSession};
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::wanted::{Stored, Wanted};
use crate::myproxy::{MyProxy, fixups, htaccess, log, logon};

/// The provider.
pub struct PassPhrases;

impl AuthenticationProvider for PassPhrases {
    const NAME: &'static CStr = c"myproxy";

    fn check(request: &Request<'_>, user: &str, pass_phrase: &CStr) -> Authentication {
        let Err(shortfall) = check(request, user, pass_phrase) else {
            return Authentication::Granted;
        };
        tell(request, user, &shortfall);
        let answer = match (shortfall.class, shortfall.refusal) {
            (Class::Refused, Some(Refusal::UnknownUser)) => Authentication::UnknownUser,
            (Class::Refused, _) => Authentication::Denied,
            _ => Authentication::Unknown,
        };
        let refused = &request.state::<MyProxy>().refused;
        refused.replace(Some(shortfall.for_strangers()));
        answer
    }
}

/// A pass phrase that this request has shown already: its subrequests and internal redirects bring it again.
pub struct Checked {
    web_user: WebUser,
    digest: Digest,
    /// Whether that was a logon.
    by_logon: bool,
    result: Result<(), Shortfall>,
}

/// Whether the request may have what a pass phrase brought: it has shown the pass phrase, or nobody but the administrator
/// can have let its user in otherwise (mod_authn_socache answers in our stead).
pub fn counts(wanted: &Wanted<'_>) -> bool {
    let checked = wanted.request.first().state::<MyProxy>().checked.borrow();
    let is_shown = checked
        .as_ref()
        .is_some_and(|checked| checked.result.is_ok() && checked.web_user == wanted.identity.origin.web_user);
    is_shown || !htaccess::could_authenticate(wanted.request)
}

/// Why a request was refused that led to this one, which is for the page that tells of it (`ErrorDocument`).
pub fn told_of(request: &Request<'_>) -> Option<Shortfall> {
    request
        .origins()
        .filter(|origin| matches!(origin.status(), 401 | 407 | 500))
        .find_map(|origin| origin.known_state::<MyProxy>()?.refused.borrow().clone())
}

fn check(request: &Request<'_>, user: &str, pass_phrase: &CStr) -> Result<(), Shortfall> {
    if user.is_empty() {
        return Err(Shortfall::refused(Refusal::UnknownUser, "no user is named"));
    }
    if pass_phrase.is_empty() {
        return Err(Shortfall::refused(
            Refusal::NoPassPhrase,
            "the pass phrase is empty",
        ));
    }
    let config = request.server_config::<MyProxy>();
    let asking = config.and_then(|config| config.asking.get());
    let (Some(config), Some(place), Some(asking)) = (config, request.directory_config::<MyProxy>(), asking)
    else {
        return Err(Shortfall::new(Class::Store, NO_SERVER));
    };
    // The page that tells of a wrong pass phrase has no user.
    let identity = Identity::of(request, config, place)?
        .ok_or_else(|| Shortfall::refused(Refusal::UnknownUser, "the request has been refused already"))?;

    let state = request.first().state::<MyProxy>();
    let by_logon =
        place.credential() && place.methods().contains(&Method::PassPhrase) && !state.logged_out.get();
    let digest = asking
        .proven
        .digest(&identity.origin, pass_phrase.to_bytes())
        .map_err(|error| Shortfall::new(Class::Store, error))?;
    if let Some(checked) = &*state.checked.borrow()
        && checked.digest == digest
        && (checked.by_logon || !by_logon || checked.result.is_err())
    {
        return checked.result.clone().map_err(Shortfall::told_before);
    }
    let result = if by_logon {
        Wanted::of(request, place).and_then(|wanted| log_on(&wanted, pass_phrase))
    } else {
        verify(request, asking, place, &identity, pass_phrase)
    };
    state.checked.replace(Some(Checked {
        web_user: identity.origin.web_user,
        digest,
        by_logon,
        result: result.clone(),
    }));
    result
}

const NO_SERVER: &str = "AuthBasicProvider myproxy (AuthFormProvider, PubcookieLoginProvider) needs MyProxyServer, which \
                         is not given for this server";

/// Asks for the server's verdict alone.
fn verify(
    request: &Request<'_>,
    asking: &Asking,
    place: &DirectoryConfig,
    identity: &Identity,
    pass_phrase: &CStr,
) -> Result<(), Shortfall> {
    let proof = proof(pass_phrase);
    let server = request
        .server_config::<MyProxy>()
        .ok_or_else(|| Shortfall::new(Class::Store, NO_SERVER))?;
    let question = place.request(server, identity.myproxy_user.clone(), proof.to_show()?);
    let (_waiting, _place) = (asking.wait()?, asking.enter()?);
    asking
        .client
        .verify(&question)
        .map_err(|error| Shortfall::from(&error))?;
    remember_in_cache(request, &identity.origin.web_user.name, pass_phrase);
    Ok(())
}

/// The logon that is the check. While there is a good credential, a session that has proved the same pass phrase asks
/// nobody.
fn log_on(wanted: &Wanted<'_>, pass_phrase: &CStr) -> Result<(), Shortfall> {
    // In this order: a session that was idle takes its credential along.
    let session = session::find(wanted);
    let stored = wanted.stored_by(wanted.place.methods());
    if let (Ok(Some(session)), Ok(Stored::Good(_))) = (&session, &stored)
        && has_proved(wanted, session, pass_phrase)
    {
        return Ok(());
    }
    let proof = proof(pass_phrase);
    // No request waits for another one's turn: each gets a verdict of its own.
    let waiting = wanted.running.asking.wait()?;
    let credential = logon::ask(wanted, &proof)?;
    drop(waiting);
    remember_in_cache(wanted.request, &wanted.identity.origin.web_user.name, pass_phrase);
    // The pass phrase is right. What fails from here on leaves the user without a credential, but not outside.
    let kept = session.and_then(|session| match (session, stored?) {
        (None, Stored::Good(stored)) if is_enough(wanted, &stored, &credential) => Ok(()),
        (session, _) => keep(wanted, session, &proof, &credential, pass_phrase),
    });
    if let Err(shortfall) = kept {
        fixups::tell(wanted.request, &shortfall);
        let verdict = Verdict::without_credential(wanted, shortfall);
        let _ = wanted.request.state::<MyProxy>().verdict.set(verdict);
    }
    Ok(())
}

/// A client that keeps no cookies would leave a session behind with each request: it goes on with what is stored, unless
/// that has less than half as long to live as what it brings.
fn is_enough(
    wanted: &Wanted<'_>,
    stored: &credential_store::Credential,
    brought: &myproxy_client::Credential,
) -> bool {
    let left = |end: SystemTime| end.duration_since(wanted.now).unwrap_or_default();
    !session::is_kept_by(wanted.request) && left(stored.certificate.expires) >= left(brought.not_after()) / 2
}

/// Publishes the credential for a session, which has proved the pass phrase for as long as the credential lives.
fn keep(
    wanted: &Wanted<'_>,
    session: Option<OpenSession>,
    proof: &Proof,
    credential: &myproxy_client::Credential,
    pass_phrase: &CStr,
) -> Result<(), Shortfall> {
    let session = match session {
        Some(session) => session,
        None => session::begin(wanted)?,
    };
    let turn = logon::wait_for_turn(wanted)?;
    let published = logon::publish(wanted, &session, proof, credential, &turn)?;
    log!(
        wanted.request,
        Info,
        "got a credential of {} for {} ({} at the MyProxy server, by {})",
        published.certificate.subject,
        wanted.identity.origin.web_user.name,
        wanted.identity.myproxy_user.as_str(),
        published.method
    );
    let remembered = wanted.running.asking.proven.remember(
        &proven(wanted, &session, pass_phrase),
        published.certificate.expires,
    );
    if let Err(error) = remembered {
        log!(
            wanted.request,
            Warning,
            "a pass phrase that was right will be asked for again: {error}"
        );
    }
    Ok(())
}

fn has_proved(wanted: &Wanted<'_>, session: &OpenSession, pass_phrase: &CStr) -> bool {
    let proven = proven(wanted, session, pass_phrase);
    let holds = wanted.running.asking.proven.holds(&proven, wanted.now);
    holds.unwrap_or_else(|error| {
        log!(
            wanted.request,
            Warning,
            "whether a session has proved a pass phrase cannot be told: {error}"
        );
        false
    })
}

fn proven<'p>(wanted: &'p Wanted<'_>, session: &'p OpenSession, pass_phrase: &'p CStr) -> Proven<'p> {
    Proven {
        session: &session.id,
        origin: &wanted.identity.origin,
        pass_phrase: pass_phrase.to_bytes(),
    }
}

fn proof(pass_phrase: &CStr) -> Proof {
    Proof::PassPhrase(Zeroizing::new(pass_phrase.to_bytes().to_vec()))
}

/// For `AuthnCacheProvideFor myproxy`.
fn remember_in_cache(request: &Request<'_>, user: &str, pass_phrase: &CStr) {
    if let Err(problem) = offer_to_cache(request, PassPhrases::NAME, user, pass_phrase) {
        log!(request, Warning, "AuthnCacheProvideFor myproxy: {problem}");
    }
}

/// One line for each check that did not say yes. mod_auth_basic adds its own, at level error, where the pass phrase or
/// the user is wrong.
fn tell(request: &Request<'_>, user: &str, shortfall: &Shortfall) {
    use Refusal::{NoPassPhrase, UnknownUser, WrongPassPhrase};
    let words = shortfall.description();
    match (shortfall.class, shortfall.refusal) {
        _ if shortfall.told => log!(request, Debug, "the pass phrase of {user} again: {words}"),
        (Class::Refused, Some(WrongPassPhrase | UnknownUser | NoPassPhrase)) => {
            log!(request, Info, "the pass phrase of {user} was refused: {words}");
        }
        (Class::Refused, _) => log!(request, Warning, "the pass phrase of {user} was refused: {words}"),
        (class, _) => log!(
            request,
            Error,
            "whether the pass phrase of {user} is right cannot be told: {}: {words}",
            class.as_str()
        ),
    }
}
