//! Servers and virtual hosts, and what the whole httpd knows of itself.

use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::ptr::{self, NonNull};

use nix::unistd::{Gid, Uid, User, getgrouplist};

use super::logging::Log;
use super::module::Module;
use super::{Pool, ffi, text};

/// A server or virtual host.
#[derive(Clone, Copy)]
pub struct Server<'s> {
    raw: NonNull<ffi::server_rec>,
    lifetime: PhantomData<&'s ()>,
}

impl<'s> Server<'s> {
    /// # Safety
    /// `raw` is a server that lives for `'s`, and whose names do not change meanwhile.
    pub(super) unsafe fn from_raw(raw: *mut ffi::server_rec) -> Self {
        Server {
            // SAFETY: a server that lives is not null.
            raw: unsafe { NonNull::new_unchecked(raw) },
            lifetime: PhantomData,
        }
    }

    pub(super) fn raw(self) -> *mut ffi::server_rec {
        self.raw.as_ptr()
    }

    fn record(self) -> &'s ffi::server_rec {
        // SAFETY: see `from_raw`; httpd writes to a server only while it starts, and not during a callback.
        unsafe { self.raw.as_ref() }
    }

    /// What the module's directives made of this server. `None` only where making it failed.
    pub fn config<M: Module>(self) -> Option<&'s M::Server> {
        // SAFETY: `create_server` and `merge` put an `M::Server` there, which lives as long as the server.
        unsafe { M::record().config(self.record().module_config) }
    }

    /// What the module's directives outside of any Directory or Location made of it.
    pub fn directory_defaults<M: Module>(self) -> Option<&'s M::Directory> {
        // SAFETY: likewise, by `create_directory`.
        unsafe { M::record().config(self.record().lookup_defaults) }
    }

    /// The name that ServerName gives, else what httpd found out at its start. Never from a request.
    pub fn name(self) -> &'s str {
        // SAFETY: a server's name lives as long as it does.
        unsafe { text::borrow(self.record().server_hostname) }
            .and_then(|name| name.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether a ServerAlias with `*` or `?` covers this name.
    pub fn has_wildcard_alias(self, name: &str) -> bool {
        let name = text::terminated(name);
        // SAFETY: httpd's array of strings, which nobody changes after the start; null where there is none.
        unsafe {
            let Some(patterns) = self.record().wild_names.as_ref() else {
                return false;
            };
            let first = patterns.elts.cast::<*const c_char>();
            (0..usize::try_from(patterns.nelts).unwrap_or(0))
                .any(|index| ffi::ap_strcasecmp_match(name.as_ptr(), *first.add(index)) == 0)
        }
    }

    /// The scheme that ServerName gives, where it gives one: a terminator of TLS stands in front.
    pub fn declared_scheme(self) -> Option<&'s str> {
        // SAFETY: likewise.
        unsafe { text::borrow(self.record().server_scheme) }.and_then(|scheme| scheme.to_str().ok())
    }

    /// The port that ServerName gives, 0 where it gives none.
    pub fn port(self) -> u16 {
        self.record().port
    }

    /// Whether this is a virtual host.
    pub fn is_virtual(self) -> bool {
        self.record().is_virtual != 0
    }

    /// Where in the configuration it is defined, for messages: `file:line`.
    pub fn defined_at(self) -> String {
        // SAFETY: likewise.
        let file = unsafe { text::borrow(self.record().defn_name) };
        file.map(|file| format!("{}:{}", file.to_string_lossy(), self.record().defn_line_number))
            .unwrap_or_else(|| "the main server".to_owned())
    }

    /// This server and all that follow it: from the main server, all that there are.
    pub fn and_all_after(self) -> impl Iterator<Item = Server<'s>> {
        std::iter::successors(Some(self), |server| server.next())
    }

    fn next(self) -> Option<Server<'s>> {
        let next = self.record().next;
        // SAFETY: the servers of a configuration live as long as one another.
        (!next.is_null()).then(|| unsafe { Server::from_raw(next) })
    }
}

impl Log for Server<'_> {
    fn logs_at(&self, level: c_int, module_index: c_int) -> bool {
        // SAFETY: the server lives.
        unsafe { ffi::shim_server_logs_at(self.raw(), level, module_index) != 0 }
    }

    fn write(&self, file: &CStr, line: c_int, module_index: c_int, level: c_int, message: &CStr) {
        // SAFETY: the server lives, and all strings end with a NUL.
        unsafe {
            ffi::shim_log_server(
                file.as_ptr(),
                line,
                module_index,
                level,
                self.raw(),
                message.as_ptr(),
            )
        }
    }
}

/// Where there is no server yet to log for: httpd's log of its start.
pub(super) struct NoServer;

impl Log for NoServer {
    fn logs_at(&self, _: c_int, _: c_int) -> bool {
        true
    }

    fn write(&self, file: &CStr, line: c_int, module_index: c_int, level: c_int, message: &CStr) {
        // SAFETY: httpd takes a null server for its own start, and all strings end with a NUL.
        unsafe {
            ffi::shim_log_server(
                file.as_ptr(),
                line,
                module_index,
                level,
                ptr::null(),
                message.as_ptr(),
            )
        }
    }
}

/// A path made absolute by ServerRoot.
pub(super) fn root_relative(pool: Pool<'_>, path: &str) -> Option<PathBuf> {
    let path = text::terminated(path);
    // SAFETY: the pool lives, and the answer is null or a string in it.
    let path = unsafe { text::borrow(ffi::ap_server_root_relative(pool.raw(), path.as_ptr())) }?;
    path.to_str().ok().map(PathBuf::from)
}

/// The user and group that httpd's children run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildUser {
    /// User number.
    pub user: u32,
    /// Group number.
    pub group: u32,
}

impl ChildUser {
    /// All groups that the children are in.
    pub fn groups(self) -> Vec<u32> {
        let name = User::from_uid(Uid::from_raw(self.user))
            .ok()
            .flatten()
            .and_then(|user| CString::new(user.name).ok());
        let groups = name.and_then(|name| getgrouplist(&name, Gid::from_raw(self.group)).ok());
        groups.map_or_else(
            || vec![self.group],
            |groups| groups.into_iter().map(Gid::as_raw).collect(),
        )
    }

    /// What `User` and `Group` say where httpd starts as root, else httpd's own.
    pub fn current() -> Self {
        // SAFETY: geteuid and getegid only answer; httpd fills ap_unixd_config while it reads its
        // configuration and does not write to it afterwards.
        unsafe {
            match libc::geteuid() {
                0 => {
                    let config = &raw const ffi::ap_unixd_config;
                    ChildUser {
                        user: (*config).user_id,
                        group: (*config).group_id,
                    }
                }
                user => ChildUser {
                    user,
                    group: libc::getegid(),
                },
            }
        }
    }
}

/// How many requests httpd works on at once, in all its children: `MaxRequestWorkers`.
pub fn workers() -> usize {
    most(ffi::AP_MPMQ_MAX_DAEMONS) * threads_in_a_child()
}

/// How many threads a child has; 1 under prefork.
pub fn threads_in_a_child() -> usize {
    most(ffi::AP_MPMQ_MAX_THREADS)
}

/// One of the limits of the multi-processing module, at least 1.
fn most(limit: u32) -> usize {
    let mut number: c_int = 0;
    // SAFETY: ap_mpm_query writes one int.
    let status = unsafe { ffi::ap_mpm_query(limit as c_int, &raw mut number) };
    if status == 0 {
        usize::try_from(number).unwrap_or(1).max(1)
    } else {
        1
    }
}
