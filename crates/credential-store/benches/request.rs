//! What a request pays: `cargo bench -p credential-store`.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on must stop")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Duration;

use common::*;
use credential_store::{CredentialName, Lookup, sweep};
use criterion::{Criterion, criterion_group, criterion_main};

const MINUTE: Duration = Duration::from_secs(60);

fn every_request(criterion: &mut Criterion) {
    let stores = Stores::new();
    let (name, record, web_user) = (stores.name("alice"), record("alice"), web_user("alice"));
    let session = stores.session("alice");
    let path = stores.publish(&session, "alice", HOUR).unwrap();

    criterion.bench_function("lookup, unchanged", |bench| {
        bench.iter(|| {
            let found = stores
                .credentials
                .lookup(&name, &record.origin, &[record.method], MINUTE, *NOW)
                .unwrap();
            assert!(matches!(found, Lookup::Good(_)));
        });
    });
    criterion.bench_function("lookup, changed", |bench| {
        bench.iter(|| {
            // Another time of change, so that nothing remembered fits.
            set_mode(&path, 0o600);
            let found = stores
                .credentials
                .lookup(&name, &record.origin, &[record.method], MINUTE, *NOW)
                .unwrap();
            assert!(matches!(found, Lookup::Good(_)));
        });
    });
    criterion.bench_function("session, find", |bench| {
        bench.iter(|| stores.sessions.find(&session, &web_user, IDLE, *NOW).unwrap());
    });
    criterion.bench_function("name of a plain user", |bench| {
        bench.iter(|| CredentialName::of_user("alice@example.org").unwrap());
    });
}

fn every_logon(criterion: &mut Criterion) {
    let stores = Stores::new();
    let session = stores.session("alice");
    let pem = credential("alice", *NOW + HOUR);
    let record = record("alice");
    criterion.bench_function("logon turn", |bench| {
        bench.iter(|| stores.credentials.logon(&stores.name("alice"), soon()).unwrap());
    });
    criterion.bench_function("publish", |bench| {
        let logon = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
        bench.iter(|| {
            logon
                .publish(&stores.sessions, &session, &new_credential(&record, &pem), *NOW)
                .unwrap()
        });
    });
    criterion.bench_function("session, create and end", |bench| {
        bench.iter(|| {
            let session = stores.session("bob");
            stores.sessions.end(&session).unwrap().unwrap()
        });
    });
}

fn every_five_minutes(criterion: &mut Criterion) {
    let stores = Stores::new();
    for number in 0..1000 {
        let user = format!("user{number}");
        stores.publish(&stores.session(&user), &user, HOUR).unwrap();
    }
    criterion.bench_function("sweep of 1000 users", |bench| {
        bench.iter(|| sweep(&stores.credentials, &stores.sessions, Some(IDLE), *NOW, false).unwrap());
    });
}

criterion_group!(benches, every_request, every_logon, every_five_minutes);
criterion_main!(benches);
