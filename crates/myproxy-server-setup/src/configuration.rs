//! The server's configuration file: myproxy-server.config(5).

use crate::ServerSetup;

/// A server that issues certificates of its own authority, to whom PAM accepts, and does nothing else.
pub(crate) fn file(setup: &ServerSetup) -> String {
    let (certificate, key) = setup.authority_paths();
    format!(
        "# The MyProxy server of mod_myproxy: see myproxy-server.config(5).\n\
         # No credentials are stored here: there is no accepted_credentials line.\n\
         \n\
         # Whoever PAM accepts gets a credential of one's own.\n\
         authorized_retrievers \"*\"\n\
         default_retrievers \"*\"\n\
         pam \"required\"\n\
         pam_id \"{}\"\n\
         \n\
         # The certification authority.\n\
         certificate_issuer_cert {certificate}\n\
         certificate_issuer_key {key}\n\
         certificate_issuer_hashalg sha256\n\
         certificate_serialfile {}\n\
         certificate_mapapp {}\n\
         min_keylen 2048\n\
         max_cert_lifetime {}\n\
         \n\
         # What myproxy-logon -T and myproxy-get-trustroots fetch.\n\
         cert_dir {}\n",
        setup.pam_service,
        setup.path("ca/serial"),
        setup.path("map-user"),
        setup.credential_hours,
        setup.path("trust"),
    )
}
