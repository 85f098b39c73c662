//! Several servers, of which one does not answer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use myproxy_client::{Client, Error, ErrorClass, Step};
use support::false_server::{Dialogue, FalseServer, OK};
use support::scene::{PATIENCE, Scene};
use support::{PASS_PHRASE, request};

/// Counts who connects, and says nothing.
fn silent_server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    std::thread::spawn(move || {
        let mut held: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            held.extend(stream);
        }
    });
    (port, count)
}

#[test]
fn a_server_that_did_not_answer_is_asked_last_and_not_never() {
    let scene = Scene::new();
    let (server, _) = scene.serve(Dialogue::new(&[OK, &scene.delegation()]), Vec::new());
    let mut options = server.options(&scene.world);
    let (silent, connections) = silent_server();
    let mut first = options.servers[0].clone();
    first.port = silent;
    options.servers.insert(0, first);
    options.reply_timeout = PATIENCE;
    let client = Client::new(options).unwrap();
    let get = || client.get(&request("alice", PASS_PHRASE), &scene.key);
    get().unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1, "tried in order");
    get().unwrap();
    get().unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1, "remembered");
    // Where the other one goes away it is all there is.
    drop(server);
    let error = get().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unreachable);
    assert_eq!(connections.load(Ordering::SeqCst), 2, "asked last");
}

/// A server that took the request and then went silent is remembered too, but the request goes nowhere else.
#[test]
fn a_server_that_falls_silent_is_asked_last_the_next_time() {
    let scene = Scene::new();
    let acceptor = scene.world.acceptor();
    let falling = FalseServer::start(move |number, stream| {
        assert_eq!(number, 0, "asked once");
        let mut tls = acceptor.accept(stream).unwrap();
        tls.write_all(&[0]).unwrap();
        while tls.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
    });
    let (good, _) = scene.serve(Dialogue::new(&[OK, &scene.delegation()]), Vec::new());
    let mut options = falling.options(&scene.world);
    options.servers.extend(good.options(&scene.world).servers);
    options.reply_timeout = PATIENCE;
    let client = Client::new(options).unwrap();
    let get = || client.get(&request("alice", PASS_PHRASE), &scene.key);
    let error = get().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout {
                step: Step::Verdict,
                ..
            }
        ),
        "{error:?}"
    );
    get().unwrap();
}
