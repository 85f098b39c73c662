//! A user who has no session here is sent to the login server, with a granting request.

use pubcookie_protocol::app_pages;
use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::form::Form;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod, QUERY_LIMIT};
use pubcookie_protocol::host::Host;
use pubcookie_protocol::page::Page;
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::reply::Destination;
use pubcookie_protocol::script_request;
use pubcookie_protocol::set_cookie;
use zeroize::Zeroizing;

use super::place::Place;
use super::target::Target;
use super::{Pubcookie, answer, carried_body, pre_session, server_name};
use crate::httpd::{Outcome, Request, log};

/// What the browser brought back from a trip to the login server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trip {
    /// There was none.
    None,
    /// Nothing that counts, for this reason.
    Fruitless(Reason),
    /// A good granting cookie, without the pre-session cookie that it was given before.
    WithoutPreSession,
}

/// Sends the user to log in. `reason` is why the session does not do.
pub fn start(request: &Request<'_>, place: &Place<'_>, reason: Reason, trip: Trip) -> Outcome {
    let reason = match trip {
        Trip::Fruitless(why) if why != Reason::NoCookie => why,
        _ => reason,
    };
    if !is_navigation(request) {
        log!(
            Pubcookie,
            *request,
            Info,
            "a script's request was refused: {reason}"
        );
        return answer::refuse_with_challenge(request, place.realm_of_challenge(request));
    }
    let target = Target::of(request);
    let begun = match place.host() {
        Ok(host) if is_at_alias(request) => Ok(send_to_canonical_name(request, &host, &target)),
        Ok(host) => begin(request, place, host, target, reason, trip),
        Err(problem) => Err(format!("ServerName: {problem}")),
    };
    begun.unwrap_or_else(|problem| {
        log!(Pubcookie, *request, Error, "a login cannot begin: {problem}");
        Outcome::Status(500)
    })
}

/// Whether the browser came by a ServerAlias. The cookies that it is given there would stay there, and the login comes
/// back to ServerName. A name of which the configuration says nothing may be what a proxy in front calls us.
fn is_at_alias(request: &Request<'_>) -> bool {
    let canonical = server_name::of(request);
    matches!(request.method(), "GET" | "HEAD")
        && name_in_browser(request)
            .is_some_and(|name| !name.eq_ignore_ascii_case(canonical) && request.is_configured_name(name))
}

/// The host name that the browser used, where that can be known: a proxy in front may call us by an alias that nobody
/// else uses, and every redirect would come back by it. What a browser pretends here changes its own way alone.
fn name_in_browser<'a>(request: &'a Request<'_>) -> Option<&'a str> {
    match request.header("X-Forwarded-Host") {
        // The first proxy is the one that the browser spoke to.
        Some(hosts) => hosts.split([',', ':']).next().map(str::trim),
        None if request.is_tls() => request.host_name(),
        None => None,
    }
}

fn send_to_canonical_name(request: &Request<'_>, host: &Host, target: &Target) -> Outcome {
    let query = match target.query.as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    answer::send(
        request,
        &Page {
            status: 302,
            headers: vec![("Location", format!("https://{host}{}{query}", target.path))],
            body: Zeroizing::default(),
        },
    )
}

fn begin(
    request: &Request<'_>,
    place: &Place<'_>,
    host: Host,
    target: Target,
    reason: Reason,
    trip: Trip,
) -> Result<Outcome, String> {
    let now = answer::now(request);
    if target.query.len() > QUERY_LIMIT {
        return Ok(answer::send_problem(
            request,
            Problem::QueryTooLong,
            &TooLong(target.query.len()),
            None,
        ));
    }
    if trip == Trip::WithoutPreSession {
        let again = Destination::new(target.path.as_bytes(), target.query.as_bytes()).ok();
        return Ok(answer::send_problem(
            request,
            Problem::NoCookiesKept,
            &reason,
            again.as_ref(),
        ));
    }
    let mut pre_session = pre_session_after(request, place, trip);
    if pre_session.goes_in_circles() {
        let why = match trip {
            Trip::Fruitless(why) => why,
            _ => reason,
        };
        return Ok(answer::send_problem(
            request,
            Problem::GoesInCircles(why),
            &why,
            None,
        ));
    }
    let (body, carriage) = match request.method() {
        "POST" => match carried_body::read(request, place) {
            Ok(form) => (Some(form), Some(carried_body::carriage(request, place))),
            Err(outcome) => return Ok(outcome),
        },
        _ => (None, None),
    };
    let joined = pre_session.just_begun(now).filter(|_| body.is_none());
    let token = match joined {
        Some(token) => token,
        None => pre_session
            .begin(carriage, now)
            .map_err(|problem| problem.to_string())?,
    };
    let asked = granting_request(request, place, &host, target, reason, token);
    pre_session::keep(request, place.app_server, &pre_session).map_err(|problem| problem.to_string())?;
    log!(
        Pubcookie,
        *request,
        Info,
        "sent to {} to log in: {reason}",
        place.login
    );
    Ok(send_to_login_server(request, place, &host, &asked, body.as_ref()))
}

/// The browser's pre-session, with this trip counted in it.
fn pre_session_after(request: &Request<'_>, place: &Place<'_>, trip: Trip) -> PreSession {
    let now = answer::now(request);
    // Without a login under way here, what came back was meant for somebody else.
    let Some(mut pre_session) = pre_session::of(request, place.app_server) else {
        return PreSession::default();
    };
    match trip {
        // It was the answer to nothing that began here, or the user has typed the address and comes from nowhere: a
        // neighbour in the domain may have put it there.
        Trip::Fruitless(_) if !pre_session.awaits_a_login() || was_typed(request) => {}
        Trip::Fruitless(Reason::WrongPreSession) => pre_session.count_mismatch(now),
        Trip::Fruitless(_) => pre_session.count_fruitless(now),
        Trip::None | Trip::WithoutPreSession => {}
    }
    pre_session
}

fn granting_request(
    request: &Request<'_>,
    place: &Place<'_>,
    host: &Host,
    target: Target,
    reason: Reason,
    token: i32,
) -> GrantingRequest {
    GrantingRequest {
        app_server_id: place.app_server_id.as_ref().clone(),
        app_id: place.app_id.clone(),
        creds: place.creds,
        encryption: place.encryption(),
        request_method: request.method().to_owned(),
        host: host.clone(),
        path: target.path,
        query: target.query,
        server_name: place.server_name().to_owned(),
        reason: Some(reason),
        file: String::new(),
        referer: request.header("Referer").map(str::to_owned),
        reauthentication: place.reauthentication(),
        pre_session_token: token,
        no_prompt: place.prompts_nobody(),
        additional: place.directory.additional_requests.fields().to_vec(),
    }
}

fn send_to_login_server(
    request: &Request<'_>,
    place: &Place<'_>,
    host: &Host,
    asked: &GrantingRequest,
    body: Option<&Form>,
) -> Outcome {
    let method = place.login_method();
    let encoded = asked.encode(method);
    if encoded.len() > method.encoded_limit() {
        return answer::send_problem(request, Problem::QueryTooLong, &TooLong(encoded.len()), None);
    }
    if method == LoginMethod::Get {
        answer::set_cookies(
            request,
            [set_cookie::granting_request(&encoded, place.domain().as_ref())],
        );
    }
    let reply_path = place.config.reply_path.clone().unwrap_or_default();
    let relay_url = app_pages::relay_url(host, &reply_path);
    answer::send_page(request, |nonce| {
        app_pages::login_page(method, place.login, &encoded, body, &relay_url, nonce)
    })
}

/// Whether the browser shows the answer to a user. Bodies of other methods than POST come from scripts.
fn is_navigation(request: &Request<'_>) -> bool {
    let script = script_request::is_script_request(
        request.header("Sec-Fetch-Mode"),
        request.header("X-Requested-With"),
    );
    !script && matches!(request.method(), "GET" | "HEAD" | "POST")
}

/// Whether the browser says that no page led here.
fn was_typed(request: &Request<'_>) -> bool {
    request.header("Sec-Fetch-Site") == Some("none")
}

struct TooLong(usize);

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes do not fit into a login", self.0)
    }
}
