//! A request for a credential.

use crate::input::{CredentialName, Lifetime, UserName, VoName, VomsesLine};
use crate::message::{Command, Message};
use crate::proof::Proof;

/// A request for a credential (command 0 of the protocol).
#[derive(Debug)]
pub struct GetRequest {
    /// Whose credential.
    pub user_name: UserName,
    /// What is shown for it.
    pub proof: Proof,
    /// How long the credential shall live. The server may give less, never more.
    pub lifetime: Lifetime,
    /// Which one of several stored credentials; without it the server takes the default one.
    pub credential_name: Option<CredentialName>,
    /// Attributes that the server shall ask of VOMS. Only for stored credentials. A credential that comes without any
    /// is [refused](crate::Error::NoAttributes): a server that does not do it says nothing.
    pub vo_names: Vec<VoName>,
    /// Where the VOMS servers are, if the MyProxy server does not know.
    pub vomses: Vec<VomsesLine>,
}

impl GetRequest {
    /// For 12 hours, of the default credential, without attributes.
    pub fn new(user_name: UserName, proof: Proof) -> Self {
        GetRequest {
            user_name,
            proof,
            lifetime: Lifetime::default(),
            credential_name: None,
            vo_names: Vec::new(),
            vomses: Vec::new(),
        }
    }

    pub(crate) fn message(&self) -> Message<'_> {
        let mut message = Message::new(
            Command::Get,
            Some(&self.user_name),
            self.proof.pass_phrase(),
            self.lifetime.as_seconds(),
        )
        .credential_name(self.credential_name.as_ref());
        for name in &self.vo_names {
            message = message.line("VONAME=", name.as_str().as_bytes());
        }
        for line in &self.vomses {
            message = message.line("VOMSES=", line.as_str().as_bytes());
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::PassPhrase;

    fn request(credential_name: Option<&str>) -> GetRequest {
        GetRequest {
            credential_name: credential_name.map(|name| CredentialName::new(name).unwrap()),
            ..GetRequest::new(
                UserName::new("alice").unwrap(),
                Proof::PassPhrase(PassPhrase::new("ok:hello").unwrap()),
            )
        }
    }

    #[test]
    fn the_message_is_what_the_stock_client_sends() {
        assert_eq!(
            request(None).message().encode().as_slice(),
            b"VERSION=MYPROXYv2\nCOMMAND=0\nUSERNAME=alice\nPASSPHRASE=ok:hello\nLIFETIME=43200\n\0"
        );
        assert!(
            request(Some("work"))
                .message()
                .encode()
                .ends_with(b"LIFETIME=43200\nCRED_NAME=work\n\0")
        );
    }

    #[test]
    fn the_message_is_written_without_growing() {
        let message = request(Some("work")).message().encode();
        assert_eq!(message.len(), message.capacity());
    }

    #[test]
    fn attributes_of_virtual_organisations_are_asked_for_one_a_line() {
        let request = GetRequest {
            vo_names: ["atlas", "cms:/cms/Role=pilot"]
                .map(|name| VoName::new(name).unwrap())
                .into(),
            vomses: vec![VomsesLine::new(r#""atlas" "voms" "15001" "/CN=voms" "atlas""#).unwrap()],
            ..request(None)
        };
        assert!(request.message().encode().ends_with(
            b"LIFETIME=43200\nVONAME=atlas\nVONAME=cms:/cms/Role=pilot\nVOMSES=\"atlas\" \"voms\" \"15001\" \
              \"/CN=voms\" \"atlas\"\n\0"
        ));
    }
}
