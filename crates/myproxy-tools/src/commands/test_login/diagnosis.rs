//! What a journey shows: what is wrong, at which host, and which directive mends it.

use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::host::Host;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::set_cookie;
use url::Url;

use super::client::{Failure, Fate};
use super::journey::{End, Hop, Journey, Kind, host_of, without_query};

/// A granting cookie is good for so many seconds: clocks that are further apart let nobody in.
const GRANTING_COOKIE_SECONDS: i64 = 60;
/// Clocks kept by NTP are never so far apart, in seconds.
const NOTABLE_SECONDS: i64 = 5;

/// Something that is wrong, or odd.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The host, or the URL, at which it shows.
    pub place: String,
    pub what: String,
    /// What to look at, the likeliest first: directives, and what goes by no directive.
    pub mends: &'static [&'static str],
    pub advice: String,
}

/// What keeps the user from the page. Empty where nothing does.
pub fn problems(journey: &Journey) -> Vec<Finding> {
    if journey.is_good() {
        return Vec::new();
    }
    let mut found = vec![problem(journey)];
    let apart = clocks_apart(journey, GRANTING_COOKIE_SECONDS);
    found.extend(apart.filter(|clocks| found[0].mends != clocks.mends));
    found
}

/// What does not keep the user from the page, but is not as it should be.
pub fn oddities(journey: &Journey) -> Vec<Finding> {
    let mut found = Vec::new();
    if journey.is_good() || clocks_apart(journey, GRANTING_COOKIE_SECONDS).is_none() {
        found.extend(clocks_apart(journey, NOTABLE_SECONDS));
    }
    found.extend(returns_to_another_host(journey));
    found.extend(refused_cookies(journey));
    found
}

/// The host names and clocks, in seconds ahead of ours, in the order of the journey.
pub fn clocks(journey: &Journey) -> Vec<(String, i64)> {
    let mut clocks: Vec<(String, i64)> = Vec::new();
    for hop in &journey.hops {
        if let Some(ahead) = hop.seconds_ahead
            && clocks.iter().all(|(host, _)| *host != hop.host())
        {
            clocks.push((hop.host(), ahead));
        }
    }
    clocks
}

fn problem(journey: &Journey) -> Finding {
    let last = journey.hops.last();
    match (&journey.end, last) {
        (End::NoAnswer { url, failure }, _) => no_answer(url, failure),
        (End::CookieStaysBehind { name, to }, Some(hop)) => cookie_stays_behind(name, to, hop),
        (End::AskedAgain, Some(hop)) => asked_again(journey, hop),
        (End::PasswordRefused, Some(hop)) => Finding {
            place: hop.host(),
            what: format!("the login server does not accept user and password{}", words(hop)),
            mends: &["PubcookieLoginProvider"],
            advice: "try them in a browser; if they are right, see what PubcookieLoginProvider asks (AuthUserFile, \
                     LDAP), and the login server's error log"
                .to_owned(),
        },
        (End::UnsafeForm { action }, Some(hop)) => Finding {
            place: hop.host(),
            what: format!("the login form goes to {action}: no password was sent there"),
            mends: &["PubcookieLogin"],
            advice: "a login form is posted to an https:// URL".to_owned(),
        },
        (End::TooManyHops, Some(hop)) => Finding {
            place: hop.host(),
            what: format!("the browser is sent to and fro: {} hops without an end", journey.hops.len()),
            mends: &["Redirect", "RewriteRule"],
            advice: format!("see which redirect leads away from {} again", without_query(&hop.url)),
        },
        (End::Arrived, Some(hop)) => arrived(journey, hop),
        (_, None) => unreachable_without_hops(journey),
    }
}

/// No journey ends before its first hop but by [`End::NoAnswer`].
fn unreachable_without_hops(journey: &Journey) -> Finding {
    Finding {
        place: host_of(&journey.url),
        what: "nothing was asked".to_owned(),
        mends: &[],
        advice: "try again".to_owned(),
    }
}

fn no_answer(url: &Url, failure: &Failure) -> Finding {
    let (mends, advice): (&[_], _) = match failure {
        Failure::HostNotFound => (
            &["ServerName", "PubcookieLogin"],
            "write the name as DNS has it, or enter it there; see whether this machine can ask DNS",
        ),
        Failure::Timeout(_) | Failure::NotConnected(_) => (
            &["Listen"],
            "see that httpd runs and listens on this port, and what a firewall lets through",
        ),
        Failure::Certificate(_) => (
            &["SSLCertificateFile", "SSLCACertificatePath"],
            "the certificate must name the host of the URL, be in date, and come with the chain to an authority that \
             browsers trust; an authority of your own is named by --ca",
        ),
        Failure::Broken(_) => (
            &["SSLEngine"],
            "see that this port speaks HTTPS: SSLEngine on in the virtual host of this name",
        ),
    };
    Finding {
        place: without_query(url),
        what: failure.to_string(),
        mends,
        advice: advice.to_owned(),
    }
}

fn cookie_stays_behind(name: &str, to: &Url, hop: &Hop) -> Finding {
    let refused = hop.cookies.iter().find_map(|(cookie, fate)| match fate {
        Fate::Refused(why) if cookie == name => Some(format!(": {why}")),
        _ => None,
    });
    let (whose, other) = match name {
        set_cookie::GRANTING => ("the login server's", "application server"),
        _ => ("the application server's", "login server"),
    };
    Finding {
        place: hop.host(),
        what: format!(
            "a browser does not take the cookie {name} to {}{}",
            host_of(to),
            refused.unwrap_or_default()
        ),
        mends: &["PubcookieDomain", "PubcookieLoginMethod"],
        advice: format!(
            "{whose} PubcookieDomain must cover both its own host and the {other}; where they share no domain, say \
             PubcookieLoginMethod POST at the application server"
        ),
    }
}

fn asked_again(journey: &Journey, hop: &Hop) -> Finding {
    let reason = journey.logins().next_back().and_then(|(_, asked)| asked.reason);
    let brought = journey
        .hops
        .iter()
        .any(|hop| hop.sent.iter().any(|name| name == set_cookie::GRANTING));
    let what = match reason {
        Some(reason) => format!("the login did not count, and another one is asked for: reason {reason}"),
        None => "the login did not count, and another one is asked for".to_owned(),
    };
    let (mends, advice) = match (reason, brought) {
        (Some(Reason::NoCookie) | None, false) => NOT_BROUGHT,
        (Some(reason), _) => mends_of(reason),
        (None, true) => mends_of(Reason::NoCookie),
    };
    Finding {
        place: hop.host(),
        what,
        mends,
        advice: advice.to_owned(),
    }
}

type Mends = (&'static [&'static str], &'static str);

const NOT_BROUGHT: Mends = (
    &["PubcookieDomain", "ServerName"],
    "no granting cookie came back to this host: see that the login server's PubcookieDomain covers it, and that \
     ServerName is the name that users visit",
);

/// The likely cause of a reason that follows a login.
fn mends_of(reason: Reason) -> Mends {
    match reason {
        Reason::NoCookie => (
            &[
                "PubcookieGrantingCertFile",
                "PubcookieCryptKeyFile",
                "PubcookieKeyDir",
                "PubcookieEncryption",
            ],
            "the granting cookie cannot be read here: PubcookieGrantingCertFile must be the certificate of the login \
             server's granting key, and the key file of this host the same here and at the login server (fetch it \
             anew with mod-myproxy keyclient); a login server of version 3.1 needs PubcookieEncryption DES",
        ),
        Reason::GrantingTooOld => (
            &["clock"],
            "set the clocks of both hosts (chrony, ntpd): a granting cookie is good for 60 seconds",
        ),
        Reason::WrongAppId => (
            &["PubcookieAppID"],
            "the login comes back to a place with another app ID: give both places one PubcookieAppID",
        ),
        Reason::WrongAppServerId => (
            &["PubcookieAppSrvID", "ServerName"],
            "the host that asks for a login and the one that gets it call themselves differently: ServerName, or \
             PubcookieAppSrvID, must be the same on every member behind this name",
        ),
        Reason::WrongVersion => (
            &["PubcookieEncryption"],
            "application server and login server speak different versions of the protocol: see what the login server is",
        ),
        Reason::WrongCreds => (
            &["PubcookieAuthTypeNames", "AuthType"],
            "the login server granted another flavour of login than this place demands: the position of its AuthType \
             in PubcookieAuthTypeNames is the number of the flavour at the login server",
        ),
        Reason::WrongPreSession => (
            &["PubcookieSessionKeyFile", "PubcookieAppSrvID"],
            "the pre-session cookie was made by another key: every member behind this name needs the same \
             PubcookieSessionKeyFile, ServerName and PubcookieAppSrvID",
        ),
        Reason::SessionTooOld | Reason::SessionInactive => (
            &["clock", "PubcookieHardExpire", "PubcookieInactiveExpire"],
            "a session that has just begun counts as old: set the clocks of all members behind this name",
        ),
        Reason::ReauthenticationDemanded => (
            &["PubcookieSessionCauseReAuth"],
            "the place demands a new password entry, and the login server did not report one: see whether it honours \
             sess_re, and PubcookieStrictReauth",
        ),
    }
}

fn arrived(journey: &Journey, hop: &Hop) -> Finding {
    let finding = |what: String, mends, advice: &str| Finding {
        place: without_query(&hop.url),
        what,
        mends,
        advice: advice.to_owned(),
    };
    if let Some((what, mends, advice)) = problem_page(journey, hop) {
        return finding(what, mends, &advice);
    }
    if let Some((_, asked)) = journey.logins().last()
        && !journey.has_granted()
    {
        return at_login_server(hop, asked);
    }
    match (hop.status, journey.has_granted()) {
        (404 | 405, true) if is_reply_url(journey, hop) => finding(
            format!("nothing answers at the reply URL (status {})", hop.status),
            &["PubcookiePostURL", "PubcookieLoginMethod", "ServerName"],
            "the virtual host that ServerName names must load pubcookie_module, say PubcookieLoginMethod POST, and have \
             the same PubcookiePostURL",
        ),
        (500, _) => finding(
            format!("internal error (status 500){}", words(hop)),
            &[
                "PubcookieLogin",
                "PubcookieGrantingCertFile",
                "PubcookieSessionKeyFile",
                "AuthType",
                "Require",
            ],
            "the error log of this host names the directive: most often PubcookieLogin or a key is not set for this \
             virtual host, an AuthType is not one of PubcookieAuthTypeNames, or AuthType stands without Require",
        ),
        (502..=504, _) => finding(
            format!(
                "the application behind httpd does not answer (status {})",
                hop.status
            ),
            &["ProxyPass"],
            "start the application; Pubcookie is not what is wrong",
        ),
        (401, false) => unauthorized(hop),
        (401 | 403, true) => finding(
            format!(
                "the login is good, but this user is refused (status {})",
                hop.status
            ),
            &["Require", "PubcookieAcceptRealm"],
            "see which users Require lets in; a user without a login comes only through Require valid-user",
        ),
        (403, false) => finding(
            "refused before any login (status 403)".to_owned(),
            &["Require"],
            "see the Require directives of this place: Require valid-user asks for a login",
        ),
        (400, false) if hop.url.scheme() == "http" => finding(
            "the server does not take plain HTTP (status 400)".to_owned(),
            &["Redirect"],
            "test with the https:// URL; a Redirect on port 80 takes users there",
        ),
        (400.., true) => finding(
            format!(
                "the login is good, but there is no such page (status {})",
                hop.status
            ),
            &["DocumentRoot", "Alias"],
            "test with the URL of a page that exists",
        ),
        (400.., false) => finding(
            format!("no page, and no login (status {})", hop.status),
            &["AuthType", "Require"],
            "test with the URL of a protected page that exists: one that Pubcookie protects asks for a login first",
        ),
        (_, false) => not_protected(journey, hop),
        (_, true) if journey.session_serves == Some(false) => finding(
            "the page came, but the session that began does not serve for a second request".to_owned(),
            &["PubcookieSessionKeyFile", "PubcookieSessionFormat"],
            "every member behind this name needs the same PubcookieSessionKeyFile and ServerName",
        ),
        (_, true) => finding(
            "the page came, but no session began".to_owned(),
            &["AuthType", "PubcookieAppID"],
            "see whether the login comes back to a place that Pubcookie protects",
        ),
    }
}

fn not_protected(journey: &Journey, hop: &Hop) -> Finding {
    let ends_session = journey.hops.iter().any(|hop| {
        matches!(&hop.kind, Kind::MovesOn { to } if to.query().is_some_and(|query| query.contains("logout_action")))
    });
    if ends_session {
        return Finding {
            place: without_query(&journey.url),
            what: "this place ends sessions instead of beginning them".to_owned(),
            mends: &["PubcookieEndSession"],
            advice: "test with the URL of a protected page".to_owned(),
        };
    }
    let how = if hop.url.scheme() == "http" {
        ", and not even over TLS"
    } else {
        ""
    };
    Finding {
        place: without_query(&hop.url),
        what: format!("the page came without a login (status {}){how}: nothing protects it", hop.status),
        mends: &["AuthType", "Require", "LoadModule"],
        advice: "say AuthType webiso (or a name of PubcookieAuthTypeNames) and Require valid-user for this place, in a \
                 section or .htaccess that httpd reads (AllowOverride AuthConfig); Require all granted there, or \
                 Satisfy any, lets everybody in; PubcookieOnDemand protects only who sends its cookie"
            .to_owned(),
    }
}

fn unauthorized(hop: &Hop) -> Finding {
    let (what, mends, advice): (_, &[_], _) = match hop.challenge.as_deref() {
        Some("Pubcookie") => (
            "the server takes this for a script's request and does not send it to log in".to_owned(),
            &["RequestHeader"],
            "something on the way changes Sec-Fetch-Mode or adds X-Requested-With: see proxies and RequestHeader",
        ),
        Some(scheme) => (
            format!("the place is protected by HTTP authentication ({scheme}), not by Pubcookie"),
            &["AuthType", "PubcookieAuthType"],
            "say AuthType webiso (or a name of PubcookieAuthTypeNames) for this place",
        ),
        None => (
            "refused without a login (status 401)".to_owned(),
            &["AuthType", "Require"],
            "see the error log",
        ),
    };
    Finding {
        place: without_query(&hop.url),
        what,
        mends,
        advice: advice.to_owned(),
    }
}

/// The pages on which an application server says what is wrong.
fn problem_page(journey: &Journey, hop: &Hop) -> Option<(String, &'static [&'static str], String)> {
    let shows = |problem: Problem| hop.heading.contains(problem.message()).then_some(problem);
    let circles = journey.logins().next_back().and_then(|(_, asked)| asked.reason);
    let problem = [
        Problem::NoUser,
        Problem::NoReauthentication,
        Problem::NoCookiesKept,
        Problem::GoesInCircles(circles.unwrap_or(Reason::NoCookie)),
        Problem::PlainHttp,
        Problem::BadReply,
        Problem::QueryTooLong,
    ]
    .into_iter()
    .find_map(shows)?;
    let (mends, advice): Mends = match problem {
        Problem::PlainHttp => (
            &["Redirect", "ServerName"],
            "redirect http:// to https:// before anything else; where a terminator of TLS stands in front, say \
             ServerName https://<name>",
        ),
        Problem::NoCookiesKept => (
            &["PubcookieSessionKeyFile", "ServerName"],
            "the pre-session cookie was not brought back or cannot be read: the login must come back to the host that \
             asked for it (ServerName), and every member behind this name needs the same PubcookieSessionKeyFile",
        ),
        Problem::GoesInCircles(reason) => mends_of(reason),
        Problem::BadReply => (
            &[
                "PubcookieGrantingCertFile",
                "PubcookieCryptKeyFile",
                "PubcookieKeyDir",
                "clock",
                "ServerName",
            ],
            "the reply URL did not accept the granting cookie; the error log has the reason. PubcookieGrantingCertFile \
             must be the certificate of the login server's granting key, the key file of this host the same here and \
             at the login server (fetch it anew with mod-myproxy keyclient), and the clocks at most a minute apart",
        ),
        Problem::NoUser => (
            &["PubcookieNoPrompt"],
            "the login server granted a login without a user, which only a place with PubcookieNoPrompt on accepts",
        ),
        Problem::NoReauthentication => mends_of(Reason::ReauthenticationDemanded),
        _ => (&["LimitRequestLine"], "test with a shorter URL"),
    };
    Some((problem.message().to_owned(), mends, advice.to_owned()))
}

/// The login server answered, and neither with a form nor with a granting cookie.
fn at_login_server(hop: &Hop, asked: &GrantingRequest) -> Finding {
    let (what, mends, advice) = match (hop.status, Refused::shown_by(hop)) {
        (_, Some(Refused::Host)) => (
            format!("the login server does not serve {}{}", asked.host, words(hop)),
            &["PubcookieKeyDir", "PubcookieKeyPermit"][..],
            format!(
                "its PubcookieKeyDir has no key for {}: permit the host at the keyserver and fetch its key with \
                 mod-myproxy keyclient",
                asked.host.name()
            ),
        ),
        (_, Some(Refused::AppServerId)) => (
            format!("the login server does not let {} ask as {}{}", asked.host, asked.app_server_id, words(hop)),
            &["PubcookieAppSrvID", "ServerName", "PubcookieKeyDir"][..],
            "an app server ID that is not the host's name needs a key file of that name at the login server".to_owned(),
        ),
        (_, Some(Refused::Flavour)) => (
            format!("the login server does not offer login flavour {}{}", asked.creds, words(hop)),
            &["PubcookieAuthTypeNames", "PubcookieLoginProvider"][..],
            "the position of the place's AuthType in PubcookieAuthTypeNames is the number of the flavour".to_owned(),
        ),
        (404 | 405, _) => (
            format!("no login server answers there (status {})", hop.status),
            &["PubcookieLogin", "SetHandler"][..],
            "the application server's PubcookieLogin must be the URL at which the login server has SetHandler \
             pubcookie-login"
                .to_owned(),
        ),
        (401, _) => (
            format!("the login server asks for HTTP authentication ({})", hop.challenge.as_deref().unwrap_or("none")),
            &["AuthType"][..],
            "this command fills in forms only: test such a login server with a browser".to_owned(),
        ),
        (500, _) => (
            format!("internal error of the login server (status 500){}", words(hop)),
            &["PubcookieGrantingKeyFile", "PubcookieLoginProvider"][..],
            "the login server's error log names the directive".to_owned(),
        ),
        _ => (
            format!("the login server shows a page that leads nowhere (status {}){}", hop.status, words(hop)),
            &["PubcookieKeyDir", "PubcookieAppSrvID", "PubcookieDomain", "PubcookieLoginMethod"][..],
            format!(
                "the login server's error log has the reason: whether it has a key for {}, and permits the app server \
                 ID {}",
                asked.host.name(),
                asked.app_server_id
            ),
        ),
    };
    Finding {
        place: without_query(&hop.url),
        what,
        mends,
        advice,
    }
}

/// What our login server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Host,
    AppServerId,
    Flavour,
}

impl Refused {
    /// By the words of the page, where the site has not replaced its templates.
    fn shown_by(hop: &Hop) -> Option<Refused> {
        [
            ("is not known to this login service", Refused::Host),
            ("a name that is not registered", Refused::AppServerId),
            (
                "a kind of login that this service does not offer",
                Refused::Flavour,
            ),
        ]
        .into_iter()
        .find_map(|(words, refused)| hop.alert.contains(words).then_some(refused))
    }
}

/// What the page says, for the end of a sentence.
fn words(hop: &Hop) -> String {
    let said = if hop.alert.is_empty() {
        &hop.heading
    } else {
        &hop.alert
    };
    if said.is_empty() {
        String::new()
    } else {
        format!("; the page says: \"{said}\"")
    }
}

/// Whether the hop is where the login server's form delivered the granting cookie.
fn is_reply_url(journey: &Journey, hop: &Hop) -> bool {
    journey.hops.iter().any(
        |earlier| matches!(&earlier.kind, Kind::Grants { to, method: LoginMethod::Post } if *to == hop.url),
    )
}

impl Journey {
    fn has_granted(&self) -> bool {
        self.hops
            .iter()
            .any(|hop| matches!(hop.kind, Kind::Grants { .. }))
    }
}

/// An application server and a login server whose clocks differ by more than `seconds`.
fn clocks_apart(journey: &Journey, seconds: i64) -> Option<Finding> {
    let clocks = clocks(journey);
    let latest = clocks.iter().max_by_key(|(_, ahead)| ahead)?;
    let earliest = clocks.iter().min_by_key(|(_, ahead)| ahead)?;
    let apart = latest.1 - earliest.1;
    (apart > seconds).then(|| Finding {
        place: latest.0.clone(),
        what: format!("its clock is {apart} s ahead of that of {}", earliest.0),
        mends: mends_of(Reason::GrantingTooOld).0,
        advice: mends_of(Reason::GrantingTooOld).1.to_owned(),
    })
}

fn returns_to_another_host(journey: &Journey) -> Option<Finding> {
    let (hop, asked) = journey.logins().next()?;
    let ours: Host = hop.host().parse().ok()?;
    (asked.host != ours).then(|| Finding {
        place: hop.host(),
        what: format!("the login comes back to {}, not to {ours}", asked.host),
        mends: &["ServerName", "ServerAlias"],
        advice:
            "ServerName must be the name that users visit, with its port; a further name is a ServerAlias"
                .to_owned(),
    })
}

fn refused_cookies(journey: &Journey) -> impl Iterator<Item = Finding> {
    journey.hops.iter().flat_map(|hop| {
        hop.cookies.iter().filter_map(|(name, fate)| match fate {
            Fate::Refused(why) => Some(Finding {
                place: hop.host(),
                what: format!("browsers do not keep its cookie {name}: {why}"),
                mends: &["PubcookieDomain"],
                advice: "a cookie's domain must cover the host that sets it".to_owned(),
            }),
            _ => None,
        })
    })
}
