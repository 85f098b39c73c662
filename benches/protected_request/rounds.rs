//! Requests a second and CPU time a request, as medians of rounds.

use std::fs;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use testbed::httpd::Httpd;

use super::Options;
use super::cases::Case;
use super::client::Connection;
use super::site::Site;

/// What a case comes to.
pub struct Measured {
    /// Requests a second.
    pub rate: f64,
    /// The rate, where the open file's is 1.
    pub rate_ratio: f64,
    /// CPU time of all of httpd's processes, in microseconds a request.
    pub cpu: f64,
    /// The CPU time, where the open file's is 1.
    pub cpu_ratio: f64,
}

/// One turn of a case.
#[derive(Clone, Copy)]
struct Turn {
    rate: f64,
    cpu: f64,
}

/// Measures every case with so many connections at once.
pub fn measure(
    site: &Site,
    httpd: &Httpd,
    connections: usize,
    options: &Options,
) -> Result<Vec<(Case, Measured)>> {
    let length = Duration::from_secs_f64(options.seconds);
    let mut turns = vec![Vec::new(); Case::ALL.len()];
    for round in 0..options.rounds {
        for position in 0..Case::ALL.len() {
            // Each round begins with another case, so that none always follows the same.
            let index = (position + round) % Case::ALL.len();
            let turn = take_turn(site, httpd, Case::ALL[index], connections, length)
                .with_context(|| format!("{}, {connections} connections", Case::ALL[index]))?;
            turns[index].push(turn);
        }
    }
    let open = &turns[0];
    let measured = turns.iter().map(|turns| {
        let ratios = |figure: fn(&Turn) -> f64| {
            turns
                .iter()
                .zip(open)
                .map(move |(turn, open)| figure(turn) / figure(open))
        };
        Measured {
            rate: median(turns.iter().map(|turn| turn.rate)),
            rate_ratio: median(ratios(|turn| turn.rate)),
            cpu: median(turns.iter().map(|turn| turn.cpu)),
            cpu_ratio: median(ratios(|turn| turn.cpu)),
        }
    });
    Ok(Case::ALL.into_iter().zip(measured).collect())
}

/// Lets every connection ask again and again, one answer after the other. Handshakes and the first answer of each
/// connection are over when the time begins to run.
fn take_turn(site: &Site, httpd: &Httpd, case: Case, connections: usize, length: Duration) -> Result<Turn> {
    let target = &site.target(case, httpd.port());
    let (ready, go) = (&Barrier::new(connections + 1), &Barrier::new(connections + 1));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(move || -> Result<usize> {
                    let connection =
                        Connection::open(target, case.keeps_cookies()).and_then(|mut connection| {
                            connection.ask()?;
                            Ok(connection)
                        });
                    // Also where it failed: the others wait.
                    ready.wait();
                    go.wait();
                    let (mut connection, begin) = (connection?, Instant::now());
                    let mut requests = 0;
                    while begin.elapsed() < length {
                        connection.ask()?;
                        requests += 1;
                    }
                    Ok(requests)
                })
            })
            .collect();
        ready.wait();
        let cpu = cpu_time(httpd);
        let begin = Instant::now();
        go.wait();
        let mut requests = 0;
        for thread in threads {
            requests += thread.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        let took = begin.elapsed().as_secs_f64();
        let requests = requests as f64;
        Ok(Turn {
            rate: requests / took,
            cpu: (cpu_time(httpd)? - cpu?) * 1e6 / requests,
        })
    })
}

/// The CPU time in seconds that httpd's processes have used so far.
fn cpu_time(httpd: &Httpd) -> Result<f64> {
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let children = httpd.children()?.into_iter().map(|child| child.pid);
    let mut ticks = 0;
    for pid in children.chain([httpd.pid()]) {
        ticks += ticks_of(pid).with_context(|| format!("the CPU time of process {pid}"))?;
    }
    Ok(ticks as f64 / ticks_per_second)
}

/// User and system time of a process in clock ticks: proc(5), `/proc/pid/stat`, fields 14 and 15.
fn ticks_of(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("no name in it")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u64>);
    let mut time = || times.next().context("it is short");
    Ok(time()?? + time()??)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    }
}
