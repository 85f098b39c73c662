//! A thread of our own in a child, for work that may take its time.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::guard::guarded;
use super::{ChildStart, Server, ffi};

/// What such a thread does.
pub trait ChildWork: Send + Sync + 'static {
    /// Works until it is told to stop.
    fn run(&self, main: Server<'_>);

    /// Has [`ChildWork::run`] return as soon as it can. May be called again and again, and must not wait for
    /// anything: prefork ends a child in a signal handler, whatever the child is doing.
    fn stop(&self);
}

/// How much a thread gives way to others (nice(2)): where those want all of the processor, it gets a tenth.
const NICENESS: i32 = 10;
/// How often a thread is told to stop: it may be between two looks.
const INSISTENCE: Duration = Duration::from_millis(5);

/// Starts a thread that does `work`, with a lower priority than the threads that serve requests. When the child ends, it
/// stops, and the child waits for it.
///
/// # Errors
/// The system has no thread to give.
pub fn spawn<W: ChildWork>(child: &ChildStart<'_>, name: &str, work: Arc<W>) -> io::Result<()> {
    let main = MainServer(child.main().raw());
    let handle = {
        let _blocked = BlockedSignals::all();
        let work = Arc::clone(&work);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            // On Linux, of this thread alone. Where it is not allowed, the thread is as important as any.
            let _ = rustix::process::nice(NICENESS);
            // SAFETY: the server outlives the child's pool, whose end waits for this thread (`RunningThread`).
            let main = unsafe { Server::from_raw(main.pointer()) };
            guarded("child thread", &main, (), || work.run(main));
        })?
    };
    child.pool().own(RunningThread {
        work,
        handle: Some(handle),
    });
    Ok(())
}

/// The main server, on its way into a thread.
struct MainServer(*mut ffi::server_rec);

// SAFETY: after their start httpd's children only read it, from all of their threads.
unsafe impl Send for MainServer {}

impl MainServer {
    fn pointer(self) -> *mut ffi::server_rec {
        self.0
    }
}

/// A thread that is told to stop, and waited for, when this is dropped.
struct RunningThread<W: ChildWork> {
    work: Arc<W>,
    handle: Option<JoinHandle<()>>,
}

impl<W: ChildWork> Drop for RunningThread<W> {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        self.work.stop();
        while !handle.is_finished() {
            thread::sleep(INSISTENCE);
            self.work.stop();
        }
        // A panic was caught and told of in the thread.
        let _ = handle.join();
    }
}

/// Keeps signals from this thread, and from those that it starts meanwhile: httpd's handlers are for its own threads.
struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    fn all() -> Self {
        let mut before = MaybeUninit::zeroed();
        let mut all = MaybeUninit::uninit();
        // SAFETY: `sigfillset` fills `all`, and the second call writes to `before`, which is a set even if it fails.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            BlockedSignals(before.assume_init())
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set is the one that `all` was given.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}
