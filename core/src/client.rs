//! The façade: one short method per operation. Owned plain types in and out; async, on any executor.

use crate::authorize::device::{self, DeviceOptions, DevicePoll, DeviceStart, Polled};
use crate::authorize::legacy::{self, PasswordOptions, PinOptions};
use crate::authorize::logout::{self, Logout, LogoutOptions};
use crate::authorize::{
    self, BeginOptions, Concluded, ExchangeOptions, FinishOptions, Finished, Start,
};
use crate::check_up::{self, Checked};
use crate::clock::UnixMillis;
use crate::config::{Config, Detached as DetachedMode, Encryption, SecretSource};
use crate::context::{Context, Settings};
use crate::detached::protocol::{Finish, Poll};
use crate::detached::{Detached, Done, Listener};
use crate::error::{Code, Error, Result};
use crate::event::{Event, EventSink, Kind};
use crate::grant::{Grant, Inspection, PutTokens};
use crate::process::{Passage, ProcessCell, on_runtime, runtime, task_error};
use crate::refresh::Refresher;
use crate::refresh::keepalive::{
    self, DueGrant, DueOptions, DueProgress, DueReport, RefreshDueOptions, Watch,
};
use crate::refresh::spill::{Spill, make_private_folder};
use crate::rekey::{self, RekeyOptions, Rekeyed};
use crate::secret::Secret;
use crate::standing::{Standing, StandingStatus, standing};
use crate::store::{
    self, Address, ApplicationStoreAdapter, Caller, CallingThread, Codec, ForeignStore, GrantKey,
    KeyRing, Method, Record, Store, Tables,
};
use serde_json::Value;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How long `close` waits for flights.
const CLOSE_BOUND: Duration = Duration::from_secs(10);

/// How many events are kept for `take_events`; the oldest are dropped.
const QUEUED_EVENTS: usize = 1000;

/// What an application gives a client beside its configuration.
#[derive(Default)]
pub struct Environment {
    /// A token store of its own, in place of `store` in the configuration.
    pub store: Option<ApplicationStore>,
    /// Where events go.
    pub events: Events,
    /// Gives the keys of encryption at rest, in place of `encryption.keys` in the configuration.
    pub keys: Option<KeyCallback>,
}

/// Gives the keys of encryption at rest, the first seals, or says in words why it cannot. It is asked once, when a client is
/// opened.
pub type KeyCallback = Arc<dyn Fn() -> std::result::Result<Vec<Secret>, String> + Send + Sync>;

/// A token store of the application's own.
pub enum ApplicationStore {
    /// Its methods can be called from the library's threads.
    AnyThread(Arc<dyn ForeignStore>),
    /// It has these methods, and they are called only on a thread that waits in [`CallingThread::wait_serving`].
    CallingThread(Vec<Method>),
}

/// Where events go.
#[derive(Default)]
pub enum Events {
    /// Nowhere.
    #[default]
    None,
    /// To a function, on any thread.
    Sink(EventSink),
    /// Into a queue for [`Client::take_events`].
    Queue,
}

/// A client registration at one provider, with its grants in one store.
///
/// Cheap to clone, usable from any thread and, after a `fork()`, from parent and child alike.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: Arc<Settings>,
    detached: DetachedMode,
    /// What a helper is given.
    config: Value,
    store: StoreChoice,
    keys: Option<Arc<KeyRing>>,
    /// Where the library keeps its own files; none where nobody says and there is no home.
    state_dir: Option<PathBuf>,
    queue: Option<Arc<EventQueue>>,
    epoch: Arc<AtomicU32>,
    closed: AtomicBool,
    here: ProcessCell<Here>,
}

enum StoreChoice {
    BuiltIn(Box<Address>),
    AnyThread(Arc<dyn ForeignStore>),
    CallingThread(Arc<[Method]>),
}

/// What a client has in one process.
struct Here {
    refresher: Arc<Refresher>,
    calling_thread: Option<Arc<CallingThread>>,
}

type EventQueue = Mutex<VecDeque<Event>>;

impl Client {
    /// Opens a client with one of the built-in stores.
    pub fn open(config: Config) -> Result<Self> {
        Client::open_with(config, Environment::default())
    }

    /// Opens a client. The store is opened now; nothing is sent to the provider.
    #[expect(clippy::needless_pass_by_value, reason = "a client takes its configuration over")]
    pub fn open_with(config: Config, environment: Environment) -> Result<Self> {
        let queue = matches!(environment.events, Events::Queue).then(Arc::<EventQueue>::default);
        let sink = match environment.events {
            Events::None => None,
            Events::Sink(sink) => Some(sink),
            Events::Queue => queue.clone().map(queueing),
        };
        let config = config.with_google_credentials()?;
        let settings = Arc::new(Settings::resolve(&config, sink)?);
        let store = match environment.store {
            Some(ApplicationStore::AnyThread(store)) => StoreChoice::AnyThread(store),
            Some(ApplicationStore::CallingThread(methods)) => {
                StoreChoice::CallingThread(methods.into())
            }
            None => built_in_store(&config)?,
        };
        let detached = match &store {
            StoreChoice::BuiltIn(address) if !address.is_of_this_process() => config.detached,
            _ => DetachedMode::Off, // nobody else reaches the store
        };
        Detached::check(detached)?;
        let keys = KeyRing::resolve(config.encryption.as_ref(), environment.keys.as_deref())?;
        let inner = Inner {
            settings,
            detached,
            config: resolved_for_helper(&config, &store, keys.as_ref())?,
            store,
            keys: keys.map(Arc::new),
            state_dir: state_dir(&config),
            queue,
            epoch: Arc::default(),
            closed: AtomicBool::new(false),
            here: ProcessCell::new(),
        };
        let client = Client(Arc::new(inner));
        client.here()?;
        Ok(client)
    }

    /// Begins to ask `subject` for consent: gives the URL to send the browser to. The transaction is in the store, so any
    /// process may [`finish`](Client::finish) it.
    pub async fn begin(&self, subject: &str, options: BeginOptions) -> Result<Start> {
        let (refresher, subject) = (self.refresher()?, subject.to_owned());
        let deadline = self.deadline(options.timeout)?;
        run(deadline, async move { authorize::begin(&refresher.context, &subject, options).await })
            .await
    }

    /// Ends an authorization with the callback as it came: full URL, path with query, or query. The grant is stored when this
    /// returns. The work goes on if the caller leaves: a code can be sent only once.
    pub async fn finish(&self, callback: &str, options: FinishOptions) -> Result<Finished> {
        let (refresher, callback) = (self.refresher()?, callback.to_owned());
        let deadline = self.deadline(options.timeout)?;
        let work = async move {
            match conclude(&refresher.context, &callback, &options).await? {
                Concluded::Before(finished) => Ok(finished),
                Concluded::Granted(consent) => {
                    let finished = consent.finished();
                    refresher.remember(consent.record);
                    Ok(finished)
                }
            }
        };
        run_to_its_end(deadline, work).await
    }

    /// Where to send a user's browser to end its session at the provider (OpenID Connect RP-Initiated Logout 1.0). Ask before the
    /// grant is revoked or forgotten: its `id_token` tells the provider who it is. The grant itself lives on.
    pub async fn logout_url(&self, options: LogoutOptions) -> Result<Logout> {
        let refresher = self.refresher()?;
        let deadline = self.deadline(options.timeout)?;
        run(deadline, async move { logout::logout(&refresher, options).await }).await
    }

    /// Stores the grant that a user's own password brings (RFC 6749 section 4.3), where `legacy_grants` allows it: the
    /// application sees the password, which RFC 9700 section 2.4 forbids. It is sent once and kept nowhere.
    pub async fn grant_by_password(
        &self,
        subject: &str,
        options: PasswordOptions,
    ) -> Result<Inspection> {
        let (refresher, key) = (self.refresher()?, self.key_of(subject, &options.slot)?);
        let deadline = self.deadline(options.timeout)?;
        run_to_its_end(deadline, async move {
            let record = legacy::by_password(&refresher.context, &key, &options).await?;
            Ok(remembered(&refresher, record))
        })
        .await
    }

    /// Stores the grant that a PIN brings, in the manner of Imgur, where `legacy_grants` allows it. The user got the PIN at
    /// [`pin_url`](Client::pin_url).
    pub async fn grant_by_pin(&self, subject: &str, options: PinOptions) -> Result<Inspection> {
        let (refresher, key) = (self.refresher()?, self.key_of(subject, &options.slot)?);
        let deadline = self.deadline(options.timeout)?;
        run_to_its_end(deadline, async move {
            let record = legacy::by_pin(&refresher.context, &key, &options).await?;
            Ok(remembered(&refresher, record))
        })
        .await
    }

    /// Where the provider shows a user the PIN that they copy.
    pub async fn pin_url(&self) -> Result<String> {
        let refresher = self.refresher()?;
        let deadline = self.deadline(None)?;
        run(deadline, async move { Ok(legacy::pin_url(&refresher.context).await?.into()) }).await
    }

    /// Exchanges a code that came to the application another way than by a callback: from its own page or program, which asked
    /// the provider itself. That the code is of `subject` is for the application to know. A code is sent once.
    pub async fn exchange(
        &self,
        subject: &str,
        code: &str,
        options: ExchangeOptions,
    ) -> Result<Finished> {
        let (refresher, subject, code) = (self.refresher()?, subject.to_owned(), code.to_owned());
        let deadline = self.deadline(options.timeout)?;
        let work = async move {
            let consent = authorize::exchange(&refresher.context, &subject, &code, options).await?;
            let finished = consent.finished();
            refresher.remember(consent.record);
            Ok(finished)
        };
        run_to_its_end(deadline, work).await
    }

    /// How the grant of `subject` stands, without asking the provider: `valid`, `refreshable`, or `need_user` with what
    /// [`begin`](Client::begin) gives for these options. Scopes that the options name have to be granted.
    pub async fn check(&self, subject: &str, options: BeginOptions) -> Result<Standing> {
        let (refresher, key) = (self.refresher()?, self.key_of(subject, &options.slot)?);
        let deadline = self.deadline(options.timeout)?;
        run(deadline, async move {
            let wanted = options.scope.as_ref().map_or(&[][..], |scope| &scope.0);
            let mut standing = standing(&refresher, &key, wanted).await?;
            if standing.status == StandingStatus::NeedUser {
                let start = authorize::begin(&refresher.context, &key.subject, options).await?;
                standing.start = Some(start);
            }
            Ok(standing)
        })
        .await
    }

    /// Begins to ask `subject` for consent on another device (RFC 8628): gives a code that the user types at an address. The
    /// flow is in the store, so any process may go on with it.
    pub async fn begin_device(&self, subject: &str, options: DeviceOptions) -> Result<DeviceStart> {
        let (refresher, subject) = (self.refresher()?, subject.to_owned());
        let deadline = self.deadline(options.timeout)?;
        run(deadline, async move { device::begin(&refresher.context, &subject, options).await })
            .await
    }

    /// Asks once whether the user has consented; `state` is that of [`begin_device`](Client::begin_device). The grant is stored
    /// when this returns it. A poll sooner than the provider allows asks nobody, whichever process was the last to ask. Errors:
    /// `consent_denied`; `state_mismatch` with the reason `expired`, `unknown` or `client`; what else the provider says.
    pub async fn poll_device(&self, state: &str) -> Result<DevicePoll> {
        let (refresher, state) = (self.refresher()?, state.to_owned());
        let deadline = self.deadline(None)?;
        let work = async move {
            let (finished, poll_at) = match poll_device(&refresher.context, &state).await? {
                Polled::Pending { poll_at } => (None, Some(poll_at)),
                Polled::Before(finished) => (Some(finished), None),
                Polled::Granted(consent) => {
                    let finished = consent.finished();
                    refresher.remember(consent.record);
                    (Some(finished), None)
                }
            };
            Ok(DevicePoll { finished, poll_at })
        };
        run_to_its_end(deadline, work).await
    }

    /// Polls until the user has answered, or for so many seconds; without `timeout` until the codes expire.
    pub async fn wait_device(&self, state: &str, timeout: Option<f64>) -> Result<Finished> {
        let deadline = timeout.map(|seconds| self.deadline(Some(seconds))).transpose()?;
        loop {
            let polled = self.poll_device(state).await?;
            let (None, Some(poll_at)) = (&polled.finished, polled.poll_at) else {
                let nothing = || Error::new(Code::Internal, "a poll without an answer has no end");
                return polled.finished.ok_or_else(nothing);
            };
            let pause = u64::try_from(poll_at - self.0.settings.now()).unwrap_or_default();
            let next = Instant::now() + Duration::from_millis(pause);
            let until = deadline.map_or(next, |deadline| deadline.min(next));
            on_runtime(async move {
                tokio::time::sleep_until(until).await;
                Ok(())
            })
            .await?;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let text = "the user did not answer before the caller's deadline";
                return Err(Error::new(Code::Timeout, text));
            }
        }
    }

    /// The grant of a subject. No I/O; whether there is one shows at its first use.
    #[must_use]
    pub fn grant(&self, subject: &str) -> Grant {
        self.grant_slot(subject, "")
    }

    /// The grant of a subject in one of several slots.
    #[must_use]
    pub fn grant_slot(&self, subject: &str, slot: &str) -> Grant {
        Grant::new(self.clone(), self.0.settings.key(subject, slot))
    }

    /// Stores tokens that were got elsewhere, in place of what stands: usable in one step.
    pub async fn put(&self, subject: &str, tokens: PutTokens) -> Result<Inspection> {
        let (refresher, key) = (self.refresher()?, self.key_of(subject, &tokens.slot)?);
        let deadline = self.deadline(None)?;
        run(deadline, async move {
            let settings = &refresher.context.settings;
            let consent = tokens.into_consent(&settings.registration(), settings.now())?;
            let record = authorize::store(&refresher.context, &key, &consent).await?;
            Ok(remembered(&refresher, record))
        })
        .await
    }

    /// All grants of this client registration, without secrets.
    pub async fn list(&self) -> Result<Vec<Inspection>> {
        let refresher = self.refresher()?;
        let deadline = self.deadline(None)?;
        run(deadline, async move {
            let settings = &refresher.context.settings;
            let records = store::list(&*refresher.context.store, &settings.client_key()).await?;
            Ok(records.iter().map(|record| Inspection::of(settings, record)).collect())
        })
        .await
    }

    /// Looks at what this client stands on in this process and on this machine. The provider is not asked; what is wrong is in
    /// the findings.
    pub async fn check_up(&self) -> Result<Vec<Checked>> {
        let (refresher, client) = (self.refresher()?, self.clone());
        let deadline = self.deadline(None)?;
        run(deadline, async move {
            let inner = &client.0;
            let codec = Arc::new(Codec::new(inner.keys.clone()));
            let mut checked = vec![
                check_up::helper(inner.detached),
                check_up::spill(inner.spill(codec)).await,
                check_up::encryption(&client),
            ];
            checked.extend(check_up::store(&*refresher.context.store).await);
            Ok(checked)
        })
        .await
    }

    /// Whether what this client stores is sealed.
    #[must_use]
    pub fn is_sealing(&self) -> bool {
        self.0.keys.is_some()
    }

    /// Seals the stored records of this client registration with the first key of `encryption.keys`, those of deleted grants
    /// too, and tells `progress` how far it is. Everybody goes on working meanwhile, and it may be interrupted at any time: the
    /// next call does what is left. It has no deadline.
    pub async fn rekey(
        &self,
        options: RekeyOptions,
        progress: impl Fn(&Rekeyed) + Send + 'static,
    ) -> Result<Rekeyed> {
        let refresher = self.refresher()?;
        if !self.is_sealing() {
            let text = "encryption.keys: is missing; expected the keys to seal with";
            return Err(Error::new(Code::InvalidConfig, text));
        }
        let client = match (&self.0.store, options.all) {
            (_, false) => Some(self.0.settings.client_key()),
            (StoreChoice::BuiltIn(_), true) => None,
            (_, true) => {
                let text = "all: a store of your own lists the records of one client registration";
                return Err(Error::new(Code::Unsupported, text));
            }
        };
        on_runtime(async move {
            rekey::rekey(&*refresher.context.store, client, options.batch, progress).await
        })
        .await
    }

    /// The grants whose soft window or keep-alive time has come, without secrets; nothing is decrypted for it.
    pub async fn due(&self, options: DueOptions) -> Result<Vec<DueGrant>> {
        let refresher = self.refresher()?;
        let deadline = self.deadline(None)?;
        run(deadline, async move { keepalive::due(&refresher, &options).await }).await
    }

    /// Renews the grants that are [`due`](Client::due), each once however many processes do this at the same time. Takes as
    /// long as it takes; who leaves leaves the grants that had no turn yet for the next call.
    pub async fn refresh_due(&self, options: RefreshDueOptions) -> Result<DueReport> {
        self.refresh_due_watched(options, |_| ControlFlow::Continue(())).await
    }

    /// As [`refresh_due`](Client::refresh_due), and tells how far it is; where `watch` breaks, no more is begun, what is under
    /// way is finished, and the report says what was done.
    pub async fn refresh_due_watched(
        &self,
        options: RefreshDueOptions,
        watch: impl Fn(&DueProgress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Result<DueReport> {
        let (refresher, inner) = (self.refresher()?, Arc::clone(&self.0));
        let watch: Watch = Arc::new(move |progress| {
            if inner.closed.load(Ordering::Acquire) {
                return ControlFlow::Break(());
            }
            watch(progress)
        });
        on_runtime(async move { keepalive::refresh_due(&refresher, &options, &watch).await }).await
    }

    /// Waits for what is under way, within 10 s, and refuses what comes later with `cancelled`.
    pub async fn close(&self) {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.0.epoch.fetch_add(1, Ordering::Release);
        if let Some(here) = self.0.here.get() {
            let refresher = Arc::clone(&here.refresher);
            let settled = on_runtime(async move {
                refresher.settle(CLOSE_BOUND).await;
                if let Some(detached) = &refresher.context.detached {
                    detached.close().await;
                }
                Ok(())
            });
            let _ = settled.await;
        }
    }

    /// The events since the last call, oldest first; for [`Events::Queue`].
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        let _passage = Passage::enter();
        let queue = self.0.queue.as_ref();
        queue
            .map(|queue| queue.lock().expect("no holder panics").drain(..).collect())
            .unwrap_or_default()
    }

    /// Where store calls wait to be served, for [`ApplicationStore::CallingThread`].
    #[must_use]
    pub fn calling_thread(&self) -> Option<Arc<CallingThread>> {
        self.here().ok()?.calling_thread.clone()
    }

    /// A word that moves whenever a token that was handed out may no longer be used blindly.
    #[must_use]
    pub fn epoch_word(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.0.epoch)
    }

    /// The database file, where the store is SQLite.
    #[must_use]
    pub fn store_path(&self) -> Option<&Path> {
        match &self.0.store {
            StoreChoice::BuiltIn(address) => address.sqlite_path(),
            _ => None,
        }
    }

    /// The built-in store as this process has it open.
    pub(crate) fn built_in_store(&self) -> Result<Arc<dyn Store>> {
        self.built_in_address()?;
        Ok(Arc::clone(&self.refresher()?.context.store))
    }

    /// The built-in store opened once more, as another process would have it; none where it is memory.
    pub(crate) fn built_in_store_beside(&self) -> Result<Option<Arc<dyn Store>>> {
        let address = self.built_in_address()?;
        if address.is_of_this_process() {
            return Ok(None);
        }
        address.open(Arc::new(Codec::new(self.0.keys.clone()))).map(Some)
    }

    fn built_in_address(&self) -> Result<&Address> {
        match &self.0.store {
            StoreChoice::BuiltIn(address) => Ok(address),
            _ => Err(Error::new(
                Code::Unsupported,
                "the store of this client is the application's own; expected a built-in one",
            )),
        }
    }

    /// For tests: stops this client's clock at a time in Unix milliseconds, or lets it run again.
    pub fn set_test_clock(&self, unix_millis: Option<UnixMillis>) {
        self.0.settings.clock.set(unix_millis);
        self.0.epoch.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn refresher(&self) -> Result<Arc<Refresher>> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(Error::new(Code::Cancelled, "the client is closed"));
        }
        Ok(Arc::clone(&self.here()?.refresher))
    }

    /// The key of a user's grant.
    fn key_of(&self, subject: &str, slot: &str) -> Result<GrantKey> {
        authorize::check_subject(subject)?;
        Ok(self.0.settings.key(subject, slot))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// When a call that may take `timeout` seconds has to end; the client's `timeouts.total` when absent.
    pub(crate) fn deadline(&self, timeout: Option<f64>) -> Result<Instant> {
        let seconds = timeout.unwrap_or(self.0.settings.timeouts.total);
        if !(seconds > 0.0 && seconds <= 86_400.0) {
            return Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "timeout: {seconds} is out of range; expected seconds above 0 and at most a day"
                ),
            ));
        }
        Ok(Instant::now() + Duration::from_secs_f64(seconds))
    }

    fn here(&self) -> Result<Arc<Here>> {
        self.0.here.get_or_try(|| self.0.open_here())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("provider", &self.0.settings.provider_name)
            .field("client_id", &self.0.settings.client_id)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn open_here(&self) -> Result<Here> {
        let mut calling_thread = None;
        let codec = Arc::new(Codec::new(self.keys.clone()));
        let store: Arc<dyn Store> = match &self.store {
            StoreChoice::BuiltIn(address) => address.open(Arc::clone(&codec))?,
            StoreChoice::AnyThread(store) => {
                self.adapter(Caller::AnyThread(Arc::clone(store)), Arc::clone(&codec))?
            }
            StoreChoice::CallingThread(methods) => {
                let queue = Arc::<CallingThread>::default();
                calling_thread = Some(Arc::clone(&queue));
                let methods = Arc::clone(methods);
                self.adapter(Caller::CallingThread { queue, methods }, Arc::clone(&codec))?
            }
        };
        self.tell_weaknesses(&store);
        let detached = (self.detached != DetachedMode::Off).then(|| {
            let listener: Arc<dyn Listener> = Arc::<Settings>::clone(&self.settings);
            Detached::new(self.config.clone(), self.detached, listener)
        });
        let context = Context::new(Arc::clone(&self.settings), store, detached)?;
        let spill = self.open_spill(codec);
        let refresher = Refresher::new(Arc::new(context), Arc::clone(&self.epoch), spill);
        Ok(Here { refresher, calling_thread })
    }

    /// Tells, behind the scenes, what the store's database is set up not to promise.
    fn tell_weaknesses(&self, store: &Arc<dyn Store>) {
        if store.weaknesses().is_none() {
            return;
        }
        let (settings, store) = (Arc::clone(&self.settings), Arc::clone(store));
        runtime().spawn(async move {
            let asked =
                store.weaknesses().expect("a store that is asked at all can be asked again");
            // A server that does not answer is told by whatever wants to use it.
            for weakness in asked.await.unwrap_or_default() {
                settings.tell(Kind::StoreTrouble, &GrantKey::nobody(), None, &weakness);
            }
        });
    }

    /// Where answers outlive this process that the store does not take; that there is no such place is told at once.
    fn open_spill(&self, codec: Arc<Codec>) -> Option<Spill> {
        self.spill(codec)?
            .inspect_err(|error| {
                self.settings.tell(Kind::StoreTrouble, &GrantKey::nobody(), None, error.message());
            })
            .ok()
    }

    /// None where nothing outlives the process.
    fn spill(&self, codec: Arc<Codec>) -> Option<Result<Spill>> {
        let identity = match &self.store {
            StoreChoice::BuiltIn(address) => address.identity()?,
            _ => "application".to_owned(),
        };
        let codec = self.keys.is_some().then_some(codec);
        let state_dir = self.state_dir.as_ref().ok_or_else(no_state_dir);
        Some(state_dir.and_then(|folder| Spill::open(folder, &identity, codec)))
    }

    fn adapter(&self, caller: Caller, codec: Arc<Codec>) -> Result<Arc<ApplicationStoreAdapter>> {
        let adapter = ApplicationStoreAdapter::new(caller, codec)?;
        for gap in adapter.gaps() {
            self.settings.tell(Kind::StoreTrouble, &GrantKey::nobody(), None, &gap);
        }
        Ok(Arc::new(adapter))
    }
}

/// Puts a record that was just written into the cache, and says what is in it.
fn remembered(refresher: &Refresher, record: Record) -> Inspection {
    let inspection = Inspection::of(&refresher.context.settings, &record);
    refresher.remember(record);
    inspection
}

/// Ends an authorization, in the helper process where there is one.
async fn conclude(context: &Context, callback: &str, options: &FinishOptions) -> Result<Concluded> {
    if let Some(detached) = &context.detached {
        let options = serde_json::to_value(options).expect("options are plain data");
        let clock = context.settings.clock.is_set();
        match detached.finish(Finish { callback: callback.into(), options, clock }).await {
            Done::Ok(concluded) => return Ok(concluded),
            Done::Failed { error, .. } => return Err(error),
            Done::NoHelper => {}
        }
    }
    authorize::finish(context, callback, options).await
}

/// Asks once for the tokens of a device flow, in the helper process where there is one.
async fn poll_device(context: &Context, state: &str) -> Result<Polled> {
    if let Some(detached) = &context.detached {
        let clock = context.settings.clock.is_set();
        match detached.poll(Poll { state: state.into(), clock }).await {
            Done::Ok(polled) => return Ok(polled),
            Done::Failed { error, .. } => return Err(error),
            Done::NoHelper => {}
        }
    }
    device::poll(context, state).await
}

/// The configuration as a helper is given it, which does the work itself.
fn resolved_for_helper(
    config: &Config,
    store: &StoreChoice,
    keys: Option<&KeyRing>,
) -> Result<Value> {
    let mut resolved = config.resolved()?;
    resolved.encryption = keys.map(|ring| {
        let (keys, next) = ring.to_texts();
        let keys = keys.into_iter().map(SecretSource::Text).collect();
        Encryption { keys, next: next.map(SecretSource::Text) }
    });
    resolved.detached = DetachedMode::Off;
    resolved.state_dir = state_dir(config);
    if let (None, StoreChoice::BuiltIn(address)) = (&resolved.store, store)
        && let Some(path) = address.sqlite_path()
    {
        let address = format!("sqlite:{}", path.display());
        resolved.store = Some(SecretSource::Text(address.into()).into());
    }
    Ok(serde_json::to_value(resolved).expect("a configuration is plain data"))
}

fn queueing(queue: Arc<EventQueue>) -> EventSink {
    Arc::new(move |event| {
        let _passage = Passage::enter(); // the queue is not locked while the process forks
        let mut queue = queue.lock().expect("no holder panics");
        if queue.len() == QUEUED_EVENTS {
            queue.pop_front();
        }
        queue.push_back(event.clone());
    })
}

fn built_in_store(config: &Config) -> Result<StoreChoice> {
    Ok(StoreChoice::BuiltIn(Box::new(store_address(config)?)))
}

/// The built-in store that a configuration means.
pub(crate) fn store_address(config: &Config) -> Result<Address> {
    match &config.store {
        Some(options) => Address::of(options),
        None => Ok(Address::sqlite(default_folder(config)?.join("grants.db"), Tables::default())),
    }
}

/// The folder of the default store; made with mode 0700 where it is missing.
fn default_folder(config: &Config) -> Result<PathBuf> {
    let directory = state_dir(config).ok_or_else(no_state_dir)?;
    make_private_folder(&directory).map_err(|error| {
        Error::new(
            Code::Store,
            format!("state_dir {} cannot be made: {error}", directory.display()),
        )
        .with_reason("unreadable")
    })?;
    Ok(directory)
}

fn no_state_dir() -> Error {
    Error::new(Code::InvalidConfig, "state_dir: is missing, and HOME is not set; expected a folder")
}

/// The folder for the library's own files.
fn state_dir(config: &Config) -> Option<PathBuf> {
    let home = |variable: &str| {
        std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    config
        .state_dir
        .clone()
        .or_else(|| home("XDG_STATE_HOME").map(|path| path.join("evergrant")))
        .or_else(|| home("HOME").map(|path| path.join(".local/state/evergrant")))
        .and_then(|path| std::path::absolute(path).ok())
}

/// Runs `work` on the library's runtime and gives up at the deadline.
pub(crate) fn run<T: Send + 'static>(
    deadline: Instant,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> impl Future<Output = Result<T>> + Send {
    on_runtime(async move {
        tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
            Err(Error::new(Code::Timeout, "the call did not end before its deadline"))
        })
    })
}

/// As [`run`], but the work goes on when the caller leaves: it must not stop half-way.
pub(crate) fn run_to_its_end<T: Send + 'static>(
    deadline: Instant,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> impl Future<Output = Result<T>> + Send {
    let task = runtime().spawn(work);
    run(deadline, async move { task.await.map_err(task_error)? })
}
