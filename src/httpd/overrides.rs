//! What an .htaccess file may say in the place of a request (`AllowOverride`, `AllowOverrideList`).

use std::ffi::c_int;

use super::{Request, Table, ffi};

impl Request<'_> {
    /// Whether an .htaccess file may say here who the user is: by `AllowOverride AuthConfig`, or by a directive that
    /// `AllowOverrideList` names.
    pub fn lets_htaccess_authenticate(&self) -> bool {
        self.lets_htaccess(ffi::OR_AUTHCFG, |directive| {
            let beginning = directive.get(..4).unwrap_or_default();
            beginning.eq_ignore_ascii_case(b"auth") || directive.eq_ignore_ascii_case(b"SSLUserName")
        })
    }

    /// Whether an .htaccess file may set variables, headers, handlers or filters here: by `AllowOverride FileInfo`, or by
    /// any directive that `AllowOverrideList` names, which may be one of those.
    pub fn lets_htaccess_change_requests(&self) -> bool {
        self.lets_htaccess(ffi::OR_FILEINFO, |_| true)
    }

    fn lets_htaccess(&self, class: u32, is_of_class: impl Fn(&[u8]) -> bool) -> bool {
        // SAFETY: httpd evaluates its own configuration for a request that lives; its tables live as long.
        let (classes, list) = unsafe {
            let list = ffi::shim_override_list(self.raw());
            let list = (!list.is_null()).then(|| Table::from_raw(list));
            (ffi::ap_allow_overrides(self.raw()), list)
        };
        let is_listed = |list: Table<'_>| {
            let directives = list.entries().into_iter();
            directives.map(|(name, _)| name.to_bytes()).any(is_of_class)
        };
        classes & class as c_int != 0 || list.is_some_and(is_listed)
    }
}
