//! The authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636).

use super::pending::Transaction;
use super::{
    BeginOptions, Brought, NoTokens, id_token, pushed, scopes_with_offline, signed, union,
};
use crate::clock::{UnixMillis, millis};
use crate::config::Dpop;
use crate::context::Context;
use crate::dpop;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::oauth2::{
    AuthorizationRequest, AuthorizationUrlError, DPOP, Grant, ResponseShape, TokenResponse, pkce,
};
use crate::process::random_bytes;
use crate::provider::{AccessTokenRequest, Pkce, Provider, StateIn};
use crate::refresh::judgement;
use crate::refresh::outcome::Outcome;
use crate::refresh::renewal::{self, Answer};
use crate::secret::Secret;
use crate::store::{Consent, Entry, Tokens};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// Where the browser is sent.
pub(super) struct Asked {
    pub(super) url: Url,
    /// Until when, where the provider says.
    pub(super) open_by: Option<UnixMillis>,
}

/// Asks for consent: by a URL that holds the request, or one that refers to it. Notes scopes, verifier and redirect URI in the
/// transaction.
pub(super) async fn ask(
    context: &Context,
    provider: &Provider,
    endpoint: &Url,
    options: &BeginOptions,
    transaction: &mut Transaction,
) -> Result<Asked> {
    let mut extra = further_parameters(context, provider, options, transaction)?;
    if let Some(key) = &transaction.dpop_key {
        extra.insert("dpop_jkt".to_owned(), dpop::kept_key(key)?.thumbprint()); // RFC 9449 section 10
    }
    if transaction.scope.iter().any(|scope| scope == id_token::OPENID) {
        let nonce = extra.entry("nonce".to_owned()).or_insert_with(id_token::nonce);
        transaction.nonce = Some(nonce.clone());
    }
    let challenge = match provider.pkce {
        Pkce::S256 => {
            let verifier = pkce::code_verifier(&random_bytes());
            let challenge = pkce::code_challenge(verifier.expose());
            transaction.code_verifier = Some(verifier);
            Some(challenge)
        }
        Pkce::Off => None,
    };
    let state = match provider.state_in {
        StateIn::Parameter => Some(transaction.state.as_str()),
        StateIn::RedirectUri => {
            let uri = transaction.redirect_uri.as_deref();
            let name = provider.names.callback.get("state").map_or("state", String::as_str);
            let with_state = uri_with_state(uri, name, &transaction.state)?;
            transaction.redirect_uri = Some(with_state);
            None
        }
    };
    let scope: Vec<&str> = transaction.scope.iter().map(String::as_str).collect();
    let mut extra: Vec<(String, String)> = extra.into_iter().collect();
    for resource in resources(context, options)? {
        extra.push(("resource".to_owned(), resource));
    }
    let details = authorization_details(&options.authorization_details)?;
    extra.extend(details.map(|details| ("authorization_details".to_owned(), details)));
    let request = AuthorizationRequest {
        authorization_endpoint: endpoint,
        client_id: &context.settings.client_id,
        client_id_parameter: &provider.client_id_parameter,
        redirect_uri: transaction.redirect_uri.as_deref(),
        scope: &scope,
        scope_parameter: &provider.scope_parameter,
        scope_separator: &provider.scope_separator,
        state,
        code_challenge: challenge.as_deref(),
        extra: &extra,
    };
    let invalid = |error: AuthorizationUrlError| {
        Error::new(Code::InvalidArgument, format!("parameters: {error}"))
    };
    let names = &provider.names.authorization;
    // What the provider calls the state and the like is as reserved as the standard's name of it.
    let is_own = |name: &&String| names.values().any(|own| own == *name);
    if let Some(name) = options.parameters.keys().find(is_own) {
        return Err(invalid(AuthorizationUrlError::ReservedParameter(name.clone())));
    }
    let as_called =
        |(name, value): (String, String)| Some((own_name(names, &name)?.to_owned(), value));
    let parameters: Vec<_> =
        request.parameters().map_err(invalid)?.into_iter().filter_map(as_called).collect();
    let object = signed::object(context, provider, transaction, &parameters)?;
    let Some(endpoint) = pushed::endpoint(context, provider)? else {
        let url = match &object {
            Some(object) => request.url_of_object(object.expose()),
            None => request.url(),
        };
        return Ok(Asked { url: renamed(url.map_err(invalid)?, names), open_by: None });
    };
    let parameters = match object {
        // RFC 9126 section 3: beside it only what names and authenticates the client.
        Some(object) => vec![
            (provider.client_id_parameter.clone(), context.settings.client_id.clone()),
            ("request".to_owned(), object.expose().to_owned()),
        ],
        None => parameters,
    };
    let pushed = pushed::push(context, provider, endpoint, &parameters).await?;
    let url = request.url_of_pushed(&pushed.request_uri).map_err(invalid)?;
    let now = context.settings.now();
    let open_by = pushed.expires_in.map(|left| now + millis(left.as_secs_f64()));
    Ok(Asked { url: renamed(url, names), open_by })
}

/// What goes into the authorization request by the entry and by the options. What the entry wants for offline access, and what
/// was granted before, add to the scopes too.
pub(super) fn further_parameters(
    context: &Context,
    provider: &Provider,
    options: &BeginOptions,
    transaction: &mut Transaction,
) -> Result<BTreeMap<String, String>> {
    let mut extra = provider.authorization_parameters.clone();
    if options.incremental {
        if provider.incremental_parameters.is_empty() {
            transaction.scope.extend(transaction.granted.clone());
        }
        extra.extend(provider.incremental_parameters.clone());
    }
    transaction.scope = scopes_with_offline(context, provider, &transaction.scope)?;
    if let (true, Some(offline)) = (context.settings.offline, &provider.offline) {
        extra.extend(offline.parameters.clone());
    }
    if options.reauthenticate {
        extra.extend(provider.reauthentication_parameters.clone());
    }
    extend_by_options(&mut extra, options);
    Ok(extra)
}

/// The URL with the provider's own names of parameters.
fn renamed(mut url: Url, names: &BTreeMap<String, String>) -> Url {
    let query = url.query().unwrap_or_default();
    let pieces = query.split('&').filter_map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        match own_name(names, name)? {
            own if own == name => Some(piece.to_owned()),
            own => Some(format!("{own}={value}")),
        }
    });
    let query = pieces.collect::<Vec<_>>().join("&");
    url.set_query(Some(&query));
    url
}

/// What the provider calls a parameter; none for one that it has not.
fn own_name<'a>(names: &'a BTreeMap<String, String>, name: &'a str) -> Option<&'a str> {
    Some(names.get(name).map_or(name, String::as_str)).filter(|own| !own.is_empty())
}

/// The redirect URI with the state in its query.
fn uri_with_state(uri: Option<&str>, name: &str, state: &str) -> Result<String> {
    let uri = uri.and_then(|text| Url::parse(text).ok()).ok_or_else(|| {
        let text = "redirect_uri: is missing; expected a URL, whose query takes the state to this provider";
        Error::new(Code::InvalidConfig, text)
    })?;
    let mut with_state = uri;
    with_state.query_pairs_mut().append_pair(name, state);
    Ok(with_state.into())
}

/// The resources that consent is asked for (RFC 8707 section 2.1), each once.
fn resources(context: &Context, options: &BeginOptions) -> Result<Vec<String>> {
    let mut resources = context.settings.resource.clone();
    for resource in &options.resource {
        Entry::wanted(Some(resource), None)?;
        if !resources.contains(resource) {
            resources.push(resource.clone());
        }
    }
    Ok(resources)
}

/// The value of `authorization_details` (RFC 9396 section 2).
pub(super) fn authorization_details(details: &[Value]) -> Result<Option<String>> {
    let has_type = |details: &Value| details.get("type").is_some_and(Value::is_string);
    if !details.iter().all(has_type) {
        let text =
            "authorization_details: expected objects, each with a text `type` (RFC 9396 section 2)";
        return Err(Error::new(Code::InvalidArgument, text));
    }
    Ok((!details.is_empty()).then(|| Value::from(details).to_string()))
}

fn extend_by_options(extra: &mut BTreeMap<String, String>, options: &BeginOptions) {
    for (name, value) in [("prompt", &options.prompt), ("login_hint", &options.login_hint)] {
        if let Some(value) = value {
            extra.insert(name.to_owned(), value.clone());
        }
    }
    extra.extend(options.parameters.clone());
    if extra.contains_key("prompt") {
        extra.remove("approval_prompt"); // the older name of it, which Google takes with it no more
    }
}

/// Exchanges the code for tokens (section 4.1.3). A code is sent once and never again, but where a proof was refused before
/// the code was looked at (RFC 9449 section 8).
pub(super) async fn exchange(
    context: &Context,
    provider: &Provider,
    transaction: &Transaction,
    code: &Secret,
    deadline: Duration,
) -> std::result::Result<Brought, NoTokens> {
    let grant = Grant::AuthorizationCode {
        code: code.expose(),
        redirect_uri: transaction.redirect_uri.as_deref(),
        code_verifier: transaction.code_verifier.as_ref().map(Secret::expose),
    };
    let dpop_key = transaction.dpop_key.as_ref();
    let named = |error: Error| error.with_grant(&provider.name, &transaction.subject);
    let mut answer = match renewal::send(context, provider, &grant, dpop_key, deadline).await {
        Ok(Answer::NotSent(error)) | Err(error) => return Err(NoTokens::Unsent(named(error))),
        Ok(answer) => answer,
    };
    let asked = union(&transaction.scope, &transaction.granted);
    let nonce = transaction.nonce.as_deref();
    let mut unexchanged = None;
    if let (Some(way), Answer::Judged(Outcome::Success(first))) = (&provider.exchange, &answer) {
        // An `id_token` is about the access token that it came with.
        let tokens = renewal::tokens(TokenResponse::clone(first), &asked, context.settings.now());
        id_token::check(context, provider, &tokens, nonce).await.map_err(named)?;
        match exchanged(context, provider, way, first, deadline).await {
            Ok(response) => answer = Answer::Judged(Outcome::Success(Box::new(response))),
            Err(error) => unexchanged = Some(error),
        }
    }
    let further = match &answer {
        Answer::Judged(Outcome::Success(response)) => further_tokens(context, provider, response),
        _ => Vec::new(),
    };
    let mut tokens =
        usable_tokens(context, provider, answer, &asked, dpop_key.is_some()).map_err(named)?;
    if provider.exchange.is_none() {
        id_token::check(context, provider, &tokens, nonce).await.map_err(named)?;
    }
    if let Some(error) = unexchanged {
        // The code is spent: what it brought is kept, and the renewal exchanges it.
        let key = context.settings.key(&transaction.subject, &transaction.slot);
        context.settings.tell(Kind::RefreshFailed, &key, None, error.message());
        tokens = tokens.unexchanged(context.settings.now());
    }
    Ok(Brought { tokens, further })
}

/// The tokens of a first answer, which are judged before any of them is stored; `requested` are the scopes where it does not say.
pub(super) async fn tokens_of(
    context: &Context,
    provider: &Provider,
    answer: Answer,
    requested: &[String],
    has_key: bool,
) -> Result<Tokens> {
    let tokens = usable_tokens(context, provider, answer, requested, has_key)?;
    id_token::check(context, provider, &tokens, None).await?;
    Ok(tokens)
}

/// The same, but for what their `id_token` says.
fn usable_tokens(
    context: &Context,
    provider: &Provider,
    answer: Answer,
    requested: &[String],
    has_key: bool,
) -> Result<Tokens> {
    match answer {
        Answer::Judged(Outcome::Success(response)) => {
            let tokens = renewal::tokens(*response, requested, context.settings.now());
            let wanted = if context.settings.dpop == Dpop::Require { DPOP } else { "" };
            match judgement::unusable_type(&tokens, wanted, has_key) {
                Some(reason) => {
                    Err(Error::new(Code::Unsupported, format!("{}: {reason}", provider.name)))
                }
                None => Ok(tokens),
            }
        }
        Answer::NotSent(error) => Err(error),
        Answer::Judged(outcome) => Err(refusal(outcome, context, provider)),
    }
}

/// The answer with the token that lives longer; it has what the first one said besides.
async fn exchanged(
    context: &Context,
    provider: &Provider,
    way: &AccessTokenRequest,
    first: &TokenResponse,
    deadline: Duration,
) -> Result<TokenResponse> {
    let token = first.access_token.expose();
    match renewal::spend_access_token(context, provider, way, token, deadline).await? {
        Answer::Judged(Outcome::Success(mut response)) => {
            // The `id_token` is that of the consent, which was checked.
            response.raw.shift_remove("id_token");
            for (name, value) in &first.raw {
                response.raw.entry(name).or_insert_with(|| value.clone());
            }
            Ok(*response)
        }
        Answer::NotSent(error) => Err(error),
        Answer::Judged(outcome) => Err(refusal(outcome, context, provider)),
    }
}

/// What an answer brings for other slots.
fn further_tokens(
    context: &Context,
    provider: &Provider,
    response: &TokenResponse,
) -> Vec<(String, Tokens)> {
    let read = |(slot, within): (&String, &String)| {
        let shape = ResponseShape { within: Some(within.clone()), ..provider.response.clone() };
        let response = TokenResponse::from_fields(response.raw.clone(), &shape).ok()?;
        let mut tokens = renewal::tokens(response, &[], context.settings.now());
        tokens.response.clear(); // the rest of the answer is kept once
        Some((slot.clone(), tokens))
    };
    provider.slots.iter().filter_map(read).collect()
}

/// Keeps what came for other slots as grants of their own, once that of the consent itself is stored; what fails is told.
pub(super) async fn keep_further(
    context: &Context,
    transaction: &Transaction,
    further: Vec<(String, Tokens)>,
) {
    for (slot, tokens) in further {
        let slot = match transaction.slot.as_str() {
            "" => slot,
            own => format!("{own}.{slot}"),
        };
        let key = context.settings.key(&transaction.subject, &slot);
        let consent = Consent { tokens, dpop_key: transaction.dpop_key.clone() };
        if let Err(error) = super::keep(context, &key, &consent).await {
            context.settings.tell(Kind::StoreTrouble, &key, None, error.message());
        }
    }
}

fn refusal(outcome: Outcome, context: &Context, provider: &Provider) -> Error {
    match outcome {
        // FreeAgent and others say so of a code that was used before.
        Outcome::Misconfigured(error) if error.status() == Some(401) => {
            let text = format!("{}: code already used or wrong client credentials", provider.name);
            error.recoded(Code::ProviderError).with_message(text)
        }
        Outcome::Refused(error) => error.recoded(Code::ProviderError),
        Outcome::Throttled { error, pause } => {
            let pause = pause.and_then(|pause| i64::try_from(pause.as_millis()).ok());
            error.with_retry_at(pause.map(|pause| context.settings.now() + pause))
        }
        Outcome::Misconfigured(error)
        | Outcome::Ambiguous(error)
        | Outcome::ProviderError(error) => error,
        Outcome::Success(_) => Error::new(Code::Internal, "a success was taken for a refusal"),
    }
}
