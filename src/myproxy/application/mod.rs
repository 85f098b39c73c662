//! What the application is given: the variables, the headers of a proxied one, and the file that its user takes along.

pub mod download;
pub mod environment;
pub mod header;
