//! A request as a module sees it.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::logging::Log;
use super::module::Module;
use super::{Pool, Server, Table, ffi, text};

/// What a hook answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This is done; httpd goes on.
    Ok,
    /// Nothing of ours; the next module is asked.
    Declined,
    /// The answer has been sent; httpd only ends the request.
    Done,
    /// httpd answers with this HTTP status.
    Status(u16),
}

impl Outcome {
    pub(super) fn from_code(code: c_int) -> Self {
        match code {
            ffi::DECLINED => Outcome::Declined,
            ffi::DONE => Outcome::Done,
            code if code == ffi::OK as c_int => Outcome::Ok,
            code => Outcome::Status(u16::try_from(code).unwrap_or(500)),
        }
    }

    pub(super) fn code(self) -> c_int {
        match self {
            Outcome::Ok => ffi::OK as c_int,
            Outcome::Declined => ffi::DECLINED,
            Outcome::Done => ffi::DONE,
            Outcome::Status(status) => c_int::from(status),
        }
    }
}

/// A request. It belongs to one thread at a time, and what it lends lives as long as its pool.
pub struct Request<'r> {
    raw: NonNull<ffi::request_rec>,
    lifetime: PhantomData<&'r ()>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `raw` is a request that lives for `'r`, and this thread is the one that works on it.
    pub(super) unsafe fn from_raw(raw: *mut ffi::request_rec) -> Self {
        Request {
            // SAFETY: a request that lives is not null.
            raw: unsafe { NonNull::new_unchecked(raw) },
            lifetime: PhantomData,
        }
    }

    pub(super) fn raw(&self) -> *mut ffi::request_rec {
        self.raw.as_ptr()
    }

    fn record(&self) -> &ffi::request_rec {
        // SAFETY: see `from_raw`. The reference ends before any call that lets httpd write to the request.
        unsafe { self.raw.as_ref() }
    }

    /// A string of the request's. httpd replaces such strings, but does not change or free them while the
    /// request lives.
    fn text(&self, pointer: *const std::ffi::c_char) -> Option<&'r CStr> {
        // SAFETY: pointer is a field of the request, null or a string in its pool.
        unsafe { text::borrow(pointer) }
    }

    /// The request's own pool.
    pub fn pool(&self) -> Pool<'r> {
        // SAFETY: the pool is what the request lives in.
        unsafe { Pool::from_raw(self.record().pool) }
    }

    /// The server or virtual host that it came to.
    pub fn server(&self) -> Server<'r> {
        // SAFETY: servers outlive requests.
        unsafe { Server::from_raw(self.record().server) }
    }

    /// What the module's directives made of this server. `None` only where making it failed.
    pub fn server_config<M: Module>(&self) -> Option<&'r M::Server> {
        self.server().config::<M>()
    }

    /// What the module's directives made of this place. `None` only where making it failed.
    pub fn directory_config<M: Module>(&self) -> Option<&'r M::Directory> {
        // SAFETY: `create_directory` and `merge` put an `M::Directory` there, which lives in a pool of the
        // request or of the configuration.
        unsafe { M::record().config(self.record().per_dir_config) }
    }

    /// What the module remembers of this request, if it remembers anything.
    pub fn known_state<M: Module>(&self) -> Option<&'r M::Request> {
        // SAFETY: see `state`.
        unsafe { M::record().config(self.record().request_config) }
    }

    /// What the module remembers of this request; made at the first call.
    pub fn state<M: Module>(&self) -> &'r M::Request {
        // SAFETY: only this function puts something at the module's place in the request's own vector, and
        // always an `M::Request` owned by the request's pool; all references to it are shared.
        unsafe {
            if let Some(state) = self.known_state::<M>() {
                return state;
            }
            let vector = self.record().request_config;
            let state: &'r M::Request = self.pool().own(M::Request::default());
            ffi::ap_set_module_config(vector, M::record().raw(), ptr::from_ref(state).cast_mut().cast());
            state
        }
    }

    /// The user that httpd's authentication found. An error where the name is not UTF-8.
    pub fn user(&self) -> Result<Option<&'r str>, std::str::Utf8Error> {
        self.text(self.record().user).map(CStr::to_str).transpose()
    }

    /// Says who the user is, or that there is none.
    pub fn set_user(&self, user: Option<&str>) {
        let user = user.map_or(ptr::null_mut(), |user| self.pool().copy(user));
        // SAFETY: the request is this thread's, and the string lives in its pool.
        unsafe { (*self.raw()).user = user }
    }

    /// How the user was authenticated: what the application sees as `AUTH_TYPE`.
    pub fn authentication_type(&self) -> Option<&'r str> {
        self.text(self.record().ap_auth_type)
            .and_then(|name| name.to_str().ok())
    }

    /// Says how the user was authenticated.
    pub fn set_authentication_type(&self, name: &str) {
        // SAFETY: as in `set_user`.
        unsafe { (*self.raw()).ap_auth_type = self.pool().copy(name) }
    }

    /// What `AuthType` says here.
    pub fn configured_authentication_type(&self) -> Option<&'r str> {
        // SAFETY: httpd evaluates its own configuration for a request that lives.
        self.text(unsafe { ffi::ap_auth_type(self.raw()) })
            .and_then(|name| name.to_str().ok())
    }

    /// What `AuthName` says here.
    pub fn authentication_realm(&self) -> Option<&'r str> {
        // SAFETY: as above.
        self.text(unsafe { ffi::ap_auth_name(self.raw()) })
            .and_then(|name| name.to_str().ok())
    }

    /// The method: `GET`, `POST`, ...
    pub fn method(&self) -> &'r str {
        self.text(self.record().method)
            .and_then(|method| method.to_str().ok())
            .unwrap_or_default()
    }

    /// The decoded path, as httpd works with it (it may have been rewritten).
    pub fn path(&self) -> &'r [u8] {
        self.text(self.record().uri).unwrap_or_default().to_bytes()
    }

    /// The request's target as the client sent it.
    pub fn unparsed_uri(&self) -> &'r [u8] {
        self.text(self.record().unparsed_uri)
            .unwrap_or_default()
            .to_bytes()
    }

    /// The query, without the `?`.
    pub fn query(&self) -> Option<&'r [u8]> {
        self.text(self.record().args).map(CStr::to_bytes)
    }

    /// The name of the content handler.
    pub fn handler(&self) -> Option<&'r str> {
        self.text(self.record().handler)
            .and_then(|name| name.to_str().ok())
    }

    /// The status that it is being answered with.
    pub fn status(&self) -> u16 {
        u16::try_from(self.record().status).unwrap_or(500)
    }

    /// When it arrived, in microseconds since 1970.
    pub fn time_microseconds(&self) -> i64 {
        self.record().request_time
    }

    /// When it arrived, in seconds since 1970.
    pub fn time(&self) -> i64 {
        self.record().request_time / 1_000_000
    }

    /// The address of the user agent.
    pub fn client_address(&self) -> Cow<'r, str> {
        self.text(self.record().useragent_ip)
            .unwrap_or_default()
            .to_string_lossy()
    }

    /// Whether the connection is TLS, or ServerName says that a terminator of TLS stands in front. Headers of
    /// the request are not asked.
    pub fn is_https(&self) -> bool {
        self.is_tls() || self.server().declared_scheme() == Some("https")
    }

    /// Whether the connection is TLS.
    pub fn is_tls(&self) -> bool {
        // SAFETY: the connection lives while the request does.
        unsafe { ffi::ap_ssl_conn_is_ssl(self.record().connection) != 0 }
    }

    /// The port that the client is told: ServerName's, else that of the connection.
    pub fn port(&self) -> u16 {
        match self.server().port() {
            // SAFETY: the connection and its address live while the request does.
            0 => unsafe { (*(*self.record().connection).local_addr).port },
            port => port,
        }
    }

    /// The host that the client asked for, without port; `None` where it named none.
    pub fn host_name(&self) -> Option<&'r str> {
        self.text(self.record().hostname)
            .and_then(|name| name.to_str().ok())
    }

    /// Whether the server's ServerName or ServerAlias says this name.
    pub fn is_configured_name(&self, name: &str) -> bool {
        let name = text::terminated(name);
        let port = self.server().port();
        // SAFETY: the request lives, and the name ends with a NUL.
        unsafe { ffi::ap_matches_request_vhost(self.raw(), name.as_ptr(), port) != 0 }
    }

    /// The name that the client asked for, where a wildcard ServerAlias covers it and `UseCanonicalName Off` lets the
    /// client decide. In lower case.
    pub fn wildcard_name(&self) -> Option<&'r str> {
        // SAFETY: the request lives; the answer is a string that lives as long.
        let name = unsafe { text::borrow(ffi::ap_get_server_name(self.raw())) }?;
        name.to_str()
            .ok()
            .filter(|name| self.server().has_wildcard_alias(name))
    }

    /// A subrequest: another module wants to know or include something. It is not from the client.
    pub fn is_subrequest(&self) -> bool {
        !self.record().main.is_null()
    }

    /// Whether httpd was redirected here internally (ErrorDocument, DirectoryIndex, mod_rewrite).
    pub fn is_internal_redirect(&self) -> bool {
        !self.record().prev.is_null()
    }

    /// The request before an internal redirect, or the one that a subrequest belongs to.
    pub fn origin(&self) -> Option<Request<'r>> {
        let record = self.record();
        let origin = if record.prev.is_null() {
            record.main
        } else {
            record.prev
        };
        // SAFETY: the requests of one chain live as long as one another.
        (!origin.is_null()).then(|| unsafe { Request::from_raw(origin) })
    }

    /// All requests that this one comes from, the nearest first.
    pub fn origins(&self) -> impl Iterator<Item = Request<'r>> + use<'r> {
        std::iter::successors(self.origin(), Request::origin)
    }

    /// Those of them from which the user has been taken over, the nearest first: in the same place httpd does not
    /// authenticate again, and some modules do in no place.
    pub fn origins_of_user(&self) -> impl Iterator<Item = Request<'r>> + use<'r> {
        let taken_over_from = |request: &Request<'r>| {
            let (place, user) = (request.record().per_dir_config, request.record().user);
            request.origin().filter(|origin| {
                let origin = origin.record();
                origin.per_dir_config == place || (!user.is_null() && origin.user == user)
            })
        };
        std::iter::successors(taken_over_from(self), taken_over_from)
    }

    /// The request that the client sent.
    pub fn first(&self) -> Request<'r> {
        // SAFETY: the same request, for as long.
        let this = || unsafe { Request::from_raw(self.raw()) };
        self.origins().last().unwrap_or_else(this)
    }

    /// The page that a subrequest belongs to; for any other request itself.
    pub fn page(&self) -> Request<'r> {
        let mut page = self.raw();
        // SAFETY: a subrequest lives no longer than the request that it belongs to.
        unsafe {
            while !(*page).main.is_null() {
                page = (*page).main;
            }
            Request::from_raw(page)
        }
    }

    /// The headers of the request.
    pub fn headers(&self) -> Table<'r> {
        // SAFETY: a request's tables live as long as it.
        unsafe { Table::from_raw(self.record().headers_in) }
    }

    /// The headers that every answer carries, redirects and errors too.
    pub fn response_headers_always(&self) -> Table<'r> {
        // SAFETY: likewise.
        unsafe { Table::from_raw(self.record().err_headers_out) }
    }

    /// The environment of the application.
    pub fn environment(&self) -> Table<'r> {
        // SAFETY: likewise.
        unsafe { Table::from_raw(self.record().subprocess_env) }
    }

    /// What modules tell one another.
    pub fn notes(&self) -> Table<'r> {
        // SAFETY: likewise.
        unsafe { Table::from_raw(self.record().notes) }
    }
}

/// A decoded path as httpd goes by it: without empty segments, `.` and `..`.
pub fn normalized_path(path: &[u8]) -> Vec<u8> {
    let mut path = text::terminated(path).into_bytes_with_nul();
    // SAFETY: httpd works in place on a string that ends with a NUL, and never makes it longer. What it cannot
    // normalize, it leaves as it is.
    unsafe {
        ffi::ap_normalize_path(path.as_mut_ptr().cast(), ffi::AP_NORMALIZE_MERGE_SLASHES);
        text::borrow(path.as_ptr().cast())
            .unwrap_or_default()
            .to_bytes()
            .to_vec()
    }
}

impl Log for Request<'_> {
    fn logs_at(&self, level: c_int, module_index: c_int) -> bool {
        // SAFETY: the request lives.
        unsafe { ffi::shim_request_logs_at(self.raw(), level, module_index) != 0 }
    }

    fn write(&self, file: &CStr, line: c_int, module_index: c_int, level: c_int, message: &CStr) {
        // SAFETY: the request lives, and all strings end with a NUL.
        unsafe {
            ffi::shim_log_request(
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
