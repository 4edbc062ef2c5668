//! Which of a grant's access tokens is meant. A grant has one refresh token; what is got with it is for all that was granted, or
//! for one resource (RFC 8707) or for less than was granted (RFC 6749 section 6). Two wishes for the same are one entry: scopes
//! are compared as a set.

use super::record::StoredAccessToken;
use crate::error::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use url::Url;

/// Names one access token of a grant; without resource and scope the grant's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// `resource` (RFC 8707 section 2), as the application writes it; empty for none.
    pub(crate) resource: String,
    /// The scopes asked for, in order and each once; empty for all that was granted.
    pub(crate) scope: Vec<String>,
}

impl Entry {
    /// The entry that an application asks for.
    pub(crate) fn wanted(resource: Option<&str>, scope: Option<&[String]>) -> Result<Self> {
        let resource = resource.unwrap_or_default();
        if !resource.is_empty() && !is_absolute_uri(resource) {
            let text = "resource: expected an absolute URI without fragment (RFC 8707 section 2)";
            return Err(Error::new(Code::InvalidArgument, text));
        }
        let scope = scope.unwrap_or_default();
        if let Some(wrong) = scope.iter().find(|scope| !is_scope(scope)) {
            let text = format!("scope: {wrong:?} is not a scope (RFC 6749 section 3.3)");
            return Err(Error::new(Code::InvalidArgument, text));
        }
        let scope: BTreeSet<_> = scope.iter().cloned().collect();
        Ok(Entry { resource: resource.to_owned(), scope: scope.into_iter().collect() })
    }

    /// The entry that a token belongs to.
    pub(crate) fn of(access: &StoredAccessToken) -> Self {
        Entry { resource: access.resource.clone(), scope: access.requested_scope.clone() }
    }

    /// Whether the grant's own token is meant.
    pub(crate) fn is_own(&self) -> bool {
        self.resource.is_empty() && self.scope.is_empty()
    }

    /// Whether it is this token's.
    pub(crate) fn is_of(&self, access: &StoredAccessToken) -> bool {
        self.resource == access.resource && self.scope == access.requested_scope
    }
}

fn is_absolute_uri(text: &str) -> bool {
    // The parser would pass over white space and control characters, which are then sent as they stand.
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && Url::parse(text).is_ok_and(|uri| uri.fragment().is_none())
}

fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_same_scopes_in_another_order_are_the_same_entry() {
        let wanted = |text| Entry::wanted(None, Some(&scope(text))).unwrap();
        assert_eq!(wanted("b a b"), wanted("a b"));
        assert_ne!(wanted("a"), wanted("a b"));
    }

    #[test]
    fn without_resource_and_scope_the_grants_own_token_is_meant() {
        assert!(Entry::wanted(None, None).unwrap().is_own());
        assert!(Entry::wanted(Some(""), Some(&[])).unwrap().is_own());
        assert!(!Entry::wanted(Some("urn:mail"), None).unwrap().is_own());
    }

    #[test]
    fn what_the_standards_do_not_allow_is_an_invalid_argument() {
        for resource in ["mail", "/mail", "https://a.example/#x", " https://a.example/", "a\n:b"] {
            let error = Entry::wanted(Some(resource), None).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{resource}");
        }
        for wrong in ["a\"b", "a\\b", "", "é"] {
            let error = Entry::wanted(None, Some(&[wrong.to_owned()])).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{wrong}");
        }
    }
}
