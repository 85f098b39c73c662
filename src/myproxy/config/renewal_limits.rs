//! What the places of a server say of lifetimes and renewal, so that its start can see what does not fit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use myproxy_client::Lifetime;

use super::{DirectoryConfig, ServerConfig};

/// What was named in any place of a server.
#[derive(Debug, Default)]
pub struct RenewalLimits(Mutex<Named>);

#[derive(Clone, Debug, Default)]
struct Named {
    /// Each `MyProxyRenew` that is not off, and where it stands.
    renewals: Vec<(Duration, String)>,
    longest_lifetime: Option<Lifetime>,
}

impl Clone for RenewalLimits {
    fn clone(&self) -> Self {
        RenewalLimits(Mutex::new(self.named()))
    }
}

impl RenewalLimits {
    /// Takes note of a `MyProxyRenew`.
    pub fn renews(&self, left: Duration, position: String) {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        named.renewals.push((left, position));
    }

    /// Takes note of a `MyProxyLifetime`.
    pub fn lasts(&self, lifetime: Lifetime) {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        named.longest_lifetime = named.longest_lifetime.max(Some(lifetime));
    }

    /// Those of an inner server together with those of the one around it, whose places it may inherit.
    pub fn merged(&self, outer: &Self) -> Self {
        let (mut named, outer) = (self.named(), outer.named());
        named.renewals.extend(outer.renewals);
        named.longest_lifetime = named.longest_lifetime.max(outer.longest_lifetime);
        RenewalLimits(Mutex::new(named))
    }

    /// The shortest time that a place names; `None` where none has credentials renewed.
    pub fn shortest(&self) -> Option<Duration> {
        self.named().renewals.iter().map(|(left, _)| *left).min()
    }

    fn named(&self) -> Named {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Refuses what can renew nothing in any place of a server. `defaults` are what holds outside of all places.
pub fn check(config: &ServerConfig, defaults: &DirectoryConfig) -> Result<(), String> {
    let named = config.renewal_limits.named();
    let longest = Some(defaults.lifetime(config)).max(named.longest_lifetime);
    let longest = longest.map_or(0, Lifetime::as_seconds);
    for (left, position) in &named.renewals {
        if config.settings.certificate_file.is_none() {
            return Err(format!(
                "MyProxyRenew ({position}) needs MyProxyCertificateFile, which is not given"
            ));
        }
        if left.as_secs() >= longest.into() {
            return Err(too_long(*left, longest, position));
        }
    }
    Ok(())
}

/// Refuses what does not fit within one place.
pub fn check_place(config: &DirectoryConfig, position: &str) -> Result<(), String> {
    match (config.renew, config.lifetime) {
        (Some(left), Some(lifetime)) if left.as_secs() >= lifetime.as_seconds().into() => {
            Err(too_long(left, lifetime.as_seconds(), position))
        }
        _ => Ok(()),
    }
}

fn too_long(left: Duration, lifetime: u32, position: &str) -> String {
    format!(
        "MyProxyRenew {} ({position}) must be less than MyProxyLifetime, {lifetime}: a credential would be renewed \
         again and again",
        left.as_secs()
    )
}
