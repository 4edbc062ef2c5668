//! The promises of the methods of a store of the application's own (docs/stores.md), each called as the library calls it, with
//! texts and keys that the library might give it one day.

use super::promises;
use super::subject::{
    Broken, Kept, LATE, LONG, SHORT, Subject, at_once, ensure, owner, same, same_value,
    without_texts,
};
use crate::clock::Clock;
use crate::store::{GrantKey, Method};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Its = Arc<Subject>;
type Outcome<T> = std::result::Result<T, Broken>;

promises! {
    OfMethods load_of_what_is_not_there_is_null [Load];
    OfMethods a_text_comes_back_as_it_was_saved [Load Save];
    OfMethods a_text_of_a_mebibyte_comes_back_whole [Load Save];
    OfMethods save_replaces_what_stood [Load Save];
    OfMethods compare_and_set_writes_only_over_the_expected_revision [Load CompareAndSet];
    OfMethods of_many_compare_and_sets_at_once_one_writes [Load CompareAndSet];
    OfMethods delete_removes_one_record [Load Save Delete];
    OfMethods list_gives_the_texts_of_one_client [Save List];
    OfMethods a_lease_is_given_to_one_at_a_time [Save Acquire];
    OfMethods of_many_acquires_at_once_one_gets_the_lease [Save Acquire];
    OfMethods a_lease_that_nobody_gives_back_ends_by_its_time [Save Acquire];
    OfMethods fencing_numbers_grow [Save Acquire];
    OfMethods an_intent_is_kept_for_the_next_holder [Save Acquire];
    OfMethods an_intent_that_was_left_replaces_that_of_the_lease [Save Acquire Release];
    OfMethods only_the_holder_renews [Save Acquire Renew];
    OfMethods a_renewed_lease_lasts [Save Acquire Renew];
    OfMethods a_former_holder_releases_nothing [Save Acquire Release];
    OfMethods lease_and_record_leave_each_other_alone [Load Save Acquire];
    OfMethods a_document_is_taken_once [PutPending TakePending];
    OfMethods a_document_that_is_put_back_is_taken_again [PutPending TakePending];
    OfMethods of_many_takers_at_once_one_gets_the_document [PutPending TakePending];
    OfMethods what_is_not_there_is_no_failure [Load Save];
}

/// Texts as a record may be: sealed ones are no JSON.
const TEXTS: &[&str] = &[
    "plain",
    r#"{"subject":"Zoë","quote":"\"","nested":{"list":[1,2.50,null]}}"#,
    "žluťoučký кот 猫 🦊👩‍👩‍👧 e\u{301}",
    "line\nline\r\nline\ttab\u{1}\u{1f}\u{7f}",
    "  spaces at both ends  ",
    "'; DROP TABLE grants; -- \" ` \\ \\n %s %00 {0} $1 ?",
    "null",
    "12345678901234567890",
    "1e5",
    "true",
    "g1.AAECAwQFBgcICQoLDA0ODw==+/-_",
];

async fn load(its: &Subject, key: &GrantKey) -> Outcome<Value> {
    Ok(its.call(Method::Load, key, &[]).await?)
}

async fn save(its: &Subject, key: &GrantKey, text: &str) -> Kept {
    its.call(Method::Save, key, &[json!(text)]).await?;
    Ok(())
}

async fn compare_and_set(
    its: &Subject,
    key: &GrantKey,
    expected: Option<u64>,
    (text, revision): (&str, u64),
) -> Outcome<Value> {
    let arguments = [json!(expected), json!(text), json!(revision)];
    Ok(its.call(Method::CompareAndSet, key, &arguments).await?)
}

/// Writes a first or a second text, as the library would write it into this store.
async fn write(its: &Subject, key: &GrantKey, text: &str, revision: u64) -> Kept {
    if !its.has(Method::CompareAndSet) {
        return save(its, key, text).await;
    }
    let expected = (revision > 1).then(|| revision - 1);
    let written = compare_and_set(its, key, expected, (text, revision)).await?;
    same_value("compare_and_set of the expected revision", &written, &json!(true))
}

/// A key with a record: stores may keep its lease in the same row.
async fn saved(its: &Subject, name: &str) -> Outcome<GrantKey> {
    let key = its.key(name);
    write(its, &key, name, 1).await?;
    Ok(key)
}

enum Lease {
    Held { fencing: u64, intent: Value },
    Busy(u64),
}

async fn acquire(its: &Subject, key: &GrantKey, name: &str, ttl: Duration) -> Outcome<Lease> {
    acquire_by(its, 0, key, name, ttl).await
}

async fn acquire_by(
    its: &Subject,
    n: usize,
    key: &GrantKey,
    name: &str,
    ttl: Duration,
) -> Outcome<Lease> {
    let ttl = u64::try_from(ttl.as_millis()).expect("a lease is short");
    let arguments = [owner(name), json!(ttl), intent(name)];
    let reply = its.call_by(n, Method::Acquire, key, &arguments).await?;
    let number = |name: &str| reply.get(name).and_then(Value::as_u64);
    match (number("busy_ms"), number("fencing")) {
        (Some(left), None) => Ok(Lease::Busy(left)),
        (None, Some(fencing)) => {
            Ok(Lease::Held { fencing, intent: reply.get("intent").cloned().unwrap_or_default() })
        }
        _ => Err(Broken {
            expected: r#"acquire to reply {"fencing": number, "intent": earlier or null} or {"busy_ms": number}"#.to_owned(),
            got: without_texts(&reply).to_string(),
        }),
    }
}

/// The intent that a holder of this name gives.
fn intent(name: &str) -> Value {
    json!(format!("{{\"intent of\":\"{name} 🦊\"}}"))
}

async fn held(its: &Subject, key: &GrantKey, name: &str, ttl: Duration) -> Outcome<(u64, Value)> {
    match acquire(its, key, name, ttl).await? {
        Lease::Held { fencing, intent } => Ok((fencing, intent)),
        Lease::Busy(left) => Err(Broken {
            expected: "a free lease to be given".to_owned(),
            got: format!("busy for {left} ms"),
        }),
    }
}

async fn must_be_busy(its: &Subject, key: &GrantKey, name: &str, why: &str) -> Kept {
    match acquire(its, key, name, LONG).await? {
        Lease::Busy(_) => Ok(()),
        Lease::Held { .. } => ensure(false, format!("a lease {why} to be busy"), "it was given"),
    }
}

/// Takes the lease as soon as an earlier one, of `ttl`, has ended.
async fn held_after(
    its: &Subject,
    key: &GrantKey,
    name: &str,
    ttl: Duration,
) -> Outcome<(u64, Value)> {
    let begun = Instant::now();
    loop {
        match acquire(its, key, name, LONG).await? {
            Lease::Held { fencing, intent } => return Ok((fencing, intent)),
            Lease::Busy(left) if begun.elapsed() > ttl + LATE => {
                let seconds = (ttl + LATE).as_secs_f64();
                let expected =
                    format!("a lease of {} ms to be over after {seconds} s", ttl.as_millis());
                return Err(Broken { expected, got: format!("busy for {left} ms more") });
            }
            Lease::Busy(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn renew(
    its: &Subject,
    key: &GrantKey,
    name: &str,
    fencing: u64,
    ttl: Duration,
) -> Outcome<Value> {
    let ttl = u64::try_from(ttl.as_millis()).expect("a lease is short");
    Ok(its.call(Method::Renew, key, &[owner(name), json!(fencing), json!(ttl)]).await?)
}

async fn release(its: &Subject, key: &GrantKey, name: &str, fencing: u64, intent: Value) -> Kept {
    its.call(Method::Release, key, &[owner(name), json!(fencing), intent]).await?;
    Ok(())
}

async fn load_of_what_is_not_there_is_null(its: Its) -> Kept {
    let key = its.key("never written");
    same_value("load of what was never written", &load(&its, &key).await?, &Value::Null)
}

async fn a_text_comes_back_as_it_was_saved(its: Its) -> Kept {
    for (n, text) in TEXTS.iter().enumerate() {
        let key = its.key(&format!("text {n}"));
        save(&its, &key, text).await?;
        same_value("load of what was saved", &load(&its, &key).await?, &json!(text))?;
        if its.has(Method::CompareAndSet) {
            let key = its.key(&format!("text {n}, set"));
            let written = compare_and_set(&its, &key, None, (text, 1)).await?;
            same_value("compare_and_set of what is absent", &written, &json!(true))?;
            same_value("load of what was set", &load(&its, &key).await?, &json!(text))?;
        }
    }
    Ok(())
}

async fn a_text_of_a_mebibyte_comes_back_whole(its: Its) -> Kept {
    let text = "0123456789abcde🦊".repeat(55_189); // each 19 bytes
    let key = its.key("long text");
    save(&its, &key, &text).await?;
    same_value("load of a long text", &load(&its, &key).await?, &json!(text))
}

async fn save_replaces_what_stood(its: Its) -> Kept {
    let key = its.key("saved twice");
    save(&its, &key, "the first text, which is the longer one").await?;
    save(&its, &key, "the second").await?;
    same_value("load of what was saved twice", &load(&its, &key).await?, &json!("the second"))
}

async fn compare_and_set_writes_only_over_the_expected_revision(its: Its) -> Kept {
    let key = its.key("set");
    let refused = |reply: Value, what: &str| same_value(what, &reply, &json!(false));
    refused(
        compare_and_set(&its, &key, Some(1), ("wrong", 2)).await?,
        "compare_and_set of what is absent, with a revision expected",
    )?;
    same_value("load after that was refused", &load(&its, &key).await?, &Value::Null)?;
    let written = compare_and_set(&its, &key, None, ("first", 1)).await?;
    same_value("compare_and_set of what is absent", &written, &json!(true))?;
    for expected in [None, Some(0), Some(2), Some(10)] {
        let reply = compare_and_set(&its, &key, expected, ("wrong", 2)).await?;
        let what = format!("compare_and_set of revision 1 with {expected:?} expected");
        refused(reply, &what)?;
        same_value("load after that was refused", &load(&its, &key).await?, &json!("first"))?;
    }
    let written = compare_and_set(&its, &key, Some(1), ("second", 2)).await?;
    same_value("compare_and_set of the expected revision", &written, &json!(true))?;
    same_value("load of what was set", &load(&its, &key).await?, &json!("second"))?;
    // Revisions count on past what a column for small numbers holds.
    let large = 5_000_000_000;
    let written = compare_and_set(&its, &key, Some(2), ("third", large)).await?;
    same_value("compare_and_set to a large revision", &written, &json!(true))?;
    let written = compare_and_set(&its, &key, Some(large), ("fourth", large + 1)).await?;
    same_value("compare_and_set of a large revision", &written, &json!(true))
}

async fn of_many_compare_and_sets_at_once_one_writes(its: Its) -> Kept {
    let key = its.key("set at once");
    for round in 0..its.rounds as u64 {
        let expected = (round > 0).then_some(round);
        let replies = at_once(|n| {
            let (its, key) = (Arc::clone(&its), key.clone());
            async move {
                let text = json!(format!("round {round}, by {n}"));
                let arguments = [json!(expected), text.clone(), json!(round + 1)];
                let reply = its.call_by(n, Method::CompareAndSet, &key, &arguments).await?;
                Outcome::Ok((reply == json!(true)).then_some(text))
            }
        });
        let mut winners = Vec::new();
        for reply in replies.await {
            winners.extend(reply?);
        }
        same("how many of the compare_and_sets at once wrote", &winners.len(), &1)?;
        same_value("load of what the one wrote", &load(&its, &key).await?, &winners[0])?;
    }
    Ok(())
}

async fn delete_removes_one_record(its: Its) -> Kept {
    let (gone, stays) = (its.key("to be deleted"), its.key("to be deleted too"));
    save(&its, &gone, "gone").await?;
    save(&its, &stays, "stays").await?;
    its.call(Method::Delete, &gone, &[]).await?;
    same_value("load of what was deleted", &load(&its, &gone).await?, &Value::Null)?;
    same_value("load of what was not deleted", &load(&its, &stays).await?, &json!("stays"))?;
    its.call(Method::Delete, &gone, &[]).await?;
    if its.has(Method::CompareAndSet) {
        let written = compare_and_set(&its, &gone, None, ("new", 1)).await?;
        same_value("compare_and_set of what was deleted", &written, &json!(true))?;
        same_value("load of what was set anew", &load(&its, &gone).await?, &json!("new"))?;
    }
    Ok(())
}

async fn list_gives_the_texts_of_one_client(its: Its) -> Kept {
    let mut expected = Vec::new();
    for (subject, slot) in [("alice", ""), ("alice", "bot"), ("bob", "")] {
        let key = its.key_of(":list", subject, slot);
        let text = json!({"client": key.client, "subject": subject, "slot": slot}).to_string();
        save(&its, &key, "is replaced").await?;
        save(&its, &key, &text).await?;
        expected.push(text);
    }
    for other in [":lis", ":list2", ":LIST", ":lis_", "%"] {
        save(&its, &its.key_of(other, "alice", ""), "of another client").await?;
    }
    let client = its.key_of(":list", "alice", "").client;
    let reply = its.call_without_key(0, Method::List, &[json!(client)]).await?;
    let texts = reply.as_array().cloned().unwrap_or_default();
    let expected: Vec<Value> = expected.into_iter().map(Value::from).collect();
    let has = |text: &&Value| texts.contains(text);
    ensure(
        texts.len() == expected.len() && expected.iter().filter(has).count() == expected.len(),
        "list to give the 3 texts of its client, each once",
        format!(
            "{}, of which {} are among them",
            without_texts(&reply),
            expected.iter().filter(has).count()
        ),
    )
}

async fn a_lease_is_given_to_one_at_a_time(its: Its) -> Kept {
    let key = saved(&its, "lease").await?;
    held(&its, &key, "first", LONG).await?;
    for n in 0..4 {
        // The holder too: a second flight of one process is another sender.
        let name = if n < 2 { "other" } else { "first" };
        match acquire_by(&its, n, &key, name, LONG).await? {
            Lease::Held { .. } => ensure(false, "a lease that is held to be busy", "it was given")?,
            Lease::Busy(left) => ensure(
                left > 0 && u128::from(left) <= LONG.as_millis() + 1000,
                format!("busy_ms to be above 0 and at most {}", LONG.as_millis()),
                left.to_string(),
            )?,
        }
    }
    let other = saved(&its, "lease of another").await?;
    held(&its, &other, "other", LONG).await.map(drop)
}

async fn of_many_acquires_at_once_one_gets_the_lease(its: Its) -> Kept {
    for round in 0..its.rounds {
        let key = saved(&its, &format!("lease at once {round}")).await?;
        let replies = at_once(|n| {
            let (its, key) = (Arc::clone(&its), key.clone());
            async move { acquire_by(&its, n, &key, &format!("owner {n}"), LONG).await }
        });
        let mut holders = 0;
        for reply in replies.await {
            holders += usize::from(matches!(reply?, Lease::Held { .. }));
        }
        same("how many of the acquires at once got the lease", &holders, &1)?;
    }
    Ok(())
}

async fn a_lease_that_nobody_gives_back_ends_by_its_time(its: Its) -> Kept {
    let key = saved(&its, "lease that ends").await?;
    let begun = Instant::now();
    held(&its, &key, "first", SHORT).await?;
    held_after(&its, &key, "second", SHORT).await?;
    let after = begun.elapsed();
    let (wanted, took) = (SHORT.as_millis(), after.as_millis());
    its.remark(format!("a lease of {wanted} ms was over after {took} ms"));
    ensure(
        after >= SHORT,
        format!("a lease of {wanted} ms to stand that long"),
        format!("it was given again after {took} ms"),
    )
}

async fn fencing_numbers_grow(its: Its) -> Kept {
    let key = saved(&its, "fencing").await?;
    let (mut last, _) = held(&its, &key, "first", SHORT).await?;
    let mut grew = |what: &str, fencing: u64| {
        let kept = ensure(
            fencing > last,
            format!("a fencing number above {last} {what}"),
            fencing.to_string(),
        );
        last = fencing;
        kept
    };
    let (mut fencing, _) = held_after(&its, &key, "second", SHORT).await?;
    grew("after a lease that ended by its time", fencing)?;
    for _ in 0..if its.has(Method::Release) { 3 } else { 0 } {
        release(&its, &key, "second", fencing, Value::Null).await?;
        (fencing, _) = held(&its, &key, "second", LONG).await?;
        grew("after a lease that was given back", fencing)?;
    }
    Ok(())
}

async fn an_intent_is_kept_for_the_next_holder(its: Its) -> Kept {
    let key = saved(&its, "intent").await?;
    let (_, earlier) = held(&its, &key, "first", SHORT).await?;
    same_value("the earlier intent of a first lease", &earlier, &Value::Null)?;
    let (_, earlier) = held_after(&its, &key, "second", SHORT).await?;
    same_value(
        "the earlier intent after a lease that ended by its time",
        &earlier,
        &intent("first"),
    )
}

async fn an_intent_that_was_left_replaces_that_of_the_lease(its: Its) -> Kept {
    let key = saved(&its, "intent that was left").await?;
    let (fencing, _) = held(&its, &key, "first", LONG).await?;
    let left = json!("an intent, left 'as' it \"is\" 🦊\n");
    release(&its, &key, "first", fencing, left.clone()).await?;
    let (fencing, earlier) = held(&its, &key, "second", LONG).await?;
    same_value("the earlier intent after a release that left one", &earlier, &left)?;
    release(&its, &key, "second", fencing, Value::Null).await?;
    let (_, earlier) = held(&its, &key, "third", LONG).await?;
    same_value("the earlier intent after a release that left none", &earlier, &Value::Null)
}

async fn only_the_holder_renews(its: Its) -> Kept {
    let key = saved(&its, "lease to renew").await?;
    let (fencing, _) = held(&its, &key, "first", SHORT).await?;
    let refused =
        |reply: Value, who: &str| same_value(&format!("renew by {who}"), &reply, &json!(false));
    refused(renew(&its, &key, "first", fencing + 1, LONG).await?, "another fencing number")?;
    // Had that prolonged the lease, it would not end now.
    let (second, _) = held_after(&its, &key, "second", SHORT).await?;
    refused(
        renew(&its, &key, "first", fencing, LONG).await?,
        "an owner whose lease is another's now",
    )?;
    let reply = renew(&its, &key, "second", second, LONG).await?;
    same_value("renew by the holder", &reply, &json!(true))?;
    if its.has(Method::Release) {
        release(&its, &key, "second", second, Value::Null).await?;
        refused(
            renew(&its, &key, "second", second, LONG).await?,
            "an owner that gave its lease back",
        )?;
        held(&its, &key, "third", LONG).await?;
    }
    Ok(())
}

async fn a_renewed_lease_lasts(its: Its) -> Kept {
    let key = saved(&its, "renewed lease").await?;
    let (fencing, _) = held(&its, &key, "first", SHORT).await?;
    let reply = renew(&its, &key, "first", fencing, LONG).await?;
    same_value("renew by the holder", &reply, &json!(true))?;
    tokio::time::sleep(SHORT * 2).await;
    must_be_busy(&its, &key, "other", "that was renewed").await
}

async fn a_former_holder_releases_nothing(its: Its) -> Kept {
    let key = saved(&its, "lease of another now").await?;
    let (former, _) = held(&its, &key, "first", SHORT).await?;
    let (fencing, _) = held_after(&its, &key, "second", SHORT).await?;
    release(&its, &key, "first", former, json!("an intent that is over")).await?;
    must_be_busy(&its, &key, "third", "that a former holder wanted to release").await?;
    release(&its, &key, "second", fencing, intent("second")).await?;
    let (_, earlier) = held(&its, &key, "third", LONG).await?;
    same_value("the intent that the last holder left", &earlier, &intent("second"))
}

async fn lease_and_record_leave_each_other_alone(its: Its) -> Kept {
    let key = saved(&its, "record beside a lease").await?;
    let name = json!("record beside a lease");
    let (fencing, _) = held(&its, &key, "first", LONG).await?;
    same_value("load of a record whose lease was taken", &load(&its, &key).await?, &name)?;
    write(&its, &key, "second", 2).await?;
    must_be_busy(&its, &key, "other", "beside which a record was written").await?;
    if its.has(Method::Release) {
        release(&its, &key, "first", fencing, intent("first")).await?;
    }
    same_value(
        "load of what was written beside a lease",
        &load(&its, &key).await?,
        &json!("second"),
    )
}

async fn put_pending(its: &Subject, state: &Value, document: &str) -> Kept {
    let expires_at = Clock::default().now() + 600_000;
    let arguments = [state.clone(), json!(document), json!(expires_at)];
    its.call_without_key(0, Method::PutPending, &arguments).await?;
    Ok(())
}

async fn take_pending(its: &Subject, n: usize, state: &Value) -> Outcome<Value> {
    Ok(its.call_without_key(n, Method::TakePending, std::slice::from_ref(state)).await?)
}

async fn a_document_is_taken_once(its: Its) -> Kept {
    for (n, text) in TEXTS.iter().enumerate() {
        let state = json!(format!("{}:{n} aZ-_", its.client));
        let other = json!(format!("{}:{n} az-_", its.client));
        put_pending(&its, &state, text).await?;
        same_value(
            "take_pending of another state",
            &take_pending(&its, 1, &other).await?,
            &Value::Null,
        )?;
        same_value(
            "take_pending of what was put",
            &take_pending(&its, 1, &state).await?,
            &json!(text),
        )?;
        for user in 0..2 {
            let again = take_pending(&its, user, &state).await?;
            same_value("take_pending of what was taken", &again, &Value::Null)?;
        }
    }
    Ok(())
}

async fn a_document_that_is_put_back_is_taken_again(its: Its) -> Kept {
    let state = json!(format!("{}:put back", its.client));
    for text in ["first", "second", "third"] {
        put_pending(&its, &state, text).await?;
        let taken = take_pending(&its, 1, &state).await?;
        same_value("take_pending of what was put back", &taken, &json!(text))?;
    }
    Ok(())
}

async fn of_many_takers_at_once_one_gets_the_document(its: Its) -> Kept {
    for round in 0..its.rounds {
        let state = json!(format!("{}:at once {round}", its.client));
        put_pending(&its, &state, "document").await?;
        let replies = at_once(|n| {
            let (its, state) = (Arc::clone(&its), state.clone());
            async move { take_pending(&its, n, &state).await }
        });
        let mut takers = 0;
        for reply in replies.await {
            takers += usize::from(!reply?.is_null());
        }
        same("how many of the takers at once got the document", &takers, &1)?;
    }
    Ok(())
}

/// A grant may be deleted, and a lease be over, before a call about it comes.
async fn what_is_not_there_is_no_failure(its: Its) -> Kept {
    let key = its.key("not there");
    if its.has(Method::Delete) {
        its.call(Method::Delete, &key, &[]).await?;
    }
    if its.has(Method::Renew) {
        let reply = renew(&its, &key, "nobody", 1, LONG).await?;
        same_value("renew where there is no lease", &reply, &json!(false))?;
    }
    if its.has(Method::Release) {
        release(&its, &key, "nobody", 1, Value::Null).await?;
    }
    if its.has(Method::List) {
        let client = json!(format!("{}:nobody", its.client));
        let reply = its.call_without_key(0, Method::List, &[client]).await?;
        same_value("list of a client without records", &reply, &json!([]))?;
    }
    if its.has(Method::TakePending) {
        let state = json!(format!("{}:never put", its.client));
        let reply = take_pending(&its, 0, &state).await?;
        same_value("take_pending of what was never put", &reply, &Value::Null)?;
    }
    same_value("load after all this", &load(&its, &key).await?, &Value::Null)
}
