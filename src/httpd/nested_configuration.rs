//! Directives that are read like any others and kept aside, until a request is to go by them: what httpd itself does for
//! `<If>`.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use super::{Arguments, Request, ffi, text};

/// The configuration of a place within a place, of which a request sees nothing unless it is applied.
///
/// It belongs into the configuration of the place where its directives stand: both lie in the same pool.
pub struct NestedConfiguration {
    vector: NonNull<ffi::ap_conf_vector_t>,
    /// That of the place where its directives stand, without the places around it.
    section: NonNull<ffi::ap_conf_vector_t>,
}

// SAFETY: it is written to by `read` alone, which needs `&mut`, while one thread reads the configuration (or an .htaccess
// of its own request); later all only read, as they read every configuration of httpd's.
unsafe impl Send for NestedConfiguration {}
// SAFETY: see above.
unsafe impl Sync for NestedConfiguration {}

impl NestedConfiguration {
    /// An empty one, for the place of a directive.
    pub fn new(arguments: &Arguments<'_>) -> Self {
        // SAFETY: the pool lives; httpd answers a vector, or ends where there is no memory. A directive of places always
        // stands in one.
        unsafe {
            NestedConfiguration {
                vector: NonNull::new_unchecked(ffi::ap_create_per_dir_config(arguments.pool().raw())),
                section: NonNull::new_unchecked(arguments.command().context.cast()),
            }
        }
    }

    /// Lets what `Require` says in it hold besides what the place says, not in its stead. For this nobody needs a right.
    pub fn require_besides(&mut self, arguments: &Arguments<'_>) -> Result<(), String> {
        self.walk(arguments, "AuthMerging", "And", ffi::OR_ALL as c_int)
    }

    /// Reads one directive into it, as httpd would where `arguments` stand: it has to be allowed there. `values` are its
    /// arguments, with quotes where they need some. An error is what httpd says.
    pub fn read(&mut self, arguments: &Arguments<'_>, name: &str, values: &str) -> Result<(), String> {
        self.walk(arguments, name, values, arguments.command().override_)
    }

    fn walk(
        &mut self,
        arguments: &Arguments<'_>,
        name: &str,
        values: &str,
        rights: c_int,
    ) -> Result<(), String> {
        let (outer, pool) = (arguments.command(), arguments.pool());
        // SAFETY: all pointers are into the configuration that is being read, or its pools. Modules may keep what they
        // are given for as long as the pool lives: so the directive and its strings lie there. The command is a copy
        // with the outer one's place; httpd changes nothing but it and our vector, to which nobody else has
        // a reference.
        let problem = unsafe {
            let position = outer.directive.as_ref();
            let mut directive: ffi::ap_directive_t = std::mem::zeroed();
            directive.directive = pool.copy(name);
            directive.args = pool.copy(values);
            directive.filename = position.map_or(ptr::null(), |position| position.filename);
            directive.line_num = position.map_or(0, |position| position.line_num);
            let mut command = ptr::read(outer);
            command.err_directive = ptr::null();
            command.override_ = rights;
            text::borrow(ffi::ap_walk_config(
                pool.own(directive),
                &mut command,
                self.vector.as_ptr(),
            ))
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(problem.to_string_lossy().into_owned()),
        }
    }
}

/// What a place has become for a request by a nested configuration.
pub struct AppliedConfiguration {
    before: NonNull<ffi::ap_conf_vector_t>,
    after: NonNull<ffi::ap_conf_vector_t>,
}

impl<'r> Request<'r> {
    /// Shows the request as it would be if nothing but the section in which `nested` stands were said of its place.
    pub fn in_section_of<T>(&self, nested: &NestedConfiguration, look: impl FnOnce(&Request<'r>) -> T) -> T {
        // SAFETY: as in `apply`. The server's defaults have something of each module. The copy of the request, which
        // lives for the call, shares all but the configuration with it.
        unsafe {
            let defaults = (*(*self.raw()).server).lookup_defaults;
            let mut shown = ptr::read(self.raw());
            shown.per_dir_config =
                ffi::ap_merge_per_dir_configs(self.pool().raw(), defaults, nested.section.as_ptr());
            look(&Request::from_raw(&raw mut shown))
        }
    }

    /// Lets the request go by this first, and by its place where this says nothing. What it shares with other requests
    /// stays as it is.
    pub fn apply(&self, nested: &NestedConfiguration) -> AppliedConfiguration {
        // SAFETY: the request is this thread's, and has a configuration from its beginning to its end. What is nested in
        // it lives as long as it does, as `NestedConfiguration` says. httpd merges into a new vector in the request's pool.
        unsafe {
            let before = NonNull::new_unchecked((*self.raw()).per_dir_config);
            let merged =
                ffi::ap_merge_per_dir_configs(self.pool().raw(), before.as_ptr(), nested.vector.as_ptr());
            let after = NonNull::new_unchecked(merged);
            (*self.raw()).per_dir_config = after.as_ptr();
            AppliedConfiguration { before, after }
        }
    }

    /// Lets the request go by what was applied to one that it comes from, if it is for the same place: then httpd sees
    /// that both have the same configuration, and need not authenticate again. Answers whether it is.
    pub fn apply_as_to_origin(&self, applied: &AppliedConfiguration) -> bool {
        // SAFETY: as above; what lies in the pool of a request outlives those that come from it.
        unsafe {
            let is_same = (*self.raw()).per_dir_config == applied.before.as_ptr();
            if is_same {
                (*self.raw()).per_dir_config = applied.after.as_ptr();
            }
            is_same
        }
    }
}
