//! What happens while httpd starts: each server's keys are loaded, and what cannot work is refused.

use std::sync::Arc;

use pubcookie_protocol::granting_request::LoginMethod;

use super::Pubcookie;
use super::config::ServerConfig;
use super::keys::AppServer;
use super::keyserver::Keyserver;
use super::locked_cache::LockedCache;
use super::login::{Login, guard};
use super::old_configuration;
use super::replay::{self, ReplayCache};
use crate::httpd::{ChildStart, GlobalMutex, Pool, Server, Setup, log};

/// Before the configuration is read.
pub fn pre_config(pool: Pool<'_>) -> Result<(), String> {
    for purpose in [replay::PURPOSE, guard::PURPOSE] {
        GlobalMutex::announce(pool, purpose.mutex)?;
    }
    Ok(())
}

/// The configuration has been read; `apachectl configtest` comes here too.
pub fn check_config(setup: &Setup<'_>) -> Result<(), String> {
    let inheriting = servers_that_only_inherit(setup);
    // Keys depend on the server's name.
    setup.complete_configs::<Pubcookie>()?;
    old_configuration::tell(setup);
    let (mut needs_replay_cache, mut counts_guesses) = (false, false);
    for (server, only_inherits) in setup.servers().zip(inheriting) {
        let Some(config) = server.config::<Pubcookie>() else {
            continue;
        };
        let place = |problem| format!("{problem} (server {}, {})", server.name(), server.defined_at());
        if config.key_permits.is_configured() {
            let keyserver = Keyserver::load(config, server).map_err(place)?;
            // Set for the first time: the configuration is new.
            let _ = config.keyserver.set(keyserver);
        }
        if only_inherits && !config.key_files.names_session_key() {
            continue;
        }
        if is_app_server(config) {
            let app_server = AppServer::load(config, server).map_err(place)?;
            warn_of_logins_that_cannot_work(config, server);
            needs_replay_cache = true;
            let _ = config.app_server.set(app_server);
        }
        if let Some(granting_key) = &config.key_files.granting_key {
            let login = Login::load(config, granting_key, server).map_err(place)?;
            counts_guesses |= login.counts_guesses();
            let _ = config.login_server.set(login);
        }
    }
    if needs_replay_cache {
        share_replay_cache(setup)?;
    }
    if counts_guesses {
        share_login_delay_cache(setup)?;
    }
    Ok(())
}

/// httpd starts all the same: only what Pubcookie protects is closed.
fn warn_of_logins_that_cannot_work(config: &ServerConfig, server: Server<'_>) {
    let name = server.name();
    let Some(login) = &config.login else {
        log!(
            Pubcookie,
            server,
            Warning,
            "PubcookieLogin is not set for {name}: what Pubcookie protects there is answered 500"
        );
        return;
    };
    let host = login.host().name();
    let (shared, domain) = match config.domain(name) {
        Some(domain) => (domain.covers(host) && domain.covers(name), domain.to_string()),
        None => (host == name, "no domain".to_owned()),
    };
    if config.login_method.unwrap_or_default() == LoginMethod::Get && !shared {
        log!(
            Pubcookie,
            server,
            Warning,
            "PubcookieDomain: {domain} does not cover both this server, {name}, and the login server, {host}, so that logins by \
             GET cannot work; name a domain that both are in, or say PubcookieLoginMethod POST at the application server"
        );
    }
}

/// For each server, whether it says nothing of its own: it need not be one of ours. What the main server says beside
/// virtual hosts is often meant for these alone.
fn servers_that_only_inherit(setup: &Setup<'_>) -> Vec<bool> {
    let main = setup.main().config::<Pubcookie>();
    let has_virtual_hosts = setup.servers().nth(1).is_some();
    let shares_main = |server: Server<'_>| match (server.config::<Pubcookie>(), main) {
        (Some(own), Some(main)) => std::ptr::eq(own, main),
        _ => true,
    };
    setup
        .servers()
        .map(|server| has_virtual_hosts && shares_main(server))
        .collect()
}

/// The server is about to start.
pub fn post_config(setup: &Setup<'_>) -> Result<(), String> {
    for cache in shared_caches(setup.main()) {
        cache.start(setup)?;
    }
    Ok(())
}

/// A child has started.
pub fn child_init(child: &ChildStart<'_>) {
    for problem in shared_caches(child.main()).filter_map(|cache| cache.open_in_child(child).err()) {
        log!(
            Pubcookie,
            child.main(),
            Critical,
            "no login will be accepted: {problem}"
        );
    }
}

/// A server that only issues granting cookies verifies none, and needs nothing for that.
fn is_app_server(config: &ServerConfig) -> bool {
    let files = &config.key_files;
    // A keyserver hands the granting certificate out, and needs no session key for that.
    if config.key_permits.is_configured() && !files.names_session_key() {
        return false;
    }
    !files.granting_certificates.is_empty() || (config.login.is_some() && files.granting_key.is_none())
}

/// One cache for the whole httpd: a granting cookie works once, at whichever host it is shown.
fn share_replay_cache(setup: &Setup<'_>) -> Result<(), String> {
    let shared = match config_of(setup.main()).and_then(|config| config.replay_cache.get()) {
        Some(cache) => Arc::clone(cache),
        None => Arc::new(ReplayCache(LockedCache::by_default(setup, replay::PURPOSE)?)),
    };
    for config in setup.servers().filter_map(config_of) {
        config.replay_cache.get_or_init(|| Arc::clone(&shared));
    }
    Ok(())
}

/// One cache for the whole httpd: wrong passwords count at whichever login server they were typed.
fn share_login_delay_cache(setup: &Setup<'_>) -> Result<(), String> {
    let shared = match config_of(setup.main()).and_then(|config| config.login_delay_cache.get()) {
        Some(cache) => Arc::clone(cache),
        None => Arc::new(LockedCache::by_default(setup, guard::PURPOSE)?),
    };
    for config in setup.servers().filter_map(config_of) {
        config.login_delay_cache.get_or_init(|| Arc::clone(&shared));
    }
    Ok(())
}

/// Those that are used.
fn shared_caches(main: Server<'_>) -> impl Iterator<Item = &LockedCache> {
    let config = config_of(main);
    let replay_cache = config.and_then(|config| config.replay_cache.get());
    let login_delay_cache = config.and_then(|config| config.login_delay_cache.get());
    replay_cache
        .map(|cache| &cache.0)
        .into_iter()
        .chain(login_delay_cache.map(|cache| &**cache))
}

fn config_of(server: Server<'_>) -> Option<&ServerConfig> {
    server.config::<Pubcookie>()
}
