//! `Grant`: what one user allowed, as a handle.

use crate::border::{Leaving, as_it_came, at_once, json, promise};
use evergrant::{AccessToken, ApiRequest, ApiResponse, Grant, Scopes, options_from_json_camel};
use napi::Env;
use napi::bindgen_prelude::{Buffer, Object};
use napi_derive::napi;
use serde::Deserialize;

/// Which scopes a caller needs.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Needed {
    /// The client's own when absent.
    scope: Option<Scopes>,
}

/// What `Grant` of `lib/grant.js` is made of.
#[napi]
pub struct NativeGrant(pub(crate) Grant);

/// An access token and how long it may be handed out without asking again. Times are Unix milliseconds.
#[napi(object, object_from_js = false)]
pub struct NativeToken {
    /// The token.
    pub token: String,
    /// `Bearer`, `OAuth`, or what the provider said.
    pub token_type: String,
    /// Until when it is valid, where it is known.
    pub expires_at: Option<i64>,
    /// Until when it may be handed out again while the epoch word stands still.
    pub valid_until: i64,
}

impl From<AccessToken> for NativeToken {
    fn from(token: AccessToken) -> Self {
        NativeToken {
            token: token.token.expose().to_owned(),
            token_type: token.token_type,
            expires_at: token.expires_at,
            valid_until: token.valid_until,
        }
    }
}

/// An API's answer: status, headers and URL as JSON text, and the body.
#[napi(object, object_from_js = false)]
pub struct NativeResponse {
    /// Status, headers and URL.
    pub head: String,
    /// The body.
    pub body: Buffer,
}

impl From<ApiResponse> for NativeResponse {
    fn from(response: ApiResponse) -> Self {
        NativeResponse { head: json(&response), body: response.body.into() }
    }
}

#[napi]
impl NativeGrant {
    /// The application's name for the user.
    #[napi(getter)]
    #[must_use]
    pub fn subject(&self) -> String {
        self.0.subject().to_owned()
    }

    /// Which of several refresh tokens of one consent.
    #[napi(getter)]
    #[must_use]
    pub fn slot(&self) -> String {
        self.0.slot().to_owned()
    }

    /// The fresh token that this process has at hand; no I/O.
    #[napi]
    pub fn cached_access_token(&self) -> napi::Result<Option<NativeToken>> {
        at_once(|| Ok(self.0.cached_access_token().map(NativeToken::from)))
    }

    /// A token to send.
    #[napi]
    pub fn access_token<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            grant.access_token(options_from_json_camel(&options)?).await.map(NativeToken::from)
        })
    }

    /// The headers to send with any HTTP client.
    #[napi]
    pub fn headers<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        method: String,
        url: String,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            let headers = grant.headers(&method, &url, options_from_json_camel(&options)?).await?;
            Ok(json(&headers))
        })
    }

    /// Calls an API.
    #[napi]
    pub fn request<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        request: String,
        body: Option<Buffer>,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        let body = body.map(Vec::from);
        promise(env, leaving, async move {
            let mut request: ApiRequest = options_from_json_camel(&request)?;
            request.body = body;
            grant.request(request).await.map(NativeResponse::from)
        })
    }

    /// Renews now.
    #[napi]
    pub fn refresh<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            grant
                .refresh(options_from_json_camel(&options)?)
                .await
                .map(|inspection| json(&inspection))
        })
    }

    /// Revokes the grant at the provider and deletes it.
    #[napi]
    pub fn revoke<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move { grant.revoke(options_from_json_camel(&options)?).await })
    }

    /// Deletes the grant here.
    #[napi]
    pub fn forget<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move { grant.forget().await })
    }

    /// All that is known of the grant but its secrets.
    #[napi]
    pub fn inspect<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(
            env,
            leaving,
            async move { grant.inspect().await.map(|inspection| json(&inspection)) },
        )
    }

    /// What the provider says about the user.
    #[napi]
    pub fn userinfo<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            let claims = grant.userinfo(options_from_json_camel(&options)?).await?;
            Ok(as_it_came(&claims))
        })
    }

    /// What the provider said beside the tokens.
    #[napi]
    pub fn token_response<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            grant.token_response().await.map(|response| as_it_came(&response))
        })
    }

    /// What the provider says about one of the grant's tokens.
    #[napi]
    pub fn introspect<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            let introspection = grant.introspect(options_from_json_camel(&options)?).await?;
            Ok(as_it_came(&introspection))
        })
    }

    /// Which of the needed scopes were not granted.
    #[napi]
    pub fn missing_scope<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            let needed: Needed = options_from_json_camel(&options)?;
            grant.missing_scope(needed.scope).await
        })
    }

    /// The grant as a document: a secret.
    #[napi]
    pub fn export<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
    ) -> napi::Result<Object<'env>> {
        let grant = self.0.clone();
        promise(env, leaving, async move {
            grant.export().await.map(|document| document.expose().to_owned())
        })
    }
}
