//! Grants that come from elsewhere, or go there: export, import, import-php.

use crate::arguments::{Import, ImportPhp};
use crate::call::bytes;
use crate::clients::{Clients, using};
use crate::failure;
use crate::grants::with_grant;
use crate::output::{Output, fields, write};
use evergrant::{
    Client, Code, Error, OldSession, OldTable, PutTokens, Result, Scopes, Secret, wait,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Prints to standard output and nowhere else.
pub(crate) fn export(clients: &Clients, name: &crate::arguments::GrantName) -> Result<()> {
    let document = with_grant(clients, name, |grant| wait(grant.export()))?;
    write(document.expose().as_bytes())?;
    write(b"\n")
}

pub(crate) fn import(clients: &Clients, output: &Output, import: &Import) -> Result<()> {
    let tokens = tokens(import)?;
    let name = &import.grant;
    let grant = using(&clients.open(&name.client)?, |client| {
        if !import.replace && is_there(client, &name.subject, &name.slot)? {
            let text = format!(
                "there is a grant of {:?} already; --replace puts this one in its place",
                name.subject
            );
            return Err(Error::new(Code::InvalidArgument, text));
        }
        wait(client.put(&name.subject, tokens))
    })?;
    output.result(&grant, || fields(&grant))
}

fn tokens(import: &Import) -> Result<PutTokens> {
    let inputs = [&import.access, &import.secret, &import.refresh];
    if inputs.iter().filter(|input| input.as_deref() == Some("-")).count() > 1 {
        let text = "standard input can be only one of --access, --secret and --refresh";
        return Err(Error::new(Code::InvalidArgument, text));
    }
    let slot = import.grant.slot.clone();
    if import.access.is_none() && import.refresh.is_none() {
        let document = match import.document.as_deref() {
            None | Some("-") => text_of("@-")?,
            Some(path) => text_of(&format!("@{path}"))?,
        };
        return Ok(PutTokens { document: Some(document), slot, ..PutTokens::default() });
    }
    let secret = |argument: &Option<String>| argument.as_deref().map(secret_of).transpose();
    Ok(PutTokens {
        access_token: secret(&import.access)?,
        token_secret: secret(&import.secret)?,
        refresh_token: secret(&import.refresh)?,
        expires_in: import.expires_in.map(|time| time.as_secs_f64()),
        scope: (!import.scope.is_empty()).then(|| Scopes(import.scope.clone())),
        slot,
        ..PutTokens::default()
    })
}

/// A secret as it stands, of a file (`@FILE`), or of standard input (`-`).
pub(crate) fn secret_of(argument: &str) -> Result<Secret> {
    match argument {
        "-" => text_of("@-"),
        other => text_of(other),
    }
}

/// The text that an argument stands for, without white space around it.
fn text_of(argument: &str) -> Result<Secret> {
    let text = String::from_utf8(bytes(argument)?)
        .map_err(|_| Error::new(Code::InvalidArgument, format!("{argument}: is not UTF-8")))?;
    Ok(text.trim().into())
}

fn is_there(client: &Client, subject: &str, slot: &str) -> Result<bool> {
    match wait(client.grant_slot(subject, slot).inspect()) {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Code::NoGrant => Ok(false),
        Err(error) => Err(error),
    }
}

/// What became of one row.
#[derive(Serialize)]
struct Moved {
    id: String,
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    subject: String,
    /// `taken`, `skipped` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(crate) fn import_php(
    clients: &Clients,
    output: &Output,
    import: &ImportPhp,
) -> Result<ExitCode> {
    let sessions =
        wait(OldTable::parse(secret_of(&import.from)?.expose(), &import.table)?.sessions())?;
    let mut mover = Mover { clients, import, opened: BTreeMap::new() };
    let outcomes: Vec<Moved> = sessions.iter().map(|session| mover.row(session)).collect();
    for client in mover.opened.into_values().flatten() {
        wait(client.close());
    }
    let rows: Vec<_> = outcomes
        .iter()
        .map(|moved| {
            let client = moved.client.clone().unwrap_or_default();
            let why = moved.why.clone().unwrap_or_default();
            vec![
                moved.id.clone(),
                moved.server.clone(),
                client,
                moved.subject.clone(),
                moved.outcome.to_owned(),
                why,
            ]
        })
        .collect();
    output.table(&outcomes, &["ROW", "SERVER", "CLIENT", "SUBJECT", "OUTCOME", "WHY"], &rows)?;
    let failed = outcomes.iter().any(|moved| moved.outcome == "failed");
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

struct Mover<'a> {
    clients: &'a Clients<'a>,
    import: &'a ImportPhp,
    /// By name; nothing for one that cannot be opened, which was said when it was tried.
    opened: BTreeMap<String, Option<Client>>,
}

impl Mover<'_> {
    fn row(&mut self, session: &OldSession) -> Moved {
        let client = self.client_of(&session.server);
        let moved = |outcome, why: Option<String>| Moved {
            id: session.id.clone(),
            server: session.server.clone(),
            client: client.clone(),
            subject: session.subject.clone(),
            outcome,
            why,
        };
        let document = match &session.document {
            Ok(document) => document.clone(),
            Err(why) => return moved("skipped", Some((*why).to_owned())),
        };
        let Some(name) = &client else {
            let why = format!(
                "no client is configured for it; say which: --map {}=CLIENT",
                session.server
            );
            return moved("skipped", Some(why));
        };
        match self.take(name, &session.subject, document) {
            Ok(None) => moved("taken", None),
            Ok(Some(why)) => moved("skipped", Some(why.to_owned())),
            Err(error) => moved("failed", Some(error.message().to_owned())),
        }
    }

    /// The client of a server: as it was mapped, else the configured one of the same name.
    fn client_of(&self, server: &str) -> Option<String> {
        let mapped = self.import.map.iter().find(|(of, _)| of.eq_ignore_ascii_case(server));
        let same_name = || self.clients.names().find(|name| name.eq_ignore_ascii_case(server));
        mapped.map(|(_, client)| client.as_str()).or_else(same_name).map(str::to_owned)
    }

    /// Stores a grant; says why not, where that is no failure.
    fn take(
        &mut self,
        name: &str,
        subject: &str,
        document: Secret,
    ) -> Result<Option<&'static str>> {
        let Some(client) = self.opened(name) else {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("client {name:?} cannot be opened"),
            ));
        };
        if !self.import.replace && is_there(&client, subject, "")? {
            return Ok(Some("there is a grant already; --replace puts this one in its place"));
        }
        if self.import.dry_run {
            return Ok(None);
        }
        let tokens = PutTokens { document: Some(document), ..PutTokens::default() };
        wait(client.put(subject, tokens)).map(|_| None)
    }

    fn opened(&mut self, name: &str) -> Option<Client> {
        let clients = self.clients;
        let open = || clients.open(name).inspect_err(|error| failure::tell(error, false)).ok();
        self.opened.entry(name.to_owned()).or_insert_with(open).clone()
    }
}
