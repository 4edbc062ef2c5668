//! Signed authorization requests (RFC 9101): the parameters go as the claims of a JWT, which nobody in between can change.

use super::pending::Transaction;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::oauth2::request_object::{RequestObject, TYPE};
use crate::process::random_id;
use crate::provider::Provider;
use crate::secret::Secret;

/// The parameters as a request object, good for as long as the user has to answer; none where the request goes as it is.
pub(super) fn object(
    context: &Context,
    provider: &Provider,
    transaction: &Transaction,
    parameters: &[(String, String)],
) -> Result<Option<Secret>> {
    let settings = &context.settings;
    if !settings.request_object && !provider.require_signed_request_object {
        return Ok(None);
    }
    let missing = |key: &str, expected: &str| {
        let text =
            format!("{key}: is missing; expected {expected}, for signed requests (RFC 9101)");
        Error::new(Code::InvalidConfig, text).with_provider(&provider.name)
    };
    let key = settings.assertions.private_key();
    let key = key.ok_or_else(|| missing("private_key", "the key that signs"))?;
    let audience = provider.issuer.as_deref();
    let object = RequestObject {
        client_id: &settings.client_id,
        audience: audience.ok_or_else(|| missing("provider.issuer", "whom they are for"))?,
        jti: &random_id(),
        issued_at: settings.signing_now().div_euclid(1000),
        expires_at: (transaction.expires_at + settings.signing_offset()).div_euclid(1000),
    };
    Ok(Some(key.sign(TYPE, &object.claims(parameters))))
}
