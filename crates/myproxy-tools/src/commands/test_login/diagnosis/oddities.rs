//! What keeps nobody out by itself, but is not as it should be.

use pubcookie_protocol::host::Host;
use pubcookie_protocol::reason::Reason;

use super::{Finding, Remedy, reasons};
use crate::commands::test_login::client::Fate;
use crate::commands::test_login::journey::Journey;

/// Clocks that a time service keeps are never so far apart, in seconds.
const NOTABLE_SECONDS: i64 = 5;

/// Clocks, names and cookies that are not as they should be.
pub fn oddities(journey: &Journey) -> Vec<Finding> {
    clocks_apart(journey)
        .into_iter()
        .chain(returns_to_another_host(journey))
        .chain(refused_cookies(journey))
        .collect()
}

/// The hosts and by how many seconds their clocks are ahead of ours, in the order of the journey.
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

fn clocks_apart(journey: &Journey) -> Option<Finding> {
    let clocks = clocks(journey);
    let (latest, late) = clocks.iter().max_by_key(|(_, ahead)| ahead)?;
    let (earliest, early) = clocks.iter().min_by_key(|(_, ahead)| ahead)?;
    let apart = late - early;
    (apart > NOTABLE_SECONDS).then(|| Finding {
        place: latest.clone(),
        what: format!("its clock is {apart} s ahead of that of {earliest}"),
        remedy: reasons::after(Reason::GrantingTooOld),
    })
}

fn returns_to_another_host(journey: &Journey) -> Option<Finding> {
    let (hop, asked) = journey.logins().next()?;
    let ours: Host = hop.host().parse().ok()?;
    (asked.host != ours).then(|| Finding {
        place: hop.host(),
        what: format!("the login comes back to {}, not to {ours}", asked.host),
        remedy: Remedy::new(
            &["ServerName", "ServerAlias"],
            "ServerName must be the name that users visit, with its port; a further name is a ServerAlias",
        ),
    })
}

fn refused_cookies(journey: &Journey) -> impl Iterator<Item = Finding> {
    journey.hops.iter().flat_map(|hop| {
        hop.cookies.iter().filter_map(|(name, fate)| match fate {
            Fate::Refused(why) => Some(Finding {
                place: hop.host(),
                what: format!("browsers do not keep its cookie {name}: {why}"),
                remedy: Remedy::new(
                    &["PubcookieDomain"],
                    "a cookie's domain must cover the host that sets it",
                ),
            }),
            _ => None,
        })
    })
}
