//! A real Chromium, driven through chromedriver (W3C WebDriver), for tests of what a user sees.
#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{PrivateDirectory, Process, free_port, profile_directory};
use thirtyfour::ChromeCapabilities;
use thirtyfour::prelude::*;
use tokio::runtime::{self, Runtime};

pub use thirtyfour::{WebElement, WindowHandle};

/// How long a page may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A Chromium with a profile of its own. Dropped, it is closed.
pub struct Chromium {
    // In the order in which they have to go.
    driver: Option<WebDriver>,
    runtime: Runtime,
    _chromedriver: Process,
    _profile: PrivateDirectory,
}

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaScript {
    /// As usual.
    On,
    /// Blocked by the user's settings.
    Off,
}

impl Chromium {
    /// Starts one. It takes the certificates of any authority: what it shows of TLS is not what is tested with it.
    pub fn start(java_script: JavaScript) -> Result<Self> {
        match java_script {
            JavaScript::On => Chromium::with_blocked(&[]),
            JavaScript::Off => Chromium::with_blocked(&["javascript"]),
        }
    }

    /// Starts one whose user blocks all cookies.
    pub fn without_cookies() -> Result<Self> {
        Chromium::with_blocked(&["cookies"])
    }

    /// Starts one whose user has blocked these content settings.
    fn with_blocked(settings: &[&str]) -> Result<Self> {
        let profile = PrivateDirectory::new("chromium")?;
        let port = free_port()?;
        let mut command = Command::new("chromedriver");
        command
            .arg(format!("--port={port}"))
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path());
        let mut chromedriver =
            Process::start("chromedriver", &mut command, &profile.join("chromedriver.log"))?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let server = format!("http://127.0.0.1:{port}");
        chromedriver.wait_until_ready(LIMIT, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        let driver = runtime
            .block_on(WebDriver::new(&server, capabilities(&profile, settings)?))
            .with_context(|| {
                format!(
                    "chromedriver starts no Chromium; its log is {}",
                    profile.join("chromedriver.log").display()
                )
            })?;
        Ok(Chromium {
            driver: Some(driver),
            runtime,
            _chromedriver: chromedriver,
            _profile: profile,
        })
    }

    /// Goes to an address, as if it had been typed.
    pub fn visit(&self, url: &str) -> Result<()> {
        self.wait(self.driver()?.goto(url))
            .with_context(|| format!("no page at {url}"))
    }

    /// The address of the page that is shown.
    pub fn address(&self) -> Result<String> {
        Ok(self.wait(self.driver()?.current_url())?.to_string())
    }

    /// The document that is shown.
    pub fn source(&self) -> Result<String> {
        self.wait(self.driver()?.source())
    }

    /// Waits for an element that a user can see.
    ///
    /// # Errors
    /// It does not come: with the page that is there instead.
    pub fn wait_for(&self, selector: &str) -> Result<WebElement> {
        let query = self
            .driver()?
            .query(By::Css(selector))
            .wait(LIMIT, Duration::from_millis(50));
        self.wait(query.and_displayed().first())
            .with_context(|| format!("no {selector} on {}", self.shown()))
    }

    /// Types into the field that `selector` selects, in place of what is there.
    ///
    /// # Errors
    /// It holds something else afterwards.
    pub fn fill_in(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.wait_for(selector)?;
        self.wait(field.clear())?;
        self.wait(field.send_keys(text))?;
        let typed = self.wait(field.prop("value"))?.unwrap_or_default();
        ensure!(
            typed == text,
            "{selector} holds {typed:?} after {text:?} was typed"
        );
        Ok(())
    }

    /// Clicks on what `selector` selects and leads to another page, and waits until this one has gone.
    pub fn click(&self, selector: &str) -> Result<()> {
        let element = self.wait_for(selector)?;
        self.wait(element.click())?;
        let gone = element.wait_until().wait(LIMIT, Duration::from_millis(50));
        self.wait(gone.stale())
            .with_context(|| format!("a click on {selector} leads nowhere: {}", self.shown()))
    }

    /// Runs a script in the page that is shown, as its author could have.
    pub fn run(&self, script: &str) -> Result<()> {
        self.wait(self.driver()?.execute(script, Vec::new()))?;
        Ok(())
    }

    /// The cookies that a server would be sent from here.
    pub fn cookie_names(&self) -> Result<Vec<String>> {
        let cookies = self.wait(self.driver()?.get_all_cookies())?;
        Ok(cookies.into_iter().map(|cookie| cookie.name).collect())
    }

    /// The open tabs.
    pub fn tabs(&self) -> Result<Vec<WindowHandle>> {
        self.wait(self.driver()?.windows())
    }

    /// Turns to another tab.
    pub fn turn_to(&self, tab: &WindowHandle) -> Result<()> {
        self.wait(self.driver()?.switch_to_window(tab.clone()))
    }

    /// Keeps a picture of what is shown, for people: `<target>/screenshots/<name>.png`.
    pub fn keep_picture(&self, name: &str) -> Result<PathBuf> {
        let directory = profile_directory()?.with_file_name("screenshots");
        fs::create_dir_all(&directory)?;
        let file = directory.join(format!("{name}.png"));
        self.wait(self.driver()?.screenshot(&file))?;
        let size = fs::metadata(&file)?.len();
        ensure!(size > 2_000, "an empty picture: {}", file.display());
        Ok(file)
    }

    /// Address and document, for the message of an error.
    fn shown(&self) -> String {
        let part = |part: Result<String>| part.unwrap_or_else(|error| format!("({error:#})"));
        format!("{}: {}", part(self.address()), part(self.source()))
    }

    fn driver(&self) -> Result<&WebDriver> {
        self.driver.as_ref().context("Chromium has been closed")
    }

    fn wait<T>(&self, answer: impl Future<Output = WebDriverResult<T>>) -> Result<T> {
        Ok(self.runtime.block_on(answer)?)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            let _ = self.runtime.block_on(driver.quit());
        }
    }
}

fn capabilities(profile: &PrivateDirectory, blocked: &[&str]) -> Result<ChromeCapabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.accept_insecure_certs(true)?;
    for argument in [
        "--headless=new",
        // Chromium's sandbox refuses to work for root, whom these tests may run as.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1000,800",
        "--disable-background-networking",
    ] {
        capabilities.add_arg(argument)?;
    }
    capabilities.add_arg(&format!("--user-data-dir={}", profile.join("profile").display()))?;
    let mut preferences = serde_json::Map::new();
    for setting in blocked {
        // 2 is CONTENT_SETTING_BLOCK.
        preferences.insert(
            format!("profile.managed_default_content_settings.{setting}"),
            2.into(),
        );
    }
    capabilities.add_experimental_option("prefs", preferences)?;
    Ok(capabilities)
}
