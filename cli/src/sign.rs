//! `evergrant sign`: one OAuth 1.0a request signed, for whatever sends it; no store is opened.

use crate::arguments::Sign;
use crate::call::bytes;
use crate::clients::Clients;
use crate::moving::secret_of;
use crate::output::Output;
use evergrant::{Result, SignOptions};

pub(crate) fn sign(clients: &Clients, output: &Output, command: &Sign) -> Result<()> {
    let secret = |argument: &Option<String>| argument.as_deref().map(secret_of).transpose();
    let options = SignOptions {
        token: secret(&command.token)?,
        token_secret: secret(&command.token_secret)?,
        query: command.query.clone(),
        form: (!command.form.is_empty()).then(|| command.form.clone()),
        body: command.data.as_deref().map(bytes).transpose()?,
        parameters: command.parameters.clone(),
        ..SignOptions::of_client(&clients.config(&command.client)?)?
    };
    let signed = evergrant::sign(&command.method, &command.url, &options)?;
    output.result(&signed, || match &signed {
        signed if command.base_string => signed.base_string.clone(),
        signed => {
            signed.authorization.as_ref().or(signed.body.as_ref()).unwrap_or(&signed.url).clone()
        }
    })
}
