//! Module records, and the configurations that httpd keeps for a module.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::guard::guarded;
use super::server::NoServer;
use super::{Directive, Hooks, Pool, ffi, guard};

/// An httpd module.
pub trait Module: Sized + 'static {
    /// What a server or virtual host configures.
    type Server: Config;
    /// What a Directory, Location or .htaccess configures.
    type Directory: Config;
    /// What the module remembers of one request.
    type Request: Default + 'static;

    /// The module's directives; the last is [`Directive::END`].
    const DIRECTIVES: &'static [Directive<Self>];

    /// The record that was announced with [`module_record!`].
    fn record() -> &'static ModuleRecord;

    /// Hooks the module into httpd.
    fn hook(hooks: &mut Hooks<'_>);
}

/// A configuration: it begins empty, and a narrower place is merged over a wider one. httpd's threads share
/// it.
pub trait Config: Default + Send + Sync + 'static {
    /// What holds in a place configured by `self` inside one configured by `outer`.
    fn merged(&self, outer: &Self) -> Self;

    /// What is made of a server's configuration when all of it has been read ([`super::Setup::complete_configs`]).
    fn completed(self) -> Self {
        self
    }
}

/// A module record, which httpd finds by its symbol in the shared object and writes to while it loads it.
#[repr(transparent)]
pub struct ModuleRecord(UnsafeCell<ffi::module>);

// SAFETY: httpd writes to the record while it reads its configuration, with one thread; later all only read.
unsafe impl Sync for ModuleRecord {}

impl ModuleRecord {
    /// A record for `M` under the name that `<IfModule name>` asks for.
    pub const fn new<M: Module>(name: &'static CStr) -> Self {
        ModuleRecord(UnsafeCell::new(ffi::module {
            version: ffi::SHIM_MODULE_VERSION as c_int,
            minor_version: ffi::SHIM_MODULE_MINOR_VERSION as c_int,
            module_index: -1,
            name: name.as_ptr(),
            dynamic_load_handle: ptr::null_mut(),
            next: ptr::null_mut(),
            magic: ffi::SHIM_MODULE_COOKIE as _,
            rewrite_args: None,
            create_dir_config: Some(create_directory::<M>),
            merge_dir_config: Some(merge::<M::Directory>),
            create_server_config: Some(create_server::<M>),
            merge_server_config: Some(merge::<M::Server>),
            // A transparent wrapper of command_rec: the array is the table that httpd walks to its end.
            cmds: M::DIRECTIVES.as_ptr().cast(),
            register_hooks: Some(register_hooks::<M>),
            flags: 0,
        }))
    }

    pub(super) fn raw(&self) -> *mut ffi::module {
        self.0.get()
    }

    /// The module's place in httpd's configuration vectors.
    pub(super) fn index(&self) -> c_int {
        // SAFETY: see `Sync`.
        unsafe { (*self.raw()).module_index }
    }

    /// What a configuration vector holds for the module.
    ///
    /// # Safety
    /// `vector` is null or one of httpd's vectors, and what stands in it at this module's place is null or a
    /// `T` that lives for `'a` and is not written to meanwhile.
    pub(super) unsafe fn config<'a, T>(&self, vector: *const ffi::ap_conf_vector_t) -> Option<&'a T> {
        if vector.is_null() {
            return None;
        }
        // SAFETY: the caller vouches for vector and type.
        unsafe { ffi::ap_get_module_config(vector, self.raw()).cast::<T>().as_ref() }
    }
}

/// Announces a module: `module_record!(myproxy_module, c"mod_myproxy.c", MyProxy)`.
macro_rules! module_record {
    ($symbol:ident, $name:literal, $module:ty) => {
        #[allow(unsafe_code, non_upper_case_globals)]
        #[doc = concat!("What `LoadModule ", stringify!($symbol), "` looks for.")]
        // SAFETY: the symbol is httpd's own naming; no other object in httpd defines it.
        #[unsafe(no_mangle)]
        pub static $symbol: $crate::httpd::ModuleRecord = $crate::httpd::ModuleRecord::new::<$module>($name);
    };
}
pub(crate) use module_record;

unsafe extern "C" fn create_server<M: Module>(
    pool: *mut ffi::apr_pool_t,
    _: *mut ffi::server_rec,
) -> *mut c_void {
    // SAFETY: httpd passes its configuration pool.
    unsafe { create::<M::Server>(pool) }
}

unsafe extern "C" fn create_directory<M: Module>(pool: *mut ffi::apr_pool_t, _: *mut c_char) -> *mut c_void {
    // SAFETY: httpd passes the pool of its configuration, or of a request where it reads an .htaccess.
    unsafe { create::<M::Directory>(pool) }
}

/// # Safety
/// `pool` is a pool that lives.
unsafe fn create<C: Config>(pool: *mut ffi::apr_pool_t) -> *mut c_void {
    // SAFETY: the caller vouches for the pool.
    let pool = unsafe { Pool::from_raw(pool) };
    guarded("create_config", &NoServer, ptr::null_mut(), || {
        ptr::from_mut(pool.own(C::default())).cast()
    })
}

unsafe extern "C" fn merge<C: Config>(
    pool: *mut ffi::apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    // SAFETY: httpd passes a pool, and two configurations that `create` or `merge` made.
    let (pool, outer, inner) = unsafe {
        (
            Pool::from_raw(pool),
            outer.cast::<C>().as_ref(),
            inner.cast::<C>().as_ref(),
        )
    };
    guarded("merge_config", &NoServer, ptr::null_mut(), || {
        match (inner, outer) {
            (Some(inner), Some(outer)) => ptr::from_mut(pool.own(inner.merged(outer))).cast(),
            // One of them is missing because making it failed: nothing may be taken for granted here.
            _ => ptr::null_mut(),
        }
    })
}

unsafe extern "C" fn register_hooks<M: Module>(pool: *mut ffi::apr_pool_t) {
    // SAFETY: httpd passes its configuration pool.
    let pool = unsafe { Pool::from_raw(pool) };
    guard::remember_panics();
    let mut hooks = Hooks::new(pool);
    // Half of its hooks could leave a place open that the other half protects.
    if !guarded("register_hooks", &NoServer, false, || {
        M::hook(&mut hooks);
        true
    }) {
        hooks.check_config(|_| Err("mod_myproxy could not register its hooks; see above".to_owned()));
    }
}
