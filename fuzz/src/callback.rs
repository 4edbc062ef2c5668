//! The redirect back from the provider, as the browser brings it.

use crate::said::{assert_error_is_fit, assert_is_one_line, with_canary};
use evergrant::Secret;
use evergrant::oauth2::{Callback, CallbackOutcome};
use url::form_urlencoded;

pub(crate) fn holds(input: &[u8]) {
    let input = with_canary(input);
    let redirect = String::from_utf8_lossy(&input);
    match Callback::parse(&redirect) {
        Ok(callback) => {
            assert!(callback.parameters.iter().all(|(_, value)| !value.is_empty()));
            assert_debug_has_no_secret(&callback);
            assert_is_fit(&callback.outcome);
            assert_reads_the_same_again(&callback);
        }
        Err(error) => assert_error_is_fit(&error),
    }
}

/// It is the same whatever the code, the token and the state are.
fn assert_debug_has_no_secret(callback: &Callback) {
    let other = || Secret::from("another");
    let outcome = match callback.outcome.clone() {
        CallbackOutcome::Code(_) => CallbackOutcome::Code(other()),
        CallbackOutcome::Verified { oauth_verifier, .. } => CallbackOutcome::Verified {
            oauth_token: other(),
            oauth_verifier: oauth_verifier.map(|_| other()),
        },
        CallbackOutcome::Refused { oauth_token, problem } => {
            CallbackOutcome::Refused { oauth_token: oauth_token.map(|_| other()), problem }
        }
        error => error,
    };
    let (state, parameters) = (Some("another".to_owned()), Vec::new());
    let another = Callback { state, iss: callback.iss.clone(), outcome, parameters };
    assert_eq!(format!("{callback:?}"), format!("{another:?}"));
}

fn assert_is_fit(outcome: &CallbackOutcome) {
    match outcome {
        CallbackOutcome::Error(error) => {
            assert_is_one_line(&error.error);
            error.error_description.iter().for_each(|text| assert_is_one_line(text));
        }
        CallbackOutcome::Refused { problem: Some(problem), .. } => assert_is_one_line(problem),
        _ => {}
    }
}

/// A callback is what its parameters are, however they come.
fn assert_reads_the_same_again(callback: &Callback) {
    let query: String =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&callback.parameters).finish();
    for redirect in [format!("https://client.example/cb?{query}#f"), format!("?{query}"), query] {
        assert_eq!(Callback::parse(&redirect).as_ref(), Ok(callback));
    }
    assert_eq!(Callback::from_parameters(callback.parameters.clone()).as_ref(), Ok(callback));
}
