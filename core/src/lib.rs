//! Evergrant: OAuth 1.0a and OAuth 2 for offline access. An application calls an API on a user's behalf when the user is not
//! there; this library holds the tokens, renews them in time, and lets any number of processes in any language share them.
//! **No grant is ever lost by its fault.**
//!
//! ```no_run
//! # async fn example() -> evergrant::Result<()> {
//! use evergrant::{ApiRequest, Client, Config};
//!
//! let client = Client::open(Config::from_toml(r#"
//!     provider      = "google"
//!     client_id     = "…"
//!     client_secret = { env = "GOOGLE_SECRET" }
//!     redirect_uri  = "https://example.org/callback"
//!     scope         = ["https://www.googleapis.com/auth/drive.readonly"]
//!     offline       = true
//!     store         = "sqlite:tokens.db"
//! "#)?)?;
//! let start = client.begin("alice", Default::default()).await?; // redirect the browser to start.url
//! # let callback_url = "";
//! client.finish(callback_url, Default::default()).await?; // in the callback view, in any process
//!
//! let request = ApiRequest { url: "https://www.googleapis.com/drive/v3/files".into(), ..ApiRequest::default() };
//! let files = client.grant("alice").request(request).await?; // months later, from cron
//! # Ok(()) }
//! ```
//!
//! The floors, each of which imports only what is below it: [`Client`] and [`Grant`]; `authorize`; `call`; `refresh`; `store`;
//! `provider`; `http`; and the pure [`oauth1`] and [`oauth2`], where the standards live.

mod assertions;
mod authorize;
#[cfg(feature = "bench-access")]
#[doc(hidden)]
pub mod bench_access;
mod call;
mod challenge;
mod check_up;
mod client;
mod clock;
mod config;
mod context;
mod credentials;
mod detached;
mod dpop;
mod error;
mod event;
#[cfg(feature = "fuzz-access")]
#[doc(hidden)]
pub mod fuzz_access;
mod grant;
mod helper;
mod http;
mod jose;
mod lookup;
mod loopback;
mod moving;
pub mod oauth1;
pub mod oauth2;
mod owner;
mod process;
mod provider;
mod refresh;
mod rejection;
mod rekey;
mod secret;
mod signing;
mod standing;
mod store;
mod tables;

pub use authorize::device::{DeviceOptions, DevicePoll, DeviceStart};
pub use authorize::incoming::{IncomingRequest, redirect_uri_of};
pub use authorize::legacy::{PasswordOptions, PinOptions};
pub use authorize::logout::{Logout, LogoutOptions};
pub use authorize::loopback::LoopbackListener;
pub use authorize::{BeginOptions, ExchangeOptions, FinishOptions, Finished, Start};
pub use call::{ApiRequest, ApiResponse, SignOptions, SignedRequest, sign};
pub use check_up::{Checked, Health};
pub use client::{ApplicationStore, Client, Environment, Events, KeyCallback};
pub use config::{
    AssertionOptions, Config, Detached, Dpop, Encryption, GrantType, LegacyGrant, ProviderChoice,
    PushedRequests, Scopes, SecretSource, StoreOptions, Timeouts, TokenExchangeOptions,
    WindowOptions, camel_json, options_from_json, options_from_json_camel,
};
pub use error::{Code, Error, Result};
pub use event::{Event, EventSink, Kind};
pub use grant::{
    AccessToken, Grant, HeaderOptions, Inspection, IntrospectOptions, PutTokens, RefreshOptions,
    RevokeOptions, TokenOptions, TrailLine, UserinfoOptions,
};
#[cfg(unix)]
pub use helper::serve as serve_helper;
pub use jose::JwsAlgorithm;
pub use lookup::{
    RegisterOptions, Registered, RegisteredConfig, ResourceOptions, protected_resource, register,
};
pub use moving::{OldSession, OldTable};
pub use process::{guard, runtime, wait, wait_ticking};
pub use provider::{
    AccessTokenGrant, OAuth1Version, Offline, ParameterNames, Pkce, Protocol, ProviderStatus,
    ProviderTable, Rotation, StateIn, TokenIn, TokenRequestFormat, TokenRequestMethod, catalogue,
    catalogue_names, expected_name,
};
pub use refresh::introspection::{Introspection, TokenKind};
pub use refresh::keepalive::{
    DueAfter, DueFor, DueGrant, DueOptions, DueProgress, DueReport, FailedGrant, GrantRef,
    RefreshDueOptions, Stopped,
};
pub use rekey::{RekeyFailure, RekeyOptions, Rekeyed};
pub use secret::Secret;
pub use standing::{Standing, StandingStatus};
pub use store::{
    CallingThread, CheckOptions, CheckReport, Finding, ForeignStore, Method, StoreCall, StoreCheck,
    StoreReply, Verdict, new_encryption_key,
};
pub use tables::{StoreSchema, StoreTables};
