//! `myproxy_module`: gives applications the grid credential of the user in front of them.
//!
//! The order of reading: [`fixups`] is what a request meets; [`credential`] decides what it gets; [`logon`] fetches
//! what is not there; [`on_missing`] and [`authorization`] say what becomes of who gets none; [`session`], [`logout`] and
//! [`sweep`] see to its end; [`start`] is what httpd's start makes of [`directives`].

mod authorization;
mod config;
mod cookie_attributes;
mod credential;
mod directives;
mod download;
mod environment;
mod extra_params;
mod fixups;
mod header;
mod htaccess;
mod identity;
mod key_pool;
mod limit;
mod login_again;
mod logon;
mod logout;
mod meeting;
mod on_missing;
mod own_certificate;
mod pass_phrase;
mod pause;
mod proof;
mod proven;
mod question;
mod renewal;
mod renewal_limits;
mod running;
mod session;
mod session_cookie;
mod shortfall;
mod start;
mod sweep;
mod wanted;

use crate::httpd::{Directive, Hooks, Module, ModuleRecord, Order};
pub use config::{DirectoryConfig, ServerConfig};
pub use fixups::RequestState;

/// One line in the error log, at the level of `LogLevel myproxy:...`.
macro_rules! log {
    ($target:expr, $level:ident, $($message:tt)+) => {
        $crate::httpd::log!($crate::myproxy::MyProxy, $target, $level, $($message)+)
    };
}
use log;

/// The module.
pub struct MyProxy;

impl Module for MyProxy {
    type Server = ServerConfig;
    type Directory = DirectoryConfig;
    type Request = RequestState;

    const DIRECTIVES: &'static [Directive<Self>] = directives::DIRECTIVES;

    fn record() -> &'static ModuleRecord {
        &crate::myproxy_module
    }

    fn hook(hooks: &mut Hooks<'_>) {
        meeting::offer(hooks);
        hooks.offer_authorization_provider::<authorization::CredentialRequired>();
        hooks.offer_authentication_provider::<pass_phrase::PassPhrases>();
        hooks.check_config(start::check);
        hooks.post_config(start::start);
        hooks.child_init(key_pool::start);
        hooks.child_init(renewal::start);
        hooks.post_read_request(Order::ReallyFirst, header::at_the_server);
        hooks.post_read_request(Order::First, logout::at_the_server);
        hooks.post_perdir_config(Order::ReallyFirst, session_cookie::hide);
        hooks.access_checker(Order::First, logout::in_this_place);
        hooks.auth_checker(Order::ReallyFirst, authorization::auth_checker);
        hooks.fixups(Order::AfterReallyFirst, identity::note_realm);
        hooks.fixups(Order::AfterMiddle, fixups::fixups);
        hooks.handler(Order::Middle, download::handler);
    }
}
