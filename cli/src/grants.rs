//! The commands on stored grants: token, list, show, scopes, refresh, revoke, forget.

use crate::arguments::{GrantName, KeepaliveWork, Refresh, Token};
use crate::clients::{Clients, using};
use crate::keepalive;
use crate::output::{Output, fields, time};
use evergrant::{
    Grant, Inspection, RefreshOptions, Result, RevokeOptions, Scopes, TokenOptions, wait,
};
use serde_json::json;
use std::process::ExitCode;

/// Opens the client of a grant, lets `work` use the grant, and closes the client.
pub(crate) fn with_grant<T>(
    clients: &Clients,
    name: &GrantName,
    work: impl FnOnce(&Grant) -> Result<T>,
) -> Result<T> {
    let client = clients.open(&name.client)?;
    using(&client, |client| work(&client.grant_slot(&name.subject, &name.slot)))
}

pub(crate) fn token(clients: &Clients, output: &Output, token: &Token) -> Result<()> {
    with_grant(clients, &token.grant, |grant| {
        let options = TokenOptions { min_valid: token.min_valid, ..TokenOptions::default() };
        let token = wait(grant.access_token(options))?;
        let text = token.token.expose();
        let value = json!({
            "access_token": text,
            "token_type": token.token_type,
            "expires_at": token.expires_at,
        });
        output.result(&value, || text.to_owned())
    })
}

pub(crate) fn list(clients: &Clients, output: &Output, client: Option<&str>) -> Result<()> {
    let names = client.map_or_else(|| clients.names().collect(), |name| vec![name]);
    let mut grants: Vec<(&str, Inspection)> = Vec::new();
    for name in names {
        let listed = using(&clients.open(name)?, |client| wait(client.list()))?;
        grants.extend(listed.into_iter().map(|grant| (name, grant)));
    }
    let rows: Vec<_> = grants.iter().map(|(name, grant)| row(name, grant)).collect();
    let values: Vec<_> = grants.iter().map(|(_, grant)| grant).collect();
    output.table(&values, &["CLIENT", "SUBJECT", "SLOT", "STATUS", "GENERATION", "EXPIRES"], &rows)
}

fn row(client: &str, grant: &Inspection) -> Vec<String> {
    let status = match grant.reason {
        Some(reason) => format!("{} ({reason})", grant.status),
        None => grant.status.to_owned(),
    };
    let expires = grant.expires_at.map_or_else(String::new, time);
    vec![
        client.to_owned(),
        grant.subject.clone(),
        grant.slot.clone(),
        status,
        grant.generation.to_string(),
        expires,
    ]
}

pub(crate) fn show(clients: &Clients, output: &Output, name: &GrantName) -> Result<()> {
    let grant = with_grant(clients, name, |grant| wait(grant.inspect()))?;
    output.result(&grant, || fields(&grant))
}

/// Fails with 3 where the user has to consent to more.
pub(crate) fn missing_scopes(
    clients: &Clients,
    output: &Output,
    name: &GrantName,
    wanted: &[String],
) -> Result<ExitCode> {
    let wanted = (!wanted.is_empty()).then(|| Scopes(wanted.to_vec()));
    let missing = with_grant(clients, name, |grant| wait(grant.missing_scope(wanted)))?;
    let rows: Vec<_> = missing.iter().map(|scope| vec![scope.clone()]).collect();
    output.table(&missing, &["MISSING"], &rows)?;
    Ok(ExitCode::from(if missing.is_empty() { 0 } else { 3 }))
}

pub(crate) fn refresh(clients: &Clients, output: &Output, refresh: &Refresh) -> Result<ExitCode> {
    if refresh.all {
        let work = KeepaliveWork { within: refresh.due, ..KeepaliveWork::default() };
        return keepalive::once(clients, output, refresh.client.as_slice(), &work);
    }
    let name = GrantName {
        client: refresh.client.clone().unwrap_or_default(),
        subject: refresh.subject.clone().unwrap_or_default(),
        slot: refresh.slot.clone().unwrap_or_default(),
    };
    let options = RefreshOptions { force: refresh.force, ..RefreshOptions::default() };
    let grant = with_grant(clients, &name, |grant| wait(grant.refresh(options)))?;
    output.result(&grant, || fields(&grant))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn revoke(
    clients: &Clients,
    output: &Output,
    name: &GrantName,
    force: bool,
) -> Result<()> {
    let options = RevokeOptions { force, ..RevokeOptions::default() };
    with_grant(clients, name, |grant| wait(grant.revoke(options)))?;
    output.result(&json!({ "revoked": name.subject }), || {
        format!("{}: revoked and deleted", name.subject)
    })
}

pub(crate) fn forget(clients: &Clients, output: &Output, name: &GrantName) -> Result<()> {
    with_grant(clients, name, |grant| wait(grant.forget()))?;
    output.result(&json!({ "forgotten": name.subject }), || format!("{}: deleted", name.subject))
}
