//! A password is checked: counted against guessing, then shown to the providers of its flavour.

use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::login::{Answer, Continuation, GuessingLimits, LoginKeys, UserName};

use super::Login;
use super::guard::{self, Admission, Verdict};
use crate::httpd::{PasswordProvider, PasswordVerdict, Request, log};
use crate::pubcookie::Pubcookie;

/// A password that somebody typed.
pub(super) struct PasswordCheck<'c, 'r> {
    pub request: &'c Request<'r>,
    pub login: &'c Login,
    pub user: UserName,
    pub creds: Creds,
    pub now: u64,
}

impl PasswordCheck<'_, '_> {
    /// What becomes of it.
    pub(super) fn answer(
        &self,
        password: &str,
        continuation: Continuation<'_>,
        keys: &impl LoginKeys,
    ) -> Answer {
        let now = self.now;
        let attempt = match self.admit() {
            Ok(Some(Admission::TooEarly(wait, source))) => {
                return continuation.delayed(wait, source, now, keys);
            }
            Ok(Some(Admission::Admitted(attempt))) => Some(attempt),
            Ok(None) => None,
            Err(problem) => {
                log!(
                    Pubcookie,
                    *self.request,
                    Error,
                    "no password is looked at while wrong ones cannot be counted ({problem}): see \
                     PubcookieLoginDelayCache, or say PubcookieLoginDelay Off"
                );
                return continuation.unavailable(now, keys);
            }
        };
        let verdict = self.ask_providers(password);
        let taken_back = match (attempt, &verdict) {
            (Some(attempt), PasswordVerdict::Granted(_)) => {
                attempt.take_back(self.request, Verdict::Right, now)
            }
            (Some(attempt), PasswordVerdict::Error) => attempt.take_back(self.request, Verdict::Unknown, now),
            _ => Ok(()),
        };
        if let Err(problem) = taken_back {
            log!(
                Pubcookie,
                *self.request,
                Error,
                "PubcookieLoginDelayCache: a password goes on counting as a wrong one: {problem}"
            );
        }
        match verdict {
            PasswordVerdict::Granted(name) => continuation.granted(&name, now, keys),
            PasswordVerdict::Denied | PasswordVerdict::NotFound => continuation.denied(now, keys),
            PasswordVerdict::Error => continuation.unavailable(now, keys),
        }
    }

    /// Counts it; `None` where nothing is counted.
    fn admit(&self) -> Result<Option<Admission<'_>>, String> {
        if self.login.delay == GuessingLimits::Off {
            return Ok(None);
        }
        let cache = self
            .request
            .server_config::<Pubcookie>()
            .and_then(|config| config.login_delay_cache.get())
            .ok_or("there is no cache")?;
        guard::admit(
            cache,
            self.request,
            self.login.delay,
            &self.user,
            self.creds,
            self.now,
        )
        .map(Some)
    }

    /// Asks one provider of the flavour after the other, until one knows the user.
    fn ask_providers(&self, password: &str) -> PasswordVerdict {
        let providers: &[PasswordProvider] = self
            .login
            .flavours
            .providers
            .get(&self.creds)
            .map_or(&[], |providers| providers);
        let verdicts = providers
            .iter()
            .map(|provider| provider.check(self.request, self.user.as_str(), password));
        let mut verdicts = verdicts.skip_while(|verdict| *verdict == PasswordVerdict::NotFound);
        verdicts.next().unwrap_or(PasswordVerdict::NotFound)
    }
}
