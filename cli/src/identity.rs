//! What a provider says about user and token, and where the user's session ends: userinfo, introspect, logout-url.

use crate::arguments::{GrantName, LogoutUrl};
use crate::clients::{Clients, using};
use crate::grants::with_grant;
use crate::output::{Output, fields};
use evergrant::{IntrospectOptions, LogoutOptions, Result, TokenKind, UserinfoOptions, wait};

pub(crate) fn userinfo(clients: &Clients, output: &Output, name: &GrantName) -> Result<()> {
    let claims =
        with_grant(clients, name, |grant| wait(grant.userinfo(UserinfoOptions::default())))?;
    output.result(&claims, || fields(&claims))
}

pub(crate) fn introspect(
    clients: &Clients,
    output: &Output,
    name: &GrantName,
    refresh_token: bool,
) -> Result<()> {
    let token = if refresh_token { TokenKind::RefreshToken } else { TokenKind::AccessToken };
    let options = IntrospectOptions { token, ..IntrospectOptions::default() };
    let said = with_grant(clients, name, |grant| wait(grant.introspect(options)))?;
    output.result(&said, || fields(&said))
}

pub(crate) fn logout_url(clients: &Clients, output: &Output, logout: &LogoutUrl) -> Result<()> {
    let options = LogoutOptions {
        subject: logout.subject.clone(),
        slot: logout.slot.clone(),
        post_logout_redirect_uri: logout.redirect_uri.clone(),
        state: logout.state.clone(),
        timeout: None,
    };
    let address = using(&clients.open(&logout.client)?, |client| wait(client.logout_url(options)))?;
    output.result(&address, || address.url.expose().to_owned())
}
