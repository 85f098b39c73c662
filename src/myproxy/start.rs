//! httpd's start: what cannot work is refused here, with the directive's name, and never found out later.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use credential_store::{CredentialStore, Directory, DirectoryPolicy, SessionStore, check_separate};
use myproxy_client::{Client, ClientOptions, Server, ServerIdentity};

use super::MyProxy;
use super::config::question::check_extra_params;
use super::config::renewal_limits;
use super::config::{DirectoryConfig, ServerConfig, Settings};
use super::logon::key_pool::KeyPool;
use super::logon::limit::Limit;
use super::logon::renewal;
use super::logon::renewal::Renewals;
use super::proof::own_certificate::OwnCertificate;
use super::proof::proven::ProvenPassPhrases;
use super::running::{Asking, Running};
use super::session::sweep;
use crate::httpd::{self, ChildUser, Setup, SharedNumbers};

/// How many servers and addresses that did not answer all children remember together.
const SERVERS_REMEMBERED: usize = 128;

/// What a server must have to serve credentials.
struct Needs<'c> {
    credential_directory: &'c Path,
    session_directory: &'c Path,
}

/// `check_config`: `apachectl configtest` comes here too, so that nothing is changed.
pub fn check(setup: &Setup<'_>) -> Result<(), String> {
    setup.separate_configs::<MyProxy>()?;
    let mut serving = Vec::new();
    for server in setup.servers() {
        let position = server.defined_at();
        let config = server
            .config::<MyProxy>()
            .ok_or("the configuration was not made")?;
        check_extra_params(config).map_err(|problem| format!("{position}: {problem}"))?;
        let Some(needs) = needs(server, config)? else {
            continue;
        };
        check_directories(&needs, config).map_err(|problem| format!("{position}: {problem}"))?;
        check_trust(config).map_err(|problem| format!("{position}: {problem}"))?;
        check_permissions(config).map_err(|problem| format!("{position}: {problem}"))?;
        OwnCertificate::configured(config).map_err(|problem| format!("{position}: {problem}"))?;
        if let Some(defaults) = server.directory_defaults::<MyProxy>() {
            renewal_limits::check(config, defaults).map_err(|problem| format!("{position}: {problem}"))?;
        }
        for other in &serving {
            check_shared_directory((server, config), *other)?;
        }
        serving.push((server, config));
    }
    Ok(())
}

/// `post_config`: makes and opens directories, as root where httpd starts so, for the children's user.
pub fn start(setup: &Setup<'_>) -> Result<(), String> {
    setup.separate_configs::<MyProxy>()?;
    let keys = key_pool(setup)?;
    let waiting = waiting()?;
    let renewals = Arc::default();
    let mut asking: Vec<(&ServerConfig, &Arc<Asking>)> = Vec::new();
    let mut started: Vec<(&ServerConfig, &Arc<Running>)> = Vec::new();
    for server in setup.servers() {
        let config = server
            .config::<MyProxy>()
            .ok_or("the configuration was not made")?;
        let Some(servers) = config.settings.servers() else {
            continue;
        };
        let position = |problem| format!("{}: {problem}", server.defined_at());
        let same = asking.iter().find(|(other, _)| other.settings == config.settings);
        let made = match same {
            Some((_, made)) => Arc::clone(made),
            None => Arc::new(ask(servers.collect(), config, &waiting).map_err(position)?),
        };
        let made = config.asking.get_or_init(|| made);
        asking.push((config, made));
        let Some(needs) = needs(server, config)? else {
            continue;
        };
        let same = started
            .iter()
            .find(|(other, _)| other.settings == config.settings);
        let running = match same {
            Some((_, running)) => Arc::clone(running),
            None => Arc::new(run(&needs, config, made, &keys, &renewals).map_err(position)?),
        };
        started.push((config, config.running.get_or_init(|| running)));
    }
    sweep::start(setup);
    renewal::start_watch(setup);
    Ok(())
}

/// What a server needs; `None` where neither it nor a place in it has to do with credentials.
fn needs<'c>(server: httpd::Server<'_>, config: &'c ServerConfig) -> Result<Option<Needs<'c>>, String> {
    let Some(needed_by) = config.needed_by.get() else {
        return Ok(None);
    };
    let missing = |directive: &str| {
        format!(
            "{needed_by} needs {directive}, which is not given for {}",
            server.defined_at()
        )
    };
    let Settings {
        credential_directory,
        session_directory,
        ..
    } = &config.settings;
    if config.settings.servers().is_none() {
        return Err(missing("MyProxyServer"));
    }
    Ok(Some(Needs {
        credential_directory: credential_directory
            .as_deref()
            .ok_or_else(|| missing("MyProxyCredStoreDir"))?,
        session_directory: session_directory
            .as_deref()
            .ok_or_else(|| missing("MyProxySessionStore"))?,
    }))
}

fn check_directories(needs: &Needs<'_>, config: &ServerConfig) -> Result<(), String> {
    check_separate(needs.credential_directory, needs.session_directory)
        .map_err(|error| format!("MyProxyCredStoreDir and MyProxySessionStore: {error}"))?;
    let policy = policy(config);
    for (directive, path) in [
        ("MyProxyCredStoreDir", needs.credential_directory),
        ("MyProxySessionStore", needs.session_directory),
    ] {
        // One that is missing is made at the start.
        if path.symlink_metadata().is_ok() {
            Directory::open(path, policy).map_err(|error| format!("{directive}: {error}"))?;
        }
    }
    Ok(())
}

fn check_trust(config: &ServerConfig) -> Result<(), String> {
    let directory = trust_directory(config);
    match std::fs::read_dir(directory) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "MyProxyTrustDir: cannot read {}: {error}",
            directory.display()
        )),
    }
}

/// The children write the files, and are not root: they can give them to no other user, and to a group only of which
/// they are members.
fn check_permissions(config: &ServerConfig) -> Result<(), String> {
    let permissions = config.settings.file_permissions.unwrap_or_default();
    let children = ChildUser::current();
    if let Some(user) = permissions.user()
        && user != children.user
        && children.user != 0
    {
        return Err(format!(
            "MyProxyFilePermissions: httpd's children run as user {} and cannot give files to user {user}; use a group",
            children.user
        ));
    }
    match permissions.group() {
        Some(group) if children.user != 0 && !children.groups().contains(&group) => Err(format!(
            "MyProxyFilePermissions: httpd's children, user {}, are not in group {group}; make them members",
            children.user
        )),
        _ => Ok(()),
    }
}

/// Credentials of different MyProxy servers would stand under the same names, and what the sessions of one
/// server refer to would be orphans for the other.
fn check_shared_directory(
    (server, config): (httpd::Server<'_>, &ServerConfig),
    (other_server, other): (httpd::Server<'_>, &ServerConfig),
) -> Result<(), String> {
    let resolved = |path: &Option<PathBuf>| {
        path.as_ref()
            .map(|path| path.canonicalize().unwrap_or(path.clone()))
    };
    let (settings, others) = (&config.settings, &other.settings);
    if resolved(&settings.credential_directory) != resolved(&others.credential_directory) {
        return Ok(());
    }
    let place = DirectoryConfig::default();
    let name = |config: &ServerConfig| match config.credential_name.get() {
        Some((name, _)) => Some(name.clone()),
        None => place.credential_name(config).cloned(),
    };
    let vo_names = |config: &ServerConfig| match config.vo_names.get() {
        Some((names, _)) => names.clone(),
        None => place.vo_names(config).to_vec(),
    };
    let servers = |settings: &Settings| settings.servers().map(Iterator::collect::<Vec<_>>);
    let methods = |config: &ServerConfig| {
        let named = config.methods.get().map(|(methods, _)| methods.clone());
        named.unwrap_or_else(|| DirectoryConfig::default().methods().to_vec())
    };
    let difference = if servers(settings) != servers(others) || settings.identity != others.identity {
        "MyProxyServer or its expected name"
    } else if name(config) != name(other) {
        "MyProxyCredName"
    } else if vo_names(config) != vo_names(other) {
        "MyProxyVO"
    } else if methods(config) != methods(other) {
        "MyProxyAuthMethod"
    } else if config.scope() != other.scope() {
        "MyProxyCredScope"
    } else if resolved(&settings.session_directory) != resolved(&others.session_directory) {
        "MyProxySessionStore"
    } else {
        return Ok(());
    };
    Err(format!(
        "MyProxyCredStoreDir: {} and {} share a directory but differ in {difference}; give each its own",
        server.defined_at(),
        other_server.defined_at(),
    ))
}

/// One pool for the whole httpd. Under prefork it would have to be shared by too many children.
fn key_pool(setup: &Setup<'_>) -> Result<Arc<KeyPool>, String> {
    let settings = setup.main().config::<MyProxy>().map(|config| &config.settings);
    let default = if httpd::threads_in_a_child() == 1 { 0 } else { 8 };
    let size = settings.and_then(|settings| settings.key_pool).unwrap_or(default);
    KeyPool::new(size)
        .map(Arc::new)
        .map_err(|error| format!("MyProxyKeyPool: {error}"))
}

/// One limit for the whole httpd, however many servers it has: an eighth of its workers always remains for requests that
/// need no logon.
fn waiting() -> Result<Limit, String> {
    let workers = httpd::workers();
    Limit::new((workers - workers / 8).max(1)).map_err(|error| format!("MyProxyMaxConcurrent: {error}"))
}

/// Also where no place wants credentials: `AuthBasicProvider myproxy` tells nobody that it is used.
fn ask(servers: Vec<Server>, config: &ServerConfig, waiting: &Limit) -> Result<Asking, String> {
    let timeouts = config.settings.timeouts.unwrap_or_default();
    let names = servers.iter().map(ToString::to_string).collect();
    let mut options = ClientOptions::new(servers);
    if let Some(identity) = &config.settings.identity {
        options
            .servers
            .iter_mut()
            .for_each(|server| expect(server, identity));
    }
    options.trust_directory = trust_directory(config).to_owned();
    options.reply_timeout = timeouts.step;
    options.total_timeout = timeouts.total;
    let outages =
        SharedNumbers::new(SERVERS_REMEMBERED).map_err(|error| format!("MyProxyServer: {error}"))?;
    let client = Client::new(options)
        .map_err(|error| format!("MyProxyServer: {error}"))?
        .remembering_outages_in(Arc::new(outages));

    let most = config
        .settings
        .max_concurrent
        .unwrap_or_else(|| (httpd::workers() / 2).max(1));
    Ok(Asking {
        client,
        servers: names,
        logons: Limit::new(most).map_err(|error| format!("MyProxyMaxConcurrent: {error}"))?,
        waiting: waiting.clone(),
        proven: ProvenPassPhrases::new().map_err(|error| format!("MyProxyServer: {error}"))?,
    })
}

fn run(
    needs: &Needs<'_>,
    config: &ServerConfig,
    asking: &Arc<Asking>,
    keys: &Arc<KeyPool>,
    renewals: &Arc<Renewals>,
) -> Result<Running, String> {
    let certificate = OwnCertificate::configured(config)?;

    let policy = policy(config);
    let credentials = Directory::create(needs.credential_directory, policy)
        .and_then(|directory| {
            CredentialStore::open(directory, config.settings.file_permissions.unwrap_or_default())
        })
        .map_err(|error| format!("MyProxyCredStoreDir: {error}"))?;
    let sessions = Directory::create(needs.session_directory, policy)
        .and_then(SessionStore::open)
        .map_err(|error| format!("MyProxySessionStore: {error}"))?;
    Ok(Running {
        asking: Arc::clone(asking),
        certificate,
        credentials,
        sessions,
        key: config.settings.key.unwrap_or_default(),
        key_format: config.settings.key_format.unwrap_or_default(),
        keys: Arc::clone(keys),
        renewals: Arc::clone(renewals),
        patience: config.settings.timeouts.unwrap_or_default().total,
    })
}

/// A name given for all servers counts for those that have none of their own (`host=name`).
fn expect(server: &mut Server, identity: &ServerIdentity) {
    if server.identity == ServerIdentity::HostName {
        server.identity = identity.clone();
    }
}

fn policy(config: &ServerConfig) -> DirectoryPolicy {
    let ChildUser { user, group } = ChildUser::current();
    DirectoryPolicy::new(config.settings.directory_mode.unwrap_or(0o700)).owned_by(user, Some(group))
}

fn trust_directory(config: &ServerConfig) -> &Path {
    config
        .settings
        .trust_directory
        .as_deref()
        .unwrap_or(Path::new("/etc/grid-security/certificates"))
}
