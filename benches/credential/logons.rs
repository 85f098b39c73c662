//! Logons: how long one takes, and how many there are in a second.

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use myproxy_client::{Client, ClientCertificate, GetRequest, Key, KeyFormat, KeySpec, Proof, UserName};
use testbed::httpd::Httpd;

use super::common::client::{Connection, Target};
use super::common::median;
use super::site::{POOL, POOL_IS_FULL, Site};

/// How long the pool may take to fill: its thread has what processor time is left over.
const FILLING_LIMIT: Duration = Duration::from_secs(120);

/// Who logs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// A client without httpd, with a key that is ready: the least that a logon costs.
    ReadyKey,
    /// Requests to httpd, as many as keys are ready there.
    Burst,
    /// Requests to httpd, one after the other.
    ForEver,
    /// The stock program.
    Stock,
}

impl Contender {
    /// All; the first and the last are what the others are compared with.
    pub const ALL: [Contender; 4] = [
        Contender::ReadyKey,
        Contender::Burst,
        Contender::ForEver,
        Contender::Stock,
    ];
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Contender::ReadyKey => "a client with a ready key",
            Contender::Burst => "a request, with a key from the pool",
            Contender::ForEver => "requests for ever",
            Contender::Stock => "myproxy-logon",
        })
    }
}

/// Everything that logs on.
pub struct Logons<'s> {
    site: &'s Site,
    httpd: &'s Httpd,
    client: Client,
    certificate: Arc<ClientCertificate>,
    key: Key,
    /// No two logons are of the same user.
    users: AtomicUsize,
}

impl<'s> Logons<'s> {
    /// With an httpd of the site's.
    pub fn new(site: &'s Site, httpd: &'s Httpd) -> Result<Self> {
        Ok(Logons {
            site,
            httpd,
            client: site.client()?,
            certificate: site.own_certificate()?,
            key: Key::generate(KeySpec::Rsa2048)?,
            users: AtomicUsize::new(0),
        })
    }

    /// Logons a second, so many at once, for about so long. A burst is over when the pool is empty.
    pub fn rate(&self, contender: Contender, at_once: usize, length: Duration) -> Result<f64> {
        let most = if contender == Contender::Burst {
            self.fill_pool()?;
            POOL
        } else {
            usize::MAX
        };
        let target = self.target();
        let workers: Result<Vec<_>> = (0..at_once).map(|_| Worker::new(contender, &target)).collect();
        let (workers, begun, done) = (workers?, AtomicUsize::new(0), AtomicUsize::new(0));
        let begin = Instant::now();
        let work = |mut worker: Worker<'_>| -> Result<()> {
            while begin.elapsed() < length && begun.fetch_add(1, Ordering::Relaxed) < most {
                worker.log_on(self)?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let spawn = |worker| scope.spawn(|| work(worker));
            let threads: Vec<_> = workers.into_iter().map(spawn).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?)
        })?;
        Ok(done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
    }

    /// How long one logon takes, in milliseconds: the median of as many as the pool has keys.
    pub fn time(&self, contender: Contender) -> Result<f64> {
        if contender == Contender::Burst {
            self.fill_pool()?;
        }
        let target = self.target();
        let mut worker = Worker::new(contender, &target)?;
        let times: Result<Vec<f64>> = (0..POOL)
            .map(|_| {
                let begin = Instant::now();
                worker.log_on(self)?;
                Ok(begin.elapsed().as_secs_f64() * 1e3)
            })
            .collect();
        Ok(median(times?.into_iter()))
    }

    /// Takes one key out, in case the pool is full, and waits until it is.
    fn fill_pool(&self) -> Result<()> {
        let log = self.httpd.log_from_now();
        Worker::new(Contender::Burst, &self.target())?.log_on(self)?;
        log.wait_for(POOL_IS_FULL, FILLING_LIMIT)
            .map(drop)
            .context("the pool does not fill")
    }

    /// The place in httpd where the next user logs on.
    fn target(&self) -> Target<'_> {
        self.site.logon(self.next_user(), self.httpd.port())
    }

    fn next_user(&self) -> usize {
        self.users.fetch_add(1, Ordering::Relaxed)
    }
}

/// One of those that log on at once.
enum Worker<'t> {
    Client,
    Browser(Box<Connection<'t>>),
    Stock,
}

impl<'t> Worker<'t> {
    fn new(contender: Contender, target: &'t Target<'t>) -> Result<Self> {
        Ok(match contender {
            Contender::ReadyKey => Worker::Client,
            Contender::Burst | Contender::ForEver => Worker::Browser(Box::new(Connection::open(target)?)),
            Contender::Stock => Worker::Stock,
        })
    }

    fn log_on(&mut self, logons: &Logons<'_>) -> Result<()> {
        match self {
            Worker::Client => logons.ask_server(),
            Worker::Browser(connection) => connection.ask_other(&logons.target()),
            Worker::Stock => logons.run_stock_program(),
        }
    }
}

impl Logons<'_> {
    fn ask_server(&self) -> Result<()> {
        let user = UserName::new(format!("user{}", self.next_user()))?;
        let request = GetRequest::new(user, Proof::Certificate(Arc::clone(&self.certificate)));
        self.client.get(&request, &self.key)?.to_pem(KeyFormat::Pkcs1)?;
        Ok(())
    }

    fn run_stock_program(&self) -> Result<()> {
        let user = format!("user{}", self.next_user());
        let credential = self.site.directory().join("stock").join(&user);
        let status = Command::new("myproxy-logon")
            .args([
                "-n",
                "-q",
                "-s",
                "localhost",
                "-p",
                &self.site.myproxy.port().to_string(),
            ])
            .args(["-l", &user, "-o"])
            .arg(credential)
            .env_clear()
            .env("X509_CERT_DIR", self.site.myproxy.trust_directory())
            .env("X509_USER_CERT", &self.site.own_files.certificate)
            .env("X509_USER_KEY", &self.site.own_files.key)
            .stdin(Stdio::null())
            .status()
            .context("cannot start myproxy-logon")?;
        ensure!(status.success(), "myproxy-logon failed for {user}");
        Ok(())
    }
}
