//! Authorization providers: what a name after `Require` asks (`valid-user`, `ip`, ...).

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr;

use super::guard::guarded;
use super::module::Module;
use super::server::NoServer;
use super::{Arguments, Hooks, Outcome, Request, ffi, text};

/// A provider that a module offers. Its `Require` lines take no arguments.
pub trait AuthorizationProvider: 'static {
    /// Whose it is.
    type Module: Module;
    /// What stands after `Require`.
    const NAME: &'static CStr;

    /// A line of the configuration names the provider. The configuration of the line's server can be left word of it.
    fn required(server: &<Self::Module as Module>::Server, line: &Arguments<'_>);

    /// Whether a request satisfies it.
    fn check(request: &Request<'_>, use_: Use) -> Authorization;
}

/// What a `Require` line makes of a provider's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Who satisfies the provider may come in.
    Demanded,
    /// `Require not`, or anywhere within `<RequireNone>`: who satisfies it may be kept out.
    Negated,
}

/// What a provider says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// It is satisfied.
    Granted,
    /// It is not.
    Denied,
    /// It may be, once somebody has been authenticated.
    NeedsUser,
    /// That cannot be told: httpd answers 500, whatever else is required or negated.
    Unknown,
}

impl Authorization {
    fn code(self) -> ffi::authz_status {
        match self {
            Authorization::Granted => ffi::authz_status_AUTHZ_GRANTED,
            Authorization::Denied => ffi::authz_status_AUTHZ_DENIED,
            Authorization::NeedsUser => ffi::authz_status_AUTHZ_DENIED_NO_USER,
            Authorization::Unknown => ffi::authz_status_AUTHZ_GENERAL_ERROR,
        }
    }
}

impl Hooks<'_> {
    /// Offers an authorization provider.
    pub fn offer_authorization_provider<P: AuthorizationProvider>(&mut self) {
        // SAFETY: httpd is loading the module; name, version and table are 'static, and the table is of the group's type.
        unsafe {
            ffi::ap_register_auth_provider(
                self.pool().raw(),
                ffi::AUTHZ_PROVIDER_GROUP.as_ptr().cast(),
                P::NAME.as_ptr(),
                ffi::AUTHZ_PROVIDER_VERSION.as_ptr().cast(),
                ptr::from_ref(const { &Table::<P>::TABLE }).cast(),
                ffi::AP_AUTH_INTERNAL_PER_CONF as i32,
            );
        }
    }
}

impl Request<'_> {
    /// What the authorization hooks of all modules answer (`Require` among them). Called from a hook of that kind, it
    /// calls this too, which has to decline then.
    pub fn ask_authorization_hooks(&self) -> Outcome {
        // SAFETY: the request is this thread's, and httpd's hooks may be run at any time in its authorization.
        Outcome::from_code(unsafe { ffi::ap_run_auth_checker(self.raw()) })
    }
}

struct Table<P>(PhantomData<P>);

impl<P: AuthorizationProvider> Table<P> {
    const TABLE: ffi::authz_provider = ffi::authz_provider {
        check_authorization: Some(check::<P>),
        parse_require_line: Some(parse::<P>),
    };
}

/// What a parsed line points to where it demands the provider; a negated one points nowhere. A provider cannot see at
/// a request which of the two it is asked for.
static DEMANDED: u8 = 0;

unsafe extern "C" fn check<P: AuthorizationProvider>(
    request: *mut ffi::request_rec,
    _: *const c_char,
    parsed: *const c_void,
) -> ffi::authz_status {
    // SAFETY: httpd passes a request that lives for the call, on the thread that works on it.
    let request = unsafe { Request::from_raw(request) };
    let use_ = if parsed.is_null() {
        Use::Negated
    } else {
        Use::Demanded
    };
    // Not denied: a negated denial lets in.
    let panicked = Authorization::Unknown;
    guarded("authorization provider", &request, panicked, || {
        P::check(&request, use_)
    })
    .code()
}

unsafe extern "C" fn parse<P: AuthorizationProvider>(
    command: *mut ffi::cmd_parms,
    words: *const c_char,
    parsed: *mut *const c_void,
) -> *const c_char {
    // SAFETY: httpd passes a command that lives for the call, with a server whose configuration `create_server` made and
    // requests only read, and a string that is null or ends with a NUL.
    let (line, server, words) = unsafe {
        let vector = (*(*command).server).module_config;
        let server = P::Module::record().config::<<P::Module as Module>::Server>(vector);
        (
            Arguments::new(&*command, 0, ptr::null()),
            server,
            text::borrow(words).unwrap_or_default().to_bytes(),
        )
    };
    let panicked = Err("internal error".to_owned());
    let use_ = guarded("directive", &NoServer, panicked, || {
        let use_ = use_of(&line, P::NAME, words)?;
        P::required(server.ok_or("the configuration was not made")?, &line);
        Ok(use_)
    });
    match use_ {
        Ok(use_) => {
            let points_to = match use_ {
                Use::Demanded => ptr::from_ref(&DEMANDED).cast(),
                Use::Negated => ptr::null(),
            };
            // SAFETY: httpd passes a place for the parsed line.
            unsafe { *parsed = points_to };
            ptr::null()
        }
        Err(problem) => line
            .pool()
            .copy(format!("Require {}: {problem}", P::NAME.to_string_lossy())),
    }
}

/// Reads off the configuration around a line what is made of the answer.
fn use_of(line: &Arguments<'_>, provider: &CStr, words: &[u8]) -> Result<Use, String> {
    if !words.trim_ascii().is_empty() {
        return Err(format!(
            "takes no argument, and \"{}\" is one",
            String::from_utf8_lossy(words.trim_ascii())
        ));
    }
    let mut directives = line.directive_and_those_around();
    let (name, arguments) = directives.next().unwrap_or_default();
    if !name.eq_ignore_ascii_case(b"Require") {
        // Other lines name the alias, negated or not.
        return Err("cannot be given another name (AuthzProviderAlias)".to_owned());
    }
    // Before the provider's name nothing but a `not` can stand.
    let is_plain = unquoted(arguments.trim_ascii()) == provider.to_bytes();
    let is_in_negation = directives.any(|(name, _)| {
        let negations: [&[u8]; 2] = [b"<RequireNone", b"<RequireNotAll"];
        negations
            .iter()
            .any(|negation| name.eq_ignore_ascii_case(negation))
    });
    Ok(match is_plain && !is_in_negation {
        true => Use::Demanded,
        false => Use::Negated,
    })
}

fn unquoted(word: &[u8]) -> &[u8] {
    match word {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => word,
    }
}
