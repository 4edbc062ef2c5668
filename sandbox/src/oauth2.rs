//! OAuth 2.0: authorization (RFC 6749, section 4.1), tokens, revocation (RFC 7009) and discovery (RFC
//! 8414). As strict as the standards allow, so that a client that passes here is right elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use crate::clock::{Millis, millis};
use crate::consent::{self, Decision};
use crate::device;
use crate::dpop;
use crate::grants::{AccessToken, Code, FamilyId, Lifetime, Protocol};
use crate::http::{Answer, FORM, Parameters, Request};
use crate::journal::{ClientAuthentication, JournalEntry};
use crate::openid::add_id_token;
use crate::options::Dpop;
use crate::pushed;
use crate::state::State;

/// The confidential client.
pub const CLIENT_ID: &str = "sandbox-client";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "sandbox-secret";
/// A confidential client whose identifier has to be form-encoded in HTTP Basic (RFC 6749, section
/// 2.3.1).
pub const RESERVED_CLIENT_ID: &str = "sandbox client+1";
/// The secret of [`RESERVED_CLIENT_ID`].
pub const RESERVED_CLIENT_SECRET: &str = "s:e%c r&t";
/// The public client: no secret, PKCE required.
pub const PUBLIC_CLIENT_ID: &str = "sandbox-public";
/// A scope value for which a code exchange brings no refresh token.
pub const NO_REFRESH_SCOPE: &str = "no-refresh";

pub(crate) struct Client {
    pub(crate) id: &'static str,
    /// None for a public client.
    secret: Option<&'static str>,
}

const CLIENTS: [Client; 3] = [
    Client { id: CLIENT_ID, secret: Some(CLIENT_SECRET) },
    Client { id: RESERVED_CLIENT_ID, secret: Some(RESERVED_CLIENT_SECRET) },
    Client { id: PUBLIC_CLIENT_ID, secret: None },
];

/// An error response of RFC 6749, sections 4.1.2.1 and 5.2.
pub(crate) struct Error {
    pub(crate) code: &'static str,
    pub(crate) description: String,
    /// What the next DPoP proof has to carry (RFC 9449, section 8).
    pub(crate) dpop_nonce: Option<String>,
}

impl Error {
    pub(crate) fn new(code: &'static str, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), dpop_nonce: None }
    }

    pub(crate) fn answer(&self) -> Answer {
        let body = json!({ "error": self.code, "error_description": self.description });
        let answer = match self.code {
            "invalid_client" => Answer::json(401, &body)
                .header("www-authenticate", r#"Basic realm="sandbox", charset="UTF-8""#),
            _ => Answer::json(400, &body),
        };
        match &self.dpop_nonce {
            Some(nonce) => answer.header("dpop-nonce", nonce),
            None => answer,
        }
        .not_stored()
    }
}

fn client(id: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|client| client.id == id)
}

// Authorization

/// A request that may be put to the user.
struct AuthorizationRequest {
    client: &'static Client,
    redirect_uri: Url,
    state: Option<String>,
    /// What is wrong with it, to be told to the client and not to the user.
    checked: Result<Wish, Error>,
}

struct Wish {
    client: &'static Client,
    redirect_uri: String,
    scope: String,
    code_challenge: Option<String>,
    key: Option<String>,
    nonce: Option<String>,
    login_hint: Option<String>,
}

/// The authorization endpoint: the consent page, and its form.
pub(crate) fn authorize(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "POST") {
        return Answer::method_not_allowed("GET, POST");
    }
    put_to_user(state, request, entry).unwrap_or_else(|problem| consent::error_page(&problem))
}

/// # Errors
/// What the user is told when it is not safe to redirect (RFC 6749, section 4.1.2.1).
fn put_to_user(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<Answer, String> {
    let (pairs, decision) = consent::read(request)?;
    let pairs = pushed::resolved(state, pairs)?;
    let parameters = Parameters::unique(pairs).map_err(|name| format!("{name} came twice."))?;
    let asked = authorization_request(&parameters)?;
    entry.client = Some(asked.client.id.to_owned());
    let code = match (asked.checked, decision) {
        (Err(error), _) => Err(error),
        (Ok(wish), None) => return Ok(consent_page(&wish)),
        (Ok(_), Some(Decision::Deny)) => Err(Error::new("access_denied", "the user said no")),
        (Ok(wish), Some(Decision::Allow { user })) => {
            entry.user = Some(user.clone());
            Ok(issue_code(state, wish, user))
        }
    };
    let outcome = match &code {
        Ok(code) => vec![("code", code.as_str())],
        Err(error) => vec![("error", error.code), ("error_description", &error.description)],
    };
    Ok(redirect(state, asked.redirect_uri, asked.state.as_deref(), &outcome))
}

fn consent_page(wish: &Wish) -> Answer {
    consent::page(wish.client.id, &wish.scope, &wish.redirect_uri, wish.login_hint.as_deref())
}

fn authorization_request(parameters: &Parameters) -> Result<AuthorizationRequest, String> {
    let client_id = parameters.get("client_id").ok_or("client_id is missing.")?;
    let client = client(client_id).ok_or("No client of this client_id is registered here.")?;
    let redirect_uri = parameters.get("redirect_uri").ok_or("redirect_uri is missing.")?;
    Ok(AuthorizationRequest {
        client,
        redirect_uri: consent::loopback_url(redirect_uri)?,
        state: parameters.get("state").map(str::to_owned),
        checked: check(client, redirect_uri, parameters),
    })
}

/// That a request which is pushed may be put to a user.
pub(crate) fn check_authorization_request(
    parameters: &Parameters,
    client: &Client,
) -> Result<(), Error> {
    let invalid = |problem: String| Error::new("invalid_request", problem);
    let asked = authorization_request(parameters).map_err(invalid)?;
    if asked.client.id != client.id {
        return Err(invalid("client_id is not the client that pushes".to_owned()));
    }
    asked.checked.map(drop)
}

fn check(
    client: &'static Client,
    redirect_uri: &str,
    parameters: &Parameters,
) -> Result<Wish, Error> {
    let invalid = |description: &str| Error::new("invalid_request", description);
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => {
            return Err(Error::new("unsupported_response_type", "response_type has to be code"));
        }
        None => return Err(invalid("response_type is missing")),
    }
    let code_challenge = parameters.get("code_challenge");
    match (code_challenge, parameters.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) if is_sha256(challenge) => {}
        (Some(_), Some("S256")) => {
            return Err(invalid("code_challenge is not a SHA-256 in base64url"));
        }
        (Some(_), _) => return Err(invalid("code_challenge_method has to be S256")),
        (None, Some(_)) => return Err(invalid("code_challenge is missing")),
        (None, None) if client.secret.is_none() => {
            return Err(invalid("code_challenge is required of a public client"));
        }
        (None, None) => {}
    }
    Ok(Wish {
        client,
        redirect_uri: redirect_uri.to_owned(),
        scope: parameters.get("scope").unwrap_or_default().to_owned(),
        code_challenge: code_challenge.map(str::to_owned),
        key: parameters.get("dpop_jkt").map(str::to_owned),
        nonce: parameters.get("nonce").map(str::to_owned),
        login_hint: parameters.get("login_hint").map(str::to_owned),
    })
}

fn is_sha256(challenge: &str) -> bool {
    URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|hash| hash.len() == 32)
}

fn issue_code(state: &mut State, wish: Wish, user: String) -> String {
    let expires = state.clock.now() + millis(state.options.authorization_code_lifetime);
    state.grants.issue_code(Code {
        client: wish.client.id.to_owned(),
        redirect_uri: wish.redirect_uri,
        challenge: wish.code_challenge,
        key: wish.key,
        nonce: wish.nonce,
        scope: wish.scope,
        user,
        expires,
        brought: None,
    })
}

/// Back to the client, with the issuer beside every answer (RFC 9207).
fn redirect(
    sandbox: &State,
    mut to: Url,
    state: Option<&str>,
    parameters: &[(&str, &str)],
) -> Answer {
    to.query_pairs_mut()
        .extend_pairs(parameters)
        .extend_pairs(state.map(|state| ("state", state)))
        .append_pair("iss", &sandbox.issuer);
    Answer::redirect(to).not_stored()
}

// Tokens

/// The token endpoint.
pub(crate) fn token(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if request.method != "POST" {
        return Answer::method_not_allowed("POST");
    }
    match grant_tokens(state, request, entry) {
        Ok(tokens) => Answer::json(200, &tokens).not_stored(),
        Err(error) => error.answer(),
    }
}

fn grant_tokens(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<Value, Error> {
    let parameters = form_parameters(request)?;
    let grant_type = required(&parameters, "grant_type");
    let client = authenticate_client(request, &parameters, entry)?;
    let key = dpop::key_of(state, request, None)?;
    match grant_type? {
        "authorization_code" => exchange_code(state, client, &parameters, key, entry),
        "refresh_token" => refresh(state, client, &parameters, key.as_deref(), entry),
        "urn:ietf:params:oauth:grant-type:device_code" => {
            device::poll(state, client, &parameters, key, entry)
        }
        "client_credentials" => client_credentials(state, client, &parameters, entry),
        _ => Err(Error::new("unsupported_grant_type", "this grant type is not known here")),
    }
}

pub(crate) fn form_parameters(request: &Request) -> Result<Parameters, Error> {
    if !request.content_type_is(FORM) {
        return Err(Error::new("invalid_request", format!("the body has to be {FORM}")));
    }
    Parameters::unique(request.form_pairs())
        .map_err(|name| Error::new("invalid_request", format!("{name} came twice")))
}

pub(crate) fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Error> {
    let missing = || Error::new("invalid_request", format!("{name} is missing"));
    parameters.get(name).ok_or_else(missing)
}

/// RFC 6749, section 2.3: one method of authentication in a request, never two.
pub(crate) fn authenticate_client(
    request: &Request,
    parameters: &Parameters,
    entry: &mut JournalEntry,
) -> Result<&'static Client, Error> {
    let refused = |description: &str| Error::new("invalid_client", description);
    let posted_id = parameters.get("client_id").map(str::to_owned);
    let posted_secret = parameters.get("client_secret").map(str::to_owned);
    let (method, id, secret) = match (request.authorization(), posted_secret) {
        (Some(_), Some(_)) => {
            return Err(Error::new("invalid_request", "two methods of client authentication"));
        }
        (Some(_), None) => {
            let (id, secret) = basic_credentials(request)
                .ok_or_else(|| refused("Authorization is not HTTP Basic as RFC 6749 has it"))?;
            (ClientAuthentication::Basic, id, Some(secret))
        }
        (None, secret) => {
            let id = posted_id.clone().ok_or_else(|| refused("no client authentication"))?;
            let method = match secret {
                Some(_) => ClientAuthentication::Post,
                None => ClientAuthentication::None,
            };
            (method, id, secret)
        }
    };
    entry.client_authentication = Some(method);
    if posted_id.is_some_and(|posted| posted != id) {
        return Err(Error::new("invalid_request", "two clients in one request"));
    }
    let client = client(&id).ok_or_else(|| refused("this client is not known here"))?;
    entry.client = Some(client.id.to_owned());
    if client.secret == secret.as_deref() {
        Ok(client)
    } else {
        Err(refused("the client secret is wrong, missing, or given for a public client"))
    }
}

/// Identifier and secret, each form-encoded before they were joined (RFC 6749, section 2.3.1).
fn basic_credentials(request: &Request) -> Option<(String, String)> {
    let decoded = STANDARD.decode(request.credentials("Basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(encoded: &str) -> Option<String> {
    if encoded.contains(['&', '=']) {
        return None;
    }
    let pair = format!("={encoded}");
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
}

fn exchange_code(
    state: &mut State,
    client: &Client,
    parameters: &Parameters,
    key: Option<String>,
    entry: &mut JournalEntry,
) -> Result<Value, Error> {
    let refused = |description: &str| Error::new("invalid_grant", description);
    let now = state.clock.now();
    let text = required(parameters, "code")?;
    let redirect_uri = required(parameters, "redirect_uri")?;
    let code = state
        .grants
        .code_mut(text)
        .filter(|code| code.client == client.id)
        .ok_or_else(|| refused("this code was not issued to this client"))?;
    entry.user = Some(code.user.clone());
    if let Some(family) = code.brought {
        note_reuse(state, family, entry);
        state.grants.kill(family);
        return Err(refused("this code was used before; what it brought is revoked"));
    }
    if now >= code.expires {
        return Err(refused("this code has expired"));
    }
    if code.redirect_uri != redirect_uri {
        return Err(refused("redirect_uri is not the one of the authorization request"));
    }
    if !verifier_fits(code.challenge.as_deref(), parameters.get("code_verifier")) {
        return Err(refused("code_verifier does not fit the code_challenge"));
    }
    if state.options.dpop != Dpop::Off && code.key.is_some() && code.key != key {
        return Err(refused("the code is bound to another key than that of the proof"));
    }
    let (user, scope, nonce) = (code.user.clone(), code.scope.clone(), code.nonce.clone());
    let family = state.grants.open(Some(user), client.id, Protocol::OAuth2, &scope, now);
    state.grants.family_mut(family).key = key;
    state.grants.code_mut(text).expect("it was there above").brought = Some(family);
    entry.concerns(state.grants.family(family));
    Ok(first_tokens(state, family, &scope, nonce.as_deref()))
}

/// What a consent brings: an access token and, unless the scope says otherwise, a refresh token.
pub(crate) fn first_tokens(
    state: &mut State,
    family: FamilyId,
    scope: &str,
    nonce: Option<&str>,
) -> Value {
    let now = state.clock.now();
    let refresh_token = (!scope.split(' ').any(|value| value == NO_REFRESH_SCOPE))
        .then(|| state.grants.issue_refresh_token(family, now));
    let mut response = token_response(state, family, scope, refresh_token);
    add_id_token(state, &mut response, family, nonce);
    response
}

/// RFC 7636, section 4.6; a verifier without a challenge is a downgrade under way.
fn verifier_fits(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (Some(challenge), Some(verifier)) => {
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            (43..=128).contains(&verifier.len())
                && verifier.chars().all(unreserved)
                && URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge
        }
        (None, None) => true,
        _ => false,
    }
}

/// Somebody presents a secret that was spent. Outside a grace nothing of the grant survives that
/// (RFC 6749, section 4.1.2; RFC 9700, section 4.14.2).
fn note_reuse(state: &mut State, family: FamilyId, entry: &mut JournalEntry) {
    let family = state.grants.family_mut(family);
    entry.concerns(family);
    entry.reuse = true;
    family.reuses += 1;
}

fn refresh(
    state: &mut State,
    client: &Client,
    parameters: &Parameters,
    key: Option<&str>,
    entry: &mut JournalEntry,
) -> Result<Value, Error> {
    let refused = |description: &str| Error::new("invalid_grant", description);
    let now = state.clock.now();
    let text = required(parameters, "refresh_token")?;
    let (id, superseded) = state
        .grants
        .refresh_token(text)
        .map(|token| (token.family, token.superseded))
        .filter(|(id, _)| state.grants.family(*id).client == client.id)
        .ok_or_else(|| refused("this refresh token was not issued to this client"))?;
    // Strict: of a confidential client too, though its refresh tokens need not be bound (RFC 9449, section 5).
    let bound_to = state.grants.family(id).key.as_deref();
    if bound_to.is_some() && bound_to != key {
        return Err(refused("the refresh token is bound to another key than that of a proof"));
    }
    entry.concerns(state.grants.family(id));
    entry.token_age = state.grants.token_age(id, now);
    let repeated = match superseded {
        Some(superseded) => {
            note_reuse(state, id, entry);
            if !within_grace(state, id, text, superseded, now) {
                state.grants.kill(id);
                return Err(refused("this refresh token was replaced; its family is revoked"));
            }
            true
        }
        None => false,
    };
    let family = state.grants.family(id);
    if !family.alive {
        return Err(refused("this grant is revoked"));
    }
    let scope = refreshed_scope(&family.scope, parameters.get("scope"))?;
    if repeated {
        let successor = family.refresh_token.clone();
        return Ok(token_response(state, id, &scope, successor));
    }
    let mut response = rotate(state, id, &scope, now);
    if state.openid.habit.at_refresh {
        add_id_token(state, &mut response, id, None);
    }
    Ok(response)
}

/// Whether this is the last token before the current one, and it was current a short while ago.
fn within_grace(state: &State, id: FamilyId, token: &str, superseded: Millis, now: Millis) -> bool {
    let family = state.grants.family(id);
    family.alive
        && family.previous_refresh_token.as_deref() == Some(token)
        && now < superseded + millis(state.options.grace)
}

/// RFC 6749, section 6: a refresh narrows the scope or leaves it.
fn refreshed_scope(granted: &str, asked: Option<&str>) -> Result<String, Error> {
    let Some(asked) = asked else { return Ok(granted.to_owned()) };
    if asked.split(' ').all(|value| granted.split(' ').any(|other| other == value)) {
        Ok(asked.to_owned())
    } else {
        Err(Error::new("invalid_scope", "more than was granted"))
    }
}

fn rotate(state: &mut State, id: FamilyId, scope: &str, now: Millis) -> Value {
    state.grants.family_mut(id).generation += 1;
    if !state.options.keep_old_access_token {
        state.grants.expire_access_tokens(id);
    }
    let successor = state.options.rotate.then(|| state.grants.issue_refresh_token(id, now));
    token_response(state, id, scope, successor)
}

fn client_credentials(
    state: &mut State,
    client: &Client,
    parameters: &Parameters,
    entry: &mut JournalEntry,
) -> Result<Value, Error> {
    if client.secret.is_none() {
        return Err(Error::new("unauthorized_client", "a public client has no credentials"));
    }
    let scope = parameters.get("scope").unwrap_or_default();
    let now = state.clock.now();
    let family = state.grants.open(None, client.id, Protocol::OAuth2, scope, now);
    entry.concerns(state.grants.family(family));
    Ok(token_response(state, family, scope, None))
}

fn token_response(
    state: &mut State,
    family: FamilyId,
    scope: &str,
    refresh_token: Option<String>,
) -> Value {
    let length = state.options.access_token_lifetime;
    let lifetime = Lifetime { issued: state.clock.now(), length: Some(millis(length)) };
    let is_bound = state.grants.family(family).key.is_some();
    let mut response = json!({
        "access_token": state.grants.issue_access_token(family, lifetime, None),
        "token_type": if is_bound { "DPoP" } else { "Bearer" },
        "expires_in": length.as_secs(),
        "scope": scope,
    });
    if let Some(refresh_token) = refresh_token {
        response["refresh_token"] = refresh_token.into();
    }
    response
}

// Revocation

/// The revocation endpoint (RFC 7009): a refresh token takes the grant with it, an access token goes
/// alone.
pub(crate) fn revoke(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if request.method != "POST" {
        return Answer::method_not_allowed("POST");
    }
    match revoke_token(state, request, entry) {
        Ok(()) => Answer::empty(200).not_stored(),
        Err(error) => error.answer(),
    }
}

fn revoke_token(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<(), Error> {
    let parameters = form_parameters(request)?;
    let client = authenticate_client(request, &parameters, entry)?;
    let token = required(&parameters, "token")?;
    let refresh_family = state.grants.refresh_token(token).map(|token| token.family);
    let access_family = state.grants.access_token(token).map(|token| token.family);
    let Some(id) = refresh_family.or(access_family) else { return Ok(()) };
    let family = state.grants.family(id);
    if family.client != client.id {
        return Err(Error::new("unauthorized_client", "this token is another client's"));
    }
    entry.concerns(family);
    if refresh_family.is_some() {
        state.grants.kill(id);
    } else {
        state.grants.expire_access_token(token);
    }
    Ok(())
}

// Introspection

/// The introspection endpoint (RFC 7662) for the tokens of the client that asks.
pub(crate) fn introspect(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if request.method != "POST" {
        return Answer::method_not_allowed("POST");
    }
    match introspect_token(state, request, entry) {
        Ok(said) => Answer::json(200, &said).not_stored(),
        Err(error) => error.answer(),
    }
}

fn introspect_token(
    state: &State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<Value, Error> {
    let parameters = form_parameters(request)?;
    let client = authenticate_client(request, &parameters, entry)?;
    if client.secret.is_none() {
        return Err(Error::new("invalid_client", "a public client may not introspect"));
    }
    let token = required(&parameters, "token")?;
    let (access, refresh) = (state.grants.access_token(token), state.grants.refresh_token(token));
    let access_alive = access.filter(|token| token.alive_at(state.clock.now()));
    let refresh_alive = refresh.filter(|token| token.superseded.is_none());
    let id = access_alive.map(|token| token.family).or(refresh_alive.map(|token| token.family));
    let family = id.map(|id| state.grants.family(id));
    match family.filter(|family| family.alive && family.client == client.id) {
        Some(family) => {
            entry.concerns(family);
            let (scope, client_id, sub) = (&family.scope, &family.client, &family.user);
            let mut said =
                json!({ "active": true, "scope": scope, "client_id": client_id, "sub": sub });
            if let Some(end) = access_alive.and_then(AccessToken::ends_at) {
                said["exp"] = (end / 1000).into();
            }
            Ok(said)
        }
        None => Ok(json!({ "active": false })),
    }
}

// Discovery

/// The metadata of RFC 8414, section 2.
pub(crate) fn discovery(state: &State) -> Answer {
    let issuer = &state.issuer;
    let methods = json!(["client_secret_basic", "client_secret_post", "none"]);
    Answer::json(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
            "token_endpoint": format!("{issuer}/oauth2/token"),
            "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
            "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
            "userinfo_endpoint": format!("{issuer}/oauth2/userinfo"),
            "jwks_uri": format!("{issuer}/oauth2/keys"),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "pushed_authorization_request_endpoint": format!("{issuer}/oauth2/par"),
            "require_pushed_authorization_requests":
                state.options.require_pushed_authorization_requests,
            "device_authorization_endpoint": format!("{issuer}/oauth2/device_authorization"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "authorization_response_iss_parameter_supported": true,
            "dpop_signing_alg_values_supported": if state.options.dpop == Dpop::Off { json!([]) } else { json!(["ES256"]) },
        }),
    )
}

// The protected API

/// The grant and the token number behind a Bearer token (RFC 6750), or the answer to give.
pub(crate) fn authenticate_bearer(
    state: &State,
    token: &str,
    entry: &mut JournalEntry,
) -> Result<(FamilyId, u64), Answer> {
    let (family, number) = behind(state, token, entry)
        .map_err(|description| bearer_error(401, "invalid_token", description))?;
    if state.grants.family(family).key.is_some() {
        return Err(dpop_error(&Error::new("invalid_token", "this token is bound to a key")));
    }
    Ok((family, number))
}

/// The same of a token that is bound to a key (RFC 9449, section 7.1).
pub(crate) fn authenticate_bound(
    state: &mut State,
    token: &str,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<(FamilyId, u64), Answer> {
    let key = dpop::key_of(state, request, Some(token)).map_err(|error| dpop_error(&error))?;
    let refused = |description| dpop_error(&Error::new("invalid_token", description));
    let (family, number) = behind(state, token, entry).map_err(refused)?;
    if key.is_none() || state.grants.family(family).key != key {
        return Err(refused("the token is not bound to the key of the proof"));
    }
    Ok((family, number))
}

fn behind(
    state: &State,
    token: &str,
    entry: &mut JournalEntry,
) -> Result<(FamilyId, u64), &'static str> {
    let record = state.grants.access_token(token).ok_or("unknown token")?;
    let family = state.grants.family(record.family);
    if family.protocol != Protocol::OAuth2 {
        return Err("unknown token");
    }
    entry.concerns(family);
    if !family.alive {
        return Err("the grant is revoked");
    }
    if !record.alive_at(state.clock.now()) {
        return Err("the access token expired or was revoked");
    }
    Ok((family.id, record.number))
}

/// An error response of RFC 6750, section 3.1.
pub(crate) fn bearer_error(status: u16, code: &str, description: &str) -> Answer {
    let challenge =
        format!(r#"Bearer realm="sandbox", error="{code}", error_description="{description}""#);
    let body = json!({ "error": code, "error_description": description });
    Answer::json(status, &body).header("www-authenticate", challenge)
}

/// An error response of RFC 9449, section 7.1.
fn dpop_error(error: &Error) -> Answer {
    let Error { code, description, dpop_nonce } = error;
    let challenge =
        format!(r#"DPoP error="{code}", error_description="{description}", algs="ES256""#);
    let body = json!({ "error": code, "error_description": description });
    let answer = Answer::json(401, &body).header("www-authenticate", challenge);
    match dpop_nonce {
        Some(nonce) => answer.header("dpop-nonce", nonce),
        None => answer,
    }
}
