//! What a user of every command has, and false servers for it.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use myproxy_client::{
    Client, ClientCertificate, Credential, EndEntityCredential, Error, ErrorClass, GetRequest, Key, Lifetime,
    OldCredential, PassPhrase, Proof, Storage, UserName,
};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::authority::{Wanted, new_key};
use super::false_server::{Dialogue, End, FalseServer, OK, World};
use super::real_server::write;
use super::{PASS_PHRASE, no_pass_phrase};

/// For a server that is silent: long enough for one that is not, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Alice, with all that is hers, and servers that answer her.
pub struct Scene {
    pub world: World,
    pub key: Key,
    pub pkey: PKey<Private>,
    /// Alice's certificate for `pkey`, as client certificate and as credential to be renewed.
    pub certificate: X509,
    pub owner: Arc<ClientCertificate>,
    pub old: Arc<OldCredential>,
}

impl Scene {
    pub fn new() -> Self {
        let world = World::new();
        let pkey = new_key();
        let certificate = world.authority.issue(&Wanted::user("alice"), &pkey);
        let pem = [
            certificate.to_pem().unwrap(),
            pkey.private_key_to_pem_pkcs8().unwrap(),
        ]
        .concat();
        let file = world.trust.path().join("alice");
        write(&file, &pem, 0o600);
        Scene {
            owner: Arc::new(ClientCertificate::from_files(&file, &file, no_pass_phrase).unwrap()),
            old: Arc::new(OldCredential::from_pem(&pem).unwrap()),
            key: pkey.clone().try_into().unwrap(),
            world,
            pkey,
            certificate,
        }
    }

    pub fn alice() -> UserName {
        UserName::new("alice").unwrap()
    }

    /// A chain of certificates as it is sent.
    pub fn chain(certificates: &[&X509]) -> Vec<u8> {
        let mut chain = vec![u8::try_from(certificates.len()).unwrap()];
        for certificate in certificates {
            chain.extend(certificate.to_der().unwrap());
        }
        chain
    }

    /// Chain and confirmation, which the server sends without waiting.
    pub fn delegation(&self) -> Vec<u8> {
        [Self::chain(&[&self.certificate]).as_slice(), OK].concat()
    }

    pub fn renew(&self, client: &Client) -> Result<Credential, Error> {
        let proof = Proof::Renewal {
            certificate: self.owner.clone(),
            credential: self.old.clone(),
        };
        client.get(&GetRequest::new(Self::alice(), proof), &self.key)
    }

    pub fn put(&self, client: &Client) -> Result<(), Error> {
        let pass_phrase = PassPhrase::new(PASS_PHRASE).unwrap();
        client.put(
            &Storage::new(Self::alice()),
            Some(&pass_phrase),
            Lifetime::default(),
            &self.owner,
        )
    }

    pub fn store(&self, client: &Client) -> Result<(), Error> {
        let key = self.pkey.private_key_to_pem_pkcs8().unwrap();
        let credential = EndEntityCredential::from_pem(&self.certificate.to_pem().unwrap(), &key).unwrap();
        assert!(!credential.key_is_encrypted());
        client.store(&Storage::new(Self::alice()), &credential, &self.owner)
    }

    pub fn retrieve(&self, client: &Client) -> Result<(), Error> {
        let pass_phrase = PassPhrase::new(PASS_PHRASE).unwrap();
        client
            .retrieve(&Self::alice(), None, &pass_phrase, None)
            .map(drop)
    }

    /// A server that follows a dialogue at each connection, and ends the first ones early: connection `n` after
    /// `cuts[n]` bytes.
    pub fn serve(&self, dialogue: Dialogue, cuts: Vec<(usize, End)>) -> (FalseServer, Client) {
        let acceptor = self.world.acceptor();
        let server = FalseServer::start(move |number, stream| {
            let Ok(mut tls) = acceptor.accept(stream) else {
                return;
            };
            let (limit, end) = cuts.get(number).copied().unwrap_or((usize::MAX, End::Fin));
            let _ = dialogue.play(&mut tls, limit);
            end.of(tls);
        });
        let client = Client::new(server.options(&self.world)).unwrap();
        (server, client)
    }

    /// One command at a server that gives these answers.
    pub fn answer<T>(&self, answers: &[&[u8]], command: impl Fn(&Client) -> T) -> T {
        let (_server, client) = self.serve(Dialogue::new(answers), Vec::new());
        command(&client)
    }

    /// Every cut is a lost connection, and the whole dialogue is none. Long parts are cut at some places only: what their
    /// parsers do at each is tested there.
    pub fn cut<T: Debug>(&self, answers: &[&[u8]], command: impl Fn(&Client) -> Result<T, Error>) {
        let dialogue = Dialogue::new(answers);
        let mut cuts = Vec::new();
        let mut start = 0;
        for part in &dialogue.0 {
            let step = part.len() / 16 + 1;
            let ends = [End::Fin, End::Reset, End::CloseNotify];
            cuts.extend(
                (start..start + part.len())
                    .step_by(step)
                    .zip(ends.into_iter().cycle()),
            );
            start += part.len();
        }
        let (_server, client) = self.serve(dialogue, cuts.clone());
        for (cut, end) in cuts {
            let error = command(&client).unwrap_err();
            assert!(
                matches!(error, Error::ConnectionLost { .. }),
                "{end:?} after {cut} bytes: {error:?}"
            );
            assert_eq!(error.class(), ErrorClass::Unreachable);
            assert_eq!(
                error.is_temporary(),
                cut == 0,
                "{end:?} after {cut} bytes: {error:?}"
            );
        }
        command(&client).expect("the whole dialogue");
    }
}
