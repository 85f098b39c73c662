//! The directives of `myproxy_module`.

mod cookie_attributes;
mod place;
mod server;

use super::MyProxy;
use crate::httpd::{Count, Directive, Place};

type D = Directive<MyProxy>;

/// All of them, in the order of the documentation.
pub const DIRECTIVES: &[D] = &[
    D::server(
        c"MyProxyServer",
        Count::AtLeast(1),
        c"MyProxyServer host[:port][=name] ...",
        server::servers,
    ),
    D::server(
        c"MyProxyServerDN",
        Count::Exactly(1),
        c"MyProxyServerDN dn",
        server::server_dn,
    ),
    D::server(
        c"MyProxyServerName",
        Count::Exactly(1),
        c"MyProxyServerName name",
        server::server_name,
    ),
    D::server(
        c"MyProxyExtraParams",
        Count::Exactly(1),
        c"MyProxyExtraParams 'option ...'",
        server::extra_params,
    ),
    D::server(
        c"MyProxyTrustDir",
        Count::Exactly(1),
        c"MyProxyTrustDir directory",
        server::trust_directory,
    ),
    D::server(
        c"MyProxyCertificateFile",
        Count::Exactly(1),
        c"MyProxyCertificateFile file",
        server::certificate_file,
    ),
    D::server(
        c"MyProxyCertificateKeyFile",
        Count::AtLeast(1),
        c"MyProxyCertificateKeyFile file [exec:program [argument ...]]",
        server::certificate_key_file,
    ),
    D::server(
        c"MyProxyTimeout",
        Count::Between(1, 2),
        c"MyProxyTimeout seconds [total]",
        server::timeouts,
    ),
    D::server(
        c"MyProxyMaxConcurrent",
        Count::Exactly(1),
        c"MyProxyMaxConcurrent number",
        server::max_concurrent,
    ),
    D::server(
        c"MyProxyKey",
        Count::Exactly(1),
        c"MyProxyKey rsa:2048|rsa:3072|rsa:4096|ec:p256|ec:p384",
        server::key,
    ),
    D::server(
        c"MyProxyKeyFormat",
        Count::Exactly(1),
        c"MyProxyKeyFormat pkcs1|pkcs8",
        server::key_format,
    ),
    D::server(
        c"MyProxyKeyPool",
        Count::Exactly(1),
        c"MyProxyKeyPool number",
        server::key_pool,
    ),
    D::server(
        c"MyProxyCredStoreDir",
        Count::Exactly(1),
        c"MyProxyCredStoreDir directory",
        server::credential_directory,
    ),
    D::server(
        c"MyProxySessionStore",
        Count::Exactly(1),
        c"MyProxySessionStore dir:directory",
        server::session_store,
    ),
    D::server(
        c"MyProxyFilePermissions",
        Count::Between(1, 3),
        c"MyProxyFilePermissions mode [user] [group]",
        server::file_permissions,
    ),
    D::server(
        c"MyProxyDirPermissions",
        Count::Exactly(1),
        c"MyProxyDirPermissions mode",
        server::directory_mode,
    ),
    D::server(
        c"MyProxySessionCookie",
        Count::AtLeast(1),
        c"MyProxySessionCookie name [attribute ...]",
        server::session_cookie,
    ),
    D::server(
        c"MyProxySweepInterval",
        Count::Exactly(1),
        c"MyProxySweepInterval seconds",
        server::sweep_interval,
    ),
    D::directory(
        c"MyProxyCredential",
        Place::Anywhere,
        Count::Exactly(1),
        c"MyProxyCredential On|Off",
        place::credential,
    ),
    D::directory(
        c"MyProxyLifetime",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyLifetime seconds",
        place::lifetime,
    ),
    D::directory(
        c"MyProxyMinLifetime",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyMinLifetime seconds",
        place::min_lifetime,
    ),
    D::directory(
        c"MyProxyCredName",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyCredName name",
        place::credential_name,
    ),
    D::directory(
        c"MyProxyVO",
        Place::Directory,
        Count::AtLeast(1),
        c"MyProxyVO name [attribute ...]",
        place::vo_names,
    ),
    D::directory(
        c"MyProxyAuthMethod",
        Place::Directory,
        Count::AtLeast(1),
        c"MyProxyAuthMethod cookie|passphrase|certificate ...",
        place::methods,
    ),
    D::directory(
        c"MyProxyForwardCookie",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyForwardCookie plain|encrypted",
        place::forward_cookie,
    ),
    D::directory(
        c"MyProxyUser",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyUser expression",
        place::user,
    ),
    D::directory(
        c"MyProxyCredScope",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyCredScope user|session",
        place::scope,
    ),
    D::directory(
        c"MyProxyRenew",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyRenew seconds",
        place::renew,
    ),
    D::directory(
        c"MyProxyUserShared",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyUserShared On|Off",
        place::user_shared,
    ),
    D::directory(
        c"MyProxySessionIdle",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxySessionIdle seconds",
        place::session_idle,
    ),
    D::directory(
        c"MyProxyEnvName",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyEnvName NAME",
        place::environment_name,
    ),
    D::directory(
        c"MyProxyHeader",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyHeader NAME",
        place::header,
    ),
    D::directory(
        c"MyProxyLogoutURI",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyLogoutURI regex",
        place::logout_uri,
    ),
    D::directory(
        c"MyProxyLogoutAll",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyLogoutAll On|Off",
        place::logout_all,
    ),
    D::directory(
        c"MyProxyOnMissing",
        Place::Anywhere,
        Count::Exactly(1),
        c"MyProxyOnMissing ignore|login|deny",
        place::on_missing,
    ),
    D::END,
];
