//! `pubcookie_module`.

use crate::httpd::{Config, Directive, Hooks, Module, ModuleRecord};

/// The module.
pub struct Pubcookie;

/// What a server configures.
#[derive(Default)]
pub struct ServerConfig {}

impl Config for ServerConfig {
    fn merged(&self, _outer: &Self) -> Self {
        ServerConfig {}
    }
}

/// What a directory configures.
#[derive(Default)]
pub struct DirectoryConfig {}

impl Config for DirectoryConfig {
    fn merged(&self, _outer: &Self) -> Self {
        DirectoryConfig {}
    }
}

impl Module for Pubcookie {
    type Server = ServerConfig;
    type Directory = DirectoryConfig;
    type Request = ();

    const DIRECTIVES: &'static [Directive<Self>] = &[Directive::END];

    fn record() -> &'static ModuleRecord {
        &crate::pubcookie_module
    }

    fn hook(_hooks: &mut Hooks<'_>) {}
}
