//! The decision: record, time and policy in; what to do out. Pure (`refresh.md`, Windows and What a caller gets).

use crate::clock::UnixMillis;
use crate::store::{ConsentReason, Entry, GrantKey, Record, Retry, Status, StoredAccessToken};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const DEFAULT_SOFT: i64 = 300_000;
const DEFAULT_HARD: i64 = 10_000;

/// How a client registration wants its grants renewed.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Milliseconds before expiry in which a refresh begins behind the scenes; the default when absent.
    pub(crate) soft: Option<i64>,
    /// Milliseconds before expiry in which the token is no longer given out; the default when absent.
    pub(crate) hard: Option<i64>,
    /// The provider refuses a refresh earlier than this many milliseconds before expiry.
    pub(crate) earliest_refresh: Option<i64>,
    /// Client authentication and endpoint: a back-off noted for another is not this client's.
    pub(crate) fingerprint: String,
    /// Whether a renewal takes a refresh token.
    pub(crate) takes_refresh_token: bool,
    /// Whether the provider is asked how long an access token lives of which its answer said nothing.
    pub(crate) asks_for_lifetime: bool,
}

/// What a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// A token that stays usable for at least this many milliseconds, where the provider gives such.
    Usable { entry: Entry, min_valid: i64 },
    /// A token that came after this generation.
    Newer { entry: Entry, grant_id: String, generation: u64, cause: Cause },
}

/// Why a token is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// It is time to, or the application asks for it.
    #[default]
    Due,
    /// The API refused the one that there is.
    ApiRefused,
    /// The application insists: a refusal or back-off is overridden.
    Forced,
}

impl Want {
    /// Which of the grant's access tokens is wanted.
    pub(crate) fn entry(&self) -> &Entry {
        match self {
            Want::Usable { entry, .. } | Want::Newer { entry, .. } => entry,
        }
    }

    pub(crate) fn cause(&self) -> Cause {
        match self {
            Want::Usable { .. } => Cause::Due,
            Want::Newer { cause, .. } => *cause,
        }
    }

    /// Whether a token that works is all that is wanted.
    pub(crate) fn is_for_use(&self) -> bool {
        matches!(self, Want::Usable { .. })
    }

    /// Whether an explicit force is to try this very generation again.
    fn is_forced_renewal_of(&self, record: &Record) -> bool {
        let Want::Newer { entry, grant_id, generation, cause: Cause::Forced } = self else {
            return false;
        };
        record.grant_id == *grant_id && !came_after(record, entry, *generation)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// There is no grant.
    NoGrant,
    /// Use the token.
    Use,
    /// Use the token, and renew it behind the scenes.
    UseAndRefresh,
    /// Wait for a renewal.
    Refresh,
    /// The grant cannot be used now.
    Refuse(Refusal),
}

impl Decision {
    /// Whether the access token that there is may be given out.
    pub(crate) fn is_to_use(&self) -> bool {
        matches!(self, Decision::Use | Decision::UseAndRefresh)
    }
}

/// Why a grant cannot be used now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NeedsConsent { reason: ConsentReason, since: UnixMillis },
    Held { reason: String },
    BackOff { retry_at: UnixMillis },
    Revoking,
}

/// How near an access token is to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Soft,
    Hard,
}

impl Policy {
    /// Whether there is what a renewal takes.
    pub(crate) fn can_renew(&self, record: &Record) -> bool {
        !self.takes_refresh_token || record.refresh_token().is_some()
    }

    /// How near `token` is to its end.
    pub(crate) fn freshness(
        &self,
        key: &GrantKey,
        token: &StoredAccessToken,
        now: UnixMillis,
        min_valid: i64,
    ) -> Freshness {
        let Some(expires_at) = token.expires_at else { return Freshness::Fresh };
        let remaining = expires_at - now;
        if remaining <= self.hard_window(lifetime(token)).max(min_valid) {
            Freshness::Hard
        } else if remaining <= self.soft_window(key, lifetime(token)) {
            Freshness::Soft
        } else {
            Freshness::Fresh
        }
    }

    /// When `token` leaves the fresh state; never, when it does not expire.
    pub(crate) fn soft_at(&self, key: &GrantKey, token: &StoredAccessToken) -> Option<UnixMillis> {
        Some(token.expires_at? - self.soft_window(key, lifetime(token)))
    }

    /// When `token` can no longer be given out; never, when it does not expire. At most its lifetime from now, whatever clock
    /// dated it.
    pub(crate) fn hard_at(&self, token: &StoredAccessToken, now: UnixMillis) -> Option<UnixMillis> {
        let lifetime = lifetime(token);
        let expires_at = token.expires_at?.min(now.saturating_add(lifetime));
        Some(expires_at - self.hard_window(lifetime))
    }

    /// When keep-alive renews an access token of which only the times are known: as it leaves the fresh state, or `within` so
    /// many milliseconds before its end, but not in the first half of its life. So a renewal is not due again at once.
    pub(crate) fn due_at(
        &self,
        key: &GrantKey,
        obtained_at: Option<UnixMillis>,
        expires_at: Option<UnixMillis>,
        within: i64,
    ) -> Option<UnixMillis> {
        let expires_at = expires_at?;
        let lifetime = obtained_at.map_or(0, |obtained_at| (expires_at - obtained_at).max(0));
        let sooner = self.not_too_early(within.min(lifetime / 2));
        Some(expires_at - self.soft_window(key, lifetime).max(sooner))
    }

    /// How long before the end of an access token `due_at` may be.
    pub(crate) fn longest_due(&self, within: i64) -> i64 {
        self.not_too_early((self.soft.unwrap_or(DEFAULT_SOFT) * 11 / 10).max(within))
    }

    fn hard_window(&self, lifetime: i64) -> i64 {
        self.hard.unwrap_or(DEFAULT_HARD).min(lifetime / 10)
    }

    fn soft_window(&self, key: &GrantKey, lifetime: i64) -> i64 {
        let window = self.soft.unwrap_or(DEFAULT_SOFT).min(lifetime / 5);
        self.not_too_early(window * (900 + permille_of(key) / 5) / 1000)
    }

    fn not_too_early(&self, window: i64) -> i64 {
        self.earliest_refresh.map_or(window, |earliest| window.min(earliest))
    }

    /// Whether `retry` holds this configuration back, and until when.
    pub(crate) fn held_back(&self, retry: Option<&Retry>, now: UnixMillis) -> Option<UnixMillis> {
        retry
            .filter(|retry| retry.fingerprint.is_empty() || retry.fingerprint == self.fingerprint)
            .and_then(|retry| retry.holds_until(now))
    }
}

fn lifetime(token: &StoredAccessToken) -> i64 {
    token.expires_at.map_or(i64::MAX, |expires_at| (expires_at - token.obtained_at).max(0))
}

/// A number below 1000 that is always the same for a grant, so that grants made together do not expire together.
fn permille_of(key: &GrantKey) -> i64 {
    let mut hash = Sha256::new();
    for part in [&key.client, &key.subject, &key.slot] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    i64::from(u16::from_be_bytes([digest[0], digest[1]])) * 1000 / 65_536
}

/// What to do about a grant.
pub(crate) fn decide(
    record: Option<&Record>,
    key: &GrantKey,
    now: UnixMillis,
    policy: &Policy,
    want: &Want,
) -> Decision {
    let Some(record) = record.filter(|record| !record.is_tombstone()) else {
        return Decision::NoGrant;
    };
    if let Some(hold) = &record.hold
        && !want.is_forced_renewal_of(record)
    {
        return Decision::Refuse(Refusal::Held { reason: hold.reason.clone() });
    }
    if record.status == Status::Revoking {
        return Decision::Refuse(Refusal::Revoking);
    }
    match want {
        Want::Usable { entry, min_valid } => {
            decide_usable(record, entry, key, now, policy, *min_valid)
        }
        Want::Newer { entry, grant_id, generation, cause } => {
            if record.grant_id != *grant_id || came_after(record, entry, *generation) {
                return Decision::Use;
            }
            match obstacle(record, now, policy) {
                Some(refusal) if *cause != Cause::Forced || !policy.can_renew(record) => {
                    Decision::Refuse(refusal)
                }
                _ => Decision::Refresh,
            }
        }
    }
}

/// Whether an entry's token came after a generation: renewals of the grant's other tokens do not count.
fn came_after(record: &Record, entry: &Entry, generation: u64) -> bool {
    record.generation_of(entry).is_some_and(|came_with| came_with > generation)
}

fn decide_usable(
    record: &Record,
    entry: &Entry,
    key: &GrantKey,
    now: UnixMillis,
    policy: &Policy,
    min_valid: i64,
) -> Decision {
    let freshness = |min_valid| {
        let access = record.access_of(entry);
        access.map_or(Freshness::Hard, |token| policy.freshness(key, token, now, min_valid))
    };
    match (freshness(min_valid), obstacle(record, now, policy)) {
        // What a consent brought is exchanged as soon as may be: it lives for an hour.
        (Freshness::Fresh, None) if record.is_unexchanged() => Decision::UseAndRefresh,
        (Freshness::Fresh, _) | (Freshness::Soft, Some(_)) => Decision::Use,
        // A wish for more time than is left withholds no token.
        (Freshness::Hard, Some(_)) if freshness(0) != Freshness::Hard => Decision::Use,
        (Freshness::Soft, None) => Decision::UseAndRefresh,
        (Freshness::Hard, None) => Decision::Refresh,
        (Freshness::Hard, Some(refusal)) => Decision::Refuse(refusal),
    }
}

/// What stands in the way of a renewal now.
fn obstacle(record: &Record, now: UnixMillis, policy: &Policy) -> Option<Refusal> {
    if record.status == Status::NeedsConsent {
        let reason = record.reason.unwrap_or(ConsentReason::Revoked);
        return Some(Refusal::NeedsConsent { reason, since: record.status_at });
    }
    if !policy.can_renew(record) {
        let since = record.access().and_then(|token| token.expires_at).unwrap_or(record.updated_at);
        return Some(Refusal::NeedsConsent { reason: ConsentReason::NoRefreshToken, since });
    }
    policy.held_back(record.retry.as_ref(), now).map(|retry_at| Refusal::BackOff { retry_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Hold;
    use crate::store::record_for_tests::{key, record};
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    fn policy() -> Policy {
        Policy {
            soft: None,
            hard: None,
            earliest_refresh: None,
            fingerprint: "f".into(),
            takes_refresh_token: true,
            asks_for_lifetime: false,
        }
    }

    fn usable(record: &Record, now: UnixMillis) -> Decision {
        decide(
            Some(record),
            &key(),
            now,
            &policy(),
            &Want::Usable { entry: Entry::default(), min_valid: 0 },
        )
    }

    // The record's token lives from 0 to 3,600 s: soft for the last 270 to 330 s, hard for the last 10 s.

    #[test]
    fn a_token_is_fresh_then_soft_then_hard() {
        assert_eq!(usable(&record(), 3_269_000), Decision::Use);
        assert_eq!(usable(&record(), 3_331_000), Decision::UseAndRefresh);
        assert_eq!(usable(&record(), 3_589_999), Decision::UseAndRefresh);
        assert_eq!(usable(&record(), 3_590_000), Decision::Refresh);
    }

    #[test]
    fn the_windows_of_a_short_lived_token_are_a_fifth_and_a_tenth_of_its_life() {
        let mut short = record();
        short.tokens.as_mut().unwrap().access[0].expires_at = Some(3_000);
        assert_eq!(usable(&short, 2_330), Decision::Use);
        assert_eq!(usable(&short, 2_470), Decision::UseAndRefresh);
        assert_eq!(usable(&short, 2_700), Decision::Refresh);
    }

    #[test]
    fn no_token_is_waited_for_longer_than_it_lives() {
        let token = record().tokens.unwrap().access.remove(0);
        assert_eq!(policy().hard_at(&token, 1_000), Some(3_590_000));
        let a_year_ago = 1_000 - 31_536_000_000; // or a clock that was a year ahead dated it
        assert_eq!(policy().hard_at(&token, a_year_ago), Some(a_year_ago + 3_590_000));
    }

    #[test]
    fn a_token_without_expiry_is_always_fresh() {
        let mut record = record();
        record.tokens.as_mut().unwrap().access[0].expires_at = None;
        assert_eq!(usable(&record, i64::MAX), Decision::Use);
    }

    #[test]
    fn a_provider_that_refuses_early_refreshes_is_not_asked_early() {
        let policy = Policy { earliest_refresh: Some(30_000), ..policy() };
        let at = |now| {
            decide(
                Some(&record()),
                &key(),
                now,
                &policy,
                &Want::Usable { entry: Entry::default(), min_valid: 0 },
            )
        };
        assert_eq!(at(3_569_000), Decision::Use);
        assert_eq!(at(3_571_000), Decision::UseAndRefresh);
    }

    #[test]
    fn a_usable_token_is_never_withheld() {
        let mut refused = record();
        refused.status = Status::NeedsConsent;
        refused.reason = Some(ConsentReason::Revoked);
        assert_eq!(usable(&refused, 3_589_999), Decision::Use);
        assert!(matches!(
            usable(&refused, 3_590_000),
            Decision::Refuse(Refusal::NeedsConsent { .. })
        ));
        let mut waiting = record();
        waiting.retry = Some(Retry { not_before: 9_000_000, ..Retry::default() });
        assert_eq!(usable(&waiting, 3_589_999), Decision::Use);
        assert_eq!(
            usable(&waiting, 3_600_000),
            Decision::Refuse(Refusal::BackOff { retry_at: 9_000_000 })
        );
    }

    #[test]
    fn a_back_off_of_another_configuration_does_not_hold_this_one_back() {
        let mut record = record();
        let fingerprint = "other".to_owned();
        record.retry = Some(Retry { not_before: 9_000_000, fingerprint, ..Retry::default() });
        assert_eq!(usable(&record, 3_600_000), Decision::Refresh);
    }

    #[test]
    fn a_wanted_validity_widens_the_hard_window() {
        let want = Want::Usable { entry: Entry::default(), min_valid: 600_000 };
        assert_eq!(decide(Some(&record()), &key(), 3_000_000, &policy(), &want), Decision::Refresh);
    }

    #[test]
    fn a_wish_for_more_time_withholds_no_usable_token() {
        let want = Want::Usable { entry: Entry::default(), min_valid: 600_000 };
        let mut refused = record();
        refused.status = Status::NeedsConsent;
        let at = |now| decide(Some(&refused), &key(), now, &policy(), &want);
        assert_eq!(at(3_000_000), Decision::Use);
        assert!(matches!(at(3_590_000), Decision::Refuse(_)));
    }

    #[test]
    fn where_there_is_no_access_token_yet_none_is_usable_whatever_the_clock_says() {
        let mut record = record();
        record.tokens.as_mut().unwrap().access[0].token = "".into();
        assert_eq!(usable(&record, -60_000), Decision::Refresh);
    }

    #[test]
    fn a_renewal_made_meanwhile_is_used_and_not_made_again() {
        let want = Want::Newer {
            entry: Entry::default(),
            grant_id: "g1".into(),
            generation: 1,
            cause: Cause::Due,
        };
        let mut newer = record();
        assert_eq!(decide(Some(&newer), &key(), 0, &policy(), &want), Decision::Refresh);
        newer.generation = 2;
        assert_eq!(decide(Some(&newer), &key(), 0, &policy(), &want), Decision::Use);
    }

    #[test]
    fn only_an_explicit_force_tries_a_refused_grant_again() {
        let mut refused = record();
        refused.status = Status::NeedsConsent;
        let want = |cause| Want::Newer {
            entry: Entry::default(),
            grant_id: "g1".into(),
            generation: 1,
            cause,
        };
        assert!(matches!(
            decide(Some(&refused), &key(), 0, &policy(), &want(Cause::Due)),
            Decision::Refuse(_)
        ));
        assert_eq!(
            decide(Some(&refused), &key(), 0, &policy(), &want(Cause::Forced)),
            Decision::Refresh
        );
    }

    #[test]
    fn without_refresh_token_the_user_is_needed_when_the_token_ends() {
        let mut record = record();
        record.tokens.as_mut().unwrap().refresh = None;
        assert_eq!(usable(&record, 3_400_000), Decision::Use);
        let Decision::Refuse(Refusal::NeedsConsent { reason, .. }) = usable(&record, 3_600_000)
        else {
            panic!("not refused");
        };
        assert_eq!(reason, ConsentReason::NoRefreshToken);
    }

    #[test]
    fn where_no_user_consents_a_grant_without_refresh_token_is_renewed() {
        let mut record = record();
        record.tokens.as_mut().unwrap().refresh = None;
        let policy = Policy { takes_refresh_token: false, ..policy() };
        let want = Want::Usable { entry: Entry::default(), min_valid: 0 };
        let at = |now| decide(Some(&record), &key(), now, &policy, &want);
        assert_eq!(at(3_400_000), Decision::UseAndRefresh);
        assert_eq!(at(3_600_000), Decision::Refresh);
    }

    /// A record of which anything may be so, at a moment between the token's beginning and a minute after its end.
    fn anything() -> impl Strategy<Value = (Record, UnixMillis)> {
        let status = prop_oneof![
            4 => Just(Status::Active),
            2 => Just(Status::NeedsConsent),
            1 => Just(Status::Revoking),
            1 => Just(Status::Tombstone),
        ];
        let lifetime = prop_oneof![1_000..200_000i64, 3_600_000..90_000_000i64];
        let rest = (any::<[bool; 4]>(), proptest::option::of(0..2_000_000i64), 0..1_060i64);
        (status, proptest::option::weighted(0.9, lifetime), rest).prop_map(
            |(status, lifetime, ([token, refresh, hold, other_fingerprint], retry, permille))| {
                let mut record = record();
                record.status = status;
                record.hold = hold.then(|| Hold { reason: "other_subject".into(), at: 0 });
                let fingerprint = if other_fingerprint { "other" } else { "" }.to_owned();
                record.retry =
                    retry.map(|not_before| Retry { not_before, fingerprint, ..Retry::default() });
                let tokens = record.tokens.as_mut().unwrap();
                tokens.access[0].expires_at = lifetime;
                if !token {
                    tokens.access[0].token = "".into();
                }
                if !refresh {
                    tokens.refresh = None;
                }
                (record, lifetime.unwrap_or(5_000_000) * permille / 1_000)
            },
        )
    }

    proptest! {
        #![proptest_config(Config { cases: 20_000, failure_persistence: None, ..Config::default() })]

        /// The table of `refresh.md`, What a caller gets, told anew.
        #[test]
        fn of_whatever_record_a_usable_token_is_given_out_and_no_other(
            (record, now) in anything(),
            min_valid in prop_oneof![Just(0), 0..4_000_000i64],
        ) {
            let want = Want::Usable { entry: Entry::default(), min_valid };
            let decision = decide(Some(&record), &key(), now, &policy(), &want);
            if record.status == Status::Tombstone {
                prop_assert_eq!(decision, Decision::NoGrant);
                return Ok(());
            }
            if record.hold.is_some() || record.status == Status::Revoking {
                let is_barred = matches!(
                    decision,
                    Decision::Refuse(Refusal::Held { .. } | Refusal::Revoking)
                );
                prop_assert!(is_barred);
                return Ok(());
            }
            let left = record.access().map(|access| {
                access.expires_at.map_or((i64::MAX, i64::MAX), |end| (end - now, end))
            });
            let usable = left.is_some_and(|(left, lifetime)| left > DEFAULT_HARD.min(lifetime / 10));
            let enough = left.is_some_and(|(left, _)| left > min_valid);
            let is_barred = record.status == Status::NeedsConsent
                || record.refresh_token().is_none()
                || record.retry.as_ref().is_some_and(|retry| {
                    retry.fingerprint.is_empty() && retry.not_before > now
                });
            match decision {
                Decision::Use | Decision::UseAndRefresh => prop_assert!(usable),
                Decision::Refresh => prop_assert!(!is_barred && (!usable || !enough)),
                Decision::Refuse(_) => prop_assert!(is_barred && !usable),
                Decision::NoGrant => prop_assert!(false, "there is a grant"),
            }
            if is_barred {
                prop_assert!(decision != Decision::Refresh && decision != Decision::UseAndRefresh);
            }
        }
    }
}
