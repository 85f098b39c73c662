//! The keys that a server works with, read when httpd starts: whatever is missing is refused there, with the name of the
//! directive that names it. The key files shared with peers are looked at again while httpd runs.

mod app_server;
mod files;
mod login_server;
mod own_key;
mod peers;
mod session_key;

pub use app_server::AppServer;
pub use login_server::LoginServerKeys;
