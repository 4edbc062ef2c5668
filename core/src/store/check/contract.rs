//! The promises of the store contract (`refresh.md`, Store contract), asked of every store: of this library's own, and of one of
//! the application's through the adapter that the library uses it by.

use super::promises;
use super::subject::{
    AT_ONCE, Broken, Kept, LATE, LONG, SHORT, Subject, at_once, ensure, record, same, same_record,
    tokens,
};
use crate::clock::UnixMillis;
use crate::store::{
    Acquired, Commit, Committed, ConsentReason, GrantKey, Held, LeaseId, Mark, OwnerId, Pending,
    Query, Record, Retry, Status, Wanted, list,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Its = Arc<Subject>;
type Outcome<T> = std::result::Result<T, Broken>;

promises! {
    Every a_record_comes_back_as_it_was_written [];
    Every a_record_of_a_mebibyte_comes_back_whole [];
    Every unusual_keys_are_taken [];
    Every keys_that_differ_in_case_are_two [];
    Every spaces_in_a_key_count [];
    Every keys_in_other_unicode_forms_are_two [];
    Every long_keys_that_differ_at_their_end_are_two [];
    Every parts_of_a_key_do_not_run_into_each_other [];
    Every compare_and_set_writes_only_over_what_was_read [];
    Every writes_at_once_lose_none [CompareAndSet];
    Every one_lease_stands_at_a_time_and_fencing_numbers_grow [Acquire Renew Release];
    Every of_many_at_once_one_gets_the_lease [Acquire];
    Every a_lease_that_is_over_gives_no_right [Acquire Renew Release];
    Every an_intent_that_was_left_is_found_by_the_next_holder [Acquire Release];
    Every a_commit_clears_the_lease_of_its_own_fencing_number [Acquire Release];
    Every a_commit_leaves_the_lease_of_another_alone [Acquire];
    BuiltIn a_late_answer_leaves_a_note_where_the_token_may_have_been_sent_again [];
    Every a_commit_overrides_a_mark_made_meanwhile [Acquire Renew Release];
    Every a_holder_that_lost_its_lease_marks_nothing [Acquire Renew Release];
    Every a_loser_never_marks_what_was_renewed_or_consented_to_meanwhile [Acquire Renew Release];
    Every an_authorization_transaction_is_taken_once_and_its_result_is_kept [];
    Every an_authorization_transaction_that_is_put_back_is_taken_again [];
    BuiltIn an_authorization_transaction_ends_by_its_time [];
    Every of_many_at_once_one_takes_the_authorization_transaction [PutPending TakePending];
    Every tombstones_are_not_listed [List];
    Every a_tombstone_is_removed_only_as_it_was_read [Delete];
    Every list_holds_the_grants_of_its_client_alone [List];
    Every what_is_due_is_told_from_what_is_not [List];
    Every every_one_of_many_grants_is_listed_once [List];
    Shared what_one_process_writes_another_sees [Acquire];
}

/// Writes a grant under each of these keys, and finds each again: none is another.
async fn are_all_different(its: &Subject, keys: &[GrantKey]) -> Kept {
    let mut records = Vec::new();
    for (n, key) in keys.iter().enumerate() {
        let record = Record::new(key, format!("g{n}"), tokens("a1", Some("r1")), 0);
        let written = its.store.compare_and_set(key, None, &record).await?;
        let earlier = if n == 0 { "nothing" } else { "other keys" };
        ensure(
            written,
            format!("{} to be written where {earlier} stood", shown(key)),
            "refused, as if it stood there already",
        )?;
        records.push(record);
    }
    for record in &records {
        let stands = its.store.load(&record.key()).await?;
        same_record(&format!("load of {}", shown(&record.key())), stands.as_ref(), record)?;
    }
    Ok(())
}

fn shown(key: &GrantKey) -> String {
    let GrantKey { subject, slot, .. } = key;
    if subject.len() + slot.len() > 100 {
        return format!("a key of {} characters", subject.chars().count() + slot.chars().count());
    }
    format!("the key (…, {subject:?}, {slot:?})")
}

fn subjects(its: &Subject, names: &[&str]) -> Vec<GrantKey> {
    names.iter().map(|name| its.key(name)).collect()
}

async fn load(its: &Subject, key: &GrantKey) -> Outcome<Record> {
    its.store.load(key).await?.ok_or_else(|| Broken {
        expected: "load to give the record that was written".to_owned(),
        got: "no record".to_owned(),
    })
}

/// An answer to a sender that holds no lease any more.
fn late_answer(name: &str) -> Commit {
    Commit {
        grant_id: "g1".into(),
        generation: 1,
        tokens: tokens(&format!("{name}-access"), Some(&format!("{name}-refresh"))),
        fencing: 0,
        owner: String::new(),
        at: 5,
        keepalive_at: None,
        hold: None,
    }
}

fn answer(lease: &LeaseId, name: &str) -> Commit {
    Commit { fencing: lease.fencing, owner: lease.owner.to_string(), ..late_answer(name) }
}

async fn committed(its: &Subject, key: &GrantKey, commit: &Commit) -> Outcome<Record> {
    match its.store.commit(key, commit).await? {
        Committed::Written(record) => Ok(record),
        Committed::Superseded(_) => Err(Broken {
            expected: "the commit for the generation that stands to be written".to_owned(),
            got: "superseded".to_owned(),
        }),
    }
}

fn refused() -> Mark {
    Mark::Refused { refresh_token: "r1".into(), reason: ConsentReason::Revoked }
}

/// Takes the lease as soon as an earlier one, of `ttl`, has ended.
async fn held_after(its: &Subject, key: &GrantKey, ttl: Duration) -> Outcome<(LeaseId, Held)> {
    let begun = Instant::now();
    let owner = OwnerId::of_this_process();
    loop {
        match its.store.acquire(key, &owner, LONG).await? {
            Acquired::Held(held) => return Ok((LeaseId::of(owner, &held), *held)),
            other if begun.elapsed() > ttl + LATE => {
                let expected = format!("a lease of {} ms to be over", ttl.as_millis());
                return Err(Broken { expected, got: format!("{other:?}") });
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn a_record_comes_back_as_it_was_written(its: Its) -> Kept {
    let mut record = record(&its.key("whole record"));
    let tokens = record.tokens.as_mut().expect("a new record has tokens");
    tokens.access[0].token = "žluťoučký 猫 🦊 \"quoted\" 'too' \\ \u{1}\n\r\n end ".into();
    tokens.access[0].expires_at = None;
    tokens.response.insert("further".into(), serde_json::json!({"list": [1, 2.5, null, "ÿ"]}));
    record.unknown.insert("from_the_future".into(), serde_json::json!({"deep": [1, 2]}));
    record.retry = Some(Retry { not_before: 4_102_444_800_000, failures: 2, ..Retry::default() });
    record.keepalive_at = Some(4_102_444_800_001);
    its.put(&record).await?;
    same_record(
        "load of what was written",
        its.store.load(&record.key()).await?.as_ref(),
        &record,
    )?;
    let nobody = its.store.load(&its.key("never written")).await?;
    ensure(nobody.is_none(), "no record where none was written", "a record")
}

async fn a_record_of_a_mebibyte_comes_back_whole(its: Its) -> Kept {
    let mut record = record(&its.key("long record"));
    let tokens = record.tokens.as_mut().expect("a new record has tokens");
    tokens.access[0].token = "0123456789abcde🦊".repeat(55_189).as_str().into(); // each 19 bytes
    its.put(&record).await?;
    same_record("load of a long record", its.store.load(&record.key()).await?.as_ref(), &record)
}

async fn unusual_keys_are_taken(its: Its) -> Kept {
    let names = [
        "'",
        "\"",
        "`",
        "%",
        "_",
        "*",
        "?",
        "/",
        "\\",
        ".",
        "..",
        "../../etc/passwd",
        "~",
        "-",
        "--",
        "{",
        "}",
        "a/b",
        "a:b",
        "a\nb",
        "a\tb",
        "a\r\nb",
        "\u{1}\u{2}\u{1f}\u{7f}",
        "%00",
        "%2e%2e",
        "NULL",
        "null",
        "0",
        "00",
        "1e3",
        "猫",
        "🦊",
        "مرحبا",
        "con",
        "a.json",
        "; DROP TABLE grants; --",
        "$1",
        "{{x}}",
        "alice@example.org",
        "https://example.org/?a=b&c=d#e",
    ];
    let mut keys = subjects(&its, &names);
    keys.extend(names.iter().map(|slot| its.key_of("", "unusual", slot)));
    are_all_different(&its, &keys).await
}

async fn keys_that_differ_in_case_are_two(its: Its) -> Kept {
    let mut keys = subjects(&its, &["case", "Case", "CASE", "straße", "STRASSE", "ǆ", "ǅ"]);
    keys.extend([its.key_of("", "case", "slot"), its.key_of("", "case", "SLOT")]);
    keys.push(its.key_of(":CASE", "case", ""));
    keys.push(its.key_of(":case", "case", ""));
    are_all_different(&its, &keys).await
}

async fn spaces_in_a_key_count(its: Its) -> Kept {
    let mut keys = subjects(&its, &["s", "s ", " s", "s  ", "s\t", "s\n", "s\u{a0}", " ", "  "]);
    keys.extend([its.key_of("", "s", " "), its.key_of("", "s ", " ")]);
    are_all_different(&its, &keys).await
}

async fn keys_in_other_unicode_forms_are_two(its: Its) -> Kept {
    let names =
        ["é", "e\u{301}", "e", "ﬁ", "fi", "①", "1", "ß", "ss", "a\u{200b}", "a", "ａ", "ı", "i"];
    are_all_different(&its, &subjects(&its, &names)).await
}

async fn long_keys_that_differ_at_their_end_are_two(its: Its) -> Kept {
    let long = "n".repeat(999);
    let names = [format!("{long}1"), format!("{long}2"), long.clone(), "🦊".repeat(200)];
    let keys: Vec<_> = names.iter().map(|name| its.key(name)).collect();
    are_all_different(&its, &keys).await
}

/// Two users would share one grant, and one lease.
async fn parts_of_a_key_do_not_run_into_each_other(its: Its) -> Kept {
    let mut keys = Vec::new();
    for separator in ["", ":", "/", "|", ",", " ", "\t", "\u{1f}", "\\", "','", "\n"] {
        keys.push(its.key_of("", &format!("x{separator}y"), "z"));
        keys.push(its.key_of("", "x", &format!("y{separator}z")));
        keys.push(its.key_of(&format!("{separator}x"), "y", "z"));
    }
    let keys: Vec<_> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    are_all_different(&its, &keys).await?;
    for key in &keys {
        let owner = OwnerId::of_this_process();
        let acquired = its.store.acquire(key, &owner, LONG).await?;
        ensure(
            matches!(acquired, Acquired::Held(_)),
            format!("the lease of {} to be free while others are held", shown(key)),
            "busy",
        )?;
    }
    Ok(())
}

async fn compare_and_set_writes_only_over_what_was_read(its: Its) -> Kept {
    let first = its.grant("compare and set").await?;
    let key = first.key();
    let next = Record { revision: 2, ..first.clone() };
    for (expected, what) in [(None, "nothing"), (Some(9), "revision 9")] {
        let written = its.store.compare_and_set(&key, expected, &next).await?;
        let text = format!("compare_and_set over {what} to be refused where revision 1 stands");
        ensure(!written, text, "it wrote")?;
        same_record("load after that", Some(&load(&its, &key).await?), &first)?;
    }
    let written = its.store.compare_and_set(&key, Some(1), &next).await?;
    ensure(written, "compare_and_set over revision 1 to write", "refused")?;
    same_record("load of what was written", Some(&load(&its, &key).await?), &next)
}

/// Each of many users reads, changes and writes until its write counts.
async fn writes_at_once_lose_none(its: Its) -> Kept {
    for round in 0..its.rounds.div_ceil(5) {
        let key = its.grant(&format!("writes at once {round}")).await?.key();
        let results = at_once(|n| {
            let (store, key) = (its.user(n), key.clone());
            async move {
                // Each refusal is another's write: there are 15 of them.
                for _ in 0..AT_ONCE {
                    let Some(stands) = store.load(&key).await? else { break };
                    let next = Record { revision: stands.revision + 1, ..stands.clone() };
                    if store.compare_and_set(&key, Some(stands.revision), &next).await? {
                        break;
                    }
                }
                Outcome::Ok(())
            }
        });
        for result in results.await {
            result?;
        }
        let revision = load(&its, &key).await?.revision;
        same("the revision after 16 writes at once", &revision, &(AT_ONCE as u64 + 1))?;
    }
    Ok(())
}

async fn one_lease_stands_at_a_time_and_fencing_numbers_grow(its: Its) -> Kept {
    let key = its.grant("lease at a time").await?.key();
    let (first, _) = its.held(&key, LONG).await?;
    let busy = its.store.acquire(&key, &OwnerId::of_this_process(), LONG).await?;
    let left = format!("{busy:?}");
    ensure(
        matches!(busy, Acquired::Busy(left) if left > Duration::ZERO && left <= LONG),
        "a lease that is held to be busy, for at most its time",
        left,
    )?;
    same("renew by the holder", &its.store.renew(&key, &first, LONG).await?, &true)?;
    its.store.release(&key, &first, None).await?;
    same("renew after release", &its.store.renew(&key, &first, LONG).await?, &false)?;
    let (second, _) = its.held(&key, LONG).await?;
    let (first, second) = (first.fencing, second.fencing);
    ensure(second > first, format!("a fencing number above {first}"), second.to_string())
}

async fn of_many_at_once_one_gets_the_lease(its: Its) -> Kept {
    for round in 0..its.rounds {
        let key = its.grant(&format!("one lease {round}")).await?.key();
        let leases = at_once(|n| {
            let (store, key) = (its.user(n), key.clone());
            async move { store.acquire(&key, &OwnerId::of_this_process(), LONG).await }
        });
        let mut holders = 0;
        for acquired in leases.await {
            holders += usize::from(matches!(acquired?, Acquired::Held(_)));
        }
        same("how many of those at once got the lease", &holders, &1)?;
    }
    Ok(())
}

async fn a_lease_that_is_over_gives_no_right(its: Its) -> Kept {
    let first = its.grant("lease that is over").await?;
    let key = first.key();
    let begun = Instant::now();
    let (former, _) = its.held(&key, SHORT).await?;
    let (holder, taken) = held_after(&its, &key, SHORT).await?;
    ensure(
        begun.elapsed() >= SHORT,
        format!("a lease of {} ms to stand that long", SHORT.as_millis()),
        format!("it was given again after {} ms", begun.elapsed().as_millis()),
    )?;
    ensure(
        holder.fencing > former.fencing,
        format!("a fencing number above {}", former.fencing),
        holder.fencing.to_string(),
    )?;
    ensure(
        taken.earlier.is_some(),
        "the intent of a lease that ended by its time to be found",
        "none",
    )?;
    same("renew of a lease that is over", &its.store.renew(&key, &former, LONG).await?, &false)?;
    let marked = its.store.mark(&key, &former, &refused(), None, 8).await?;
    ensure(marked.is_none(), "no mark by a lease that is over", "it marked")?;
    its.store.release(&key, &former, None).await?;
    same("renew by the holder", &its.store.renew(&key, &holder, LONG).await?, &true)?;
    same_record("load after all this", Some(&load(&its, &key).await?), &first)
}

async fn an_intent_that_was_left_is_found_by_the_next_holder(its: Its) -> Kept {
    let key = its.grant("intent left").await?.key();
    let (lease, first) = its.held(&key, LONG).await?;
    same("the earlier intent of a first lease", &first.earlier, &None)?;
    its.store.release(&key, &lease, Some(&first.intent)).await?;
    let (lease, second) = its.held(&key, LONG).await?;
    same("the intent that was left", &second.earlier, &Some(first.intent))?;
    its.store.release(&key, &lease, None).await?;
    let (_, third) = its.held(&key, LONG).await?;
    same("the earlier intent where none was left", &third.earlier, &None)
}

async fn a_commit_clears_the_lease_of_its_own_fencing_number(its: Its) -> Kept {
    let key = its.grant("commit").await?.key();
    let (lease, _) = its.held(&key, LONG).await?;
    let answer = answer(&lease, "second");
    let record = committed(&its, &key, &answer).await?;
    same("the generation after a commit", &record.generation, &2)?;
    same_record("load after a commit", Some(&load(&its, &key).await?), &record)?;
    let (_, held) = its.held(&key, LONG).await?;
    same("the earlier intent after a commit", &held.earlier, &None)?;
    let again = its.store.commit(&key, &answer).await?;
    ensure(
        matches!(again, Committed::Superseded(Some(_))),
        "the same commit again to be superseded",
        "it wrote",
    )
}

async fn a_commit_leaves_the_lease_of_another_alone(its: Its) -> Kept {
    let key = its.grant("commit without a lease").await?.key();
    let (lease, _) = its.held(&key, LONG).await?;
    committed(&its, &key, &Commit { fencing: lease.fencing + 1, ..answer(&lease, "second") })
        .await?;
    let acquired = its.store.acquire(&key, &OwnerId::of_this_process(), LONG).await?;
    ensure(
        matches!(acquired, Acquired::Busy(_)),
        "the lease of another sender to stand after a commit",
        "it was given",
    )
}

async fn a_late_answer_leaves_a_note_where_the_token_may_have_been_sent_again(its: Its) -> Kept {
    let key = its.grant("late answer").await?.key();
    let (lease, _) = its.held(&key, LONG).await?;
    its.store.mark(&key, &lease, &refused(), None, 8).await?;
    committed(&its, &key, &late_answer("second")).await?;
    let (_, held) = its.held(&key, LONG).await?;
    let noted = held.earlier.map(|earlier| earlier.generation);
    same("the generation of the earlier intent after a late answer", &noted, &Some(2))
}

async fn a_commit_overrides_a_mark_made_meanwhile(its: Its) -> Kept {
    let key = its.grant("mark and commit").await?.key();
    let (lease, _) = its.held(&key, LONG).await?;
    let marked = its.store.mark(&key, &lease, &refused(), None, 8).await?;
    let status = marked.map(|record| record.status);
    same("the status after a mark", &status, &Some(Status::NeedsConsent))?;
    committed(&its, &key, &late_answer("second")).await?;
    let stands = load(&its, &key).await?;
    same("the status and generation", &(stands.status, stands.generation), &(Status::Active, 2))
}

async fn a_holder_that_lost_its_lease_marks_nothing(its: Its) -> Kept {
    let first = its.grant("mark without a lease").await?;
    let key = first.key();
    let (lease, _) = its.held(&key, LONG).await?;
    its.store.release(&key, &lease, None).await?;
    its.held(&key, LONG).await?;
    let marked = its.store.mark(&key, &lease, &refused(), None, 8).await?;
    ensure(marked.is_none(), "no mark without the lease", "it marked")?;
    same_record("load after that", Some(&load(&its, &key).await?), &first)
}

async fn a_loser_never_marks_what_was_renewed_or_consented_to_meanwhile(its: Its) -> Kept {
    let key = its.grant("mark of a loser").await?.key();
    let (lease, _) = its.held(&key, LONG).await?;
    let renewed = committed(&its, &key, &late_answer("second")).await?;
    let marked = its.store.mark(&key, &lease, &refused(), None, 8).await?;
    ensure(marked.is_none(), "no mark on what was renewed meanwhile", "it marked")?;
    same_record("load of what was renewed", Some(&load(&its, &key).await?), &renewed)?;

    let (lease, _) = its.held(&key, LONG).await?;
    let consent = Record::new(&key, "g2".into(), tokens("b1", Some("s1")), 9);
    let consented = renewed.with_consent(consent);
    let written = its.store.compare_and_set(&key, Some(renewed.revision), &consented).await?;
    ensure(written, "new consent to be written", "refused")?;
    let marked = its.store.mark(&key, &lease, &refused(), None, 9).await?;
    ensure(marked.is_none(), "no mark on what was consented to meanwhile", "it marked")?;
    same_record("load of new consent", Some(&load(&its, &key).await?), &consented)?;
    its.held(&key, LONG).await.map(drop) // the mark that came to nothing gave its lease back
}

async fn an_authorization_transaction_is_taken_once_and_its_result_is_kept(its: Its) -> Kept {
    let state = format!("{}:state", its.client);
    let now = crate::clock::Clock::default().now();
    its.store.put_pending(&state, "document", now, now + 600_000).await?;
    match its.store.take_pending(&state, now).await? {
        Pending::Taken(document) => {
            ensure(document == "document", "the document that was put", "another text")?;
        }
        other => ensure(false, "the first caller to get the transaction", outcome_of(&other))?,
    }
    let used = its.store.take_pending(&state, now).await?;
    ensure(
        matches!(used, Pending::Used(None)),
        "the second caller to get none",
        outcome_of(&used),
    )?;
    its.store.settle_pending(&state, "result").await?;
    let used = its.store.take_pending(&state, now).await?;
    ensure(
        matches!(&used, Pending::Used(Some(result)) if result == "result"),
        "a later caller to get the result",
        outcome_of(&used),
    )?;
    let other = its.store.take_pending(&format!("{state}:other"), now).await?;
    ensure(matches!(other, Pending::Absent), "nothing under another state", outcome_of(&other))
}

async fn an_authorization_transaction_that_is_put_back_is_taken_again(its: Its) -> Kept {
    let state = format!("{}:put back", its.client);
    let now = crate::clock::Clock::default().now();
    let put = |document| its.store.put_pending(&state, document, now, now + 600_000);
    for expected in ["first", "second", "third"] {
        put("earlier").await?; // nobody took this one
        put(expected).await?;
        match its.store.take_pending(&state, now).await? {
            Pending::Taken(taken) => {
                ensure(taken == expected, "the document that was put last", "another text")?;
            }
            other => ensure(false, "the transaction that was put back", outcome_of(&other))?,
        }
        its.store.settle_pending(&state, "result").await?;
    }
    put("last").await?;
    its.store.take_pending(&state, now).await?;
    let used = its.store.take_pending(&state, now).await?;
    ensure(matches!(used, Pending::Used(None)), "no result of what stood before", outcome_of(&used))
}

fn outcome_of(pending: &Pending) -> &'static str {
    match pending {
        Pending::Taken(_) => "it was given",
        Pending::Used(Some(_)) => "it was used, and has a result",
        Pending::Used(None) => "it was used",
        Pending::Absent => "there was none",
    }
}

async fn an_authorization_transaction_ends_by_its_time(its: Its) -> Kept {
    let state = format!("{}:ends", its.client);
    let now = crate::clock::Clock::default().now();
    its.store.put_pending(&state, "document", now, now + 1_000).await?;
    let taken = its.store.take_pending(&state, now + 1_000).await?;
    ensure(matches!(taken, Pending::Absent), "none after its time", outcome_of(&taken))?;
    let taken = its.store.take_pending(&state, now + 999).await?;
    ensure(matches!(taken, Pending::Taken(_)), "it to be there before its time", outcome_of(&taken))
}

async fn of_many_at_once_one_takes_the_authorization_transaction(its: Its) -> Kept {
    for round in 0..its.rounds {
        let state = format!("{}:taken at once {round}", its.client);
        let now = crate::clock::Clock::default().now();
        its.store.put_pending(&state, "document", now, now + 600_000).await?;
        let taken = at_once(|n| {
            let (store, state) = (its.user(n), state.clone());
            async move { store.take_pending(&state, now).await }
        });
        let mut takers = 0;
        for pending in taken.await {
            takers += usize::from(matches!(pending?, Pending::Taken(_)));
        }
        same("how many of those at once got the transaction", &takers, &1)?;
    }
    Ok(())
}

async fn tombstones_are_not_listed(its: Its) -> Kept {
    let record = record(&its.key_of(":tombstones", "gone", ""));
    let client = record.client.clone();
    its.put(&record).await?;
    same("how many grants are listed", &list(&*its.store, &client).await?.len(), &1)?;
    let tombstone = record.tombstone(9);
    let written = its.store.compare_and_set(&record.key(), Some(1), &tombstone).await?;
    ensure(written, "a tombstone to be written", "refused")?;
    same("how many grants are listed after it", &list(&*its.store, &client).await?.len(), &0)?;
    for (before, count) in [(9, 0), (10, 1)] {
        let wanted = Wanted::Tombstones { before };
        let query = Query { client: Some(client.clone()), wanted, after: None, limit: 10 };
        let page = its.store.page(&query).await?;
        same(&format!("how many tombstones were written before {before}"), &page.len(), &count)?;
    }
    Ok(())
}

async fn a_tombstone_is_removed_only_as_it_was_read(its: Its) -> Kept {
    let first = its.grant("tombstone").await?;
    let key = first.key();
    let removed = its.store.remove_tombstone(&key, 1).await?;
    ensure(!removed, "a grant that is no tombstone to stay", "it was removed")?;
    let tombstone = first.tombstone(9);
    its.store.compare_and_set(&key, Some(1), &tombstone).await?;
    let removed = its.store.remove_tombstone(&key, 1).await?;
    ensure(!removed, "a tombstone of another revision to stay", "it was removed")?;
    same_record("load of the tombstone", Some(&load(&its, &key).await?), &tombstone)?;
    let removed = its.store.remove_tombstone(&key, tombstone.revision).await?;
    ensure(removed, "the tombstone to be removed", "it stays")?;
    ensure(its.store.load(&key).await?.is_none(), "nothing where it stood", "a record")
}

async fn list_holds_the_grants_of_its_client_alone(its: Its) -> Kept {
    let mut expected = Vec::new();
    for (subject, slot) in [("alice", ""), ("alice", "bot"), ("bob", "")] {
        let record = record(&its.key_of(":alone", subject, slot));
        its.put(&record).await?;
        expected.push(record);
    }
    for other in [":alon", ":alone2", ":ALONE", ":alon_", ":alone%"] {
        its.put(&record(&its.key_of(other, "alice", ""))).await?;
    }
    let listed = list(&*its.store, &expected[0].client).await?;
    same("how many grants are listed", &listed.len(), &expected.len())?;
    for (listed, expected) in listed.iter().zip(&expected) {
        same_record("a grant of the list", Some(listed), expected)?;
    }
    Ok(())
}

async fn what_is_due_is_told_from_what_is_not(its: Its) -> Kept {
    let grant = |subject: &str, expires_at: Option<UnixMillis>, keepalive_at| {
        let mut record = record(&its.key_of(":due", subject, ""));
        let tokens = record.tokens.as_mut().expect("a new record has tokens");
        tokens.access[0].expires_at = expires_at;
        record.keepalive_at = keepalive_at;
        record
    };
    let mut without_refresh_token = grant("cannot be renewed", Some(1), None);
    without_refresh_token.tokens = Some(tokens("a1", None));
    let mut needs_consent = grant("needs consent", Some(1), Some(1));
    needs_consent.status = Status::NeedsConsent;
    let records = [
        grant("expires then", Some(1_000), None),
        grant("to be kept alive then", None, Some(500)),
        grant("expires later", Some(1_001), Some(501)),
        grant("never expires", None, None),
        without_refresh_token,
        needs_consent,
    ];
    for record in &records {
        its.put(record).await?;
    }
    let wanted = Wanted::Due { expires_by: 1_000, keepalive_by: 500 };
    let client = Some(records[0].client.clone());
    let page = its.store.page(&Query { client, wanted, after: None, limit: 10 }).await?;
    let mut subjects: Vec<_> = page.iter().map(|listed| listed.key.subject.as_str()).collect();
    subjects.sort_unstable(); // a page is in the store's own order
    same("what is due", &subjects, &vec!["expires then", "to be kept alive then"])
}

async fn every_one_of_many_grants_is_listed_once(its: Its) -> Kept {
    let begun = Instant::now();
    let key = |n: usize| its.key_of(":many", &format!("user {n:06}"), "");
    stream::iter(0..its.grants)
        .map(|n| {
            let record = record(&key(n));
            let its = &its;
            async move { its.put(&record).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let written = begun.elapsed();
    let records = list(&*its.store, &key(0).client).await?;
    let listed = begun.elapsed().saturating_sub(written);
    let subjects: BTreeSet<_> = records.iter().map(|record| &record.subject).collect();
    its.remark(format!(
        "{} grants written in {:.1} s and listed in {:.2} s",
        its.grants,
        written.as_secs_f64(),
        listed.as_secs_f64()
    ));
    same("how many grants are listed", &records.len(), &its.grants)?;
    same("how many different ones", &subjects.len(), &its.grants)
}

async fn what_one_process_writes_another_sees(its: Its) -> Kept {
    let record = its.grant("seen by another").await?;
    let (key, other) = (record.key(), its.user(1));
    let seen = other.load(&key).await?;
    same_record("load by another process", seen.as_ref(), &record)?;
    its.held(&key, LONG).await?;
    let acquired = other.acquire(&key, &OwnerId::of_this_process(), LONG).await?;
    ensure(
        matches!(acquired, Acquired::Busy(_)),
        "a lease to be busy for another process too",
        "it was given",
    )
}
