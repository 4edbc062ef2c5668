//! The record: all that is stored about one grant, the same in every language and store.
//!
//! Fields of newer versions that this one does not know survive a rewrite (`unknown`), so that a newer Python beside an
//! older PHP goes on working. Every change of a record is a pure function here; a store only makes it atomic.

use super::entry::Entry;
use super::lease::StoreTime;
use crate::clock::UnixMillis;
use crate::oauth2::BEARER;
use crate::owner::short_name;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::mem;
use std::time::Duration;

/// The format that this version writes.
pub(crate) const FORMAT: u32 = 1;

/// How many entries of the trail are kept.
const TRAIL_LENGTH: usize = 20;

/// By how much the clocks of hosts may differ, in milliseconds, before what one of them noted counts for nothing.
const FAR_AHEAD: i64 = 300_000;

/// How many access tokens are kept of one grant.
const ACCESS_TOKENS: usize = 32;

/// Names one grant: what one subject allowed one client registration, in one slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct GrantKey {
    /// The client registration: provider and client identifier.
    pub(crate) client: String,
    /// The application's own name for the user.
    pub(crate) subject: String,
    /// One of several refresh tokens of one consent; usually empty.
    pub(crate) slot: String,
}

impl GrantKey {
    /// The key of what concerns no single grant.
    pub(crate) fn nobody() -> Self {
        GrantKey { client: String::new(), subject: String::new(), slot: String::new() }
    }
}

/// Whether a grant can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It can.
    #[default]
    Active,
    /// Not before the user consents again.
    NeedsConsent,
    /// A revocation at the provider is under way.
    Revoking,
    /// It was revoked or forgotten: only its identity is kept, so that a late answer is recognised.
    Tombstone,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::NeedsConsent => "needs_consent",
            Status::Revoking => "revoking",
            Status::Tombstone => "tombstone",
        }
    }

    /// Reads what [`as_str`](Status::as_str) gives.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Status::Active, Status::NeedsConsent, Status::Revoking, Status::Tombstone]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// Why the user has to consent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConsentReason {
    /// The provider refused the newest refresh token.
    Revoked,
    /// It is past the expiry that the provider told.
    Expired,
    /// An earlier attempt was answered, but nobody saw the answer.
    OutcomeLost,
    /// The access token is used up and the consent brought no refresh token.
    NoRefreshToken,
}

impl ConsentReason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ConsentReason::Revoked => "revoked",
            ConsentReason::Expired => "expired",
            ConsentReason::OutcomeLost => "outcome_lost",
            ConsentReason::NoRefreshToken => "no_refresh_token",
        }
    }
}

/// One access token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredAccessToken {
    /// The token.
    pub(crate) token: Secret,
    /// OAuth 1: the token secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// `Bearer`, or what the provider said.
    pub(crate) token_type: String,
    /// When the answer arrived.
    pub(crate) obtained_at: UnixMillis,
    /// Until when it is valid; unknown or for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<UnixMillis>,
    /// What it may be used for.
    #[serde(default)]
    pub(crate) scope: Vec<String>,
    /// The resource (RFC 8707) that it is for; empty for the grant's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) resource: String,
    /// The scopes that were asked for at its renewal, sorted; empty for all that was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) requested_scope: Vec<String>,
    /// The generation that it came with, where another of the grant's tokens was renewed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) came_with: Option<u64>,
    /// What a newer version knows.
    #[serde(flatten)]
    pub(crate) unknown: Map<String, Value>,
}

/// How long an access token lives, in milliseconds, that is meant to be exchanged for another.
const SHORT_LIFE: i64 = 3_600_000;

/// The tokens of one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    /// Access tokens, the grant's own first.
    pub(crate) access: Vec<StoredAccessToken>,
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh: Option<Secret>,
    /// Until when the refresh token is valid, where the provider told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_expires_at: Option<UnixMillis>,
    /// Whether `refresh` is an access token that a consent brought, and whose exchange for one that lives longer failed: the next
    /// renewal is that exchange.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unexchanged: bool,
    /// Further fields of the answer, as they came.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) response: Map<String, Value>,
}

impl Tokens {
    /// Those of a consent whose access token could not be exchanged yet. Where nobody said how long it lives, it is an hour, as
    /// such tokens do.
    pub(crate) fn unexchanged(mut self, now: UnixMillis) -> Self {
        if let Some(own) = self.access.first_mut() {
            own.expires_at.get_or_insert(now + SHORT_LIFE);
            self.refresh = Some(own.token.clone());
        }
        self.unexchanged = true;
        self
    }

    /// Those of a grant whose first access token is yet to come: with `refresh`, where it takes one.
    pub(crate) fn of_refresh_token(
        refresh: Option<Secret>,
        scope: &[String],
        now: UnixMillis,
    ) -> Self {
        let access = StoredAccessToken {
            token: Secret::default(),
            secret: None,
            token_type: BEARER.to_owned(),
            obtained_at: now,
            expires_at: Some(now),
            scope: scope.to_vec(),
            resource: String::new(),
            requested_scope: Vec::new(),
            came_with: None,
            unknown: Map::new(),
        };
        Tokens {
            access: vec![access],
            refresh,
            refresh_expires_at: None,
            unexchanged: false,
            response: Map::new(),
        }
    }

    /// Where an entry's token stands among the access tokens.
    fn place_of(&self, entry: &Entry) -> Option<usize> {
        if entry.is_own() {
            return (!self.access.is_empty()).then_some(0);
        }
        self.access.iter().skip(1).position(|access| entry.is_of(access)).map(|place| place + 1)
    }
}

/// What a consent brings, or a grant from elsewhere.
pub(crate) struct Consent {
    /// The tokens.
    pub(crate) tokens: Tokens,
    /// The key that they are bound to, as a record keeps it.
    pub(crate) dpop_key: Option<Secret>,
}

impl From<Tokens> for Consent {
    fn from(tokens: Tokens) -> Self {
        Consent { tokens, dpop_key: None }
    }
}

/// When the next attempt may be made, and how many failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retry {
    /// No request before this.
    pub(crate) not_before: UnixMillis,
    /// When it was noted, by the clock of who noted it.
    #[serde(default)]
    pub(crate) noted_at: UnixMillis,
    /// Failed attempts in a row.
    pub(crate) failures: u32,
    /// The class of the last failure.
    pub(crate) class: String,
    /// Client authentication and endpoint that it concerns; empty for every configuration.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) fingerprint: String,
}

impl Retry {
    /// The back-off after one more failure: the first of `pauses`, doubled for each failure of the same kind in a row before,
    /// and at most the last.
    pub(crate) fn after(
        earlier: Option<&Retry>,
        class: &str,
        fingerprint: String,
        (first, last): (Duration, Duration),
        now: UnixMillis,
    ) -> Self {
        let is_same = |retry: &&Retry| retry.class == class && retry.fingerprint == fingerprint;
        let failures = earlier.filter(is_same).map_or(0, |retry| retry.failures);
        let pause = first.saturating_mul(2u32.saturating_pow(failures)).min(last);
        let pause = i64::try_from(pause.as_millis()).expect("a pause is at most hours");
        Retry {
            not_before: now + pause,
            noted_at: now,
            failures: failures.saturating_add(1),
            class: class.to_owned(),
            fingerprint,
        }
    }

    /// Until when it holds; not at all where it is over, or was noted by a clock that was far ahead and has been set right.
    pub(crate) fn holds_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        Some(self.not_before).filter(|until| *until > now && self.noted_at <= now + FAR_AHEAD)
    }
}

/// A renewal that was stored but must not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// Why.
    pub(crate) reason: String,
    /// Since when.
    pub(crate) at: UnixMillis,
}

/// Whom an `id_token` is about (OpenID Connect Core section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// `iss`.
    pub(crate) issuer: String,
    /// `sub`.
    pub(crate) subject: String,
}

/// One entry of the trail; never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrailEntry {
    /// When.
    pub(crate) at: UnixMillis,
    /// The generation that was spent or committed.
    pub(crate) generation: u64,
    /// The class of the answer, or what was done.
    pub(crate) what: String,
    /// Which process: its number and host, and whether it is a helper.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) by: String,
}

/// All that is stored about one grant, but for lease and intent, which stand beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Format of this record.
    pub(crate) format: u32,
    /// The client registration.
    pub(crate) client: String,
    /// The application's name for the user.
    pub(crate) subject: String,
    /// The slot.
    #[serde(default)]
    pub(crate) slot: String,
    /// Random, new with each consent that brings a refresh token.
    pub(crate) grant_id: String,
    /// + 1 with each committed renewal.
    pub(crate) generation: u64,
    /// + 1 with each write of the row other than lease and intent.
    pub(crate) revision: u64,
    /// Whether it can be used.
    #[serde(default)]
    pub(crate) status: Status,
    /// Why the user has to consent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<ConsentReason>,
    /// Since when the status stands.
    #[serde(default)]
    pub(crate) status_at: UnixMillis,
    /// The tokens; none in a tombstone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<Tokens>,
    /// The fencing number of the lease under which the tokens were committed.
    #[serde(default)]
    pub(crate) committed_fencing: u64,
    /// A second answer to the same renewal, tried once when the first is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alternate: Option<Tokens>,
    /// Why the alternate must not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alternate_hold: Option<Hold>,
    /// Back-off after failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<Retry>,
    /// Back-off of refreshes that a 401 of the API forces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) forced: Option<Retry>,
    /// Whom the consent's `id_token` was about, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    /// The key that DPoP proofs are signed with (RFC 9449): PKCS #8 in base64url. Tokens may be bound to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dpop_key: Option<Secret>,
    /// The tokens are stored but must not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<Hold>,
    /// When disuse would let the refresh token die.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keepalive_at: Option<UnixMillis>,
    /// When consent was given.
    pub(crate) created_at: UnixMillis,
    /// When the row was last written.
    pub(crate) updated_at: UnixMillis,
    /// The last things that happened.
    #[serde(default)]
    pub(crate) trail: Vec<TrailEntry>,
    /// What a newer version knows.
    #[serde(flatten)]
    pub(crate) unknown: Map<String, Value>,
}

/// The durable note, written with the lease, that a generation is about to be spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The consent whose token it is.
    pub(crate) grant_id: String,
    /// The generation about to be spent.
    pub(crate) generation: u64,
    /// When it was first sent, by the store's clock: from then on the provider may count its grace.
    #[serde(default)]
    pub(crate) first_sent: StoreTime,
    /// When it was last sent, by the store's clock.
    #[serde(default)]
    pub(crate) last_sent: StoreTime,
    /// How many times this generation has been sent before without an answer being seen.
    #[serde(default)]
    pub(crate) repeats: u32,
}

impl Intent {
    /// The note that the record's generation is about to be spent, after `earlier` attempts.
    pub(crate) fn after(earlier: Option<&Intent>, record: &Record, now: &StoreTime) -> Self {
        Intent {
            grant_id: record.grant_id.clone(),
            generation: record.generation,
            first_sent: earlier.map_or(now, |earlier| &earlier.first_sent).clone(),
            last_sent: now.clone(),
            repeats: earlier.map_or(0, |earlier| earlier.repeats + 1),
        }
    }

    /// The note that the token of an answer may be void before it is sent.
    pub(crate) fn after_the_answer(commit: &Commit, now: &StoreTime) -> Self {
        Intent {
            grant_id: commit.grant_id.clone(),
            generation: commit.generation + 1,
            first_sent: now.clone(),
            last_sent: now.clone(),
            repeats: 0,
        }
    }

    /// The same, of the answer that one of several `attempts` at what this note is about got; none where there was only one.
    pub(crate) fn after_an_answer(&self, attempts: u32) -> Option<Self> {
        let next = Intent { generation: self.generation + 1, repeats: 0, ..self.clone() };
        Some(next).filter(|_| attempts > 1)
    }

    /// Whether both are about one generation.
    pub(crate) fn is_about_the_same(&self, other: &Intent) -> bool {
        self.grant_id == other.grant_id && self.generation == other.generation
    }

    /// What stood before this note was written.
    pub(crate) fn without_the_last(self) -> Option<Self> {
        Some(Intent { repeats: self.repeats.checked_sub(1)?, ..self })
    }
}

/// A token commit: conditional on (`grant_id`, `generation`) and on nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Commit {
    /// The consent that was renewed.
    pub(crate) grant_id: String,
    /// The generation that was spent.
    pub(crate) generation: u64,
    /// What the provider answered.
    pub(crate) tokens: Tokens,
    /// The fencing number of the sender's lease.
    pub(crate) fencing: u64,
    /// Who the sender is.
    #[serde(default)]
    pub(crate) owner: String,
    /// When the answer arrived.
    pub(crate) at: UnixMillis,
    /// When disuse would let the new refresh token die.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keepalive_at: Option<UnixMillis>,
    /// Why the tokens must not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<Hold>,
}

impl Commit {
    /// Whether both hold an answer to the same generation.
    pub(crate) fn is_of_the_same_renewal(&self, other: &Commit) -> bool {
        self.grant_id == other.grant_id && self.generation == other.generation
    }
}

/// What a token commit makes of the record that stands.
#[derive(Clone, Debug)]
pub(crate) enum Merged {
    /// This is to be written.
    Write(Box<Record>),
    /// The answer belongs to a consent that is gone, or is older than what stands.
    Superseded,
}

/// A change of a record other than a commit, made by the holder of the lease.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// The provider refused this refresh token: the other answer to the same renewal is tried, if there is one, else the user
    /// has to consent again.
    Refused { refresh_token: Secret, reason: ConsentReason },
    /// The API will not take this access token again, and nothing renews it: the user has to consent again.
    AccessRefused(Secret),
    /// The provider said until when this access token is valid, in Unix milliseconds, of which its answer told nothing.
    ValidUntil { access_token: Secret, expires_at: UnixMillis },
    /// No attempt before a time.
    BackOff(Retry),
    /// Refreshes that a 401 forces pause until a time.
    ForcedBackOff(Retry),
    /// A revocation at the provider has begun and failed; it is not tried again by itself before a time.
    Revoking(Retry),
}

impl Record {
    /// A record of a new consent.
    pub(crate) fn new(key: &GrantKey, grant_id: String, tokens: Tokens, now: UnixMillis) -> Self {
        let mut record = Record {
            format: FORMAT,
            client: key.client.clone(),
            subject: key.subject.clone(),
            slot: key.slot.clone(),
            grant_id,
            generation: 1,
            revision: 1,
            status: Status::Active,
            reason: None,
            status_at: now,
            tokens: Some(tokens),
            committed_fencing: 0,
            alternate: None,
            alternate_hold: None,
            retry: None,
            forced: None,
            identity: None,
            dpop_key: None,
            hold: None,
            keepalive_at: None,
            created_at: now,
            updated_at: now,
            trail: Vec::new(),
            unknown: Map::new(),
        };
        record.leave_trail(now, "granted");
        record
    }

    /// Its key.
    #[must_use]
    pub(crate) fn key(&self) -> GrantKey {
        GrantKey {
            client: self.client.clone(),
            subject: self.subject.clone(),
            slot: self.slot.clone(),
        }
    }

    /// Whether this is to replace `known`: another consent, or a later generation or write of the same one.
    pub(crate) fn is_newer_than(&self, known: &Record) -> bool {
        self.grant_id != known.grant_id
            || (self.generation, self.revision) > (known.generation, known.revision)
    }

    /// The grant's own access token; none where only a refresh token was put.
    #[must_use]
    pub(crate) fn access(&self) -> Option<&StoredAccessToken> {
        self.access_of(&Entry::default())
    }

    /// The access token of one entry.
    #[must_use]
    pub(crate) fn access_of(&self, entry: &Entry) -> Option<&StoredAccessToken> {
        let tokens = self.tokens.as_ref()?;
        let access = &tokens.access[tokens.place_of(entry)?];
        Some(access).filter(|access| !access.token.is_empty())
    }

    /// The generation with which an entry's token came; none where there is no such token.
    #[must_use]
    pub(crate) fn generation_of(&self, entry: &Entry) -> Option<u64> {
        self.access_of(entry).map(|access| access.came_with.unwrap_or(self.generation))
    }

    /// Whether this is the grant's own access token, and not over.
    pub(crate) fn lives_by(&self, token: &Secret, now: UnixMillis) -> bool {
        self.access().is_some_and(|access| {
            access.token == *token && access.expires_at.is_none_or(|end| end > now)
        })
    }

    /// The refresh token.
    #[must_use]
    pub(crate) fn refresh_token(&self) -> Option<&Secret> {
        self.tokens.as_ref()?.refresh.as_ref()
    }

    /// Whether its next renewal is the exchange of what the consent brought.
    pub(crate) fn is_unexchanged(&self) -> bool {
        self.tokens.as_ref().is_some_and(|tokens| tokens.unexchanged)
    }

    /// Whether the grant was revoked or forgotten.
    #[must_use]
    pub(crate) fn is_tombstone(&self) -> bool {
        self.status == Status::Tombstone
    }

    /// The same once more: only how it is kept changes.
    #[must_use]
    pub(crate) fn written_again(&self) -> Self {
        Record { revision: self.revision + 1, ..self.clone() }
    }

    /// What `commit` makes of this record (`refresh.md`, One refresh, step 5).
    pub(crate) fn merge(&self, commit: &Commit) -> Merged {
        if self.is_tombstone() || self.grant_id != commit.grant_id {
            return Merged::Superseded;
        }
        // A record that is behind was restored from a backup: this answer is the newest there is.
        if self.generation <= commit.generation {
            return Merged::Write(Box::new(self.renewed(commit)));
        }
        if self.generation == commit.generation + 1 {
            return self.with_second_answer(commit);
        }
        Merged::Superseded
    }

    fn renewed(&self, commit: &Commit) -> Record {
        let mut next = self.clone();
        next.tokens = Some(self.carried_over(&commit.tokens));
        next.generation = commit.generation + 1;
        next.committed_fencing = commit.fencing;
        next.alternate = None;
        next.alternate_hold = None;
        next.set_status(Status::Active, None, commit.at);
        next.retry = None;
        next.hold.clone_from(&commit.hold);
        next.keepalive_at = commit.keepalive_at;
        next.leave_trail(commit.at, if commit.hold.is_some() { "held" } else { "refreshed" });
        next.touch(commit.at);
        next
    }

    /// Two answers to one generation: the higher fencing number is primary, the other is kept.
    fn with_second_answer(&self, commit: &Commit) -> Merged {
        if commit.fencing == self.committed_fencing && self.holds(&commit.tokens) {
            return Merged::Superseded; // the same sender's commit, tried again
        }
        let mut next = self.clone();
        let arrived = self.carried_over(&commit.tokens);
        if commit.fencing > self.committed_fencing {
            next.alternate = next.tokens.replace(arrived);
            next.alternate_hold = mem::replace(&mut next.hold, commit.hold.clone());
            next.committed_fencing = commit.fencing;
        } else {
            next.alternate = Some(arrived);
            next.alternate_hold.clone_from(&commit.hold);
        }
        next.leave_trail(commit.at, "second_answer");
        next.touch(commit.at);
        Merged::Write(Box::new(next))
    }

    /// Whether this very answer is stored already. Where a store gives no leases, numbers alone do not tell two senders apart.
    fn holds(&self, answer: &Tokens) -> bool {
        let [answered] = &answer.access[..] else { return false };
        let entry = Entry::of(answered);
        [&self.tokens, &self.alternate]
            .into_iter()
            .flatten()
            .filter_map(|kept| Some(&kept.access[kept.place_of(&entry)?]))
            .any(|kept| kept.token == answered.token)
    }

    /// What an answer leaves out stays as it was: refresh token, scope, further fields such as the `id_token`.
    fn carried_over(&self, answer: &Tokens) -> Tokens {
        let mut tokens = answer.clone();
        let Some(before) = &self.tokens else { return tokens };
        if tokens.refresh.is_none() && !before.unexchanged {
            tokens.refresh.clone_from(&before.refresh);
            tokens.refresh_expires_at = tokens.refresh_expires_at.or(before.refresh_expires_at);
        }
        if tokens.access.len() != 1 {
            return tokens; // not of a renewal
        }
        let mut new = tokens.access.remove(0);
        let entry = Entry::of(&new);
        let mut access = before.access.clone();
        for kept in &mut access {
            kept.came_with.get_or_insert(self.generation);
        }
        let place = before.place_of(&entry);
        if let Some(old) = place.map(|place| &access[place]).or(access.first()) {
            if new.scope.is_empty() {
                new.scope.clone_from(&old.scope);
            }
            if new.secret.is_none() {
                new.secret.clone_from(&old.secret);
            }
        }
        if let Some(place) = place {
            access[place] = new;
        } else {
            access.push(new);
            make_room(&mut access);
        }
        if entry.is_own() {
            let told_before = before.response.iter();
            let left_out = told_before.filter(|(name, _)| !answer.response.contains_key(*name));
            tokens.response.extend(left_out.map(|(name, value)| (name.clone(), value.clone())));
        } else {
            tokens.response.clone_from(&before.response);
        }
        tokens.access = access;
        tokens
    }

    /// What `mark` makes of this record.
    pub(crate) fn marked(&self, mark: &Mark, now: UnixMillis) -> Record {
        let mut next = self.clone();
        match mark {
            Mark::Refused { refresh_token, reason } => {
                next.drop_refused(refresh_token, *reason, now);
            }
            Mark::AccessRefused(token) if self.lives_by(token, now) => next.end_access(now),
            Mark::AccessRefused(_) => {} // another arrived meanwhile
            Mark::ValidUntil { access_token, expires_at } => {
                let own = next.tokens.as_mut().and_then(|tokens| tokens.access.first_mut());
                if let Some(own) = own.filter(|own| own.token == *access_token) {
                    own.expires_at.get_or_insert(*expires_at);
                }
            }
            Mark::BackOff(retry) => {
                next.leave_trail(now, &retry.class);
                next.retry = Some(retry.clone());
            }
            Mark::ForcedBackOff(retry) => next.forced = Some(retry.clone()),
            Mark::Revoking(retry) => {
                next.set_status(Status::Revoking, None, now);
                next.leave_trail(now, &retry.class);
                next.retry = Some(retry.clone());
            }
        }
        next.touch(now);
        next
    }

    fn drop_refused(&mut self, refused: &Secret, reason: ConsentReason, now: UnixMillis) {
        let is_refused = |tokens: &Tokens| tokens.refresh.as_ref() == Some(refused);
        if self.alternate.take_if(|tokens| is_refused(tokens)).is_some() {
            self.alternate_hold = None;
        }
        if !self.tokens.as_ref().is_some_and(is_refused) {
            return; // the other answer arrived meanwhile, and is primary
        }
        if let Some(alternate) = self.alternate.take() {
            self.tokens = Some(alternate);
            self.hold = self.alternate_hold.take();
            self.set_status(Status::Active, None, now);
            self.leave_trail(now, "alternate");
        } else {
            self.set_status(Status::NeedsConsent, Some(reason), now);
            self.leave_trail(now, reason.as_str());
        }
    }

    /// The grant's own access token is kept, but given out no more.
    fn end_access(&mut self, now: UnixMillis) {
        let tokens = self.tokens.as_mut();
        if let Some(access) = tokens.and_then(|tokens| tokens.access.first_mut()) {
            access.expires_at = Some(now);
        }
        self.set_status(Status::NeedsConsent, Some(ConsentReason::Revoked), now);
        self.leave_trail(now, ConsentReason::Revoked.as_str());
    }

    /// What is left of the record after it was revoked or forgotten.
    pub(crate) fn tombstone(&self, now: UnixMillis) -> Record {
        let mut next = self.clone();
        next.set_status(Status::Tombstone, None, now);
        next.tokens = None;
        next.alternate = None;
        next.alternate_hold = None;
        next.dpop_key = None;
        next.retry = None;
        next.forced = None;
        next.hold = None;
        next.keepalive_at = None;
        next.leave_trail(now, "deleted");
        next.touch(now);
        next
    }

    /// New consent in the place of this record: a new `grant_id` where it brought a refresh token, else a merge.
    pub(crate) fn with_consent(&self, consent: Record) -> Record {
        let is_of_another = consent.identity.is_some() && consent.identity != self.identity;
        let starts_anew =
            consent.refresh_token().is_some() || is_of_another && self.identity.is_some();
        let mut next = consent;
        next.revision = self.revision + 1;
        next.unknown.clone_from(&self.unknown);
        // What is held, or was not exchanged, is not carried over either: it may be another user's, or only an access token.
        let is_worth_keeping =
            self.refresh_token().is_some() && self.hold.is_none() && !self.is_unexchanged();
        if starts_anew || self.is_tombstone() || !is_worth_keeping {
            return next;
        }
        // The generation is the refresh token's number: an intent for it, and an answer on its way, are still about it.
        next.grant_id.clone_from(&self.grant_id);
        next.generation = self.generation;
        next.committed_fencing = self.committed_fencing;
        next.alternate.clone_from(&self.alternate);
        next.alternate_hold.clone_from(&self.alternate_hold);
        if self.dpop_key.is_some() {
            next.dpop_key.clone_from(&self.dpop_key); // the refresh token that stays is bound to it
        }
        next.tokens = next.tokens.as_ref().map(|tokens| self.carried_over(tokens));
        next.keepalive_at = self.keepalive_at; // the refresh token was not used
        next.created_at = self.created_at;
        next.identity = next.identity.or_else(|| self.identity.clone());
        next
    }

    fn set_status(&mut self, status: Status, reason: Option<ConsentReason>, now: UnixMillis) {
        if self.status != status || self.reason != reason {
            self.status_at = now;
        }
        self.status = status;
        self.reason = reason;
    }

    fn touch(&mut self, now: UnixMillis) {
        self.revision += 1;
        self.updated_at = now;
    }

    fn leave_trail(&mut self, at: UnixMillis, what: &str) {
        if self.trail.len() >= TRAIL_LENGTH {
            self.trail.drain(..=self.trail.len() - TRAIL_LENGTH);
        }
        let (generation, what, by) = (self.generation, what.to_owned(), short_name());
        self.trail.push(TrailEntry { at, generation, what, by });
    }
}

/// Drops, beside the grant's own and the newest, the tokens that ended longest ago.
fn make_room(access: &mut Vec<StoredAccessToken>) {
    while access.len() > ACCESS_TOKENS {
        let others = access.iter().enumerate().take(access.len() - 1).skip(1);
        let oldest = others.min_by_key(|(_, token)| token.expires_at.unwrap_or(UnixMillis::MAX));
        let (oldest, _) = oldest.expect("there are more than two");
        access.remove(oldest);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn key() -> GrantKey {
        GrantKey { client: "test:app".into(), subject: "alice".into(), slot: String::new() }
    }

    pub(crate) fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
        Tokens {
            access: vec![StoredAccessToken {
                token: access.into(),
                secret: None,
                token_type: "Bearer".into(),
                obtained_at: 0,
                expires_at: Some(3_600_000),
                scope: vec!["read".into()],
                resource: String::new(),
                requested_scope: Vec::new(),
                came_with: None,
                unknown: Map::new(),
            }],
            refresh: refresh.map(Secret::from),
            refresh_expires_at: None,
            unexchanged: false,
            response: Map::new(),
        }
    }

    pub(crate) fn record() -> Record {
        Record::new(&key(), "g1".into(), tokens("a1", Some("r1")), 0)
    }

    pub(crate) fn commit(generation: u64, fencing: u64, tokens: Tokens) -> Commit {
        Commit {
            grant_id: "g1".into(),
            generation,
            tokens,
            fencing,
            owner: String::new(),
            at: 5,
            keepalive_at: None,
            hold: None,
        }
    }

    fn written(merged: Merged) -> Record {
        match merged {
            Merged::Write(record) => *record,
            Merged::Superseded => panic!("superseded"),
        }
    }

    #[test]
    fn an_answer_without_refresh_token_keeps_the_old_one() {
        let next = written(record().merge(&commit(1, 1, tokens("a2", None))));
        assert_eq!(next.refresh_token(), Some(&"r1".into()));
        assert_eq!((next.generation, next.revision), (2, 2));
    }

    #[test]
    fn an_answer_for_a_consent_that_is_gone_is_superseded() {
        let mut other = record();
        other.grant_id = "g2".into();
        let answer = commit(1, 1, tokens("a2", Some("r2")));
        assert!(matches!(other.merge(&answer), Merged::Superseded));
        assert!(matches!(record().tombstone(1).merge(&answer), Merged::Superseded));
    }

    #[test]
    fn a_committed_generation_is_never_replaced_by_an_older_one() {
        let second = written(record().merge(&commit(1, 1, tokens("a2", Some("r2")))));
        let third = written(second.merge(&commit(2, 2, tokens("a3", Some("r3")))));
        assert!(matches!(third.merge(&commit(1, 9, tokens("x", Some("x")))), Merged::Superseded));
    }

    #[test]
    fn consent_without_refresh_token_changes_nothing_for_a_renewal_that_is_under_way() {
        let both = written(record().merge(&commit(1, 2, tokens("a2", Some("r2")))));
        let both = written(both.merge(&commit(1, 1, tokens("b2", Some("s2")))));
        let both = Record { dpop_key: Some("the key of r2".into()), ..both };
        let consent = Record::new(&key(), "g2".into(), tokens("c2", None), 7);
        let merged = both.with_consent(consent);
        assert_eq!(merged.dpop_key, both.dpop_key); // r2 is bound to it
        assert_eq!((merged.grant_id.as_str(), merged.generation), ("g1", both.generation));
        assert_eq!(merged.refresh_token(), Some(&"r2".into()));
        assert_eq!(merged.alternate, both.alternate);
        assert_eq!(merged.access().unwrap().token, "c2".into());
        let renewed = written(merged.merge(&commit(2, 3, tokens("a3", Some("r3")))));
        assert_eq!((renewed.generation, renewed.alternate.clone()), (3, None));
        assert!(merged.is_newer_than(&both) && renewed.is_newer_than(&merged));
    }

    #[test]
    fn consent_without_refresh_token_takes_over_nothing_that_is_held_or_was_not_exchanged() {
        let held =
            Record { hold: Some(Hold { reason: "another user".to_owned(), at: 7 }), ..record() };
        let unexchanged = Record::new(&key(), "g1".into(), tokens("a1", None).unexchanged(0), 0);
        for stands in [held, unexchanged] {
            let consent = Record::new(&key(), "g2".into(), tokens("c2", None), 7);
            let next = stands.with_consent(consent);
            assert_eq!((next.grant_id.as_str(), next.refresh_token()), ("g2", None));
            assert_eq!((next.hold.clone(), next.revision), (None, stands.revision + 1));
            assert!(!next.is_unexchanged());
        }
    }

    #[test]
    fn an_answer_that_meets_a_restored_record_is_kept() {
        let next = written(record().merge(&commit(4, 1, tokens("a5", Some("r5")))));
        assert_eq!((next.generation, next.refresh_token()), (5, Some(&"r5".into())));
    }

    #[test]
    fn of_two_answers_to_one_generation_the_higher_fencing_is_primary_and_the_other_is_kept() {
        let first = written(record().merge(&commit(1, 2, tokens("a2", Some("r2")))));
        let late = written(first.merge(&commit(1, 1, tokens("b2", Some("s2")))));
        assert_eq!(late.refresh_token(), Some(&"r2".into()));
        assert_eq!(late.alternate.as_ref().unwrap().refresh, Some("s2".into()));
        let newer = written(first.merge(&commit(1, 3, tokens("c2", Some("t2")))));
        assert_eq!(newer.refresh_token(), Some(&"t2".into()));
        assert_eq!(newer.generation, first.generation);
    }

    #[test]
    fn a_refusal_of_one_answer_leaves_the_other_to_be_tried() {
        let refused = |record: &Record, token: &str| {
            let mark =
                Mark::Refused { refresh_token: token.into(), reason: ConsentReason::Revoked };
            record.marked(&mark, 7)
        };
        let first = written(record().merge(&commit(1, 2, tokens("a2", Some("r2")))));
        for (fencing, primary) in [(1, "r2"), (3, "s2")] {
            let both = written(first.merge(&commit(1, fencing, tokens("b2", Some("s2")))));
            assert_eq!(both.refresh_token(), Some(&primary.into()));
            let other = refused(&both, "r2");
            assert_eq!((other.status, other.alternate.clone()), (Status::Active, None));
            assert_eq!(other.refresh_token(), Some(&"s2".into()));
            assert_eq!(refused(&other, "s2").status, Status::NeedsConsent);
        }
    }

    #[test]
    fn what_is_held_against_one_answer_stays_with_it() {
        let hold = Some(Hold { reason: "another user".to_owned(), at: 7 });
        let refused = |record: &Record, token: &str| {
            let mark =
                Mark::Refused { refresh_token: token.into(), reason: ConsentReason::Revoked };
            record.marked(&mark, 7)
        };
        let good = |fencing| commit(1, fencing, tokens("a2", Some("r2")));
        let bad =
            |fencing| Commit { hold: hold.clone(), ..commit(1, fencing, tokens("b2", Some("s2"))) };
        for (first, second) in
            [(good(2), bad(1)), (good(2), bad(3)), (bad(2), good(1)), (bad(2), good(3))]
        {
            let both = written(written(record().merge(&first)).merge(&second));
            let is_bad = |record: &Record| record.refresh_token() == Some(&"s2".into());
            assert_eq!(both.hold.is_some(), is_bad(&both));
            let primary = if is_bad(&both) { "s2" } else { "r2" };
            let other = refused(&both, primary);
            assert_eq!(
                (other.hold.is_some(), other.alternate_hold.clone()),
                (is_bad(&other), None)
            );
            assert_ne!(is_bad(&other), is_bad(&both));
        }
    }

    #[test]
    fn a_refused_access_token_is_given_out_no_more_and_counts_only_while_it_is_the_stored_one() {
        let refused = |token: &str| record().marked(&Mark::AccessRefused(token.into()), 7);
        let other = refused("a0");
        assert_eq!((other.status, other.access()), (Status::Active, record().access()));
        let ended = refused("a1");
        assert_eq!(
            (ended.status, ended.reason),
            (Status::NeedsConsent, Some(ConsentReason::Revoked))
        );
        assert_eq!(ended.access().unwrap().expires_at, Some(7));
        assert!(!ended.lives_by(&"a1".into(), 7));
    }

    #[test]
    fn a_back_off_doubles_with_failures_of_its_own_kind_alone() {
        let pauses = (Duration::from_secs(60), Duration::from_secs(150));
        let after = |earlier: Option<&Retry>, class| {
            Retry::after(earlier, class, String::new(), pauses, 1_000)
        };
        let first = after(None, "a");
        let second = after(Some(&first), "a");
        let third = after(Some(&second), "a");
        assert_eq!(
            [&first, &second, &third].map(|retry| retry.not_before),
            [61_000, 121_000, 151_000]
        );
        assert_eq!((third.failures, after(Some(&third), "b").not_before), (3, 61_000));
    }

    #[test]
    fn a_back_off_that_a_clock_far_ahead_noted_ends_when_the_clock_is_set_right() {
        let (now, pauses) = (1_000_000, (Duration::from_secs(60), Duration::from_secs(60)));
        let noted_at = |at| Retry::after(None, "a", String::new(), pauses, at).holds_until(now);
        assert_eq!(noted_at(now), Some(1_060_000));
        assert_eq!(noted_at(now + FAR_AHEAD), Some(1_360_000)); // clocks of two hosts differ
        assert_eq!(noted_at(now + FAR_AHEAD + 1), None);
        assert_eq!(noted_at(now - 60_000), None); // it is over
    }

    #[test]
    fn a_second_answer_is_kept_even_where_nobody_gave_out_fencing_numbers() {
        let first = written(record().merge(&commit(1, 1, tokens("a2", Some("r2")))));
        let other = written(first.merge(&commit(1, 1, tokens("b2", Some("s2")))));
        assert_eq!(other.refresh_token(), Some(&"r2".into()));
        assert_eq!(other.alternate.unwrap().refresh, Some("s2".into()));
    }

    #[test]
    fn the_same_commit_tried_again_changes_nothing() {
        let answer = commit(1, 2, tokens("a2", Some("r2")));
        let once = written(record().merge(&answer));
        assert!(matches!(once.merge(&answer), Merged::Superseded));
    }

    fn tokens_for(resource: &str, access: &str, refresh: &str, expires_at: i64) -> Tokens {
        let mut tokens = tokens(access, Some(refresh));
        tokens.access[0].resource = resource.into();
        tokens.access[0].expires_at = Some(expires_at);
        tokens
    }

    #[test]
    fn a_renewal_for_a_resource_replaces_its_token_alone_and_the_refresh_token() {
        let (mail, own) = (Entry::wanted(Some("urn:mail"), None).unwrap(), Entry::default());
        let token = |record: &Record, entry: &Entry| {
            record.access_of(entry).map(|access| access.token.expose().to_owned())
        };
        let next = written(record().merge(&commit(1, 1, tokens_for("urn:mail", "m2", "r2", 9))));
        assert_eq!(
            (token(&next, &own), token(&next, &mail)),
            (Some("a1".into()), Some("m2".into()))
        );
        assert_eq!((next.generation_of(&own), next.generation_of(&mail)), (Some(1), Some(2)));
        let next = written(next.merge(&commit(2, 2, tokens_for("urn:mail", "m3", "r3", 9))));
        assert_eq!(
            (token(&next, &own), token(&next, &mail)),
            (Some("a1".into()), Some("m3".into()))
        );
        let next = written(next.merge(&commit(3, 3, tokens("a4", None))));
        assert_eq!(
            (token(&next, &own), token(&next, &mail)),
            (Some("a4".into()), Some("m3".into()))
        );
        assert_eq!((next.generation_of(&own), next.generation_of(&mail)), (Some(4), Some(3)));
        assert_eq!((next.refresh_token(), next.generation), (Some(&"r3".into()), 4));
    }

    #[test]
    fn of_very_many_tokens_the_one_that_ended_longest_ago_goes_and_never_the_grants_own() {
        let mut next = record();
        next.tokens.as_mut().unwrap().access[0].expires_at = Some(0);
        for number in 1..=40_i64 {
            let (generation, ends) = (next.generation, 1000 - number); // the newest ended first
            let answer = tokens_for(&format!("urn:{number}"), "m", "r", ends);
            next = written(next.merge(&commit(generation, generation, answer)));
        }
        let kept = &next.tokens.as_ref().unwrap().access;
        let names: Vec<&str> = kept.iter().map(|access| access.resource.as_str()).collect();
        assert_eq!((names.len(), names[0], names[1]), (ACCESS_TOKENS, "", "urn:1"));
        assert_eq!(names[ACCESS_TOKENS - 1], "urn:40");
    }

    #[test]
    fn the_same_commit_for_a_resource_tried_again_changes_nothing() {
        let answer = commit(1, 2, tokens_for("urn:mail", "m2", "r2", 9));
        let once = written(record().merge(&answer));
        assert!(matches!(once.merge(&answer), Merged::Superseded));
    }

    #[test]
    fn fields_of_a_newer_version_survive_a_rewrite() {
        let mut json = serde_json::to_value(record()).unwrap();
        json["from_the_future"] = serde_json::json!({"deep": [1, 2]});
        let read: Record = serde_json::from_value(json).unwrap();
        let next = written(read.merge(&commit(1, 1, tokens("a2", None))));
        assert_eq!(serde_json::to_value(next).unwrap()["from_the_future"]["deep"][1], 2);
    }

    #[test]
    fn debug_shows_no_token() {
        let text = format!("{:?}", record());
        assert!(!text.contains("a1\"") && !text.contains("r1\""));
    }
}
