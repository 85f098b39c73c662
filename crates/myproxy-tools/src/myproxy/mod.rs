//! What the commands that talk to a MyProxy server have in common.

pub mod account;
pub mod own_certificate;
pub mod pass_phrase;
pub mod policy;
pub mod private_file;
pub mod server;
pub mod trust_roots;
pub mod voms;
