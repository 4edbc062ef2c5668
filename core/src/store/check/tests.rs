//! The check itself: a whole store passes, and each broken one is caught by the promise that names what is wrong with it.

use super::example::{Example, Fault};
use super::*;
use crate::process::wait;
use crate::store::ForeignStore;
use std::sync::Arc;

/// What is wrong with a store, and the promise by which it is caught.
const FAULTS: &[(Fault, &str)] = &[
    (Fault::CompareAndSetIsNotAtomic, "of_many_compare_and_sets_at_once_one_writes"),
    (Fault::CompareAndSetWritesAlways, "compare_and_set_writes_only_over_the_expected_revision"),
    (Fault::CompareAndSetOfAbsentFails, "compare_and_set_writes_only_over_the_expected_revision"),
    (Fault::AcquireIsNotAtomic, "of_many_acquires_at_once_one_gets_the_lease"),
    (Fault::FencingStartsAgainAfterExpiry, "fencing_numbers_grow"),
    (Fault::FencingStandsStill, "fencing_numbers_grow"),
    (Fault::LeaseNeverEnds, "a_lease_that_nobody_gives_back_ends_by_its_time"),
    (Fault::LeaseEndsAtOnce, "a_lease_is_given_to_one_at_a_time"),
    (Fault::RenewIsEveryones, "only_the_holder_renews"),
    (Fault::RenewDoesNothing, "a_renewed_lease_lasts"),
    (Fault::ReleaseIsEveryones, "a_former_holder_releases_nothing"),
    (Fault::IntentIsDropped, "an_intent_is_kept_for_the_next_holder"),
    (Fault::LeftIntentIsDropped, "an_intent_that_was_left_replaces_that_of_the_lease"),
    (Fault::AcquireWritesTheRecord, "lease_and_record_leave_each_other_alone"),
    (Fault::TakesTwice, "a_document_is_taken_once"),
    (Fault::TakeIsNotAtomic, "of_many_takers_at_once_one_gets_the_document"),
    (Fault::IgnoresCase, "keys_that_differ_in_case_are_two"),
    (Fault::TrimsKeys, "spaces_in_a_key_count"),
    (Fault::TrimsTexts, "a_text_comes_back_as_it_was_saved"),
    (Fault::NormalizesKeys, "keys_in_other_unicode_forms_are_two"),
    (Fault::CutsKeysAt255, "long_keys_that_differ_at_their_end_are_two"),
    (Fault::CutsTextsAt64KiB, "a_text_of_a_mebibyte_comes_back_whole"),
    (Fault::MixesPartsOfKeys, "parts_of_a_key_do_not_run_into_each_other"),
    (Fault::AbsentIsEmptyText, "load_of_what_is_not_there_is_null"),
    (Fault::SaveKeepsTheFirst, "save_replaces_what_stood"),
    (Fault::DeleteDoesNothing, "delete_removes_one_record"),
    (Fault::DeleteTakesAllOfTheClient, "delete_removes_one_record"),
    (Fault::ListsOtherClients, "list_gives_the_texts_of_one_client"),
    (Fault::ListStopsAt50, "every_one_of_many_grants_is_listed_once"),
    (Fault::RefusesQuotes, "unusual_keys_are_taken"),
    (Fault::FailsOnAbsent, "what_is_not_there_is_no_failure"),
];

fn options() -> CheckOptions {
    CheckOptions { grants: Some(60), quick: true }
}

fn any_thread(store: impl ForeignStore + 'static) -> ApplicationStore {
    ApplicationStore::AnyThread(Arc::new(store))
}

fn check(store: Example) -> CheckReport {
    wait(StoreCheck::new(any_thread(store), None, &options()).unwrap().run()).unwrap()
}

fn with_verdict(report: &CheckReport, verdict: Verdict) -> Vec<&'static str> {
    let found = report.findings.iter().filter(|finding| finding.verdict == verdict);
    found.map(|finding| finding.promise).collect()
}

#[test]
fn a_whole_store_keeps_every_promise_and_is_left_empty() {
    let store = Example::default();
    let report = check(store.clone());
    assert!(report.ok && report.remarks.is_empty(), "{report:?}");
    assert_eq!(with_verdict(&report, Verdict::Skipped), Vec::<&str>::new());
    assert!(store.is_empty());
}

#[test]
fn each_broken_store_is_caught_by_the_promise_that_names_its_fault() {
    std::thread::scope(|scope| {
        for (fault, promise) in FAULTS {
            scope.spawn(move || {
                let report = check(Example::with(*fault));
                assert!(!report.ok, "{fault:?} was not found");
                let failed = with_verdict(&report, Verdict::Failed);
                assert!(failed.contains(promise), "{fault:?} was found by {failed:?}");
            });
        }
    });
}

#[test]
fn a_store_with_load_and_save_only_is_told_what_it_does_not_promise() {
    let report = check(Example { only_load_and_save: true, ..Example::default() });
    assert!(report.ok, "{report}");
    let remark = |promise: &str| {
        let found = report.findings.iter().find(|finding| finding.promise == promise);
        found.and_then(|finding| finding.remark.clone()).unwrap_or_default()
    };
    assert_eq!(
        remark("of_many_at_once_one_gets_the_lease"),
        "no acquire: two processes may spend one refresh token at once"
    );
    assert!(remark("writes_at_once_lose_none").starts_with("no compare_and_set: "));
    assert!(report.remarks[0].starts_with("what the check wrote stays"), "{:?}", report.remarks);
}

#[test]
fn two_openings_that_share_nothing_are_no_store() {
    let twice = [Example::default(), Example::default()].map(any_thread);
    let [store, beside] = twice;
    let report = wait(StoreCheck::new(store, Some(beside), &options()).unwrap().run()).unwrap();
    let failed = with_verdict(&report, Verdict::Failed);
    assert!(failed.contains(&"what_one_process_writes_another_sees"), "{failed:?}");
    assert!(failed.contains(&"of_many_acquires_at_once_one_gets_the_lease"), "{failed:?}");
    let store = Example::default();
    let beside = Some(any_thread(store.clone()));
    let report =
        wait(StoreCheck::new(any_thread(store), beside, &options()).unwrap().run()).unwrap();
    assert!(report.ok, "{report}");
}

#[test]
fn a_report_quotes_no_text_that_the_check_did_not_write() {
    /// Gives everybody's record to everybody.
    struct Careless;
    impl ForeignStore for Careless {
        fn has(&self, _: Method) -> bool {
            true
        }

        fn call(
            &self,
            call: crate::store::StoreCall,
        ) -> std::pin::Pin<Box<dyn Future<Output = crate::store::StoreReply> + Send>> {
            let record = r#"{"client":"c","subject":"s","refresh_token":"s3cret"}"#;
            let reply = match call.method {
                Method::List => serde_json::json!([record]),
                Method::Acquire => serde_json::json!({"fencing": record, "intent": record}),
                _ => record.into(),
            };
            Box::pin(std::future::ready(Ok(reply)))
        }
    }
    let report =
        wait(StoreCheck::new(any_thread(Careless), None, &options()).unwrap().run()).unwrap();
    assert!(!report.ok);
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("refresh_token"), "{text}");
}
