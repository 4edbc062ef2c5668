//! What belongs to one process: the runtime, and per client its HTTP pools, store connections and flights.
//!
//! After `fork()` a child has the parent's memory and none of its threads: whatever the parent built may be locked for
//! ever. So everything here is kept with the number of forks it was built at; a child builds its own at first use and
//! leaks, never drops, what it inherited. Nothing is built before first use. What even a leaked copy would spoil (a SQLite
//! connection: its locks do not pass to the child, its bookkeeping does) is closed before the fork.

// The one place with unsafe code: registering the fork handler, cells that must be readable without a lock that a vanished
// thread may hold, and what a helper process asks of the operating system.
#![allow(unsafe_code)]

use crate::error::{Code, Error, Result};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::runtime::Handle;

static FORKS: AtomicU64 = AtomicU64::new(0);

/// How many forks lie between the first process that used this library and this one.
fn forks() -> u64 {
    #[cfg(unix)]
    static REGISTER: std::sync::Once = std::sync::Once::new();
    #[cfg(unix)]
    REGISTER.call_once(|| {
        // SAFETY: the handlers touch atomics, and locks that are free while the gate is closed.
        let refused =
            unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
        assert_eq!(refused, 0, "there is memory for three fork handlers");
    });
    FORKS.load(Ordering::Relaxed)
}

#[cfg(unix)]
extern "C" fn before_fork() {
    GATE.close();
    for resource in RESOURCES.lock().expect("no holder panics").iter().filter_map(Weak::upgrade) {
        resource.close_for_fork();
    }
}

#[cfg(unix)]
extern "C" fn after_fork() {
    GATE.open();
}

#[cfg(unix)]
extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    GATE.open();
}

/// Something that must not be open while the process forks, and opens again by itself at its next use.
pub(crate) trait ForkSensitive: Send + Sync {
    /// Closes it. Nobody uses it meanwhile: uses stand inside a [`Passage`].
    fn close_for_fork(&self);
}

static RESOURCES: Mutex<Vec<Weak<dyn ForkSensitive>>> = Mutex::new(Vec::new());

/// Has `resource` closed before every fork, as long as it lives.
pub(crate) fn register_fork_sensitive(resource: Weak<dyn ForkSensitive>) {
    forks();
    let _passage = Passage::enter();
    let mut resources = RESOURCES.lock().expect("no holder panics");
    resources.retain(|known| known.strong_count() > 0);
    resources.push(resource);
}

/// Closed while the process forks. It waits by yielding: a lock with sleepers cannot be carried across a fork.
struct Gate(AtomicU64);

static GATE: Gate = Gate(AtomicU64::new(0));

impl Gate {
    /// Beside the number of those inside: nobody else comes in.
    const CLOSED: u64 = 1 << 63;

    /// Waits until all are out. Who comes meanwhile waits outside, or a fork would never get its turn.
    #[cfg(unix)]
    fn close(&self) {
        while self.0.fetch_or(Self::CLOSED, Ordering::SeqCst) & Self::CLOSED != 0 {
            std::thread::sleep(Duration::from_micros(100)); // another thread forks
        }
        while self.0.load(Ordering::SeqCst) != Self::CLOSED {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    #[cfg(unix)]
    fn open(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    fn enter(&self) {
        loop {
            let inside = self.0.load(Ordering::SeqCst);
            if inside & Self::CLOSED == 0
                && self
                    .0
                    .compare_exchange(inside, inside + 1, Ordering::SeqCst, Ordering::Relaxed)
                    .is_ok()
            {
                return;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The right to use something fork-sensitive: as long as it is held, a fork waits. No thread takes a second one.
pub(crate) struct Passage(());

impl Passage {
    pub(crate) fn enter() -> Self {
        forks();
        GATE.enter();
        Passage(())
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        GATE.leave();
    }
}

struct Slot<T> {
    forks: u64,
    value: Arc<T>,
}

/// A value of one process: built at first use, and again in each forked child.
pub(crate) struct ProcessCell<T> {
    slot: AtomicPtr<Slot<T>>,
}

// SAFETY: the cell hands out clones of an `Arc<T>` and owns its slot; that is what `Arc` itself allows.
unsafe impl<T: Send + Sync> Send for ProcessCell<T> {}
// SAFETY: as above; the slot is replaced only by compare-and-exchange.
unsafe impl<T: Send + Sync> Sync for ProcessCell<T> {}

impl<T> ProcessCell<T> {
    pub(crate) const fn new() -> Self {
        ProcessCell { slot: AtomicPtr::new(ptr::null_mut()) }
    }

    /// This process's value, if it was built.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        Self::here(self.slot.load(Ordering::Acquire)).map(|slot| Arc::clone(&slot.value))
    }

    /// This process's value; built by `build` where there is none. Of two threads that build at once one wins.
    pub(crate) fn get_or_try(&self, build: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let stale = self.slot.load(Ordering::Acquire);
        if let Some(slot) = Self::here(stale) {
            return Ok(Arc::clone(&slot.value));
        }
        let value = Arc::new(build()?);
        let slot = Box::into_raw(Box::new(Slot { forks: forks(), value: Arc::clone(&value) }));
        match self.slot.compare_exchange(stale, slot, Ordering::AcqRel, Ordering::Acquire) {
            // What was there is null or of another process: leaked on purpose.
            Ok(_) => Ok(value),
            Err(winner) => {
                // SAFETY: `slot` was made above and never published.
                drop(unsafe { Box::from_raw(slot) });
                Ok(Arc::clone(
                    &Self::here(winner).expect("the winner built it in this process").value,
                ))
            }
        }
    }

    fn here<'a>(slot: *mut Slot<T>) -> Option<&'a Slot<T>> {
        // SAFETY: a published slot is freed only by `drop`, which has the cell to itself.
        unsafe { slot.as_ref() }.filter(|slot| slot.forks == forks())
    }
}

impl<T> Drop for ProcessCell<T> {
    fn drop(&mut self) {
        let slot = *self.slot.get_mut();
        if Self::here(slot).is_some() {
            // SAFETY: the slot is of this process, and nobody else has the cell any more.
            drop(unsafe { Box::from_raw(slot) });
        }
    }
}

/// The library's own runtime in this process.
///
/// # Panics
/// When the system has no threads left for it.
pub fn runtime() -> Handle {
    static RUNTIME: ProcessCell<tokio::runtime::Runtime> = ProcessCell::new();
    RUNTIME
        .get_or_try(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("evergrant")
                .on_thread_start(leave_signals_to_the_host)
                .enable_all()
                .build()
                .map_err(|error| {
                    Error::new(Code::Internal, format!("cannot start threads: {error}"))
                })
        })
        .map(|runtime| runtime.handle().clone())
        .expect("the system has threads for the runtime")
}

/// Signal handlers of the host program (PHP's time limit, Python's Ctrl-C) expect to run on its own threads.
#[cfg(unix)]
fn leave_signals_to_the_host() {
    use std::mem::MaybeUninit;
    let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigfillset` fills the set; the mask is this thread's alone.
    unsafe {
        libc::sigfillset(signals.as_mut_ptr());
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP] {
            libc::sigdelset(signals.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), ptr::null_mut());
    }
}

#[cfg(not(unix))]
fn leave_signals_to_the_host() {}

/// The user whose rights this process has.
#[cfg(unix)]
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The file of the program or shared library that holds this code.
#[cfg(unix)]
pub(crate) fn this_object() -> Option<std::path::PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    let here = this_object as fn() -> Option<std::path::PathBuf>;
    // SAFETY: `dladdr` fills `found` for an address of this program and says whether it did.
    let name = unsafe {
        if libc::dladdr(here as *const libc::c_void, found.as_mut_ptr()) == 0 {
            return None;
        }
        found.assume_init().dli_fname
    };
    if name.is_null() {
        return None;
    }
    // SAFETY: it is a text of the dynamic linker, which lives as long as this code is loaded.
    let name = OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes());
    // A program that was found in PATH has no folder in its name.
    std::fs::canonicalize(name).ok().or_else(|| std::env::current_exe().ok())
}

/// Makes this process nobody's child, in a session of its own, with nothing open but its standard streams, not in any folder.
/// The process that called goes on as the child and its parent ends.
///
/// # Errors
/// When the system refuses.
///
/// # Panics
/// When the process has other threads already: they would vanish.
#[cfg(unix)]
pub(crate) fn leave_the_application() -> std::io::Result<()> {
    assert_eq!(threads(), 1, "a process forks here before it has threads");
    // SAFETY: there is one thread, so the child has all that the parent had.
    match unsafe { libc::fork() } {
        -1 => return Err(std::io::Error::last_os_error()),
        0 => {}
        // SAFETY: ends the process at once; nothing of it is needed any more.
        _ => unsafe { libc::_exit(0) },
    }
    rustix::process::setsid()?;
    std::env::set_current_dir("/")?;
    close_all_but_the_standard_streams();
    Ok(())
}

#[cfg(unix)]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, std::iter::Iterator::count)
}

/// What the application left open without wanting to: a lock or a listening socket must not outlive it here.
#[cfg(unix)]
fn close_all_but_the_standard_streams() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    for descriptor in open {
        // SAFETY: nothing in this process uses a descriptor yet; one that is closed already gives an error.
        unsafe { libc::close(descriptor) };
    }
}

/// Runs `future` on the library's runtime and gives its result on any executor. Dropping what this returns stops it.
pub(crate) fn on_runtime<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
    future: F,
) -> impl Future<Output = Result<T>> + Send + use<T, F> {
    let mut task = Leaving(runtime().spawn(future));
    async move {
        match (&mut task.0).await {
            Ok(result) => result,
            Err(error) => Err(task_error(error)),
        }
    }
}

struct Leaving<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Leaving<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a task that did not end with a result means to whoever waited for it.
pub(crate) fn task_error(error: tokio::task::JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => panic_error(&*panic),
        Err(_) => Error::new(Code::Cancelled, "the operation was stopped before it ended"),
    }
}

fn panic_error(panic: &(dyn std::any::Any + Send)) -> Error {
    // A panic's own words may quote data, so only texts fixed at compile time are passed on.
    let text = panic.downcast_ref::<&'static str>().copied().unwrap_or("no details");
    Error::new(Code::Internal, format!("a fault of this library (panic): {text}"))
}

/// Runs `f`; a panic inside becomes the error `internal`. Every border calls through this.
pub fn guard<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(panic_error(&*panic)))
}

/// Waits for `future` on this thread.
///
/// # Panics
/// On a thread of a tokio runtime: await there instead.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// Waits for `future` on this thread and calls `tick` in between, at least once per `every`; an error of `tick` ends the
/// waiting and is returned.
pub fn wait_ticking<T, E>(
    future: impl Future<Output = T>,
    every: Duration,
    mut tick: impl FnMut() -> std::result::Result<(), E>,
) -> std::result::Result<T, E> {
    runtime().block_on(async move {
        let mut future = std::pin::pin!(future);
        loop {
            if let Ok(result) = tokio::time::timeout(every, &mut future).await {
                return Ok(result);
            }
            tick()?;
        }
    })
}

/// `len` bytes from the operating system: the only source of randomness here, since generators in memory give parent and
/// child the same values after `fork()`.
pub(crate) fn random_bytes<const LEN: usize>() -> [u8; LEN] {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 128 random bits as text: identifiers, nonces, states.
pub(crate) fn random_id() -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random_bytes::<16>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_error_internal_without_quoting_data() {
        let error = guard::<()>(|| panic!("token {}", String::from("s3cret"))).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert!(!error.message().contains("s3cret"));
    }

    #[cfg(unix)]
    #[test]
    fn a_fork_gets_its_turn_however_busy_the_store_is() {
        use std::sync::atomic::AtomicBool;
        let (gate, stop) = (Gate(AtomicU64::new(0)), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        gate.enter();
                        std::thread::sleep(Duration::from_millis(5));
                        gate.leave();
                    }
                });
            }
            let begun = std::time::Instant::now();
            let forked = scope.spawn(|| {
                for _ in 0..10 {
                    gate.close();
                    gate.open();
                }
            });
            while !forked.is_finished() && begun.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(10));
            }
            stop.store(true, Ordering::SeqCst);
            assert!(begun.elapsed() < Duration::from_secs(5));
        });
    }

    #[test]
    fn of_two_builders_of_a_cell_both_get_the_same_value() {
        let cell = ProcessCell::<u32>::new();
        let values: Vec<Arc<u32>> = std::thread::scope(|scope| {
            let build = || cell.get_or_try(|| Ok(7)).unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(build)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(values.iter().all(|value| Arc::ptr_eq(value, &values[0])));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn threads_of_the_library_leave_signals_to_the_host() {
        let status = wait(async {
            let task =
                runtime().spawn(async { std::fs::read_to_string("/proc/thread-self/status") });
            task.await.unwrap().unwrap()
        });
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        let blocked = u64::from_str_radix(blocked.trim(), 16).unwrap();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGPROF, libc::SIGALRM, libc::SIGUSR1] {
            assert!(blocked & (1 << (signal - 1)) != 0, "signal {signal} is not blocked");
        }
        assert_eq!(blocked & (1 << (libc::SIGSEGV - 1)), 0);
    }
}
