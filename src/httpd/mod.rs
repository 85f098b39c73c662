//! A safe face for httpd 2.4: the only place of this package where `unsafe` stands.
//!
//! A module is a type that implements [`Module`]: its configurations, its directives, its hooks. It is
//! announced to httpd with [`module_record!`]. Everything that httpd calls passes the panic guard in
//! [`guard`]; everything that the module calls takes and gives Rust types whose lifetimes are those of
//! httpd's pools.

#![allow(unsafe_code)]

mod authentication_cache;
mod authentication_provider;
mod authorization_provider;
mod body;
mod child_thread;
mod directive;
mod expression;
mod ffi;
mod guard;
mod hooks;
mod logging;
mod module;
mod mutex;
mod nested_configuration;
mod optional;
mod overrides;
mod pool;
mod provider;
mod request;
mod request_line;
mod response;
mod server;
mod setup;
mod shared_flag;
mod shared_numbers;
mod socache;
mod table;
mod text;
mod tls;
mod watchdog;

pub use authentication_cache::offer_to_cache;
pub use authentication_provider::{Authentication, AuthenticationProvider};
pub use authorization_provider::{Authorization, AuthorizationProvider, Use};
pub use body::BodyError;
pub use child_thread::{ChildWork, spawn};
pub use directive::{Arguments, Count, Directive, Place};
pub use expression::Expression;
pub use hooks::{Hooks, Order};
pub use logging::{Level, Log, write_log};
pub(crate) use module::module_record;
pub use module::{Config, Module, ModuleRecord};
pub use mutex::{GlobalMutex, GlobalMutexGuard};
pub use nested_configuration::{AppliedConfiguration, NestedConfiguration};
pub use optional::{OptionalCookie, OptionalHook, OptionalNotice};
pub use pool::Pool;
pub use provider::{PasswordProvider, PasswordVerdict};
pub use request::{Outcome, Request, normalized_path};
pub use response::Response;
pub use server::{ChildUser, Server, threads_in_a_child, workers};
pub use setup::{ChildStart, Setup};
pub use shared_flag::SharedFlag;
pub use shared_numbers::SharedNumbers;
pub use socache::SharedCache;
pub use table::{Table, becomes};
pub use watchdog::watch;

/// One line in httpd's error log, on behalf of a module: `log!(MyProxy, request, Error, "...")`.
///
/// The message is only formatted where `LogLevel` lets it through.
macro_rules! log {
    ($module:ty, $target:expr, $level:ident, $($message:tt)+) => {{
        const FILE: &::std::ffi::CStr = match ::std::ffi::CStr::from_bytes_with_nul(
            concat!(file!(), "\0").as_bytes(),
        ) {
            Ok(file) => file,
            Err(_) => c"",
        };
        $crate::httpd::write_log::<$module>(
            &$target,
            $crate::httpd::Level::$level,
            FILE,
            line!(),
            format_args!($($message)+),
        )
    }};
}
pub(crate) use log;
