//! A credential that stays good (`MyProxyRenew`): renewed beside the requests, by a thread of a child.
//!
//! The request that notices goes on with the old credential. What no request notices, because a long job works behind a
//! session that is not used just now, mod_watchdog does. Whoever it is, the turn to log on makes it happen once across all
//! processes, and the credential itself says whether it is still to be done.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use credential_store::{Certificate, Credential, CredentialName, DueCredential, Logon};
use myproxy_client::{GetRequest, InvalidInput, Lifetime, OldCredential, Proof, UserName, VoName};

use super::pause;
use crate::httpd::{ChildStart, ChildWork, Server, Setup, spawn, watch};
use crate::myproxy::running::Running;
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::wanted::Wanted;
use crate::myproxy::{MyProxy, log};

/// How many credentials may wait to be renewed in one child. What finds no room is noticed again.
const MOST: usize = 256;
/// How often mod_watchdog looks for what no request notices, at most and at least.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// The credentials that this process is to renew.
#[derive(Default)]
pub struct Renewals {
    waiting: Mutex<VecDeque<Job>>,
    changed: Condvar,
    stopping: AtomicBool,
}

/// A credential that was seen to be due.
struct Job {
    running: Arc<Running>,
    name: CredentialName,
}

/// Has a credential that a request found renewed beside it, if its time has come.
pub fn notice(wanted: &Wanted<'_>, credential: &Credential) {
    let is_due = credential
        .renewal
        .is_some_and(|renewal| renewal.is_due(&credential.certificate, wanted.now));
    if let (true, Some(running), Some(name)) = (is_due, wanted.config.running.get(), wanted.name()) {
        running.renewals.add(running, name);
    }
}

impl Renewals {
    /// Has a credential renewed soon.
    pub fn add(&self, running: &Arc<Running>, name: &CredentialName) {
        let mut waiting = self.lock();
        let is_same = |job: &Job| Arc::ptr_eq(&job.running, running) && job.name == *name;
        if waiting.len() < MOST && !waiting.iter().any(is_same) {
            waiting.push_back(Job {
                running: Arc::clone(running),
                name: name.clone(),
            });
            self.changed.notify_one();
        }
    }

    /// A panic elsewhere cannot leave it half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChildWork for Renewals {
    fn run(&self, main: Server<'_>) {
        while !self.stopping.load(Ordering::Acquire) {
            let mut waiting = self.lock();
            match waiting.pop_front() {
                Some(job) => {
                    drop(waiting);
                    job.run(main);
                }
                None => drop(self.changed.wait(waiting)),
            }
        }
        self.lock().clear();
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.changed.notify_all();
    }
}

impl Job {
    fn run(&self, main: Server<'_>) {
        let Job { running, name } = self;
        // Whoever else has the turn logs on or renews: this one has nothing to wait for.
        let turn = match running.credentials.logon(name, Instant::now()) {
            Ok(turn) => turn,
            Err(credential_store::Error::Busy { .. }) => return,
            Err(error) => return log!(main, Error, "the credential {name} cannot be renewed: {error}"),
        };
        let due = match turn.due(SystemTime::now()) {
            Ok(Some(due)) => due,
            Ok(None) => return,
            Err(error) => return log!(main, Error, "the credential {name} cannot be renewed: {error}"),
        };
        match renew(running, &turn, &due, main) {
            Ok(None) => {}
            Ok(Some(certificate)) => log!(
                main,
                Info,
                "renewed the credential of {} for {}, with {} s left",
                certificate.subject,
                due.record.origin.web_user.name,
                seconds_left(&due.certificate),
            ),
            Err(shortfall) => tell(running, &due, &shortfall, main),
        }
    }
}

/// Asks for a new credential with our certificate. A server to which we are a trusted retriever gives one for it; one to
/// which we are a renewer has the old credential prove itself besides. `None` where it is not the time or the server, or
/// the old one has gone meanwhile.
fn renew(
    running: &Running,
    turn: &Logon<'_>,
    due: &DueCredential,
    main: Server<'_>,
) -> Result<Option<Certificate>, Shortfall> {
    let origin = &due.record.origin;
    let Some(certificate) = &running.certificate else {
        return Ok(None);
    };
    // What another server gave, before this one was configured, shows nothing to this one.
    if origin.servers != running.asking.servers {
        return Ok(None);
    }
    if running.credentials.pause(origin, SystemTime::now())?.is_some() {
        return Ok(None);
    }
    let Ok(_place) = running.asking.enter() else {
        return Ok(None);
    };
    let old = OldCredential::from_pem(&due.pem).map_err(|problem| Shortfall::new(Class::Store, problem))?;
    let proof = Proof::Renewal {
        certificate: certificate.current(&main),
        credential: Arc::new(old),
    };
    let request = request(due, proof).map_err(|problem| Shortfall::new(Class::Store, problem))?;
    let pem = running.file_of(&running.get(&request)?)?;
    let renewed = turn.renew(due, &pem, SystemTime::now())?;
    if renewed.is_none() {
        let user = &origin.web_user.name;
        log!(
            main,
            Info,
            "the credential of {user} was erased or replaced while a new one was got, which is dropped"
        );
    }
    Ok(renewed)
}

/// What was asked for when the old one was got.
fn request(due: &DueCredential, proof: Proof) -> Result<GetRequest, InvalidInput> {
    let origin = &due.record.origin;
    let credential_name = origin.credential_name.as_deref();
    let vo_names = origin.vo_names.iter();
    Ok(GetRequest {
        lifetime: Lifetime::from_seconds(due.renewal.lifetime)?,
        credential_name: credential_name
            .map(myproxy_client::CredentialName::new)
            .transpose()?,
        vo_names: vo_names.map(VoName::new).collect::<Result<_, _>>()?,
        ..GetRequest::new(UserName::new(&origin.myproxy_user)?, proof)
    })
}

/// The old credential serves on. Each cause is told once an hour.
fn tell(running: &Running, due: &DueCredential, shortfall: &Shortfall, main: Server<'_>) {
    let user = &due.record.origin.web_user.name;
    let (class, words) = (shortfall.class.as_str(), shortfall.description());
    let left = seconds_left(&due.certificate);
    match pause::write(running, &due.record.origin, shortfall) {
        Ok(pause) if pause.is_news => log!(
            main,
            Error,
            "the credential of {user}, good for {left} s more, could not be renewed: {class}: {words}"
        ),
        Ok(_) => log!(
            main,
            Debug,
            "the credential of {user}, good for {left} s more, still could not be renewed: {class}: {words}"
        ),
        Err(error) => log!(main, Error, "a failed renewal could not be written down: {error}"),
    }
}

fn seconds_left(certificate: &Certificate) -> u64 {
    let left = certificate.expires.duration_since(SystemTime::now());
    left.unwrap_or_default().as_secs()
}

/// `child_init`: starts the thread that renews, where a place wants that.
pub fn start(child: &ChildStart<'_>) {
    let Some(running) = renewing(child.main()).map(|(running, _)| running).next() else {
        return;
    };
    if let Err(error) = spawn(child, "myproxy renewal", Arc::clone(&running.renewals)) {
        log!(
            child.main(),
            Error,
            "no credential is renewed: cannot start a thread: {error}"
        );
    }
}

/// `post_config`: has mod_watchdog look for what no request notices.
pub fn start_watch(setup: &Setup<'_>) {
    let Some(interval) = renewing(setup.main()).map(|(_, interval)| interval).min() else {
        return;
    };
    let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    if let Err(error) = watch(setup, "mod_myproxy renewal", seconds, look) {
        log!(
            setup.main(),
            Warning,
            "only requests notice that a credential is to be renewed, because {error}: load watchdog_module"
        );
    }
}

fn look(main: Server<'_>) {
    let mut seen: Vec<&Arc<Running>> = Vec::new();
    for (running, _) in renewing(main) {
        if seen.iter().any(|other| Arc::ptr_eq(other, running)) {
            continue;
        }
        seen.push(running);
        match running.credentials.due(&running.sessions, SystemTime::now()) {
            Ok(due) => due.iter().for_each(|name| running.renewals.add(running, name)),
            Err(error) => log!(main, Error, "what is to be renewed cannot be found out: {error}"),
        }
    }
}

/// The servers of which a place has credentials renewed, and how often to look for them: some times before the shortest
/// time that one names is over, and as often as is swept.
fn renewing<'s>(main: Server<'s>) -> impl Iterator<Item = (&'s Arc<Running>, Duration)> {
    main.and_all_after().filter_map(|server| {
        let config = server.config::<MyProxy>()?;
        let shortest = config.renewal_limits.shortest()?;
        let swept = config
            .settings
            .sweep_interval
            .filter(|interval| !interval.is_zero());
        let look = (shortest / 4).min(swept.unwrap_or(LONGEST_LOOK));
        Some((config.running.get()?, look.clamp(SHORTEST_LOOK, LONGEST_LOOK)))
    })
}
