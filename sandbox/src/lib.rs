//! An OAuth 1.0a and OAuth 2.0 provider to test against.
//!
//! It runs in the process of the test (or as `evergrant sandbox`), serves a protected API, keeps a
//! journal of all requests, breaks on demand, and has a clock that a test can set. It shares no code with
//! the client library, so that each checks the other. It has no passwords and no TLS: it is for loopback
//! addresses.
//!
//! ```
//! use evergrant_sandbox::{Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options::default())?;
//! assert!(sandbox.base_url().starts_with("http://127.0.0.1:"));
//! assert!(sandbox.journal().is_empty());
//! # std::io::Result::Ok(())
//! ```

mod api;
mod clock;
mod consent;
mod control;
mod device;
mod dpop;
mod faults;
mod grants;
mod http;
mod journal;
mod oauth1;
mod oauth2;
mod openid;
mod options;
mod pushed;
mod report;
mod server;
mod signature;
mod state;

use std::convert::Infallible;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

pub use consent::Choice;
pub use control::IssuedGrant;
pub use faults::{Fault, FaultKind, Target};
pub use grants::{GrantSummary, Protocol};
pub use journal::{ClientAuthentication, JournalEntry, Kind, TokenAge};
pub use oauth1::{CONSUMER_KEY, CONSUMER_SECRET};
pub use oauth2::{
    CLIENT_ID, CLIENT_SECRET, NO_REFRESH_SCOPE, PUBLIC_CLIENT_ID, RESERVED_CLIENT_ID,
    RESERVED_CLIENT_SECRET,
};
pub use openid::{IdTokenHabit, IdTokenSignature};
pub use options::{Dpop, Options};
pub use report::{CallCount, Report, UserReport};

use server::Shared;
use state::State;

/// A running provider. It serves on a thread of its own, so it can be used from any runtime and from
/// none; dropping it stops it and closes its connections.
pub struct Sandbox {
    base_url: String,
    shared: Shared,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts one; it answers as soon as this returns.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the system gives no thread.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(options.address)?;
        listener.set_nonblocking(true)?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let base_url = format!("http://{}", listener.local_addr()?);
        let shared = Shared::new(State::new(base_url.clone(), options));
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        let thread = thread::Builder::new()
            .name("evergrant-sandbox".to_owned())
            .spawn(move || runtime.block_on(server::serve(listener, served, stopped)))?;
        Ok(Self { base_url, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://ADDRESS:PORT`, which is also the issuer identifier.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }

    /// All requests so far but those to the control, in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.lock().journal.entries().to_vec()
    }

    /// Empties the journal; the numbers go on.
    pub fn clear_journal(&self) {
        self.shared.lock().journal.clear();
    }

    /// Adds a fault behind those that stand.
    ///
    /// # Errors
    /// What the fault needs and does not have.
    pub fn add_fault(&self, fault: Fault) -> Result<(), String> {
        self.shared.lock().add_fault(fault)
    }

    /// Takes back all faults.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// The sandbox clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.shared.lock().clock.now())
    }

    /// Sets the sandbox clock forward.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.lock().clock.advance(clock::millis(by).cast_signed());
    }

    /// Sets the sandbox clock, which runs on from there; what is before 1970 counts as 1970.
    pub fn set_clock(&self, to: SystemTime) {
        let since_epoch = to.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.shared.lock().clock.set(clock::millis(since_epoch));
    }

    /// Sets the sandbox clock to the machine's.
    pub fn reset_clock(&self) {
        self.shared.lock().clock.reset();
    }

    /// The options in force.
    #[must_use]
    pub fn options(&self) -> Options {
        self.shared.lock().options
    }

    /// Replaces the options but for the address, which stays.
    pub fn set_options(&self, options: Options) {
        let mut state = self.shared.lock();
        state.options = Options { address: state.options.address, ..options };
    }

    /// Has ID Tokens be odd from now on.
    pub fn set_id_token_habit(&self, habit: IdTokenHabit) {
        self.shared.lock().openid.habit = habit;
    }

    /// Puts another key in the place of the one that signed ID Tokens so far.
    pub fn rotate_signing_key(&self) {
        self.shared.lock().openid.rotate_key();
    }

    /// Has the user decide on an authorization URL of either protocol, past the faults, and returns the
    /// callback URL that the browser would be sent to.
    ///
    /// # Errors
    /// When the request is such that the user is not sent back; the journal has it all the same.
    pub fn consent(
        &self,
        authorization_url: &str,
        user: &str,
        choice: Choice,
    ) -> Result<String, String> {
        self.shared.lock().consent(authorization_url, user, choice)
    }

    /// Has the user type the code of a device and decide, past the faults.
    ///
    /// # Errors
    /// When no device waits for this code.
    pub fn decide_device(&self, user_code: &str, user: &str, choice: Choice) -> Result<(), String> {
        device::decide(&mut self.shared.lock(), user_code, user, choice)
    }

    /// All grants, oldest first.
    #[must_use]
    pub fn grants(&self) -> Vec<GrantSummary> {
        self.shared.lock().grant_summaries()
    }

    /// Makes grants at once, past consent, for the users `user1`, `user2`, …
    #[must_use]
    pub fn issue_grants(&self, count: usize, user: &str, scope: &str) -> Vec<IssuedGrant> {
        let order = control::IssueOrder { count, user: user.to_owned(), scope: scope.to_owned() };
        self.shared.lock().issue_grants(&order)
    }

    /// Ends all grants of a user, as in the account settings of a provider.
    pub fn revoke_user(&self, user: &str) {
        self.shared.lock().revoke_user(user);
    }

    /// Ends the access tokens of a user, whose grants live on.
    pub fn expire_access(&self, user: &str) {
        self.shared.lock().expire_access(user);
    }

    /// What the journal and the grants come to.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::of(&self.shared.lock())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}
