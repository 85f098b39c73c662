//! What a journey shows: what is wrong, at which host, and which directive mends it.

use pubcookie_protocol::granting_request::LoginMethod;
use pubcookie_protocol::set_cookie;
use url::Url;

use super::client::{Failure, Fate};
use super::hop::{Hop, Kind, host_of, without_query};
use super::journey::{End, Journey};

mod login_server;
mod oddities;
mod reasons;

pub use oddities::{clocks, oddities};

/// Something that is wrong, or odd.
pub struct Finding {
    /// The host, or the URL, at which it shows.
    pub place: String,
    pub what: String,
    pub remedy: Remedy,
}

/// What to do.
pub struct Remedy {
    /// The directives to look at, the likeliest first.
    pub directives: &'static [&'static str],
    pub advice: String,
}

impl Remedy {
    fn new(directives: &'static [&'static str], advice: impl Into<String>) -> Self {
        Remedy {
            directives,
            advice: advice.into(),
        }
    }
}

/// What keeps the user from the page; nothing where the journey is good.
pub fn problem(journey: &Journey) -> Option<Finding> {
    if journey.is_good() {
        return None;
    }
    if let End::NoAnswer { url, failure } = &journey.end {
        return Some(no_answer(url, failure));
    }
    let hop = journey.hops.last()?;
    Some(match &journey.end {
        End::CookieStaysBehind { name, to } => cookie_stays_behind(name, to, hop),
        End::UnreadableRequest { problem } => Finding {
            place: hop.host(),
            what: format!("it asks for a login in a way that cannot be read: {problem}"),
            remedy: Remedy::new(
                &["PubcookieAddlRequest", "PubcookieAppID", "PubcookieAppSrvID"],
                "see what these directives add to the granting request",
            ),
        },
        End::AskedAgain => reasons::asked_again(hop),
        End::PasswordRefused => password_refused(hop),
        End::UnsafeForm { action } => Finding {
            place: hop.host(),
            what: format!(
                "the login form does not post to an https:// URL but to {action:?}: no password was sent"
            ),
            remedy: Remedy::new(&["PubcookieLogin"], "see what answers at PubcookieLogin"),
        },
        End::PasswordSentOn { to } => Finding {
            place: hop.host(),
            what: format!(
                "it redirects the filled in login form to {} (status {}): no password was sent there",
                without_query(to),
                hop.status
            ),
            remedy: Remedy::new(&["PubcookieLogin"], "see what answers at PubcookieLogin"),
        },
        End::TooManyHops => Finding {
            place: hop.host(),
            what: format!(
                "the browser is sent to and fro: {} hops without an end",
                journey.hops.len()
            ),
            remedy: Remedy::new(
                &["Redirect", "RewriteRule"],
                format!(
                    "see which redirect leads away from {} again",
                    without_query(&hop.url)
                ),
            ),
        },
        End::Arrived | End::NoAnswer { .. } => arrived(journey, hop),
    })
}

fn no_answer(url: &Url, failure: &Failure) -> Finding {
    let remedy = match failure {
        Failure::HostNotFound => Remedy::new(
            &["ServerName", "PubcookieLogin"],
            "write the name as DNS has it, or enter it there; see whether this machine can ask DNS",
        ),
        Failure::Timeout(_) | Failure::NotConnected(_) => Remedy::new(
            &["Listen"],
            "see that httpd runs and listens on this port, and what a firewall lets through",
        ),
        Failure::Certificate(_) => Remedy::new(
            &["SSLCertificateFile", "SSLCACertificatePath"],
            "the certificate must name the host of the URL, be in date, and come with the chain to an authority that \
             browsers trust; an authority of your own is named by --ca",
        ),
        Failure::Broken(_) => Remedy::new(
            &["SSLEngine"],
            "see that this port speaks HTTPS: SSLEngine on in the virtual host of this name",
        ),
    };
    Finding {
        place: without_query(url),
        what: failure.to_string(),
        remedy,
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
        remedy: Remedy::new(
            &["PubcookieDomain", "PubcookieLoginMethod"],
            format!(
                "{whose} PubcookieDomain must cover both its own host and the {other}; where they share no domain, say \
                 PubcookieLoginMethod POST at the application server"
            ),
        ),
    }
}

fn password_refused(hop: &Hop) -> Finding {
    Finding {
        place: hop.host(),
        what: format!("the login server does not accept user and password{}", words(hop)),
        remedy: Remedy::new(
            &["PubcookieLoginProvider"],
            "try them in a browser; if they are right, see what PubcookieLoginProvider asks (AuthUserFile, LDAP), and \
             the login server's error log",
        ),
    }
}

/// The journey ended at a page from which nothing leads on.
fn arrived(journey: &Journey, hop: &Hop) -> Finding {
    if let Some(finding) = reasons::problem_page(hop) {
        return finding;
    }
    match journey.logins().last() {
        None => without_login(journey, hop),
        Some((_, asked)) if !journey.has_granted() => login_server::nothing_granted(hop, asked),
        Some(_) => after_login(journey, hop),
    }
}

fn without_login(journey: &Journey, hop: &Hop) -> Finding {
    let status = hop.status;
    let (what, remedy) = match status {
        400 if hop.url.scheme() == "http" => (
            "the server does not take plain HTTP (status 400)".to_owned(),
            Remedy::new(
                &["Redirect"],
                "test with the https:// URL; a Redirect on port 80 takes users there",
            ),
        ),
        401 => unauthorized(hop),
        403 => (
            "refused before any login (status 403)".to_owned(),
            Remedy::new(
                &["Require"],
                "see the Require directives of this place: Require valid-user asks for a login",
            ),
        ),
        500 => internal_error(hop),
        502..=504 => no_application(status),
        400.. => (
            format!("no page, and no login (status {status})"),
            Remedy::new(
                &["AuthType", "Require"],
                "test with the URL of a protected page that exists: one that Pubcookie protects asks for a login first",
            ),
        ),
        _ => not_protected(journey, hop),
    };
    Finding {
        place: without_query(&hop.url),
        what,
        remedy,
    }
}

fn unauthorized(hop: &Hop) -> (String, Remedy) {
    match hop.challenge.as_deref() {
        Some("Pubcookie") => (
            "the server takes this for a script's request and does not send it to log in".to_owned(),
            Remedy::new(
                &["RequestHeader"],
                "something on the way changes Sec-Fetch-Mode or adds X-Requested-With: see proxies and RequestHeader",
            ),
        ),
        Some(scheme) => (
            format!("the place is protected by HTTP authentication ({scheme}), not by Pubcookie"),
            Remedy::new(
                &["AuthType", "PubcookieAuthType"],
                "say AuthType webiso (or a name of PubcookieAuthTypeNames) for this place",
            ),
        ),
        None => (
            "refused without a login (status 401)".to_owned(),
            Remedy::new(&["AuthType", "Require"], "the error log of this host says why"),
        ),
    }
}

fn not_protected(journey: &Journey, hop: &Hop) -> (String, Remedy) {
    let is_logout = |to: &Url| to.query().is_some_and(|query| query.contains("logout_action"));
    let mut hops = journey.hops.iter();
    if hops.any(|hop| matches!(&hop.kind, Kind::MovesOn { to } if is_logout(to))) {
        return (
            "the place ends sessions instead of beginning them".to_owned(),
            Remedy::new(&["PubcookieEndSession"], "test with the URL of a protected page"),
        );
    }
    let how = if hop.url.scheme() == "http" {
        ", and not even over TLS"
    } else {
        ""
    };
    (
        format!(
            "the page came without a login (status {}){how}: nothing protects it",
            hop.status
        ),
        Remedy::new(
            &["AuthType", "Require", "LoadModule"],
            "say AuthType webiso (or a name of PubcookieAuthTypeNames) and Require valid-user for this place, in a \
             section or .htaccess that httpd reads (AllowOverride AuthConfig); Require all granted or Satisfy any lets \
             everybody in, and PubcookieOnDemand protects only from who sends its cookie",
        ),
    )
}

fn after_login(journey: &Journey, hop: &Hop) -> Finding {
    let status = hop.status;
    let (what, remedy) = match status {
        404 | 405 if is_reply_url(journey, hop) => (
            format!("nothing answers at the reply URL (status {status})"),
            Remedy::new(
                &["PubcookiePostURL", "PubcookieLoginMethod", "ServerName"],
                "the virtual host that ServerName names must load pubcookie_module, say PubcookieLoginMethod POST, and \
                 have the same PubcookiePostURL",
            ),
        ),
        401 | 403 => (
            format!("the login is good, but this user is refused (status {status})"),
            Remedy::new(
                &["Require", "PubcookieAcceptRealm"],
                "see which users Require lets in, and which realms PubcookieAcceptRealm",
            ),
        ),
        500 => internal_error(hop),
        502..=504 => no_application(status),
        400.. => (
            format!("the login is good, but there is no such page (status {status})"),
            Remedy::new(
                &["DocumentRoot", "Alias"],
                "test with the URL of a page that exists",
            ),
        ),
        _ if journey.session_serves == Some(false) => (
            "the page came, but the session that began does not serve for a second request".to_owned(),
            Remedy::new(
                &["PubcookieSessionKeyFile", "PubcookieSessionFormat"],
                "every member behind this name needs the same PubcookieSessionKeyFile and ServerName",
            ),
        ),
        _ => (
            "the page came, but no session began".to_owned(),
            Remedy::new(
                &["AuthType", "PubcookieAppID"],
                "see whether the login comes back to a place that Pubcookie protects",
            ),
        ),
    };
    Finding {
        place: without_query(&hop.url),
        what,
        remedy,
    }
}

/// Whether the hop is where the login server's form delivered the granting cookie.
fn is_reply_url(journey: &Journey, hop: &Hop) -> bool {
    journey.hops.iter().any(
        |earlier| matches!(&earlier.kind, Kind::Grants { to, method: LoginMethod::Post } if *to == hop.url),
    )
}

fn internal_error(hop: &Hop) -> (String, Remedy) {
    (
        format!("internal error (status 500){}", words(hop)),
        Remedy::new(
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
    )
}

fn no_application(status: u16) -> (String, Remedy) {
    (
        format!("the application behind httpd does not answer (status {status})"),
        Remedy::new(
            &["ProxyPass"],
            "start the application; Pubcookie is not what is wrong",
        ),
    )
}

/// What the page says, for the end of a sentence.
fn words(hop: &Hop) -> String {
    let said = if hop.alert.is_empty() {
        &hop.heading
    } else {
        &hop.alert
    };
    match said.as_str() {
        "" => String::new(),
        said => format!("; the page says: \"{said}\""),
    }
}

#[cfg(test)]
mod tests;
