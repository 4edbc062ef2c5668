//! Redis, 6 or later: a grant is a hash, replaced by one script that compares and writes, so that nobody comes between.
//!
//! Beside the grants stand sorted sets from which pages are read, kept by the same script. Time is the server's. A script
//! has many keys: a cluster, which spreads them, is not supported. What a server that loses its memory takes with it depends
//! on how it is set up (`server.rs`).

mod address;
mod changes;
mod connection;
mod schema;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use self::address::RedisAddress;
use self::changes::Changes;
use self::connection::{Connection, Script};
use super::contract::Rows;
use super::lease::StoreTime;
use super::row::{Header, Listed, Query, Read, Row, Wanted};
use super::{GrantKey, Pending, Status, name};
use crate::clock::UnixMillis;
use crate::error::{Error, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::vec;

/// The fields of a grant, in the order in which they are read.
const FIELDS: [&str; 17] = [
    "client",
    "subject",
    "slot",
    "grant_id",
    "generation",
    "revision",
    "status",
    "obtained_at",
    "expires_at",
    "keepalive_at",
    "retry_at",
    "renewable",
    "updated_at",
    "record",
    "lease",
    "fencing",
    "intent",
];

/// The rows of `store = "redis://…"`.
pub(crate) struct RedisRows {
    connection: Arc<Connection>,
    keys: Keys,
    is_exposed: bool,
    changes: Changes,
    scripts: Scripts,
}

struct Scripts {
    replace: Script,
    put: Script,
    take: Script,
    settle: Script,
}

/// What the keys in the server are called.
struct Keys {
    prefix: String,
    /// Where changes are told. Channels do not belong to a database.
    channel: String,
    /// All grants, by name.
    grants: String,
    /// Tombstones, by when they were last written.
    tombstones: String,
    /// Grants that can be renewed, by when their access tokens end; those whose revocation is not done before all.
    expiry: String,
    /// Grants that can be renewed, by when disuse would let them die.
    keepalive: String,
    /// Grants whose users have to consent again, by name.
    needs_consent: String,
}

impl Keys {
    fn new(address: &RedisAddress) -> Self {
        let prefix = &address.prefix;
        let key = |name| format!("{prefix}{name}");
        Keys {
            prefix: prefix.clone(),
            channel: format!("{prefix}changed:{}", address.database),
            grants: key("grants"),
            tombstones: key("tombstones"),
            expiry: key("expiry"),
            keepalive: key("keepalive"),
            needs_consent: key("needs_consent"),
        }
    }

    fn grant(&self, name: &str) -> String {
        format!("{}grant:{name}", self.prefix)
    }

    fn pending(&self, state: &str) -> String {
        format!("{}pending:{}", self.prefix, name::of_text(&[state]))
    }

    fn indexes(&self) -> [&str; 5] {
        [&self.grants, &self.tombstones, &self.expiry, &self.keepalive, &self.needs_consent]
    }
}

impl RedisRows {
    /// Connects at first use, not now.
    pub(crate) fn new(address: &RedisAddress) -> Self {
        RedisRows {
            connection: Arc::new(Connection::new(
                address.clone(),
                format!("{}schema", address.prefix),
            )),
            keys: Keys::new(address),
            is_exposed: address.is_exposed(),
            changes: Changes::new(),
            scripts: Scripts {
                replace: Script::new(include_str!("redis/replace.lua")),
                put: Script::new(include_str!("redis/put.lua")),
                take: Script::new(include_str!("redis/take.lua")),
                settle: Script::new(include_str!("redis/settle.lua")),
            },
        }
    }

    /// Replaces or, without `after`, removes a row if it still is `before`.
    async fn put_in_place(
        &self,
        key: &GrantKey,
        before: Option<&Row>,
        after: Option<&Row>,
    ) -> Result<bool> {
        let name = name::of_grant(key);
        let grant = self.keys.grant(&name);
        let mut keys = vec![grant.as_str()];
        keys.extend(self.keys.indexes());
        // Nobody waits for a lease to be taken or prolonged.
        let is_told = before.map(|row| &row.header) != after.map(|row| &row.header);
        let channel = if is_told { self.keys.channel.clone() } else { String::new() };
        let mut arguments = vec![name, channel];
        arguments.extend(as_it_was(before));
        arguments.extend(scores(after.map(|row| &row.header)));
        if let Some(row) = after {
            for (field, value) in FIELDS.iter().zip(values(key, row)) {
                arguments.extend([(*field).to_owned(), value]);
            }
        }
        let arguments: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        let written: u32 =
            self.connection.evaluate(&self.scripts.replace, &keys, &arguments).await?;
        Ok(written == 1)
    }

    /// At most `limit` names of grants that may be wanted, after one and in their order.
    async fn names(&self, query: &Query, after: &str, limit: usize) -> Result<Vec<String>> {
        let first = query.client.as_deref().map(name::before_grants_of).unwrap_or_default();
        let is_asked_for = |name: &String| name.starts_with(&first) && name.as_str() > after;
        let connection = &self.connection;
        let mut commands = redis::pipe();
        match query.wanted {
            Wanted::Grants => return self.names_in(&self.keys.grants, &first, after, limit).await,
            Wanted::NeedsConsent => {
                return self.names_in(&self.keys.needs_consent, &first, after, limit).await;
            }
            Wanted::Due { expires_by, keepalive_by } => {
                range_by_score(&mut commands, &self.keys.expiry, &expires_by.to_string());
                range_by_score(&mut commands, &self.keys.keepalive, &keepalive_by.to_string());
            }
            Wanted::Tombstones { before } => {
                range_by_score(&mut commands, &self.keys.tombstones, &format!("({before}"));
            }
        }
        // They come by their times, and are wanted by their names.
        let found: Vec<Vec<String>> = connection.read(&commands).await?;
        let mut names: Vec<String> = found.into_iter().flatten().filter(is_asked_for).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(limit);
        Ok(names)
    }

    /// The same from an index that is in the order of names.
    async fn names_in(
        &self,
        index: &str,
        first: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>> {
        let from = if after < first { format!("[{first}") } else { format!("({after}") };
        let mut commands = redis::pipe();
        commands.cmd("ZRANGEBYLEX").arg(index).arg(from).arg("+").arg("LIMIT").arg(0).arg(limit);
        let (mut names,): (Vec<String>,) = self.connection.read(&commands).await?;
        // The first of another client registration ends it.
        names.retain(|name| name.starts_with(first));
        Ok(names)
    }

    /// The grants of these names, so far as they are still there.
    async fn rows(&self, names: &[String]) -> Result<Vec<(GrantKey, Row)>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = redis::pipe();
        for name in names {
            commands.cmd("HMGET").arg(self.keys.grant(name)).arg(&FIELDS);
        }
        let found: Vec<Fields> = self.connection.read(&commands).await?;
        let rows = found.into_iter().zip(names).filter_map(|(fields, name)| {
            let row = self.row(fields).transpose()?;
            Some(row.and_then(|row| {
                if name::of_grant(&row.0) == *name { Ok(row) } else { Err(self.mixed_up()) }
            }))
        });
        rows.collect()
    }

    /// Reads a grant; none where no field is there.
    fn row(&self, fields: Fields) -> Result<Option<(GrantKey, Row)>> {
        if fields.iter().all(Option::is_none) {
            return Ok(None);
        }
        let row = parsed(fields);
        row.map(Some).ok_or_else(|| {
            self.connection
                .trouble("corrupt", "has a grant of which something is missing or damaged")
        })
    }

    fn mixed_up(&self) -> Error {
        self.connection.trouble("corrupt", "has a grant under the name of another")
    }
}

type Fields = Vec<Option<String>>;

fn range_by_score(commands: &mut redis::Pipeline, key: &str, last: &str) {
    commands.cmd("ZRANGEBYSCORE").arg(key).arg("-inf").arg(last);
}

/// What `values` wrote.
fn parsed(fields: Fields) -> Option<(GrantKey, Row)> {
    let mut fields = fields.into_iter();
    let key = GrantKey { client: fields.next()??, subject: fields.next()??, slot: fields.next()?? };
    let header = Header {
        grant_id: fields.next()??,
        generation: number(&mut fields)?,
        revision: number(&mut fields)?,
        status: Status::parse(&fields.next()??)?,
        obtained_at: time(&mut fields)?,
        expires_at: time(&mut fields)?,
        keepalive_at: time(&mut fields)?,
        retry_at: time(&mut fields)?,
        renewable: fields.next()?? == "1",
        updated_at: time(&mut fields)??,
    };
    let row = Row {
        header,
        record: fields.next()??.into(),
        lease: fields.next()?.filter(|lease| !lease.is_empty()),
        fencing: number(&mut fields)?,
        intent: fields.next()?.filter(|intent| !intent.is_empty()),
    };
    Some((key, row))
}

fn number(fields: &mut vec::IntoIter<Option<String>>) -> Option<u64> {
    fields.next()??.parse().ok()
}

/// A time that may be absent: then its field is empty.
#[expect(clippy::option_option, reason = "unreadable, absent or a time")]
fn time(fields: &mut vec::IntoIter<Option<String>>) -> Option<Option<UnixMillis>> {
    match fields.next()? {
        Some(text) if !text.is_empty() => text.parse().ok().map(Some),
        _ => Some(None),
    }
}

/// The values of `FIELDS`; what is absent is empty.
fn values(key: &GrantKey, row: &Row) -> [String; FIELDS.len()] {
    let header = &row.header;
    let time = |time: Option<UnixMillis>| time.map(|time| time.to_string()).unwrap_or_default();
    [
        key.client.clone(),
        key.subject.clone(),
        key.slot.clone(),
        header.grant_id.clone(),
        header.generation.to_string(),
        header.revision.to_string(),
        header.status.as_str().to_owned(),
        time(header.obtained_at),
        time(header.expires_at),
        time(header.keepalive_at),
        time(header.retry_at),
        u8::from(header.renewable).to_string(),
        header.updated_at.to_string(),
        row.record.expose().to_owned(),
        row.lease.clone().unwrap_or_default(),
        row.fencing.to_string(),
        row.intent.clone().unwrap_or_default(),
    ]
}

/// By what a row is known to be still as it was: these change with every write.
fn as_it_was(row: Option<&Row>) -> [String; 4] {
    let Some(row) = row else { return Default::default() };
    [
        row.header.revision.to_string(),
        row.fencing.to_string(),
        row.lease.clone().unwrap_or_default(),
        row.intent.clone().unwrap_or_default(),
    ]
}

/// The scores in `Keys::indexes`; empty where the row is not in that index.
fn scores(header: Option<&Header>) -> [String; 5] {
    let Some(header) = header else { return Default::default() };
    let can_be_renewed = header.status == Status::Active && header.renewable;
    let score = |time: Option<UnixMillis>| {
        time.filter(|_| can_be_renewed).map(|time| time.to_string()).unwrap_or_default()
    };
    let expiry = match header.status {
        Status::Revoking => "-inf".to_owned(),
        _ => score(header.expires_at),
    };
    let by_name = |is_in: bool| if is_in { "0".to_owned() } else { String::new() };
    let written = Some(header.updated_at).filter(|_| header.is_tombstone());
    [
        by_name(!header.is_tombstone()),
        written.map(|time| time.to_string()).unwrap_or_default(),
        expiry,
        score(header.keepalive_at),
        by_name(header.status == Status::NeedsConsent),
    ]
}

impl Rows for RedisRows {
    fn read<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Read>> {
        async move {
            let mut commands = redis::pipe();
            commands.cmd("TIME");
            commands.cmd("HMGET").arg(self.keys.grant(&name::of_grant(key))).arg(&FIELDS);
            let ((seconds, micros), fields): ((i64, i64), Fields) =
                self.connection.read(&commands).await?;
            let row = match self.row(fields)? {
                Some((stands, _)) if stands != *key => return Err(self.mixed_up()),
                stands => stands.map(|(_, row)| row),
            };
            Ok(Read { row, now: StoreTime::of_server(seconds * 1_000 + micros / 1_000) })
        }
        .boxed()
    }

    fn replace<'a>(
        &'a self,
        key: &'a GrantKey,
        before: Option<&'a Row>,
        after: &'a Row,
    ) -> BoxFuture<'a, Result<bool>> {
        self.put_in_place(key, before, Some(after)).boxed()
    }

    fn remove<'a>(&'a self, key: &'a GrantKey, before: &'a Row) -> BoxFuture<'a, Result<bool>> {
        self.put_in_place(key, Some(before), None).boxed()
    }

    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        async move {
            let mut page = Vec::new();
            let mut after = query.after.as_ref().map(name::of_grant).unwrap_or_default();
            loop {
                let wanted = query.limit - page.len();
                let names = self.names(query, &after, wanted).await?;
                for (key, row) in self.rows(&names).await? {
                    // It may have been written since.
                    if query.wanted.includes(&row.header) {
                        page.push(Listed { key, header: row.header, record: row.record });
                    }
                }
                let is_last = names.len() < wanted;
                match names.into_iter().next_back() {
                    Some(last) if !is_last && page.len() < query.limit => after = last,
                    _ => return Ok(page),
                }
            }
        }
        .boxed()
    }

    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            // The server counts by its own clock: it is told how long.
            let left = (expires_at - now).max(1).to_string();
            let expires_at = expires_at.to_string();
            let arguments = [document.as_bytes(), expires_at.as_bytes(), left.as_bytes()];
            let key = self.keys.pending(state);
            let connection = &self.connection;
            connection.evaluate(&self.scripts.put, &[&key], &arguments).await
        }
        .boxed()
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        async move {
            let (key, now) = (self.keys.pending(state), now.to_string());
            let connection = &self.connection;
            let taken: Vec<String> =
                connection.evaluate(&self.scripts.take, &[&key], &[now.as_bytes()]).await?;
            let mut taken = taken.into_iter();
            Ok(match (taken.next().as_deref(), taken.next()) {
                (Some("taken"), Some(document)) => Pending::Taken(document),
                (Some("used"), result) => Pending::Used(result),
                _ => Pending::Absent,
            })
        }
        .boxed()
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            let key = self.keys.pending(state);
            let connection = &self.connection;
            connection.evaluate(&self.scripts.settle, &[&key], &[result.as_bytes()]).await
        }
        .boxed()
    }

    fn changed<'a>(&'a self, key: &'a GrantKey) -> Option<BoxFuture<'a, ()>> {
        let name = name::of_grant(key);
        Some(self.changes.of(&self.connection, &self.keys.channel, name).boxed())
    }

    fn weaknesses(&self) -> Option<BoxFuture<'_, Result<Vec<String>>>> {
        Some(
            async move {
                let mut weaknesses = self.connection.server().await?.weaknesses();
                if self.is_exposed {
                    weaknesses.push(
                        "the connection to Redis is not encrypted (`redis://`): whoever is on the way can read the tokens"
                            .to_owned(),
                    );
                }
                Ok(weaknesses)
            }
            .boxed(),
        )
    }

    fn is_durable_at_once(&self) -> bool {
        self.connection.is_durable_at_once()
    }
}
