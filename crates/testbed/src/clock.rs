//! A clock that a test sets, for a httpd that goes by it: hours pass in seconds.

use anyhow::Result;

use crate::private_directory::PrivateDirectory;
use crate::site::SiteBuilder;

/// How far a clock is ahead of this machine's. It may be set while those run who go by it.
pub struct Clock(PrivateDirectory);

impl Clock {
    /// One that is right.
    pub fn new() -> Result<Self> {
        let clock = Clock(PrivateDirectory::new("clock")?);
        clock.set_ahead(0)?;
        Ok(clock)
    }

    /// Sets it this many seconds ahead.
    pub fn set_ahead(&self, seconds: u32) -> Result<()> {
        self.0.write("ahead", 0o644, format!("+{seconds}\n"))?;
        Ok(())
    }

    /// A site whose httpd goes by this clock.
    pub fn drive(&self, site: SiteBuilder) -> SiteBuilder {
        // `$LIB` is for the dynamic linker: Debian and Fedora have it in different places.
        site.environment("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
            .environment(
                "FAKETIME_TIMESTAMP_FILE",
                &self.0.join("ahead").display().to_string(),
            )
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}
