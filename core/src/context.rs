//! What the upper floors share: the settings of one client, and what it has opened in this process.

use crate::assertions::Assertions;
use crate::clock::{Clock, UnixMillis, millis};
use crate::config::{
    AssertionOptions, Config, Dpop, GrantType, LegacyGrant, ProviderChoice, PushedRequests, Scopes,
    Timeouts, TokenExchangeOptions, WindowOptions,
};
use crate::detached::{Detached, Listener};
use crate::dpop::Proofs;
use crate::error::{Code, Error, Result};
use crate::event::{Event, EventSink, Kind};
use crate::http::{ClientCertificate, HttpClient, MutualTls, Reach, is_among};
use crate::jose::dpop;
use crate::jose::key_set::KeySet;
use crate::moving::Registration;
use crate::oauth2::{
    ClientAuthentication, ClientAuthenticationMethod, ClientCredential, TokenRequest,
};
use crate::provider::discovery::{self, Discovered};
use crate::provider::keys::{KeySource, Keys};
use crate::provider::{
    Endpoints, Offline, Protocol, Provider, Rotation, TokenUse, lookup, of_issuer,
};
use crate::secret::{Secret, shown};
use crate::signing::{Signing, SigningOptions};
use crate::store::{Entry, GrantKey, Record, Store, Tokens};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use url::Url;

/// The settings of a client: the same in every process that it is used in.
pub(crate) struct Settings {
    pub(crate) provider_name: String,
    provider: ProviderSource,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    client_authentication: Option<ClientAuthenticationMethod>,
    pub(crate) mutual_tls: Option<MutualTls>,
    pub(crate) dpop: Dpop,
    /// What signs assertions.
    pub(crate) assertions: Assertions,
    /// How grants come about.
    pub(crate) grant: GrantType,
    /// What is exchanged for tokens.
    pub(crate) token_exchange: Option<TokenExchangeOptions>,
    /// Of a user who consented elsewhere.
    first_refresh_token: Option<Secret>,
    /// Tells apart what one client registration asks for in several configurations, where no user's consent does.
    wish: String,
    pub(crate) legacy_grants: Vec<LegacyGrant>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) scope: Vec<String>,
    pub(crate) offline: bool,
    pub(crate) par: PushedRequests,
    pub(crate) request_object: bool,
    /// What tokens are for that are for no other resource (RFC 8707).
    pub(crate) resource: Vec<String>,
    pub(crate) windows: WindowOptions,
    pub(crate) timeouts: Timeouts,
    api_hosts: Vec<String>,
    pub(crate) max_response_bytes: u64,
    /// By how much the provider's clock may differ from this one, in milliseconds.
    pub(crate) clock_skew: i64,
    pub(crate) user_agent: Option<String>,
    pub(crate) reach: Reach,
    pub(crate) clock: Clock,
    /// OAuth 1.0a: what signs.
    signing: Option<Signing>,
    /// How far the provider's clock is ahead of this one, in milliseconds, as far as it matters to what is signed.
    pub(crate) signing_offset: AtomicI64,
    pub(crate) events: Option<EventSink>,
}

/// Where there is no refresh token, any number of requests may be sent.
static NOTHING_TO_SPEND: Rotation = Rotation {
    rotates: Some(false),
    grace: None,
    kills_on_reuse: Some(false),
    idle_days: None,
    lifetime_days: None,
    leaves_out: Vec::new(),
    earliest_refresh: None,
};

enum ProviderSource {
    Known(Arc<Provider>),
    /// Its metadata is fetched at first use; what the catalogue knows of it is at hand.
    Issuer {
        issuer: String,
        rotation: Rotation,
        offline: Option<Offline>,
    },
}

impl Settings {
    /// Resolves a configuration: secrets are read, a provider by name or table is checked.
    pub(crate) fn resolve(config: &Config, events: Option<EventSink>) -> Result<Self> {
        let (provider_name, provider) = match &config.provider {
            ProviderChoice::Name(name) => known(Provider::from_table(
                lookup(name, &config.provider_files)?,
                &config.provider_variables,
            )?),
            ProviderChoice::Table(table) => {
                known(Provider::from_table((**table).clone(), &config.provider_variables)?)
            }
            ProviderChoice::Issuer(issuer) => {
                if let Some(name) = config.provider_variables.keys().next() {
                    let text =
                        format!("provider_variables.{name}: an issuer has none; expected none");
                    return Err(Error::new(Code::InvalidConfig, text));
                }
                let named = ("provider", Code::InvalidConfig);
                discovery::check_issuer(issuer, named, config.allow_private_addresses)?;
                let known = of_issuer(issuer).unwrap_or_default();
                let offline = known.offline.or_else(|| Some(discovery::offline_access()));
                let (issuer, rotation) = (issuer.clone(), known.rotation);
                (issuer.clone(), ProviderSource::Issuer { issuer, rotation, offline })
            }
        };
        if let ProviderSource::Known(provider) = &provider
            && config.grant.needs_consent()
        {
            provider.check_consent()?;
        }
        let client_secret = config
            .client_secret
            .as_ref()
            .map(|source| source.resolve("client_secret"))
            .transpose()?;
        let signing = signing(config, &provider)?;
        let assertions = if signing.is_some() {
            Assertions::default() // there the key signs requests
        } else {
            check_credentials(config)?;
            check_grant(config)?;
            Assertions::resolve(config)?
        };
        let settings = Settings {
            provider_name,
            provider,
            client_id: config.client_id.clone(),
            client_secret,
            client_authentication: config.client_authentication,
            mutual_tls: mutual_tls(config)?,
            dpop: config.dpop,
            assertions,
            grant: config.grant,
            token_exchange: config.token_exchange.clone().map(TokenExchangeOptions::with_uris),
            first_refresh_token: config.first_refresh_token.clone(),
            wish: wish(config),
            legacy_grants: config.legacy_grants.clone(),
            redirect_uri: config.redirect_uri.clone(),
            scope: config.scope.0.clone(),
            offline: config.offline,
            par: config.par,
            request_object: config.request_object,
            resource: config.resource.clone(),
            windows: config.windows,
            timeouts: config.timeouts,
            api_hosts: config.api_hosts.clone(),
            max_response_bytes: config.max_response_bytes,
            clock_skew: millis(config.clock_skew),
            user_agent: config.user_agent.clone(),
            reach: match &config.provider {
                ProviderChoice::Issuer(_) if !config.allow_private_addresses => Reach::PublicOnly,
                _ => Reach::Anywhere,
            },
            clock: Clock::default(),
            signing,
            signing_offset: AtomicI64::new(0),
            events,
        };
        if let ProviderSource::Known(provider) = &settings.provider {
            settings.client_authentication(provider)?;
            settings.binds_to_key(provider)?;
            if settings.offline && settings.grant.needs_consent() && provider.offline.is_none() {
                return Err(no_offline_way(&provider.name));
            }
        }
        Ok(settings)
    }

    /// Refuses a URL to which the configuration lets no token go.
    pub(crate) fn check_api_host(&self, url: &Url) -> Result<()> {
        let host = url.host_str().unwrap_or_default();
        if self.api_hosts.is_empty() || is_among(host, &self.api_hosts) {
            return Ok(());
        }
        let text =
            format!("url: {host} is not among api_hosts; expected {}", self.api_hosts.join(" or "));
        Err(Error::new(Code::InsecureUrl, text))
    }

    /// The first part of the key of every grant of this client registration.
    pub(crate) fn client_key(&self) -> String {
        format!("{}:{}{}", self.provider_name, self.client_id, self.wish)
    }

    pub(crate) fn key(&self, subject: &str, slot: &str) -> GrantKey {
        GrantKey { client: self.client_key(), subject: subject.to_owned(), slot: slot.to_owned() }
    }

    /// Which of a grant's access tokens an application asks for.
    pub(crate) fn entry(&self, resource: Option<&str>, scope: Option<&Scopes>) -> Result<Entry> {
        let entry = Entry::wanted(resource, scope.map(|scope| scope.0.as_slice()))?;
        if !entry.is_own() && self.protocol() == Protocol::OAuth1 {
            let text = "resource, scope: OAuth 1.0a knows one token per grant; expected neither";
            return Err(Error::new(Code::InvalidArgument, text));
        }
        Ok(entry)
    }

    /// How this client authenticates at `provider`; a client without a secret is public.
    pub(crate) fn client_authentication(
        &self,
        provider: &Provider,
    ) -> Result<ClientAuthentication<'_>> {
        self.authentication_by(provider, provider.client_authentication)
    }

    /// How it authenticates at a refresh.
    pub(crate) fn refresh_authentication(
        &self,
        provider: &Provider,
    ) -> Result<ClientAuthentication<'_>> {
        let usual = provider.client_authentication;
        self.authentication_by(provider, provider.refresh_authentication.unwrap_or(usual))
    }

    /// How it authenticates in a request for which the provider's entry may name a method of its own.
    pub(crate) fn authentication(
        &self,
        provider: &Provider,
        own: Option<ClientAuthenticationMethod>,
    ) -> Result<ClientAuthentication<'_>> {
        own.map_or_else(
            || self.client_authentication(provider),
            |method| self.authenticating(provider, method),
        )
    }

    /// By the configured method, else by `usual` where there is a secret or it needs none, else by the key.
    fn authentication_by(
        &self,
        provider: &Provider,
        usual: ClientAuthenticationMethod,
    ) -> Result<ClientAuthentication<'_>> {
        let has_key = self.assertions.private_key().is_some();
        let method = match (self.client_authentication, &self.client_secret) {
            (Some(method), _) => method,
            (None, Some(_)) => usual,
            (None, None) if self.grant == GrantType::JwtBearer => {
                return Ok(ClientAuthentication::by_the_grant());
            }
            (None, None) if usual.is_by_certificate() => usual,
            (None, None) if has_key => ClientAuthenticationMethod::PrivateKeyJwt,
            (None, None) => ClientAuthenticationMethod::None,
        };
        self.authenticating(provider, method)
    }

    /// By this method; what is signed for it is good for one request.
    fn authenticating(
        &self,
        provider: &Provider,
        method: ClientAuthenticationMethod,
    ) -> Result<ClientAuthentication<'_>> {
        if method.is_by_certificate() && self.mutual_tls.is_none() {
            let text =
                format!("client_certificate: is missing; expected the one that {method} shows");
            return Err(Error::new(Code::InvalidConfig, text));
        }
        let (secret, now) = (self.client_secret.as_ref(), self.signing_now());
        let credential = match method {
            ClientAuthenticationMethod::ClientSecretJwt
            | ClientAuthenticationMethod::PrivateKeyJwt => {
                let assertion = self.assertions.of_client(method, secret, provider, now)?;
                assertion.map_or(ClientCredential::None, ClientCredential::Assertion)
            }
            _ => secret
                .map_or(ClientCredential::None, |secret| ClientCredential::Secret(secret.expose())),
        };
        ClientAuthentication::new(method, &self.client_id, credential)
            .map_err(|error| Error::new(Code::InvalidConfig, format!("{}: {error}", error.key())))
    }

    /// Whether the tokens of a new consent are to be bound to a key of the grant's own (RFC 9449).
    pub(crate) fn binds_to_key(&self, provider: &Provider) -> Result<bool> {
        let algorithms = &provider.dpop_algorithms;
        let is_known = algorithms.iter().any(|algorithm| algorithm == dpop::ALGORITHM);
        let name = &provider.name;
        match self.dpop {
            Dpop::Off => Ok(false),
            _ if provider.endpoints.protocol() == Protocol::OAuth1 => Err(Error::new(
                Code::InvalidConfig,
                format!("dpop: is of OAuth 2.0, and {name} speaks OAuth 1.0a; expected none"),
            )),
            Dpop::Auto => Ok(is_known),
            // Nobody says, but the application knows.
            Dpop::Require if is_known || algorithms.is_empty() => Ok(true),
            Dpop::Require => Err(Error::new(
                Code::Unsupported,
                format!(
                    "dpop: {name} takes proofs signed with {}; expected {} among them",
                    shown(&algorithms.join(", "), &[]),
                    dpop::ALGORITHM
                ),
            )),
        }
    }

    /// What signs the requests of a client of OAuth 1.0a.
    pub(crate) fn signing(&self) -> Result<&Signing> {
        let text = "a request of an OAuth 2.0 client was to be signed";
        self.signing.as_ref().ok_or_else(|| Error::new(Code::Internal, text))
    }

    /// What an echo of `request` would give away.
    pub(crate) fn secrets_in<'a>(&'a self, request: &'a TokenRequest) -> Vec<&'a Secret> {
        request.secrets().into_iter().chain(&self.client_secret).collect()
    }

    /// Stands for client authentication and token endpoint: a back-off for one does not hold another back.
    pub(crate) fn fingerprint(&self) -> String {
        let endpoints = match &self.provider {
            ProviderSource::Known(provider) => format!("{:?}", provider.endpoints),
            ProviderSource::Issuer { issuer, .. } => issuer.clone(),
        };
        let mut hash = Sha256::new();
        hash.update(format!("{:?}\0{endpoints}\0{}\0", self.client_authentication, self.client_id));
        hash.update(self.client_secret.as_ref().map_or("", Secret::expose));
        if let Some(tls) = &self.mutual_tls {
            hash.update(tls.certificate.digest());
        }
        hash.update([0]);
        hash.update(&*self.assertions.identity());
        hash.update(self.wish.as_bytes());
        for changed in self.token_exchange.iter().filter_map(TokenExchangeOptions::changed_at) {
            hash.update(format!("{changed:?}"));
        }
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..8])
    }

    /// What the provider does with used refresh tokens, as far as it is known without asking it.
    pub(crate) fn rotation(&self) -> &Rotation {
        match &self.provider {
            _ if !self.grant.needs_consent() => &NOTHING_TO_SPEND,
            ProviderSource::Known(provider) => &provider.rotation,
            ProviderSource::Issuer { rotation, .. } => rotation,
        }
    }

    /// The same, of the provider as its metadata have it.
    pub(crate) fn rotation_at<'a>(&self, provider: &'a Provider) -> &'a Rotation {
        if self.grant.needs_consent() { &provider.rotation } else { &NOTHING_TO_SPEND }
    }

    /// Whether introspection tells how long its access tokens live.
    pub(crate) fn lifetime_by_introspection(&self) -> bool {
        matches!(&self.provider, ProviderSource::Known(provider) if provider.response.lifetime_by_introspection)
    }

    /// With what a grant begins that nobody has to consent to any more: an access token is due at once. Credentials of one user
    /// are not those of every subject, and are the grant without a name.
    pub(crate) fn first_tokens(&self, key: &GrantKey) -> Option<Tokens> {
        let refresh_token = self.first_refresh_token.clone().filter(|_| key.subject.is_empty());
        let is_at_hand = refresh_token.is_some() || !self.grant.needs_consent();
        is_at_hand.then(|| Tokens::of_refresh_token(refresh_token, &self.scope, self.now()))
    }

    /// The scopes that only ask for a refresh token, as far as they are known without asking the provider.
    pub(crate) fn offline_scope(&self) -> &[String] {
        let offline = match &self.provider {
            ProviderSource::Known(provider) => provider.offline.as_ref(),
            ProviderSource::Issuer { offline, .. } => offline.as_ref(),
        };
        offline.map_or(&[], |offline| &offline.scope)
    }

    /// The protocol of the provider; metadata is of OAuth 2 only.
    pub(crate) fn protocol(&self) -> Protocol {
        match &self.provider {
            ProviderSource::Known(provider) => provider.endpoints.protocol(),
            ProviderSource::Issuer { .. } => Protocol::OAuth2,
        }
    }

    /// How the provider's API wants a token.
    pub(crate) fn token_use(&self) -> &TokenUse {
        match &self.provider {
            ProviderSource::Known(provider) => &provider.api,
            ProviderSource::Issuer { .. } => &TokenUse::Type,
        }
    }

    /// What a document of a grant has to be of.
    pub(crate) fn registration(&self) -> Registration<'_> {
        let token_endpoint = match &self.provider {
            ProviderSource::Known(provider) => {
                let (Endpoints::OAuth2 { token, .. } | Endpoints::OAuth1 { token, .. }) =
                    &provider.endpoints;
                Some(token.as_str())
            }
            ProviderSource::Issuer { .. } => None,
        };
        let (provider, client_id) = (&self.provider_name, &self.client_id);
        Registration { provider, client_id, token_endpoint }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The time by which what is signed is dated.
    pub(crate) fn signing_now(&self) -> UnixMillis {
        self.now().saturating_add(self.signing_offset())
    }

    /// Holds the provider's clock against this one: from now on what is signed is dated by it, where it is further off than is
    /// `tolerated`, in milliseconds. Whether that is so of what was `dated_by` another offset.
    pub(crate) fn corrects_clock(&self, theirs: UnixMillis, dated_by: i64, tolerated: i64) -> bool {
        let offset = theirs.saturating_sub(self.now());
        if (offset - self.signing_offset()).abs() > tolerated {
            self.signing_offset.store(offset, Ordering::Relaxed);
        }
        (offset - dated_by).abs() > tolerated
    }

    /// By how much signatures are dated later than [`now`](Self::now), in milliseconds.
    pub(crate) fn signing_offset(&self) -> i64 {
        self.signing_offset.load(Ordering::Relaxed)
    }

    /// Tells the application; `record` where it concerns one.
    pub(crate) fn tell(&self, kind: Kind, key: &GrantKey, record: Option<&Record>, detail: &str) {
        if self.events.is_none() {
            return;
        }
        let event = Event {
            event: kind,
            provider: self.provider_name.clone(),
            subject: key.subject.clone(),
            slot: key.slot.clone(),
            grant_id: record.map(|record| record.grant_id.clone()),
            generation: record.map(|record| record.generation),
            detail: detail.to_owned(),
        };
        self.pass_on(&event);
    }

    /// Hands an event to the application.
    fn pass_on(&self, event: &Event) {
        let Some(sink) = &self.events else { return };
        // A panic of the application's must not unwind through a flight.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| sink(event)));
    }
}

fn known(provider: Provider) -> (String, ProviderSource) {
    (provider.name.clone(), ProviderSource::Known(Arc::new(provider)))
}

/// What signs, of a provider that speaks OAuth 1.0a; the keys for it are refused at any other.
fn signing(config: &Config, provider: &ProviderSource) -> Result<Option<Signing>> {
    if let ProviderSource::Known(provider) = provider
        && provider.endpoints.protocol() == Protocol::OAuth1
    {
        if !config.grant.needs_consent() {
            let text = format!(
                "grant: {} is of OAuth 2.0, and the provider speaks OAuth 1.0a; expected authorization_code",
                config.grant.as_str()
            );
            return Err(Error::new(Code::InvalidConfig, text));
        }
        return Signing::resolve(&SigningOptions::of_client(config, &provider.dialect)).map(Some);
    }
    let keys = [
        ("signature_method", config.signature_method.is_some()),
        ("parameters_in", config.parameters_in.is_some()),
        ("realm", config.realm.is_some()),
    ];
    match keys.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(None),
        Some((key, _)) => Err(Error::new(
            Code::InvalidConfig,
            format!("{key}: is of OAuth 1.0a, and the provider speaks OAuth 2.0; expected none"),
        )),
    }
}

/// The certificate of a client, read and held against its key.
fn mutual_tls(config: &Config) -> Result<Option<MutualTls>> {
    let at_apis = config.tls_client_certificate_bound_access_tokens;
    let Some(chain) = &config.client_certificate else {
        let name = match (&config.client_certificate_key, at_apis) {
            (Some(_), _) => "client_certificate_key",
            (None, true) => "tls_client_certificate_bound_access_tokens",
            (None, false) => return Ok(None),
        };
        let text = format!("{name}: there is no client_certificate; expected both or neither");
        return Err(Error::new(Code::InvalidConfig, text));
    };
    let chain = chain.resolve("client_certificate")?;
    let key = config.client_certificate_key.as_ref();
    let key = key.map(|source| source.resolve("client_certificate_key")).transpose()?;
    let certificate = ClientCertificate::from_pem(&chain, key.as_ref())?;
    Ok(Some(MutualTls { certificate, at_apis }))
}

/// Of a client that needs no consent: what it asks for. Tokens of one account for several scopes, or on behalf of several users,
/// are several grants.
fn wish(config: &Config) -> String {
    if config.grant.needs_consent() {
        return String::new();
    }
    let mut scope = config.scope.0.clone();
    scope.sort();
    let assertion = AssertionOptions { audience: None, ..config.assertion.clone() };
    let exchange = config.token_exchange.as_ref();
    let exchange = exchange.map(|exchange| (&exchange.requested_token_type, &exchange.audience));
    let wish = (config.grant, scope, assertion, exchange);
    let wish = serde_json::to_string(&wish).expect("options are plain data");
    format!("#{}", URL_SAFE_NO_PAD.encode(&Sha256::digest(wish)[..9]))
}

/// Refuses a kind of grant without what it takes, and the other way round.
fn check_grant(config: &Config) -> Result<()> {
    let is_exchange = config.grant == GrantType::TokenExchange;
    let authenticates = config.client_secret.is_some()
        || config.private_key.is_some()
        || config.client_authentication.is_some();
    let text = match (is_exchange, config.token_exchange.is_some()) {
        (true, false) => {
            "token_exchange: is missing; expected a table with `subject_token`, which is exchanged for a token"
        }
        (false, true) => {
            "token_exchange: is of use only with grant = \"token_exchange\"; expected both or neither"
        }
        _ if config.grant == GrantType::JwtBearer && config.private_key.is_none() => {
            "private_key: is missing; expected the key that signs for grant = \"jwt_bearer\""
        }
        _ if config.grant == GrantType::ClientCredentials && !authenticates => {
            "client_secret: is missing; expected it or a private_key, as grant = \"client_credentials\" is for clients that \
             authenticate (RFC 6749 section 4.4)"
        }
        _ => return Ok(()),
    };
    Err(Error::new(Code::InvalidConfig, text))
}

/// Refuses two credentials where nothing says which of them authenticates.
fn check_credentials(config: &Config) -> Result<()> {
    let are_both = config.client_secret.is_some() && config.private_key.is_some();
    let is_said = config.client_authentication.is_some() || config.grant == GrantType::JwtBearer;
    if !are_both || is_said {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidConfig,
        "client_authentication: is missing, and there are both client_secret and private_key; expected the method that this \
         client is registered for, such as private_key_jwt",
    ))
}

pub(crate) fn no_offline_way(provider: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!(
            "offline: no way to ask {provider:?} for a refresh token is known; expected a provider table \
                 with `offline`, or offline = false"
        ),
    )
}

impl Listener for Settings {
    fn event(&self, event: &Event) {
        self.pass_on(event);
    }

    fn no_helper(&self, error: &Error) {
        self.tell(Kind::HelperUnavailable, &GrantKey::nobody(), None, error.message());
    }
}

/// What a client has opened in this process.
pub(crate) struct Context {
    pub(crate) settings: Arc<Settings>,
    pub(crate) http: Arc<HttpClient>,
    pub(crate) proofs: Proofs,
    pub(crate) store: Arc<dyn Store>,
    /// Where refreshes run in a process of their own.
    pub(crate) detached: Option<Detached>,
    discovered: Discovered,
    keys: Keys,
}

impl Context {
    pub(crate) fn new(
        settings: Arc<Settings>,
        store: Arc<dyn Store>,
        detached: Option<Detached>,
    ) -> Result<Self> {
        let http = HttpClient::shared(
            &settings.timeouts,
            settings.user_agent.as_deref(),
            settings.reach,
            settings.mutual_tls.as_ref(),
        )?;
        let (proofs, discovered, keys) =
            (Proofs::default(), Discovered::default(), Keys::default());
        Ok(Context { settings, http, proofs, store, detached, discovered, keys })
    }

    /// The provider; its metadata is fetched at first use where it was given by issuer.
    pub(crate) async fn provider(&self) -> Result<Arc<Provider>> {
        match &self.settings.provider {
            ProviderSource::Known(provider) => Ok(Arc::clone(provider)),
            ProviderSource::Issuer { issuer, .. } => {
                let (timeout, with_certificate) =
                    (self.settings.timeouts.request, self.settings.mutual_tls.is_some());
                let read = || async {
                    let provider =
                        discovery::discover(&self.http, issuer, timeout, with_certificate).await?;
                    self.settings.client_authentication(&provider)?;
                    self.settings.binds_to_key(&provider)?;
                    Ok(provider)
                };
                self.discovered.provider(read).await
            }
        }
    }

    /// The keys by which the provider signs; none where nobody says where they are.
    pub(crate) async fn keys(
        &self,
        provider: &Provider,
        timeout: Duration,
    ) -> Result<Option<Arc<KeySet>>> {
        match self.key_source(provider, timeout) {
            Some(source) => self.keys.get(&source).await.map(Some),
            None => Ok(None),
        }
    }

    /// The keys again, after those `seen` had none that fits.
    pub(crate) async fn newer_keys(
        &self,
        provider: &Provider,
        timeout: Duration,
        seen: &Arc<KeySet>,
    ) -> Result<Arc<KeySet>> {
        match self.key_source(provider, timeout) {
            Some(source) => self.keys.get_newer(&source, seen).await,
            None => Ok(Arc::clone(seen)),
        }
    }

    /// The keys that this process has, without asking the provider.
    pub(crate) fn keys_at_hand(&self) -> Option<Arc<KeySet>> {
        self.keys.at_hand()
    }

    fn key_source<'a>(
        &'a self,
        provider: &'a Provider,
        timeout: Duration,
    ) -> Option<KeySource<'a>> {
        Some(KeySource {
            http: &self.http,
            jwks_uri: provider.open_id.jwks_uri.as_ref()?,
            provider: &provider.name,
            timeout,
            now: self.settings.now(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const CERTIFICATE: &str = include_str!("http/test_keys/client.pem");
    const KEY: &str = include_str!("http/test_keys/client.key");

    fn settings(keys: &Value) -> Result<Settings> {
        let mut config = json!({"provider": "sandbox", "client_id": "c", "store": "memory:"});
        for (key, value) in keys.as_object().unwrap() {
            config[key] = value.clone();
        }
        Settings::resolve(&Config::from_json(&config.to_string())?, None)
    }

    #[test]
    fn a_key_of_mutual_tls_that_lacks_another_says_which() {
        for (keys, expected) in [
            (
                json!({"client_authentication": "tls_client_auth"}),
                "client_certificate: is missing; expected the one that tls_client_auth shows",
            ),
            (
                json!({"client_certificate_key": KEY}),
                "client_certificate_key: there is no client_certificate; expected both or neither",
            ),
            (
                json!({"tls_client_certificate_bound_access_tokens": true}),
                "tls_client_certificate_bound_access_tokens: there is no client_certificate; expected both or neither",
            ),
        ] {
            assert_eq!(settings(&keys).err().unwrap().message(), expected);
        }
    }

    #[test]
    fn another_certificate_is_another_client_authentication() {
        let plain = settings(&json!({})).unwrap();
        let keys = json!({"client_certificate": CERTIFICATE, "client_certificate_key": KEY});
        let with_certificate = settings(&keys).unwrap();
        assert_ne!(plain.fingerprint(), with_certificate.fingerprint());
        assert!(with_certificate.mutual_tls.is_some_and(|tls| !tls.at_apis));
    }
}
