//! `AuthnCacheProvideFor`: mod_authn_socache can remember for a while what an authentication provider found right.

use std::ffi::{CStr, c_char};

use openssl::rand::rand_bytes;
use zeroize::Zeroizing;

use super::{Request, ffi, text};

/// bcrypt looks at no more than 72 bytes, the closing NUL among them: a longer password is right with any ending.
const LONGEST_PASSWORD: usize = 71;
/// bcrypt's work, as a power of two: what `htpasswd -B` takes. The cache checks it at each request.
const COST: u32 = 5;
const SALT_BYTES: usize = 16;
/// `$2y$05$`, salt and hash in 53 characters, and a NUL.
const HASH_BYTES: usize = 61;

type Store =
    unsafe extern "C" fn(*mut ffi::request_rec, *const c_char, *const c_char, *const c_char, *const c_char);

/// Hands a right password to mod_authn_socache, as a bcrypt hash like those in a password file. It keeps it where
/// `AuthnCacheProvideFor` names the provider. Passwords of 72 bytes and more are not handed over.
///
/// # Errors
/// No hash could be made.
pub fn offer_to_cache(
    request: &Request<'_>,
    provider: &CStr,
    user: &str,
    password: &CStr,
) -> Result<(), String> {
    // SAFETY: mod_authn_socache registers a function of this type under this name.
    let store: Option<Store> = unsafe {
        ffi::apr_dynamic_fn_retrieve(c"ap_authn_cache_store".as_ptr())
            .map(|function| std::mem::transmute::<unsafe extern "C" fn(), Store>(function))
    };
    let Some(store) = store.filter(|_| password.to_bytes().len() <= LONGEST_PASSWORD) else {
        return Ok(());
    };
    let hash = bcrypt(password)?;
    let user = text::terminated(user);
    // SAFETY: the request is this thread's; all strings end with a NUL, and are copied. Null is no realm.
    unsafe {
        store(
            request.raw(),
            provider.as_ptr(),
            user.as_ptr(),
            std::ptr::null(),
            hash.as_ptr().cast(),
        );
    }
    Ok(())
}

/// The hash with its NUL.
fn bcrypt(password: &CStr) -> Result<Zeroizing<[u8; HASH_BYTES]>, String> {
    let mut salt = [0; SALT_BYTES];
    rand_bytes(&mut salt).map_err(|problem| format!("no random bytes for a hash: {problem}"))?;
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    // SAFETY: APR reads a string that ends with a NUL and so many bytes of salt, and writes at most so many bytes.
    let status = unsafe {
        ffi::apr_bcrypt_encode(
            password.as_ptr(),
            COST,
            salt.as_ptr(),
            salt.len(),
            hash.as_mut_ptr().cast(),
            hash.len(),
        )
    };
    match status {
        0 => Ok(hash),
        status => Err(format!("a pass phrase cannot be hashed (status {status})")),
    }
}
