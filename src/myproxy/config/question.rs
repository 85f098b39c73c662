//! What is asked of the MyProxy server in a place: by its directives, or else by `MyProxyExtraParams` of its server.

use myproxy_client::{CredentialName, GetRequest, Lifetime, Proof, Server, UserName, VoName};

use super::extra_params::ExtraParams;
use super::{DirectoryConfig, ServerConfig, Settings};

impl DirectoryConfig {
    /// The request for a credential.
    pub fn request(&self, server: &ServerConfig, user_name: UserName, proof: Proof) -> GetRequest {
        GetRequest {
            lifetime: self.lifetime(server),
            credential_name: self.credential_name(server).cloned(),
            vo_names: self.vo_names(server).to_vec(),
            ..GetRequest::new(user_name, proof)
        }
    }

    /// Which one of several stored credentials.
    pub fn credential_name<'c>(&'c self, server: &'c ServerConfig) -> Option<&'c CredentialName> {
        let of_server = || extra(server)?.credential_name.as_ref();
        self.credential_name.as_ref().or_else(of_server)
    }

    /// For which virtual organisations the credential shall speak.
    pub fn vo_names<'c>(&'c self, server: &'c ServerConfig) -> &'c [VoName] {
        let of_server = || Some(extra(server)?.vo_names.as_slice());
        self.vo_names.as_deref().or_else(of_server).unwrap_or_default()
    }

    /// How long it shall live.
    pub fn lifetime(&self, server: &ServerConfig) -> Lifetime {
        let of_server = || extra(server)?.lifetime;
        self.lifetime.or_else(of_server).unwrap_or_default()
    }
}

impl Settings {
    /// The MyProxy servers, in order; `None` where none is named.
    pub fn servers(&self) -> Option<impl Iterator<Item = Server> + use<'_>> {
        let extra = self.extra_params.as_ref();
        let named = self.servers.as_ref();
        let named = named.or_else(|| extra?.servers.as_ref())?;
        let port = extra.and_then(|extra| extra.port);
        Some(named.iter().map(move |server| server.at(port)))
    }
}

/// What a server says twice: by an option and by the directive of the same meaning, wherever that stands.
pub fn check_extra_params(config: &ServerConfig) -> Result<(), String> {
    let Some(extra) = &config.settings.extra_params else {
        return Ok(());
    };
    let lifetime = extra.lifetime.and_then(|_| config.lifetime.get());
    let credential_name = extra
        .credential_name
        .as_ref()
        .and_then(|_| config.credential_name.get());
    let vo_names = extra.vo_names.first().and_then(|_| config.vo_names.get());
    if extra.servers.is_some() && config.settings.servers.is_some() {
        return Err(
            "MyProxyExtraParams: -s names servers, and so does MyProxyServer; leave one out".to_owned(),
        );
    }
    for (option, directive, position) in [
        ("-t", "MyProxyLifetime", lifetime),
        (
            "-k",
            "MyProxyCredName",
            credential_name.map(|(_, position)| position),
        ),
        ("-m", "MyProxyVO", vo_names.map(|(_, position)| position)),
    ] {
        if let Some(position) = position {
            return Err(format!(
                "MyProxyExtraParams: {option} says what {directive} ({position}) says; leave one out"
            ));
        }
    }
    Ok(())
}

fn extra(server: &ServerConfig) -> Option<&ExtraParams> {
    server.settings.extra_params.as_ref()
}
