//! Directives: their names, places and arguments, and what they do to a configuration.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::ptr;
use std::time::Duration;

use super::guard::guarded;
use super::module::Module;
use super::server::NoServer;
use super::{Pool, ffi, text};

/// Where a directive may stand.
#[derive(Clone, Copy)]
pub enum Place {
    /// The main server and virtual hosts.
    Server,
    /// These, and Directory, Location and Files.
    Directory,
    /// Directory, Location, Files, and an .htaccess under `AllowOverride AuthConfig`.
    Htaccess,
    /// All of the above.
    Anywhere,
    /// Likewise, and an .htaccess under `AllowOverride Options` too.
    AnywhereByOptions,
}

impl Place {
    const fn mask(self) -> c_int {
        let mask = match self {
            Place::Server => ffi::RSRC_CONF,
            Place::Directory => ffi::RSRC_CONF | ffi::ACCESS_CONF,
            Place::Htaccess => ffi::OR_AUTHCFG,
            Place::Anywhere => ffi::RSRC_CONF | ffi::OR_AUTHCFG,
            Place::AnywhereByOptions => ffi::RSRC_CONF | ffi::OR_OPTIONS | ffi::OR_AUTHCFG,
        };
        mask as c_int
    }
}

/// How many arguments a directive takes.
#[derive(Clone, Copy)]
pub enum Count {
    /// Exactly so many.
    Exactly(usize),
    /// From, to.
    Between(usize, usize),
    /// So many or more.
    AtLeast(usize),
}

impl Count {
    /// Least and most.
    const fn limits(self) -> (usize, usize) {
        match self {
            Count::Exactly(wanted) => (wanted, wanted),
            Count::Between(least, most) => (least, most),
            Count::AtLeast(least) => (least, 0xFFFF),
        }
    }
}

/// A directive of the module `M`.
#[repr(transparent)]
pub struct Directive<M>(ffi::command_rec, PhantomData<fn(M)>);

// SAFETY: a command_rec is only read; its pointers are to 'static data and functions.
unsafe impl<M> Sync for Directive<M> {}

impl<M: Module> Directive<M> {
    /// What ends a list of directives.
    pub const END: Self = Self::record(ptr::null(), None, 0, ptr::null());

    /// A directive that fills in the configuration of a server. `set` answers what is wrong with the value;
    /// the directive's name is put before it.
    pub const fn server<F>(name: &'static CStr, count: Count, usage: &'static CStr, set: F) -> Self
    where
        F: Fn(&mut M::Server, &Arguments<'_>) -> Result<(), String> + Copy + 'static,
    {
        // A function item or a closure without captures has no bytes: its type alone says what it does.
        const {
            assert!(
                size_of::<F>() == 0,
                "a directive's function must not capture anything"
            )
        }
        let _ = set;
        Self::record(
            name.as_ptr(),
            Some(server_directive::<M, F>),
            Place::Server.mask(),
            usage.as_ptr(),
        )
        .taking(count)
    }

    /// A directive that fills in the configuration of a directory. `set` sees that of the server besides, to leave
    /// word there of what the places of the server want.
    pub const fn directory<F>(
        name: &'static CStr,
        place: Place,
        count: Count,
        usage: &'static CStr,
        set: F,
    ) -> Self
    where
        F: Fn(&mut M::Directory, &M::Server, &Arguments<'_>) -> Result<(), String> + Copy + 'static,
    {
        const {
            assert!(
                size_of::<F>() == 0,
                "a directive's function must not capture anything"
            )
        }
        let _ = set;
        Self::record(
            name.as_ptr(),
            Some(directory_directive::<M, F>),
            place.mask(),
            usage.as_ptr(),
        )
        .taking(count)
    }

    const fn record(
        name: *const c_char,
        function: ArgumentsFunction,
        mask: c_int,
        usage: *const c_char,
    ) -> Self {
        let record = ffi::command_rec {
            name,
            func: ffi::cmd_func { take_argv: function },
            cmd_data: ptr::null_mut(),
            req_override: mask,
            args_how: ffi::cmd_how_TAKE_ARGV,
            errmsg: usage,
        };
        Directive(record, PhantomData)
    }

    /// The count travels in `cmd_data`, as two numbers of 16 bits: least and most.
    const fn taking(mut self, count: Count) -> Self {
        let (least, most) = count.limits();
        self.0.cmd_data = ptr::without_provenance_mut(least << 16 | most);
        self
    }
}

type ArgumentsFunction = Option<
    unsafe extern "C" fn(*mut ffi::cmd_parms, *mut c_void, c_int, *const *mut c_char) -> *const c_char,
>;

unsafe extern "C" fn server_directive<M: Module, F>(
    command: *mut ffi::cmd_parms,
    _: *mut c_void,
    count: c_int,
    values: *const *mut c_char,
) -> *const c_char
where
    F: Fn(&mut M::Server, &Arguments<'_>) -> Result<(), String> + Copy + 'static,
{
    // SAFETY: httpd passes a command and its arguments. `create_server` made its server's configuration; while
    // httpd reads its configuration, with one thread, this is the only reference to it. F has no bytes (checked
    // where the directive is made), so that a value of it can be made of nothing.
    unsafe {
        let arguments = Arguments::new(&*command, count, values);
        let server = server_config::<M>(command).cast::<M::Server>().as_mut();
        let set = std::mem::zeroed::<F>();
        apply(&arguments, || set(server.ok_or(NOT_MADE)?, &arguments))
    }
}

unsafe extern "C" fn directory_directive<M: Module, F>(
    command: *mut ffi::cmd_parms,
    directory: *mut c_void,
    count: c_int,
    values: *const *mut c_char,
) -> *const c_char
where
    F: Fn(&mut M::Directory, &M::Server, &Arguments<'_>) -> Result<(), String> + Copy + 'static,
{
    // SAFETY: as above. httpd passes the directory's configuration, which `create_directory` made, to nobody else;
    // that of the server is another object, and only read, by requests' threads too where this is an .htaccess.
    unsafe {
        let arguments = Arguments::new(&*command, count, values);
        let server = server_config::<M>(command).cast::<M::Server>().as_ref();
        let directory = directory.cast::<M::Directory>().as_mut();
        let set = std::mem::zeroed::<F>();
        apply(&arguments, || {
            set(directory.ok_or(NOT_MADE)?, server.ok_or(NOT_MADE)?, &arguments)
        })
    }
}

const NOT_MADE: &str = "the configuration was not made";

/// # Safety
/// The command lives, and has a server.
unsafe fn server_config<M: Module>(command: *const ffi::cmd_parms) -> *mut c_void {
    // SAFETY: the caller vouches for the command; the record is one of ours.
    unsafe { ffi::ap_get_module_config((*(*command).server).module_config, M::record().raw()) }
}

/// Sets what a directive says; what is wrong with it goes back to httpd behind the directive's name.
fn apply(arguments: &Arguments<'_>, set: impl FnOnce() -> Result<(), String>) -> *const c_char {
    let panicked = Err("internal error".to_owned());
    let result = guarded("directive", &NoServer, panicked, || {
        arguments.check_count()?;
        set()
    });
    match result {
        Ok(()) => ptr::null(),
        Err(problem) => arguments
            .pool()
            .copy(format!("{}: {problem}", arguments.directive())),
    }
}

/// The arguments of a directive, and the place in the configuration where it stands.
pub struct Arguments<'c> {
    command: &'c ffi::cmd_parms,
    values: Vec<&'c CStr>,
}

impl<'c> Arguments<'c> {
    /// # Safety
    /// `values` are `count` strings that live for `'c`, as the command does.
    pub(super) unsafe fn new(command: &'c ffi::cmd_parms, count: c_int, values: *const *mut c_char) -> Self {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the caller vouches for `count` strings.
        let values = unsafe {
            (0..count)
                .filter_map(|index| text::borrow(*values.add(index)))
                .collect()
        };
        Arguments { command, values }
    }

    /// The directive's name, as httpd knows it.
    pub fn directive(&self) -> &'c str {
        // SAFETY: the command's record is one of ours, with a 'static name.
        unsafe { text::borrow((*self.command.cmd).name) }
            .and_then(|name| name.to_str().ok())
            .unwrap_or("?")
    }

    /// The argument at an index. It is an error if it is missing or not UTF-8.
    pub fn get(&self, index: usize) -> Result<&'c str, String> {
        let value = self.values.get(index).ok_or("an argument is missing")?;
        value
            .to_str()
            .map_err(|_| format!("argument {} is not UTF-8", index + 1))
    }

    /// All arguments.
    pub fn all(&self) -> Result<Vec<&'c str>, String> {
        (0..self.values.len()).map(|index| self.get(index)).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The first argument as On or Off.
    pub fn flag(&self) -> Result<bool, String> {
        match self.get(0)? {
            value if value.eq_ignore_ascii_case("on") => Ok(true),
            value if value.eq_ignore_ascii_case("off") => Ok(false),
            value => Err(format!("must be On or Off, not \"{value}\"")),
        }
    }

    /// The argument at an index as a whole number within limits.
    pub fn number(&self, index: usize, limits: std::ops::RangeInclusive<i64>) -> Result<i64, String> {
        let value = self.get(index)?;
        value
            .parse()
            .ok()
            .filter(|number| limits.contains(number))
            .ok_or_else(|| {
                format!(
                    "\"{value}\" is not a whole number from {} to {}",
                    limits.start(),
                    limits.end()
                )
            })
    }

    /// The argument at an index as a time in whole seconds, a year at most.
    pub fn seconds(&self, index: usize, least: Duration) -> Result<Duration, String> {
        const YEAR: i64 = 31_536_000;
        let least = i64::try_from(least.as_secs()).unwrap_or(YEAR);
        Ok(Duration::from_secs(
            self.number(index, least..=YEAR)?.unsigned_abs(),
        ))
    }

    /// A path: absolute, or relative to ServerRoot.
    pub fn path(&self, index: usize) -> Result<PathBuf, String> {
        self.relative_to_root(self.get(index)?)
    }

    /// A path made absolute by ServerRoot.
    pub fn relative_to_root(&self, path: &str) -> Result<PathBuf, String> {
        super::server::root_relative(self.pool(), path).ok_or_else(|| format!("\"{path}\" is not a path"))
    }

    /// The configuration's pool.
    pub(super) fn pool(&self) -> Pool<'c> {
        // SAFETY: the command's pool outlives the command.
        unsafe { Pool::from_raw(self.command.pool) }
    }

    /// A pool for what is needed only while the configuration is read.
    pub(super) fn temporary_pool(&self) -> Pool<'c> {
        // SAFETY: likewise.
        unsafe { Pool::from_raw(self.command.temp_pool) }
    }

    pub(super) fn command(&self) -> &'c ffi::cmd_parms {
        self.command
    }

    /// The directive, and those in which it stands, from the inside: their names (that of a container with its `<`) and
    /// their arguments.
    pub(super) fn directive_and_those_around(&self) -> impl Iterator<Item = (&'c [u8], &'c [u8])> {
        // SAFETY: the tree of directives, and the strings in it, outlive each of its commands.
        let innermost: Option<&'c ffi::ap_directive_t> = unsafe { self.command.directive.as_ref() };
        // SAFETY: likewise.
        let around = |inner: &&'c ffi::ap_directive_t| unsafe { inner.parent.as_ref() };
        std::iter::successors(innermost, around).map(|directive| {
            // SAFETY: likewise.
            let bytes = |text| unsafe { text::borrow(text) }.unwrap_or_default().to_bytes();
            (bytes(directive.directive), bytes(directive.args))
        })
    }

    /// Whether the directive stands in a virtual host.
    pub fn in_virtual_host(&self) -> bool {
        // SAFETY: a command's server outlives the command.
        unsafe { (*self.command.server).is_virtual != 0 }
    }

    /// Whether the directive stands in an .htaccess file, which others than the administrator may write.
    pub fn in_htaccess(&self) -> bool {
        self.command.override_ & (ffi::RSRC_CONF | ffi::ACCESS_CONF) as c_int == 0
    }

    /// Where in the configuration the directive stands, for messages: `file:line`.
    pub fn position(&self) -> String {
        // SAFETY: the directive and its file's name outlive the command.
        unsafe {
            let Some(directive) = self.command.directive.as_ref() else {
                return "?".to_owned();
            };
            let file = text::borrow(directive.filename).unwrap_or_default();
            format!("{}:{}", file.to_string_lossy(), directive.line_num)
        }
    }

    fn check_count(&self) -> Result<(), String> {
        // SAFETY: the command's record is one of ours.
        let limits = unsafe { (*self.command.cmd).cmd_data }.addr();
        let (least, most) = (limits >> 16, limits & 0xFFFF);
        if (least..=most).contains(&self.len()) {
            return Ok(());
        }
        // SAFETY: the usage is a 'static string of ours.
        let usage = unsafe { text::borrow((*self.command.cmd).errmsg) }.unwrap_or_default();
        Err(format!(
            "wrong number of arguments ({}). Usage: {}",
            self.len(),
            usage.to_string_lossy()
        ))
    }
}
