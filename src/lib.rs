//! The module records of mod_myproxy: two httpd modules in one shared object, each usable without the other.
#![deny(unsafe_code)]

mod httpd;
mod myproxy;
mod pubcookie;

httpd::module_record!(myproxy_module, c"mod_myproxy.c", myproxy::MyProxy);
httpd::module_record!(pubcookie_module, c"mod_pubcookie.c", pubcookie::Pubcookie);
