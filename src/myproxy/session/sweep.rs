//! What mod_watchdog does again and again: erase what has expired, is idle or orphaned.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use credential_store::SweepReport;

use crate::httpd::{Server, Setup, watch};
use crate::myproxy::config::ServerConfig;
use crate::myproxy::running::Running;
use crate::myproxy::{MyProxy, log};

/// `MyProxySweepInterval` where it is not given.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);

/// Starts the sweep for the servers that have a store.
pub fn start(setup: &Setup<'_>) {
    let in_use = with_stores(setup.main());
    let intervals = in_use.map(|(_, config, _)| interval(config));
    let Some(interval) = intervals.filter(|interval| !interval.is_zero()).min() else {
        return;
    };
    let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    if let Err(error) = watch(setup, "mod_myproxy sweep", seconds, sweep) {
        log!(
            setup.main(),
            Warning,
            "credentials are not swept, because {error}: load watchdog_module, or run `mod-myproxy sweep` from \
             a timer",
        );
    }
}

fn interval(config: &ServerConfig) -> Duration {
    config.settings.sweep_interval.unwrap_or(DEFAULT_INTERVAL)
}

/// The servers that have stores, with what they work with.
fn with_stores<'s>(
    main: Server<'s>,
) -> impl Iterator<Item = (Server<'s>, &'s ServerConfig, &'s Arc<Running>)> {
    main.and_all_after().filter_map(|server| {
        let config = server.config::<MyProxy>()?;
        Some((server, config, config.running.get()?))
    })
}

/// Each pair of stores once: servers with the same settings share it.
fn sweep(main: Server<'_>) {
    let mut swept: Vec<&Arc<Running>> = Vec::new();
    for (server, config, running) in with_stores(main) {
        if interval(config).is_zero() || swept.iter().any(|other| Arc::ptr_eq(other, running)) {
            continue;
        }
        swept.push(running);
        match credential_store::sweep(
            &running.credentials,
            &running.sessions,
            None,
            SystemTime::now(),
            false,
        ) {
            Ok(report) => tell(server, &report),
            Err(error) => log!(server, Error, "credentials could not be swept: {error}"),
        }
    }
}

fn tell(server: Server<'_>, report: &SweepReport) {
    for failure in &report.failures {
        log!(server, Error, "while credentials were swept: {failure}");
    }
    if report.erased() > 0 {
        log!(
            server,
            Info,
            "swept: {} expired and {} orphaned credentials erased, {} idle sessions ended, and {} with their credential",
            report.expired.len(),
            report.orphaned.len(),
            report.idle.len(),
            report.over.len(),
        );
    }
}
