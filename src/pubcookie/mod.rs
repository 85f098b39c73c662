//! `pubcookie_module`: single sign-on. What the protocol says is in the crate `pubcookie-protocol`; here it meets httpd.

mod answer;
mod authenticate;
mod carried_body;
mod config;
mod directives;
mod end_session;
mod finish_login;
mod keys;
mod keyserver;
mod locked_cache;
mod log_in_again;
mod login;
mod meeting;
mod old_configuration;
mod on_demand;
mod place;
mod pre_session;
mod realms;
mod replay;
mod reply;
mod server_name;
mod session;
mod start_login;
mod startup;
mod state;
mod target;

use config::{DirectoryConfig, ServerConfig};
use state::RequestState;

use crate::httpd::{Directive, Hooks, Module, ModuleRecord, Order};

/// The module.
pub struct Pubcookie;

impl Module for Pubcookie {
    type Server = ServerConfig;
    type Directory = DirectoryConfig;
    type Request = RequestState;

    const DIRECTIVES: &'static [Directive<Self>] = directives::DIRECTIVES;

    fn record() -> &'static ModuleRecord {
        &crate::pubcookie_module
    }

    fn hook(hooks: &mut Hooks<'_>) {
        hooks.pre_config(startup::pre_config);
        hooks.check_config(startup::check_config);
        hooks.post_config(startup::post_config);
        hooks.child_init(startup::child_init);

        // In the order in which a request passes them.
        hooks.post_read_request(Order::BeforeReallyFirst, keyserver::conceal);
        hooks.post_read_request(Order::ReallyFirst, reply::mark);
        hooks.translate_name(Order::ReallyFirst, reply::claim);
        // Before others look at what the place says.
        hooks.post_perdir_config(Order::ReallyFirst, on_demand::apply);
        // Before mod_setenvif and mod_rewrite, which could hand cookies on.
        hooks.post_perdir_config(Order::AfterReallyFirst, authenticate::hide_cookies);
        // Before mod_access_compat, which `Satisfy any` may overrule.
        hooks.access_checker(Order::First, end_session::access_checker);
        // Before others, so that PubcookieAuthType beside another AuthType is told.
        hooks.check_authn(Order::First, authenticate::check_authn);
        hooks.fixups(Order::ReallyFirst, authenticate::fixups);
        hooks.handler(Order::ReallyFirst, end_session::handler);
        hooks.handler(Order::Middle, login::handler);
        hooks.handler(Order::Middle, keyserver::handler);
        hooks.insert_error_filter(Order::BeforeReallyFirst, keyserver::conceal_in_error);
        hooks.log_transaction(Order::BeforeReallyFirst, keyserver::conceal);

        meeting::offer(hooks);
    }
}
