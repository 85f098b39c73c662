//! Hooks: which function of a module httpd calls when.

use std::ffi::c_int;
use std::ptr;

use super::guard::guarded;
use super::server::NoServer;
use super::{ChildStart, Outcome, Pool, Request, Server, Setup, ffi};

/// When among the hooks of all modules.
#[derive(Clone, Copy)]
pub enum Order {
    /// Before even those that want to be before all others: mod_log_forensic logs there.
    BeforeReallyFirst,
    /// Before all others.
    ReallyFirst,
    /// Before all but those: mod_rewrite among others comes later.
    AfterReallyFirst,
    /// Early.
    First,
    /// Where most stand.
    Middle,
    /// After most, mod_env among them.
    AfterMiddle,
    /// Late.
    Last,
}

impl Order {
    fn number(self) -> c_int {
        let number = match self {
            Order::BeforeReallyFirst => ffi::APR_HOOK_REALLY_FIRST - 10,
            Order::ReallyFirst => ffi::APR_HOOK_REALLY_FIRST,
            Order::AfterReallyFirst => ffi::APR_HOOK_REALLY_FIRST + 1,
            Order::First => ffi::APR_HOOK_FIRST as i32,
            Order::Middle => ffi::APR_HOOK_MIDDLE as i32,
            Order::AfterMiddle => ffi::APR_HOOK_MIDDLE as i32 + 1,
            Order::Last => ffi::APR_HOOK_LAST as i32,
        };
        number as c_int
    }
}

/// Where a module hooks its functions into httpd, while httpd loads it.
pub struct Hooks<'p> {
    pool: Pool<'p>,
}

/// A function that works on a request. It must not capture anything: its type alone says what it does.
pub trait RequestHook: Fn(&Request<'_>) -> Outcome + Copy + 'static {}
impl<F: Fn(&Request<'_>) -> Outcome + Copy + 'static> RequestHook for F {}

/// Makes a value of a function type without captures, which has no bytes.
fn summon<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "a hook must not capture anything") }
    // SAFETY: F has no bytes (checked above), and every `summon` is reached only through a registration that
    // was handed a value of F, so that one can exist.
    unsafe { std::mem::zeroed() }
}

/// The registrations of the hooks that take a request, one line each: ours, httpd's, and with or without the
/// argument that says for which configuration an authentication hook is meant.
macro_rules! request_hooks {
    ($($(#[$doc:meta])* $name:ident: $register:ident($($argument:expr)?);)*) => {$(
        $(#[$doc])*
        pub fn $name<F: RequestHook>(&mut self, order: Order, _hook: F) {
            unsafe extern "C" fn callback<F: RequestHook>(request: *mut ffi::request_rec) -> c_int {
                // SAFETY: httpd passes a request that lives for the call, on the thread that works on it.
                let request = unsafe { Request::from_raw(request) };
                let refusal = Outcome::Status(500);
                guarded(stringify!($name), &request, refusal, || summon::<F>()(&request)).code()
            }
            let none = ptr::null();
            // SAFETY: httpd is loading the module; the callback lives as long as the module does.
            unsafe { ffi::$register(Some(callback::<F>), none, none, order.number() $(, $argument)?) }
        }
    )*};
}

/// Authentication hooks of ours are per configuration: a subrequest or internal redirect to the same place is
/// not authenticated again.
const PER_CONFIGURATION: c_int = ffi::AP_AUTH_INTERNAL_PER_CONF as c_int;

impl<'p> Hooks<'p> {
    pub(super) fn new(pool: Pool<'p>) -> Self {
        Hooks { pool }
    }

    /// The configuration's pool.
    pub fn pool(&self) -> Pool<'p> {
        self.pool
    }

    request_hooks! {
        /// A request was read; also after an internal redirect.
        post_read_request: ap_hook_post_read_request();
        /// Which file or handler does the URL mean?
        translate_name: ap_hook_translate_name();
        /// It is known what the place says; also of subrequests.
        post_perdir_config: ap_hook_post_perdir_config();
        /// May this place be reached at all?
        access_checker: ap_hook_check_access(PER_CONFIGURATION);
        /// Who is the user?
        check_authn: ap_hook_check_authn(PER_CONFIGURATION);
        /// May this user in?
        auth_checker: ap_hook_check_authz(PER_CONFIGURATION);
        /// Last changes before the handler.
        fixups: ap_hook_fixups();
        /// Who answers?
        handler: ap_hook_handler();
        /// It has been answered: log it.
        log_transaction: ap_hook_log_transaction();
    }

    /// An error page is about to be sent; where the request could not be read, this comes before all other hooks.
    pub fn insert_error_filter<F>(&mut self, order: Order, _hook: F)
    where
        F: Fn(&Request<'_>) + Copy + 'static,
    {
        unsafe extern "C" fn callback<F>(request: *mut ffi::request_rec)
        where
            F: Fn(&Request<'_>) + Copy + 'static,
        {
            // SAFETY: httpd passes a request that lives for the call, on the thread that works on it.
            let request = unsafe { Request::from_raw(request) };
            guarded("insert_error_filter", &request, (), || summon::<F>()(&request));
        }
        // SAFETY: as for the request hooks.
        unsafe {
            ffi::ap_hook_insert_error_filter(Some(callback::<F>), ptr::null(), ptr::null(), order.number())
        }
    }

    /// Before the configuration is read.
    pub fn pre_config<F>(&mut self, _hook: F)
    where
        F: Fn(Pool<'_>) -> Result<(), String> + Copy + 'static,
    {
        unsafe extern "C" fn callback<F>(
            pool: *mut ffi::apr_pool_t,
            _: *mut ffi::apr_pool_t,
            _: *mut ffi::apr_pool_t,
        ) -> c_int
        where
            F: Fn(Pool<'_>) -> Result<(), String> + Copy + 'static,
        {
            // SAFETY: httpd passes its configuration pool.
            let pool = unsafe { Pool::from_raw(pool) };
            let panicked = Err("internal error".to_owned());
            start_result(
                NoServer,
                guarded("pre_config", &NoServer, panicked, || summon::<F>()(pool)),
            )
        }
        // SAFETY: as for the request hooks.
        unsafe {
            ffi::ap_hook_pre_config(
                Some(callback::<F>),
                ptr::null(),
                ptr::null(),
                Order::Middle.number(),
            )
        }
    }

    /// The configuration has been read, by `apachectl configtest` too: refuse it here if it cannot work.
    pub fn check_config<F>(&mut self, _hook: F)
    where
        F: Fn(&Setup<'_>) -> Result<(), String> + Copy + 'static,
    {
        // SAFETY: as for the request hooks.
        unsafe {
            ffi::ap_hook_check_config(
                Some(set_up::<F, true>),
                ptr::null(),
                ptr::null(),
                Order::Middle.number(),
            );
        }
    }

    /// The server is about to start.
    pub fn post_config<F>(&mut self, _hook: F)
    where
        F: Fn(&Setup<'_>) -> Result<(), String> + Copy + 'static,
    {
        // SAFETY: as for the request hooks.
        unsafe {
            ffi::ap_hook_post_config(
                Some(set_up::<F, false>),
                ptr::null(),
                ptr::null(),
                Order::Middle.number(),
            );
        }
    }

    /// A child has started, under its own user.
    pub fn child_init<F>(&mut self, _hook: F)
    where
        F: Fn(&ChildStart<'_>) + Copy + 'static,
    {
        unsafe extern "C" fn callback<F>(pool: *mut ffi::apr_pool_t, server: *mut ffi::server_rec)
        where
            F: Fn(&ChildStart<'_>) + Copy + 'static,
        {
            // SAFETY: httpd passes the child's pool and its main server.
            let child = unsafe { ChildStart::new(Pool::from_raw(pool), Server::from_raw(server)) };
            guarded("child_init", &child.main(), (), || summon::<F>()(&child));
        }
        // SAFETY: as for the request hooks.
        unsafe {
            ffi::ap_hook_child_init(
                Some(callback::<F>),
                ptr::null(),
                ptr::null(),
                Order::Middle.number(),
            )
        }
    }
}

unsafe extern "C" fn set_up<F, const CHECK: bool>(
    pool: *mut ffi::apr_pool_t,
    _: *mut ffi::apr_pool_t,
    temporary: *mut ffi::apr_pool_t,
    server: *mut ffi::server_rec,
) -> c_int
where
    F: Fn(&Setup<'_>) -> Result<(), String> + Copy + 'static,
{
    // SAFETY: httpd passes its pools and its main server, and has one thread.
    let setup = unsafe {
        Setup::new(
            Pool::from_raw(pool),
            Pool::from_raw(temporary),
            Server::from_raw(server),
        )
    };
    let name = if CHECK { "check_config" } else { "post_config" };
    let panicked = Err("internal error".to_owned());
    start_result(
        setup.main(),
        guarded(name, &setup.main(), panicked, || summon::<F>()(&setup)),
    )
}

/// What stops a start is said in the log, and httpd is told to stop.
fn start_result(log: impl super::Log, result: Result<(), String>) -> c_int {
    match result {
        Ok(()) => ffi::OK as c_int,
        Err(problem) => {
            let level = ffi::APLOG_EMERG as c_int | ffi::APLOG_STARTUP as c_int;
            log.write(c"hooks.rs", 0, -1, level, &super::text::terminated(problem));
            ffi::HTTP_INTERNAL_SERVER_ERROR as c_int
        }
    }
}
