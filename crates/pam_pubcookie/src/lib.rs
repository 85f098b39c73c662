//! `pam_pubcookie.so`: a PAM module for which a Pubcookie granting cookie is the pass phrase. With it an unmodified
//! `myproxy-server` gives a credential to the user whom a login server has just let in.
//!
//! ```text
//! auth    required pam_pubcookie.so granting_cert=/etc/pubcookie/granting.cert \
//!                  app_server_id=app.example.org replay_dir=/var/lib/pam_pubcookie
//! account required pam_pubcookie.so
//! ```
//!
//! What it says yes to is decided in [`verification`], once for each cookie because of [`replay`]. `unsafe` stands in
//! [`boundary`] alone.
#![deny(unsafe_code)]

mod arguments;
mod authentication;
mod boundary;
mod module;
mod replay;
mod verification;
