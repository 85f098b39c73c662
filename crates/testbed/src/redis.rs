//! A private Redis, for what httpd keeps in a shared cache.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::private_directory::PrivateDirectory;
use crate::process::{Process, free_port};

const START_LIMIT: Duration = Duration::from_secs(20);

/// A running redis-server on 127.0.0.1, without a password, that writes nothing to disk. Dropped, it is gone.
pub struct Redis {
    port: u16,
    // Before the directory, so that it is dropped first.
    _process: Process,
    _directory: PrivateDirectory,
}

impl Redis {
    /// Starts one and waits until it answers.
    pub fn start() -> Result<Self> {
        let directory = PrivateDirectory::new("redis")?;
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(directory.path());
        let mut process = Process::start("redis-server", &mut command, &directory.join("redis.log"))?;
        process.wait_until_ready(START_LIMIT, || answers(port).unwrap_or(false))?;
        Ok(Redis {
            port,
            _process: process,
            _directory: directory,
        })
    }

    /// What httpd's directives call it: `redis:127.0.0.1:<port>`.
    pub fn socache(&self) -> String {
        format!("redis:127.0.0.1:{}", self.port)
    }
}

fn answers(port: u16) -> std::io::Result<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, START_LIMIT)?;
    stream.set_read_timeout(Some(START_LIMIT))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG\r\n")
}
