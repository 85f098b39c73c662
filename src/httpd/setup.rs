//! What a module can do while httpd starts.

use std::ptr;

use super::module::Module;
use super::{Config, Pool, Server, ffi};

/// httpd's start, with the configuration read.
pub struct Setup<'s> {
    pool: Pool<'s>,
    temporary: Pool<'s>,
    main: Server<'s>,
}

impl<'s> Setup<'s> {
    pub(super) fn new(pool: Pool<'s>, temporary: Pool<'s>, main: Server<'s>) -> Self {
        Setup {
            pool,
            temporary,
            main,
        }
    }

    /// The configuration's pool.
    pub fn pool(&self) -> Pool<'s> {
        self.pool
    }

    /// A pool for what is needed only now.
    pub fn temporary_pool(&self) -> Pool<'s> {
        self.temporary
    }

    /// The main server.
    pub fn main(&self) -> Server<'s> {
        self.main
    }

    /// The main server and every virtual host.
    pub fn servers(&self) -> impl Iterator<Item = Server<'s>> {
        self.main.and_all_after()
    }

    /// Gives every virtual host a configuration of its own. httpd lets one without directives of the module share
    /// the main server's: what depends on the host's name needs its own.
    ///
    /// # Errors
    /// Making a configuration failed before.
    pub fn separate_configs<M: Module>(&self) -> Result<(), String> {
        let not_made = || "internal error: a configuration was not made; see above".to_owned();
        let main = self.main.config::<M>().ok_or_else(not_made)?;
        for server in self.servers().skip(1) {
            if !ptr::eq(server.config::<M>().ok_or_else(not_made)?, main) {
                continue;
            }
            self.set_config::<M>(server, M::Server::default().merged(main));
        }
        Ok(())
    }

    /// Gives every server a configuration of its own ([`Setup::separate_configs`]), completed ([`Config::completed`]).
    ///
    /// # Errors
    /// Making a configuration failed before.
    pub fn complete_configs<M: Module>(&self) -> Result<(), String> {
        let not_made = || "internal error: a configuration was not made; see above".to_owned();
        for server in self.servers() {
            let read = server.config::<M>().ok_or_else(not_made)?;
            self.set_config::<M>(server, M::Server::default().merged(read).completed());
        }
        Ok(())
    }

    fn set_config<M: Module>(&self, server: Server<'s>, config: M::Server) {
        let config = self.pool.own(config);
        // SAFETY: httpd is starting, with one thread; the configuration is of the module's type and lives in the
        // configuration's pool.
        unsafe {
            let vector = (*server.raw()).module_config;
            ffi::ap_set_module_config(vector, M::record().raw(), ptr::from_mut(config).cast());
        }
    }
}

/// A child's start.
pub struct ChildStart<'s> {
    pool: Pool<'s>,
    main: Server<'s>,
}

impl<'s> ChildStart<'s> {
    pub(super) fn new(pool: Pool<'s>, main: Server<'s>) -> Self {
        ChildStart { pool, main }
    }

    /// A pool that ends with the child.
    pub fn pool(&self) -> Pool<'s> {
        self.pool
    }

    /// The main server.
    pub fn main(&self) -> Server<'s> {
        self.main
    }

    /// The main server and every virtual host.
    pub fn servers(&self) -> impl Iterator<Item = Server<'s>> {
        self.main.and_all_after()
    }
}
