//! httpd's expressions (`ap_expr`): `%{REMOTE_USER}`, `%{tolower:%{REMOTE_USER}}`, ...

use std::ffi::{CStr, c_char};
use std::ptr::{self, NonNull};

use super::{Arguments, Module, Request, ffi, text};

/// A parsed expression whose value is a string.
#[derive(Clone, Copy, Debug)]
pub struct Expression {
    parsed: NonNull<ffi::ap_expr_info_t>,
}

// SAFETY: a parsed expression is only read when it is evaluated, and lives as long as the configuration that
// holds it.
unsafe impl Send for Expression {}
// SAFETY: likewise.
unsafe impl Sync for Expression {}

impl Expression {
    /// Parses the value of a directive of `M`.
    pub fn parse<M: Module>(arguments: &Arguments<'_>, value: &str) -> Result<Self, String> {
        let source = arguments.pool().copy(value);
        let mut problem: *const c_char = ptr::null();
        // SAFETY: the command lives, and the source lives in the configuration's pool, as what is parsed does.
        let parsed = unsafe {
            ffi::ap_expr_parse_cmd_mi(
                arguments.command(),
                source,
                ffi::AP_EXPR_FLAG_STRING_RESULT,
                &raw mut problem,
                None,
                M::record().index(),
            )
        };
        // SAFETY: the problem is null or a string in a pool of the command's.
        let problem = unsafe { text::borrow(problem) }.map(CStr::to_string_lossy);
        match (NonNull::new(parsed), problem) {
            (Some(parsed), None) => Ok(Expression { parsed }),
            (_, problem) => Err(format!(
                "cannot parse the expression \"{value}\": {}",
                problem.unwrap_or_default()
            )),
        }
    }

    /// The expression's value for a request.
    pub fn evaluate(self, request: &Request<'_>) -> Result<String, String> {
        let mut problem: *const c_char = ptr::null();
        // SAFETY: request and expression live; value and problem are null or strings in the request's pool.
        let (value, problem) = unsafe {
            let value = ffi::ap_expr_str_exec(request.raw(), self.parsed.as_ptr(), &raw mut problem);
            (text::borrow(value), text::borrow(problem))
        };
        match (value, problem) {
            (_, Some(problem)) => Err(problem.to_string_lossy().into_owned()),
            (Some(value), None) => value
                .to_str()
                .map(str::to_owned)
                .map_err(|_| "not UTF-8".to_owned()),
            (None, None) => Ok(String::new()),
        }
    }
}
