//! Guessing passwords is slowed down: after some wrong ones, further ones are refused for a while without being looked at,
//! for longer each time, up to a limit.
//!
//! Wrong passwords are counted for a user *at an address*, and for an address whoever the user is. Nobody is locked out by
//! what somebody else guesses elsewhere. They are forgiven one by one; a password that is right clears its user's count at
//! that address. What is refused does not count: waiting always helps.

use crate::auth_type::Creds;
use openssl::sha::sha256;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `PubcookieLoginDelay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuessingLimits {
    /// Passwords may be guessed without an end.
    Off,
    /// Wrong passwords are followed by a delay.
    Delay {
        /// The wrong passwords of a user at an address that have no consequence; 1 to 1000. From an address, whoever the
        /// user is, twenty times as many.
        free: u32,
        /// The longest delay, in seconds; 1 to 86400.
        longest: u32,
    },
}

/// A value of `PubcookieLoginDelay` that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not Off, or a number of wrong passwords from 1 to 1000, then maybe the longest delay from 1 to 86400 seconds",
    .0.escape_debug()
)]
pub struct GuessingLimitsError(String);

impl Default for GuessingLimits {
    /// Five wrong passwords, then at most a quarter of an hour.
    fn default() -> Self {
        GuessingLimits::Delay {
            free: 5,
            longest: 900,
        }
    }
}

impl FromStr for GuessingLimits {
    type Err = GuessingLimitsError;

    fn from_str(text: &str) -> Result<GuessingLimits, GuessingLimitsError> {
        let refused = || GuessingLimitsError(text.chars().take(60).collect());
        if text.eq_ignore_ascii_case("off") {
            return Ok(GuessingLimits::Off);
        }
        let number = |text: &str, most: u32| {
            let number = text.parse().ok().filter(|number| (1..=most).contains(number));
            number.ok_or_else(refused)
        };
        let GuessingLimits::Delay { longest, .. } = GuessingLimits::default() else {
            return Err(refused());
        };
        let (free, longest) = match text.split_once(' ') {
            Some((free, longest)) => (free, number(longest, 86_400)?),
            None => (text, longest),
        };
        Ok(GuessingLimits::Delay {
            free: number(free, 1000)?,
            longest,
        })
    }
}

/// Where wrong passwords come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// One user, at one address.
    UserAtAddress,
    /// One address.
    Address,
}

impl Source {
    /// By which a count is kept: a digest. Of an IPv6 address its network of 64 bits counts, which is one customer's. Case
    /// does not count in user names, as it does not for many directory services.
    pub fn identifier(self, user: &str, creds: Creds, address: &str) -> [u8; 32] {
        let network = match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V6(address)) => format!("{:x}", address.to_bits() >> 64),
            Ok(address) => address.to_string(),
            Err(_) => address.to_owned(),
        };
        sha256(
            match self {
                Source::UserAtAddress => format!("user {creds} {network} {}", user.to_lowercase()),
                Source::Address => format!("address {network}"),
            }
            .as_bytes(),
        )
    }

    /// What is allowed; `None` where there is no limit.
    pub fn allowance(self, limits: GuessingLimits) -> Option<Allowance> {
        let GuessingLimits::Delay { free, longest } = limits else {
            return None;
        };
        // Many users may be behind one address, who mistype all day: they must be forgiven faster than they err.
        let (free, forgiven_after) = match self {
            Source::UserAtAddress => (free, longest.max(60)),
            Source::Address => (free.saturating_mul(20), 5),
        };
        Some(Allowance {
            free: u64::from(free),
            forgiven_after: u64::from(forgiven_after),
            longest: u64::from(longest),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::UserAtAddress => "for this user from this address",
            Source::Address => "from this address",
        })
    }
}

/// How many wrong passwords have no consequence, and what consequence others have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    free: u64,
    /// After so many seconds one wrong password is forgotten.
    forgiven_after: u64,
    /// The longest delay, in seconds.
    longest: u64,
}

/// The wrong passwords of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guesses {
    /// When all are forgiven, in Unix seconds.
    forgiven: u64,
    /// When the last was, in Unix seconds.
    last: u64,
}

impl Guesses {
    /// The bytes that are kept of it.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.forgiven) << 64 | u128::from(self.last)).to_be_bytes()
    }

    /// Reads what was kept; `None` for what was not written by [`Guesses::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Guesses> {
        let both = u128::from_be_bytes(bytes.try_into().ok()?);
        Some(Guesses {
            forgiven: (both >> 64) as u64,
            last: both as u64,
        })
    }

    /// Until when it has to be kept, in Unix seconds.
    pub fn kept_until(self, allowance: Allowance) -> u64 {
        self.forgiven.max(self.last.saturating_add(allowance.longest))
    }

    /// For how many seconds more no password is looked at; 0 where one is.
    pub fn wait(self, allowance: Allowance, now: u64) -> u64 {
        let over = match self.count(allowance, self.last).checked_sub(allowance.free) {
            None => return 0,
            Some(over) => over,
        };
        // 1, 2, 4, 8, ... seconds.
        let delay = 1_u64
            .checked_shl(u32::try_from(over).unwrap_or(u32::MAX))
            .map_or(allowance.longest, |delay| delay.min(allowance.longest));
        // A clock that was set back must not lengthen it.
        self.last.saturating_add(delay).saturating_sub(now).min(delay)
    }

    /// One more, at this time.
    pub fn one_more(self, allowance: Allowance, now: u64) -> Guesses {
        // More would only be forgiven later, after the longest delay has been reached.
        let most = allowance.free + u64::from(u64::BITS - allowance.longest.leading_zeros());
        let count = (self.count(allowance, now) + 1).min(most);
        let forgiven = self
            .forgiven
            .max(now)
            .saturating_add(allowance.forgiven_after)
            .min(now.saturating_add(count.saturating_mul(allowance.forgiven_after)));
        Guesses { forgiven, last: now }
    }

    /// One less: it was none.
    pub fn one_less(self, allowance: Allowance) -> Guesses {
        Guesses {
            forgiven: self.forgiven.saturating_sub(allowance.forgiven_after),
            ..self
        }
    }

    /// How many are not forgiven at this time.
    fn count(self, allowance: Allowance, now: u64) -> u64 {
        self.forgiven
            .saturating_sub(now)
            .div_ceil(allowance.forgiven_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_795_290_876;

    fn allowance(source: Source) -> Allowance {
        source.allowance(GuessingLimits::default()).unwrap()
    }

    #[test]
    fn the_directive_has_limits() {
        let delay = |free, longest| Ok(GuessingLimits::Delay { free, longest });
        assert_eq!("OFF".parse(), Ok(GuessingLimits::Off));
        assert_eq!("1".parse(), delay(1, 900));
        assert_eq!("1000 86400".parse(), delay(1000, 86_400));
        for wrong in [
            "", "on", "0", "1001", "-1", "5 0", "5 86401", "5 60 7", "5  60", "five",
        ] {
            let refused = wrong.parse::<GuessingLimits>().unwrap_err().to_string();
            assert!(refused.contains(wrong) && refused.contains("86400"), "{refused}");
        }
        assert_eq!(Source::Address.allowance(GuessingLimits::Off), None);
    }

    #[test]
    fn five_are_free_and_then_each_takes_twice_as_long_up_to_the_limit() {
        let allowance = allowance(Source::UserAtAddress);
        let (mut guesses, mut now) = (Guesses::default(), NOW);
        for _ in 0..5 {
            assert_eq!(guesses.wait(allowance, now), 0);
            guesses = guesses.one_more(allowance, now);
        }
        let mut waits = Vec::new();
        for _ in 0..13 {
            let wait = guesses.wait(allowance, now);
            assert_eq!(guesses.wait(allowance, now + wait - 1), 1);
            waits.push(wait);
            now += wait;
            assert_eq!(guesses.wait(allowance, now), 0);
            guesses = guesses.one_more(allowance, now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 900, 900]);
    }

    #[test]
    fn time_forgives_and_a_right_password_takes_one_back() {
        let allowance = allowance(Source::UserAtAddress);
        let mut guesses = Guesses::default();
        for _ in 0..6 {
            guesses = guesses.one_more(allowance, NOW);
        }
        assert_eq!(guesses.wait(allowance, NOW), 2);
        assert_eq!(guesses.one_less(allowance).wait(allowance, NOW), 1);
        let later = NOW + 6 * 900;
        assert_eq!(guesses.count(allowance, later), 0);
        assert_eq!(guesses.one_more(allowance, later).count(allowance, later), 1);
        assert_eq!(
            guesses.wait(allowance, NOW - 1_000_000),
            2,
            "a clock that was set back"
        );
    }

    #[test]
    fn an_address_of_many_users_may_err_as_often_as_is_forgiven() {
        let allowance = allowance(Source::Address);
        let mut guesses = Guesses::default();
        for minute in 0..1000 {
            let now = NOW + minute * 60;
            assert_eq!(guesses.wait(allowance, now), 0);
            for _ in 0..12 {
                guesses = guesses.one_more(allowance, now);
            }
        }
    }

    #[test]
    fn sources_are_told_apart() {
        let second = Creds::new(2).unwrap();
        let of = |user, creds, address| Source::UserAtAddress.identifier(user, creds, address);
        let alice = of("alice", Creds::FIRST, "192.0.2.1");
        assert_eq!(alice, of("ALICE", Creds::FIRST, "::ffff:192.0.2.1"));
        assert_ne!(alice, of("bob", Creds::FIRST, "192.0.2.1"));
        assert_ne!(alice, of("alice", second, "192.0.2.1"));
        assert_ne!(alice, of("alice", Creds::FIRST, "192.0.2.2"));
        let address = |address| Source::Address.identifier("x", Creds::FIRST, address);
        assert_eq!(address("2001:db8:1:2::3"), address("2001:db8:1:2:ffff::4"));
        assert_ne!(address("2001:db8:1:2::3"), address("2001:db8:1:3::3"));
        assert_eq!(
            address("192.0.2.1"),
            Source::Address.identifier("y", second, "192.0.2.1")
        );
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_wait_beyond_the_limit(forgiven: u64, last: u64, now: u64, free in 1_u32..1000, longest in 1_u32..86_400) {
            let guesses = Guesses { forgiven, last };
            prop_assert_eq!(Guesses::from_bytes(&guesses.to_bytes()), Some(guesses));
            for source in [Source::UserAtAddress, Source::Address] {
                let allowance = source.allowance(GuessingLimits::Delay { free, longest }).unwrap();
                prop_assert!(guesses.wait(allowance, now) <= u64::from(longest));
                let more = guesses.one_more(allowance, now);
                prop_assert!(more.wait(allowance, now) <= u64::from(longest));
                more.one_less(allowance).kept_until(allowance);
            }
        }
    }
}
