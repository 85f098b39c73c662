//! What the real server sent in recorded conversations, read by the parsers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use openssl::x509::X509;

use crate::refusal::Refusal;
use crate::response::{self, Answer, Response};

/// One message of the server.
struct Message {
    label: String,
    bytes: Vec<u8>,
    /// The transcript leaves the rest out.
    abridged: bool,
}

/// The server's messages in each transcript.
fn recorded() -> BTreeMap<String, Vec<Message>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/transcripts/myproxy");
    let files = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                messages(&path),
            )
        })
        .collect()
}

fn messages(path: &Path) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        match (line.strip_prefix("  "), messages.last_mut()) {
            (Some(dump), Some(message)) if dump.starts_with("...") => message.abridged = true,
            // "  000010  56 45 ...  VE...": the address, up to 16 bytes, the text.
            (Some(dump), Some(message)) => {
                let bytes = dump[8..55]
                    .split_whitespace()
                    .map(|byte| u8::from_str_radix(byte, 16).unwrap());
                message.bytes.extend(bytes);
            }
            _ => messages.push(Message {
                label: line.to_owned(),
                bytes: Vec::new(),
                abridged: false,
            }),
        }
    }
    messages.retain(|message| message.label.starts_with("S->C") && !message.bytes.is_empty());
    messages
}

/// What a message is to the client.
enum Read {
    Greeting,
    Response(Response),
    Chain(Answer<Vec<Vec<u8>>>),
}

/// What the parsers make of it, and how many bytes they take.
fn read(message: &Message) -> Option<(Read, usize)> {
    let bytes = &message.bytes;
    if *bytes == [0] {
        response::greeting(bytes)
            .unwrap()
            .map(|((), length)| (Read::Greeting, length))
    } else if message.label.contains("chain") {
        response::chain(bytes)
            .unwrap()
            .map(|(chain, length)| (Read::Chain(chain), length))
    } else {
        response::response(bytes)
            .unwrap()
            .map(|(response, length)| (Read::Response(response), length))
    }
}

#[test]
fn every_message_of_the_real_server_is_read_to_its_end() {
    let (mut responses, mut certificates) = (0, 0);
    for (name, messages) in recorded() {
        for message in messages {
            let read = read(&message);
            let length = read.as_ref().map(|(_, length)| *length);
            let expected = (!message.abridged).then_some(message.bytes.len());
            assert_eq!(length, expected, "{name}: {}", message.label);
            match read {
                Some((Read::Chain(Answer::Content(list)), _)) => {
                    assert!(list.iter().all(|der| X509::from_der(der).is_ok()), "{name}");
                    certificates += list.len();
                }
                Some((Read::Response(_), _)) => responses += 1,
                _ => {}
            }
        }
    }
    assert!(
        responses > 100 && certificates > 50,
        "{responses} responses, {certificates} certificates"
    );
}

#[test]
fn every_recorded_refusal_is_known() {
    let recorded = recorded();
    for (name, expected) in [
        ("03-wrong-password", Refusal::WrongPassPhrase),
        ("04-unknown-user", Refusal::UnknownUser),
        ("09-empty-password", Refusal::NoPassPhrase),
        ("15-store-wrong-passphrase", Refusal::WrongPassPhrase),
        ("16-store-no-cred", Refusal::UnknownUser),
        ("30-garbage", Refusal::Other),
        ("37-utf8-user", Refusal::UnknownUser),
        ("70-csr-ec-p256-17512", Refusal::CertificateRequest),
        ("70-csr-garbage-17513", Refusal::CertificateRequest),
        ("81-stored-expired", Refusal::CredentialExpired),
        ("81-stored-locked", Refusal::CredentialLocked),
    ] {
        let refusals: Vec<Refusal> = recorded[name]
            .iter()
            .filter_map(|message| match read(message) {
                Some((Read::Response(Response::Refused(words)) | Read::Chain(Answer::Refused(words)), _)) => {
                    Some(Refusal::from_words(&words))
                }
                _ => None,
            })
            .collect();
        assert_eq!(refusals, [expected], "{name}");
    }
}

#[test]
fn a_challenge_is_known() {
    let recorded = recorded();
    let challenge = recorded["19b-auth-short"]
        .iter()
        .find(|message| message.label.contains("challenge"))
        .unwrap();
    let Some((Read::Response(Response::Challenge(challenge)), _)) = read(challenge) else {
        panic!("a challenge");
    };
    assert_ne!(challenge.sha256.unwrap(), challenge.sha1.unwrap());
}
