//! httpd's error log, with the level that `LogLevel name:level` gives each module.

use std::ffi::{CStr, c_int};
use std::fmt;

use super::{ffi, module::Module, text};

/// How much a line matters, in httpd's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The server works, but not as it was told to.
    Critical,
    /// A request, or something that a request needed, failed.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Rare, and worth knowing.
    Notice,
    /// What happened.
    Info,
    /// Why it happened.
    Debug,
}

impl Level {
    fn number(self) -> c_int {
        let number = match self {
            Level::Critical => ffi::APLOG_CRIT,
            Level::Error => ffi::APLOG_ERR,
            Level::Warning => ffi::APLOG_WARNING,
            Level::Notice => ffi::APLOG_NOTICE,
            Level::Info => ffi::APLOG_INFO,
            Level::Debug => ffi::APLOG_DEBUG,
        };
        number as c_int
    }
}

/// What a log line can belong to.
pub trait Log {
    /// Whether `LogLevel` lets a line of this level of this module through.
    fn logs_at(&self, level: c_int, module_index: c_int) -> bool;
    /// Writes the line.
    fn write(&self, file: &CStr, line: c_int, module_index: c_int, level: c_int, message: &CStr);
}

impl<T: Log> Log for &T {
    fn logs_at(&self, level: c_int, module_index: c_int) -> bool {
        (**self).logs_at(level, module_index)
    }

    fn write(&self, file: &CStr, line: c_int, module_index: c_int, level: c_int, message: &CStr) {
        (**self).write(file, line, module_index, level, message);
    }
}

/// What the `log!` macro calls. httpd escapes control characters of the message itself.
pub fn write_log<M: Module>(
    target: &impl Log,
    level: Level,
    file: &CStr,
    line: u32,
    message: fmt::Arguments<'_>,
) {
    let index = M::record().index();
    let level = level.number();
    if target.logs_at(level, index) {
        target.write(
            file,
            line as c_int,
            index,
            level,
            &text::terminated(message.to_string()),
        );
    }
}
