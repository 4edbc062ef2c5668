//! What the journal and the grants come to, user by user.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grants::{Family, Protocol};
use crate::journal::{JournalEntry, Kind};
use crate::state::State;

/// A summary of one sandbox since it started, or since its journal was cleared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One line for each user and protocol, in this order.
    pub users: Vec<UserReport>,
    /// Token requests that named no grant known here.
    pub unattributed_token_requests: u64,
    /// API calls by the `X-Program` they named (`""` for none), refused ones included.
    pub programs: BTreeMap<String, CallCount>,
}

/// How one user's grants under one protocol fared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserReport {
    /// Who consented.
    pub user: String,
    /// Under which protocol.
    pub protocol: Protocol,
    /// Requests to the token endpoint, whatever came of them: exchanges and refreshes.
    pub token_requests: u64,
    /// Those of them that were refreshes.
    pub refresh_requests: u64,
    /// Those of the refreshes that were answered 200.
    pub refreshes: u64,
    /// Sets of tokens committed at the server: the first of each grant, and one for each refresh.
    pub generations: u64,
    /// The median, over the refreshes, of the newest access token's age divided by its lifetime.
    pub median_age_at_refresh: Option<f64>,
    /// How often a replaced refresh token or a used code was presented.
    pub reuses: u64,
    /// How many grants there were.
    pub grants: u64,
    /// How many of them are dead.
    pub grants_lost: u64,
    /// API calls by the `X-Program` they named (`""` for none).
    pub programs: BTreeMap<String, CallCount>,
}

/// API calls by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCount {
    /// Answered 200.
    pub ok: u64,
    /// Answered otherwise, or not at all.
    pub other: u64,
}

type Key = (String, Protocol);

impl Report {
    pub(crate) fn of(state: &State) -> Self {
        let mut users: BTreeMap<Key, UserReport> = BTreeMap::new();
        for family in state.grants.families() {
            if let Some(key) = key(family) {
                users.entry(key).or_insert_with_key(UserReport::new).add_grant(family);
            }
        }
        let mut report = Self::default();
        for entry in state.journal.entries() {
            if entry.kind == Kind::Api {
                count_call(&mut report.programs, entry);
            }
            let family = entry.family.map(|id| state.grants.family(id));
            if family.is_none() && is_token_request(entry) {
                report.unattributed_token_requests += 1;
            }
            if let Some(line) = family.and_then(key).and_then(|key| users.get_mut(&key)) {
                line.add_entry(entry);
            }
        }
        for (key, line) in &mut users {
            line.median_age_at_refresh = median(ages_at_refresh(state, key));
        }
        report.users = users.into_values().collect();
        report
    }
}

/// Ages of the newest access token as parts of its lifetime.
fn ages_at_refresh(state: &State, of: &Key) -> Vec<f64> {
    let family = |entry: &JournalEntry| entry.family.map(|id| state.grants.family(id));
    let entries = state.journal.entries().iter().filter(|entry| is_refresh(entry));
    let theirs = entries.filter(|entry| family(entry).and_then(key).as_ref() == Some(of));
    theirs.filter_map(|entry| entry.token_age).map(|token| token.age / token.lifetime).collect()
}

impl UserReport {
    fn new((user, protocol): &Key) -> Self {
        Self {
            user: user.clone(),
            protocol: *protocol,
            token_requests: 0,
            refresh_requests: 0,
            refreshes: 0,
            generations: 0,
            median_age_at_refresh: None,
            reuses: 0,
            grants: 0,
            grants_lost: 0,
            programs: BTreeMap::new(),
        }
    }

    fn add_grant(&mut self, family: &Family) {
        self.grants += 1;
        self.grants_lost += u64::from(!family.alive);
        self.generations += family.generation;
        self.reuses += family.reuses;
    }

    fn add_entry(&mut self, entry: &JournalEntry) {
        if is_token_request(entry) {
            self.token_requests += 1;
        }
        if is_refresh(entry) {
            self.refresh_requests += 1;
            self.refreshes += u64::from(entry.status == Some(200));
        }
        if entry.kind == Kind::Api {
            count_call(&mut self.programs, entry);
        }
    }
}

fn key(family: &Family) -> Option<Key> {
    Some((family.user.clone()?, family.protocol))
}

fn is_token_request(entry: &JournalEntry) -> bool {
    matches!(entry.kind, Kind::Token | Kind::AccessToken)
}

fn is_refresh(entry: &JournalEntry) -> bool {
    entry.kind == Kind::Token && entry.grant_type.as_deref() == Some("refresh_token")
}

fn count_call(programs: &mut BTreeMap<String, CallCount>, entry: &JournalEntry) {
    let count = programs.entry(entry.program.clone().unwrap_or_default()).or_default();
    if entry.status == Some(200) {
        count.ok += 1;
    } else {
        count.other += 1;
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}
