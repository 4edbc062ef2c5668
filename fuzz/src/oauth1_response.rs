//! The answer of an OAuth 1.0 server: a line with its media type, one with its `WWW-Authenticate`, body.

use crate::said::{assert_error_is_fit, assert_is_one_line, with_canary, without_canary};
use crate::split_line;
use evergrant::oauth1::{Problem, TemporaryCredentials, TokenCredentials};
use url::form_urlencoded;

pub(crate) fn holds(input: &[u8]) {
    let (media_type, rest) = split_line(input);
    let (www_authenticate, body) = split_line(rest);
    let (media_type, body) = (without_canary(media_type), with_canary(body));
    match TemporaryCredentials::parse(Some(&media_type), &body) {
        Ok(credentials) => {
            assert!(!credentials.token.is_empty() && !credentials.token_secret.is_empty());
        }
        Err(error) => assert_error_is_fit(&error),
    }
    match TokenCredentials::parse(Some(&media_type), &body) {
        Ok(credentials) => {
            assert!(!credentials.token.is_empty() && !credentials.token_secret.is_empty());
            assert!(credentials.expires_in != Some(0));
            assert!(credentials.authorization_expires_in != Some(0));
            assert_reads_the_same_again(&credentials);
        }
        Err(error) => assert_error_is_fit(&error),
    }
    if let Some(problem) = Problem::find([www_authenticate], &body) {
        assert_is_one_line(&problem.problem);
        problem.advice.iter().for_each(|advice| assert_is_one_line(advice));
    }
}

/// Every parameter is kept: read again, what was kept says the same.
fn assert_reads_the_same_again(credentials: &TokenCredentials) {
    let pairs = credentials.raw.iter().map(|(name, value)| (name, value.as_str().expect("a text")));
    let kept = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let again = TokenCredentials::parse(None, kept.as_bytes()).expect("it was read before");
    assert!(again == *credentials);
}
