//! `myproxy_module`: gives applications the grid credential of the user in front of them.
//!
//! The order of reading: [`fixups`] is what a request meets; [`wanted`] is what it asks for, [`credential`] decides what it
//! gets; [`logon`] fetches what is not there with a [`proof`]; [`missing`] says what becomes of who gets none, and
//! [`application`] what the others are given; [`session`] sees to the end of it. [`directives`] write what [`config`] holds, and
//! [`start`] makes of it what a server is [`running`] with.

mod application;
mod config;
mod credential;
mod directives;
mod fixups;
mod htaccess;
mod identity;
mod logon;
mod meeting;
mod missing;
mod proof;
mod running;
mod session;
mod shortfall;
mod start;
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
        hooks.offer_authorization_provider::<missing::authorization::CredentialRequired>();
        hooks.offer_authentication_provider::<proof::pass_phrase::PassPhrases>();
        hooks.check_config(start::check);
        hooks.post_config(start::start);
        hooks.child_init(logon::key_pool::start);
        hooks.child_init(logon::renewal::start);
        hooks.post_read_request(Order::ReallyFirst, application::header::at_the_server);
        hooks.post_read_request(Order::First, session::logout::at_the_server);
        hooks.post_perdir_config(Order::ReallyFirst, session::session_cookie::hide);
        hooks.access_checker(Order::First, session::logout::in_this_place);
        hooks.auth_checker(Order::ReallyFirst, missing::authorization::auth_checker);
        hooks.fixups(Order::AfterReallyFirst, identity::note_realm);
        hooks.fixups(Order::AfterMiddle, fixups::fixups);
        hooks.handler(Order::Middle, application::download::handler);
    }
}
