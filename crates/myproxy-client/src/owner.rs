//! What the owner of a credential does with it at the server: every command but get and trust roots. The owner's
//! certificate in the handshake is what authenticates these.

use zeroize::Zeroizing;

use crate::client::Client;
use crate::client_certificate::ClientCertificate;
use crate::conversation::{expect_ok, receive, submit};
use crate::delegation::delegate;
use crate::end_entity_credential::EndEntityCredential;
use crate::error::{Error, Step};
use crate::input::{CredentialName, Description, DnPattern, Lifetime, PassPhrase, UserName};
use crate::message::{Command, Message};
use crate::response;
use crate::stored_credential::{self, StoredCredential};

/// How a credential is kept. Where a pattern is absent the server's default counts.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Under which name of a user. It is the owner's certificate that has to fit when the credential is replaced or
    /// destroyed, not this name.
    pub user_name: UserName,
    /// How long the proxy certificates may live that are got from it.
    pub lifetime: Lifetime,
    /// Which one of several; none for the default credential.
    pub credential_name: Option<CredentialName>,
    /// What its owner says about it.
    pub description: Option<Description>,
    /// Who may get a proxy certificate from it, with its pass phrase.
    pub retrievers: Option<DnPattern>,
    /// Who may get one without.
    pub trusted_retrievers: Option<DnPattern>,
    /// Who may get the credential itself, with its private key.
    pub key_retrievers: Option<DnPattern>,
    /// Who may renew with it. Such a credential has no pass phrase.
    pub renewers: Option<DnPattern>,
}

impl Storage {
    /// The default credential of a user, for proxy certificates of 12 hours.
    pub fn new(user_name: UserName) -> Self {
        Storage {
            user_name,
            lifetime: Lifetime::default(),
            credential_name: None,
            description: None,
            retrievers: None,
            trusted_retrievers: None,
            key_retrievers: None,
            renewers: None,
        }
    }

    fn message<'a>(&'a self, command: Command, pass_phrase: Option<&'a PassPhrase>) -> Message<'a> {
        let pattern = |pattern: &'a Option<DnPattern>| pattern.as_ref().map(DnPattern::as_str);
        Message::new(
            command,
            Some(&self.user_name),
            pass_phrase,
            self.lifetime.as_seconds(),
        )
        .optional("RETRIEVER=", pattern(&self.retrievers))
        .optional("RENEWER=", pattern(&self.renewers))
        .credential_name(self.credential_name.as_ref())
        .optional("CRED_DESC=", self.description.as_ref().map(Description::as_str))
        .optional("KEYRETRIEVERS=", pattern(&self.key_retrievers))
        .optional("RETRIEVER_TRUSTED=", pattern(&self.trusted_retrievers))
    }
}

/// Each of these talks to the first server that is there and trusted, as [`Client::get`] does.
impl Client {
    /// Lists the credentials that the server keeps under a user name and that `owner` may see (command 2). An unknown
    /// user, or nothing that `owner` may see, is a refusal.
    pub fn info(
        &self,
        user_name: &UserName,
        owner: &ClientCertificate,
    ) -> Result<Vec<StoredCredential>, Error> {
        self.converse(Some(owner), |connection| {
            submit(connection, Message::new(Command::Info, Some(user_name), None, 0))?;
            let fields = expect_ok(connection, Step::Verdict)?;
            stored_credential::all(&fields).map_err(|cause| Error::Malformed {
                server: connection.server().to_owned(),
                cause,
            })
        })
    }

    /// Delegates a proxy certificate of `owner` to the server (command 1, `myproxy-init`): the server makes a key, we
    /// sign it for `proxy_lifetime` or the time that `owner` has left. The private key of `owner` stays here. The
    /// server encrypts its own with the pass phrase; without one, it is kept for trusted retrievers and renewers.
    pub fn put(
        &self,
        storage: &Storage,
        pass_phrase: Option<&PassPhrase>,
        proxy_lifetime: Lifetime,
        owner: &ClientCertificate,
    ) -> Result<(), Error> {
        self.converse(Some(owner), |connection| {
            submit(connection, storage.message(Command::Put, pass_phrase))?;
            expect_ok(connection, Step::Verdict)?;
            let request = receive(
                connection,
                Step::CertificateRequest,
                response::certificate_request,
            )?;
            let chain = delegate(&request, owner, proxy_lifetime).map_err(|cause| Error::Delegation {
                server: connection.server().to_owned(),
                cause,
            })?;
            connection.send(Step::Confirmation, &chain)?;
            expect_ok(connection, Step::Confirmation).map(drop)
        })
    }

    /// Stores a credential as it is, with its private key (command 5, `myproxy-store`). The pass phrase that the key is
    /// encrypted with becomes the one of the stored credential.
    pub fn store(
        &self,
        storage: &Storage,
        credential: &EndEntityCredential,
        owner: &ClientCertificate,
    ) -> Result<(), Error> {
        self.converse(Some(owner), |connection| {
            submit(connection, storage.message(Command::Store, None))?;
            expect_ok(connection, Step::Verdict)?;
            connection.send(Step::Confirmation, credential.as_message())?;
            expect_ok(connection, Step::Confirmation).map(drop)
        })
    }

    /// Gets a stored credential itself, with its private key as it was stored (command 6, `myproxy-retrieve`): PEM, the
    /// key encrypted if it was. The server has to allow `retriever` to get keys; without one, anybody.
    pub fn retrieve(
        &self,
        user_name: &UserName,
        credential_name: Option<&CredentialName>,
        pass_phrase: &PassPhrase,
        retriever: Option<&ClientCertificate>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let lifetime = Lifetime::default().as_seconds();
        self.converse(retriever, |connection| {
            let message = Message::new(Command::Retrieve, Some(user_name), Some(pass_phrase), lifetime);
            submit(connection, message.credential_name(credential_name))?;
            expect_ok(connection, Step::Verdict)?;
            let pem = receive(connection, Step::Certificate, response::credential)?;
            expect_ok(connection, Step::Confirmation)?;
            Ok(pem)
        })
    }

    /// Removes a stored credential (command 3).
    pub fn destroy(
        &self,
        user_name: &UserName,
        credential_name: Option<&CredentialName>,
        owner: &ClientCertificate,
    ) -> Result<(), Error> {
        self.converse(Some(owner), |connection| {
            let message = Message::new(Command::Destroy, Some(user_name), None, 0);
            submit(connection, message.credential_name(credential_name))?;
            expect_ok(connection, Step::Verdict).map(drop)
        })
    }

    /// Changes the pass phrase of a stored credential (command 4).
    pub fn change_pass_phrase(
        &self,
        user_name: &UserName,
        credential_name: Option<&CredentialName>,
        old: &PassPhrase,
        new: &PassPhrase,
        owner: &ClientCertificate,
    ) -> Result<(), Error> {
        self.converse(Some(owner), |connection| {
            let message = Message::new(Command::ChangePassPhrase, Some(user_name), Some(old), 0)
                .line("NEW_PHRASE=", new.as_bytes())
                .credential_name(credential_name);
            submit(connection, message)?;
            expect_ok(connection, Step::Verdict).map(drop)
        })
    }
}
