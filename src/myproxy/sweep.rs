//! What mod_watchdog does again and again: erase what has expired, is idle or orphaned.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use credential_store::SweepReport;

use super::config::{DEFAULT_SESSION_IDLE, ServerConfig};
use super::start::Running;
use super::{MyProxy, log};
use crate::httpd::{Server, Setup, WatchdogError, watch};

/// `MyProxySweepInterval` where it is not given.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);

/// Starts the sweep for the servers that have a store.
pub fn start(setup: &Setup<'_>) {
    let configs = setup.servers().filter_map(|server| server.config::<MyProxy>());
    let in_use = configs.filter(|config| config.running.get().is_some());
    let intervals = in_use.map(|config| config.sweep_interval.unwrap_or(DEFAULT_INTERVAL));
    let Some(interval) = intervals.filter(|interval| !interval.is_zero()).min() else {
        return;
    };
    let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    match watch::<MyProxy, _>(setup, "mod_myproxy sweep", seconds, sweep) {
        Ok(()) => {}
        Err(error @ (WatchdogError::Absent | WatchdogError::Refused(_))) => log!(
            setup.main(),
            Warning,
            "credentials are not swept, because {error}: load watchdog_module, or run `mod-myproxy sweep` from \
             a timer",
        ),
    }
}

fn sweep(main: Server<'_>) {
    let mut swept = Vec::new();
    for server in main.and_all_after() {
        let Some(config) = server.config::<MyProxy>() else {
            continue;
        };
        let Some(running) = config.running.get() else {
            continue;
        };
        // Virtual hosts that inherit their stores share them.
        let place = (&config.credential_directory, &config.session_directory);
        if config.sweep_interval != Some(Duration::ZERO) && !swept.contains(&place) {
            swept.push(place);
            sweep_stores(server, running, idle(server, config));
        }
    }
}

fn sweep_stores(server: Server<'_>, running: &Running, idle: Duration) {
    let now = SystemTime::now();
    match credential_store::sweep(&running.credentials, &running.sessions, idle, now, false) {
        Ok(report) => tell(server, &report),
        Err(error) => log!(server, Error, "credentials could not be swept: {error}"),
    }
}

/// A place may have a shorter idle time: it looks to that itself, at each request.
fn idle(server: Server<'_>, config: &ServerConfig) -> Duration {
    let longest = Duration::from_secs(config.longest_idle.load(Ordering::Relaxed));
    let of_the_server = server
        .directory_defaults::<MyProxy>()
        .map_or(DEFAULT_SESSION_IDLE, |place| place.session_idle());
    longest.max(of_the_server)
}

fn tell(server: Server<'_>, report: &SweepReport) {
    for failure in &report.failures {
        log!(server, Error, "while credentials were swept: {failure}");
    }
    if report.erased() > 0 {
        log!(
            server,
            Info,
            "swept: {} expired and {} orphaned credentials erased, {} idle sessions ended",
            report.expired.len(),
            report.orphaned.len(),
            report.idle.len(),
        );
    }
}
