//! `PubcookieOnDemand`: a place goes by further directives where the browser brings a certain cookie.

use std::sync::Arc;

use pubcookie_protocol::cookie_header;
use pubcookie_protocol::on_demand::{self, Key};

use super::{Pubcookie, state};
use crate::httpd::{Arguments, NestedConfiguration, Outcome, Request, log};

/// What a place says on demand, by key.
#[derive(Clone, Default)]
pub struct OnDemand(Vec<(Key, Arc<NestedConfiguration>)>);

impl OnDemand {
    /// What holds in a place within another one: a key that both name means what the inner one says, and nothing of the
    /// outer one's.
    pub fn merged(&self, outer: &Self) -> Self {
        let only_outer = outer.0.iter().filter(|(key, _)| self.of(key).is_none());
        OnDemand(self.0.iter().chain(only_outer).cloned().collect())
    }

    /// Reads directives for a key, beside those that the place has for it already.
    pub fn read(&mut self, key: Key, texts: &[&str], arguments: &Arguments<'_>) -> Result<(), String> {
        let index = match self.0.iter().position(|(known, _)| known.is_same(&key)) {
            Some(index) => index,
            None => {
                self.0.push((key, Arc::new(NestedConfiguration::new(arguments))));
                self.0.len() - 1
            }
        };
        let waiting = Arc::get_mut(&mut self.0[index].1).ok_or("the place is already in use")?;
        for text in texts {
            for directive in on_demand::directives(text).map_err(|problem| problem.to_string())? {
                waiting.read(arguments, directive.name, directive.arguments)?;
                if directive.name.eq_ignore_ascii_case("Require") {
                    waiting.require_besides(arguments)?;
                }
            }
        }
        Ok(())
    }

    fn of(&self, key: &Key) -> Option<&NestedConfiguration> {
        let found = self.0.iter().find(|(known, _)| known.is_same(key));
        found.map(|(_, waiting)| &**waiting)
    }

    /// What a request asks for: the first of its cookies that is one of the keys.
    fn asked_for(&self, request: &Request<'_>) -> Option<(&Key, &NestedConfiguration)> {
        if self.0.is_empty() {
            return None;
        }
        cookie_header::values(state::cookies(request), on_demand::COOKIE).find_map(|value| {
            let found = self.0.iter().find(|(key, _)| key.is_asked_for_by(value));
            found.map(|(key, waiting)| (key, &**waiting))
        })
    }
}

/// In `post_perdir_config`, which httpd asks for subrequests too: no other module lets one in by what the place says
/// without the cookie.
pub fn apply(request: &Request<'_>) -> Outcome {
    let Some(place) = request.directory_config::<Pubcookie>() else {
        return Outcome::Status(500);
    };
    if let Some((key, waiting)) = place.on_demand.asked_for(request) {
        if !may_apply(request, waiting) {
            log!(
                Pubcookie,
                *request,
                Info,
                "PubcookieOnDemand {} does nothing here: this place is protected without it, by an AuthType that the \
                 section with the directive does not say",
                key.as_str()
            );
            return Outcome::Declined;
        }
        request.environment().set(on_demand::VARIABLE, key.as_str());
        let is_applied = request.origins().any(|origin| {
            state::applied_on_demand(&origin).is_some_and(|applied| request.apply_as_to_origin(applied))
        });
        if !is_applied {
            state::remember_on_demand(request, request.apply(waiting));
        }
    }
    Outcome::Declined
}

/// Anybody can bring the cookie: what a wide place says on demand takes nothing away from a narrower one that is
/// protected without it.
fn may_apply(request: &Request<'_>, waiting: &NestedConfiguration) -> bool {
    fn protection<'r>(request: &Request<'r>) -> [Option<&'r str>; 2] {
        let ours = request.directory_config::<Pubcookie>();
        [
            request.configured_authentication_type(),
            ours.and_then(|place| place.auth_type.as_deref()),
        ]
    }
    let here = protection(request);
    here == [None, None] || here == request.in_section_of(waiting, protection)
}
