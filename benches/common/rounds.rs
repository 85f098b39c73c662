//! Requests a second and CPU time a request, as medians of rounds.

use std::fmt::Display;
use std::fs;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use testbed::httpd::Httpd;

use super::client::{Connection, Target};
use super::{in_turns, median};

/// How often each target has its turn, how long a turn is, and how many connections ask at once.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Turns of each.
    pub rounds: usize,
    /// Length of a turn.
    pub length: Duration,
    /// Connections, each of which asks again and again.
    pub connections: usize,
}

/// What a target comes to.
pub struct Measured {
    /// Requests a second.
    pub rate: f64,
    /// The rate, where the first target's is 1.
    pub rate_ratio: f64,
    /// CPU time of all of httpd's processes, in microseconds a request.
    pub cpu: f64,
    /// The CPU time, where the first target's is 1.
    pub cpu_ratio: f64,
}

/// One turn of a target.
struct Turn {
    rate: f64,
    cpu: f64,
}

/// Measures every target.
pub fn measure<C: Display>(httpd: &Httpd, targets: &[(C, Target<'_>)], plan: Plan) -> Result<Vec<Measured>> {
    let turns = in_turns(plan.rounds, targets, |(case, target)| {
        take_turn(httpd, target, plan).with_context(|| format!("{case}, {} connections", plan.connections))
    })?;
    let first = &turns[0];
    let measured = turns.iter().map(|turns| {
        let ratios = |figure: fn(&Turn) -> f64| {
            turns
                .iter()
                .zip(first)
                .map(move |(turn, first)| figure(turn) / figure(first))
        };
        Measured {
            rate: median(turns.iter().map(|turn| turn.rate)),
            rate_ratio: median(ratios(|turn| turn.rate)),
            cpu: median(turns.iter().map(|turn| turn.cpu)),
            cpu_ratio: median(ratios(|turn| turn.cpu)),
        }
    });
    Ok(measured.collect())
}

/// Prints what every target comes to.
pub fn print<C: Display>(plan: Plan, targets: &[(C, Target<'_>)], measured: &[Measured]) {
    let s = if plan.connections == 1 { "" } else { "s" };
    println!("\n{} connection{s}", plan.connections);
    println!(
        "{:44} {:>10} {:>6} {:>10} {:>6}",
        "", "requests/s", "ratio", "CPU us", "ratio"
    );
    for ((case, _), measured) in targets.iter().zip(measured) {
        let Measured {
            rate,
            rate_ratio,
            cpu,
            cpu_ratio,
        } = measured;
        let case = case.to_string();
        println!("{case:44} {rate:>10.0} {rate_ratio:>6.2} {cpu:>10.1} {cpu_ratio:>6.2}");
    }
}

/// Lets every connection ask again and again, one answer after the other. Handshakes and the first answer of each
/// connection are over when the time begins to run.
fn take_turn(httpd: &Httpd, target: &Target<'_>, plan: Plan) -> Result<Turn> {
    let everybody = plan.connections + 1;
    let (ready, go) = (&Barrier::new(everybody), &Barrier::new(everybody));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.connections)
            .map(|_| {
                scope.spawn(move || -> Result<usize> {
                    let connection = Connection::open(target).and_then(|mut connection| {
                        connection.ask()?;
                        Ok(connection)
                    });
                    // Also where it failed: the others wait.
                    ready.wait();
                    go.wait();
                    let (mut connection, begin) = (connection?, Instant::now());
                    let mut requests = 0;
                    while begin.elapsed() < plan.length {
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
