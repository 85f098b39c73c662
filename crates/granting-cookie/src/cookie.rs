//! What a cookie says, and the block of 228 bytes that says it.

use crate::{AppId, AppServerId, Encryption, User};

/// The size of the block that is signed.
pub const BLOCK_SIZE: usize = 228;

/// What a cookie says. Granting, session, login and pre-session cookies differ in `cookie_type` and in what the
/// numbers mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Who logged in. Blank in a granting cookie for somebody who was not asked (`PubcookieNoPrompt`).
    pub user: User,
    /// Protocol version and what else is in its four bytes.
    pub version: Version,
    /// The server that the cookie is for.
    pub app_server_id: AppServerId,
    /// The application on that server.
    pub app_id: AppId,
    /// Granting, session, login or pre-session.
    pub cookie_type: CookieType,
    /// The login flavour as an ASCII digit: `0` none, `1` the first, `2` the second, ...
    pub creds: u8,
    /// Binds a granting cookie to the browser that asked for it; other cookies use it for marks of their own.
    pub pre_session_token: i32,
    /// When it was made, in Unix seconds.
    pub create_time: u32,
    /// A session cookie's last use or a login cookie's expiry, in Unix seconds; 0 in a granting cookie.
    pub last_time: u32,
}

/// Where the fields lie in the block. Numbers are big-endian.
mod offset {
    pub const USER: usize = 0;
    pub const VERSION: usize = 42;
    pub const APP_SERVER_ID: usize = 46;
    pub const APP_ID: usize = 86;
    pub const COOKIE_TYPE: usize = 214;
    pub const CREDS: usize = 215;
    pub const PRE_SESSION_TOKEN: usize = 216;
    pub const CREATE_TIME: usize = 220;
    pub const LAST_TIME: usize = 224;
}

impl Cookie {
    /// The block that says this.
    pub fn to_block(&self) -> [u8; BLOCK_SIZE] {
        let mut block = [0; BLOCK_SIZE];
        let mut write = |offset: usize, field: &[u8]| block[offset..][..field.len()].copy_from_slice(field);
        write(offset::USER, self.user.as_field());
        write(offset::VERSION, &self.version.0);
        write(offset::APP_SERVER_ID, self.app_server_id.as_field());
        write(offset::APP_ID, self.app_id.as_field());
        write(offset::COOKIE_TYPE, &[self.cookie_type.0]);
        write(offset::CREDS, &[self.creds]);
        write(offset::PRE_SESSION_TOKEN, &self.pre_session_token.to_be_bytes());
        write(offset::CREATE_TIME, &self.create_time.to_be_bytes());
        write(offset::LAST_TIME, &self.last_time.to_be_bytes());
        block
    }

    /// What a block says. Every block says something: a text field that fills its place loses its last byte.
    pub fn from_block(block: &[u8; BLOCK_SIZE]) -> Self {
        Self {
            user: User::from_field(field(block, offset::USER)),
            version: Version(field(block, offset::VERSION)),
            app_server_id: AppServerId::from_field(field(block, offset::APP_SERVER_ID)),
            app_id: AppId::from_field(field(block, offset::APP_ID)),
            cookie_type: CookieType(block[offset::COOKIE_TYPE]),
            creds: block[offset::CREDS],
            pre_session_token: i32::from_be_bytes(field(block, offset::PRE_SESSION_TOKEN)),
            create_time: u32::from_be_bytes(field(block, offset::CREATE_TIME)),
            last_time: u32::from_be_bytes(field(block, offset::LAST_TIME)),
        }
    }

    /// Whether user, app server ID and app ID are printable ASCII, with nothing behind them. Where a signer keeps to
    /// that, nobody can choose a name that makes two blocks with one MD5.
    pub fn is_printable_ascii(&self) -> bool {
        self.user.is_printable_ascii()
            && self.app_server_id.is_printable_ascii()
            && self.app_id.is_printable_ascii()
    }
}

fn field<const SIZE: usize>(block: &[u8; BLOCK_SIZE], offset: usize) -> [u8; SIZE] {
    std::array::from_fn(|index| block[offset + index])
}

/// What a cookie is for, as the byte that stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CookieType(pub u8);

impl CookieType {
    /// Made by the login server: this user may have a session. Works once.
    pub const GRANTING: Self = Self(b'1');
    /// Made by the application server: this user has one.
    pub const SESSION: Self = Self(b'2');
    /// Made by the login server for itself: this user has logged in.
    pub const LOGIN: Self = Self(b'3');
    /// Made by the application server: this browser has asked for a login.
    pub const PRE_SESSION: Self = Self(b'4');
}

/// The four version bytes: `a5`, then the encryption's letter where there is one, then how the login came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; 4]);

impl Version {
    /// The version of a cookie that we make, with all four bytes written.
    pub fn new(encryption: Encryption, reauthentication: Reauthentication) -> Self {
        let letter = encryption.version().as_bytes().get(2).copied().unwrap_or(0);
        let last = match reauthentication {
            Reauthentication::Happened => b'R',
            Reauthentication::DidNotHappen => b'N',
            Reauthentication::Unknown => 0,
        };
        Self([b'a', b'5', letter, last])
    }

    /// Whether the first byte is the protocol's `a`. Without it a cookie must not be used.
    pub fn is_compatible(&self) -> bool {
        self.0[0] == b'a'
    }

    /// What byte 3 says.
    pub fn reauthentication(&self) -> Reauthentication {
        match self.0[3] {
            b'R' => Reauthentication::Happened,
            b'N' => Reauthentication::DidNotHappen,
            _ => Reauthentication::Unknown,
        }
    }

    /// The bytes up to the first NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// Whether the user logged in anew for a granting cookie. The original login server leaves it to chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reauthentication {
    /// Byte 3 is `R`.
    Happened,
    /// Byte 3 is `N`: an earlier login served.
    DidNotHappen,
    /// Byte 3 is something else.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_bytes_are_all_written() {
        let version = Version::new(Encryption::AesDomain, Reauthentication::Happened);
        assert_eq!(version.0, *b"a5AR");
        assert!(version.is_compatible());
        assert_eq!(version.reauthentication(), Reauthentication::Happened);
        assert_eq!(
            Version::new(Encryption::Des, Reauthentication::DidNotHappen).0,
            *b"a5\0N"
        );
        assert!(!Version(*b"b5\0\0").is_compatible());
    }
}
