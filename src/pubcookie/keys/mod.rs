//! The keys that a server works with, read once when httpd starts: whatever is missing is refused there, with the
//! name of the directive that names it.

mod app_server;
mod files;
mod login_server;
mod peers;
mod session_key;

pub use app_server::AppServer;
pub use login_server::Login;
