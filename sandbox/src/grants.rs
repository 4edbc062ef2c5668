//! Grants and the tokens they brought. A grant is a family of tokens: what one consent led to.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::journal::TokenAge;

/// Which protocol a grant was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OAuth 1.0a (RFC 5849).
    OAuth1,
    /// OAuth 2.0 (RFC 6749).
    OAuth2,
}

/// The state of one grant, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantSummary {
    /// Its number, counted from 1.
    pub family: u64,
    /// Who consented; none for the client's own (`client_credentials`).
    pub user: Option<String>,
    /// The client it was made for.
    pub client: String,
    /// The protocol it was made by.
    pub protocol: Protocol,
    /// What was consented to, as the client asked for it.
    pub scope: String,
    /// Whether it can still be used.
    pub alive: bool,
    /// How many sets of tokens were committed: 1 for the first, and 1 for each refresh.
    pub generation: u64,
    /// When it was made: Unix seconds on the sandbox clock.
    pub created: u64,
    /// How many access tokens were issued.
    pub accesses_issued: u64,
    /// How often a replaced refresh token or a used code was presented.
    pub reuses: u64,
}

pub(crate) type FamilyId = u64;

pub(crate) struct Family {
    pub(crate) id: FamilyId,
    pub(crate) user: Option<String>,
    pub(crate) client: String,
    pub(crate) protocol: Protocol,
    pub(crate) scope: String,
    pub(crate) alive: bool,
    pub(crate) generation: u64,
    pub(crate) refresh_token: Option<String>,
    pub(crate) previous_refresh_token: Option<String>,
    pub(crate) reuses: u64,
    /// The thumbprint of the key that its tokens are bound to (RFC 9449, section 6).
    pub(crate) key: Option<String>,
    created: Millis,
    accesses_issued: u64,
    newest_access: Option<Lifetime>,
}

#[derive(Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) issued: Millis,
    /// None for a token that does not expire.
    pub(crate) length: Option<Millis>,
}

pub(crate) struct AccessToken {
    pub(crate) family: FamilyId,
    /// Counted from 1 within the family.
    pub(crate) number: u64,
    /// The shared secret of an OAuth 1.0a token.
    pub(crate) secret: Option<String>,
    lifetime: Lifetime,
    alive: bool,
}

pub(crate) struct RefreshToken {
    pub(crate) family: FamilyId,
    /// When another took its place.
    pub(crate) superseded: Option<Millis>,
    generation: u64,
}

pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    /// Of PKCE (RFC 7636), by S256.
    pub(crate) challenge: Option<String>,
    /// The thumbprint of the key that its tokens are to be bound to (RFC 9449, section 10).
    pub(crate) key: Option<String>,
    /// What the ID Token repeats.
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    pub(crate) user: String,
    pub(crate) expires: Millis,
    /// The family it brought, once it was used.
    pub(crate) brought: Option<FamilyId>,
}

/// All grants of one sandbox.
#[derive(Default)]
pub(crate) struct Grants {
    families: Vec<Family>,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
    codes: HashMap<String, (u64, Code)>,
}

/// A new secret that a search for leaks finds by its start.
pub(crate) fn random_token(kind: &str) -> String {
    let mut random = [0; 24];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    format!("sbx.{kind}.{}", URL_SAFE_NO_PAD.encode(random))
}

impl AccessToken {
    pub(crate) fn alive_at(&self, now: Millis) -> bool {
        self.alive && self.ends_at().is_none_or(|end| now < end)
    }

    pub(crate) fn ends_at(&self) -> Option<Millis> {
        self.lifetime.length.map(|length| self.lifetime.issued + length)
    }
}

impl Grants {
    pub(crate) fn open(
        &mut self,
        user: Option<String>,
        client: &str,
        protocol: Protocol,
        scope: &str,
        now: Millis,
    ) -> FamilyId {
        let id = self.families.len() as FamilyId + 1;
        self.families.push(Family {
            id,
            user,
            client: client.to_owned(),
            protocol,
            scope: scope.to_owned(),
            alive: true,
            generation: 1,
            refresh_token: None,
            previous_refresh_token: None,
            reuses: 0,
            key: None,
            created: now,
            accesses_issued: 0,
            newest_access: None,
        });
        id
    }

    pub(crate) fn family(&self, id: FamilyId) -> &Family {
        &self.families[index(id)]
    }

    pub(crate) fn family_mut(&mut self, id: FamilyId) -> &mut Family {
        &mut self.families[index(id)]
    }

    pub(crate) fn families(&self) -> &[Family] {
        &self.families
    }

    pub(crate) fn issue_access_token(
        &mut self,
        id: FamilyId,
        lifetime: Lifetime,
        secret: Option<String>,
    ) -> String {
        let family = self.family_mut(id);
        family.accesses_issued += 1;
        family.newest_access = Some(lifetime);
        let number = family.accesses_issued;
        let token = random_token("at");
        let record = AccessToken { family: id, number, secret, lifetime, alive: true };
        self.access_tokens.insert(token.clone(), record);
        token
    }

    /// Issues a refresh token that takes the place of the family's current one.
    pub(crate) fn issue_refresh_token(&mut self, id: FamilyId, now: Millis) -> String {
        let token = random_token("rt");
        let family = self.family_mut(id);
        let generation = family.generation;
        family.previous_refresh_token = family.refresh_token.replace(token.clone());
        if let Some(previous) = family.previous_refresh_token.clone() {
            self.refresh_tokens
                .get_mut(&previous)
                .expect("a family's refresh tokens are all known")
                .superseded = Some(now);
        }
        let record = RefreshToken { family: id, superseded: None, generation };
        self.refresh_tokens.insert(token.clone(), record);
        token
    }

    pub(crate) fn issue_code(&mut self, code: Code) -> String {
        let number = self.codes.len() as u64 + 1;
        let text = random_token("code");
        self.codes.insert(text.clone(), (number, code));
        text
    }

    pub(crate) fn access_token(&self, token: &str) -> Option<&AccessToken> {
        self.access_tokens.get(token)
    }

    pub(crate) fn refresh_token(&self, token: &str) -> Option<&RefreshToken> {
        self.refresh_tokens.get(token)
    }

    pub(crate) fn code_mut(&mut self, code: &str) -> Option<&mut Code> {
        self.codes.get_mut(code).map(|(_, code)| code)
    }

    pub(crate) fn token_age(&self, id: FamilyId, now: Millis) -> Option<TokenAge> {
        let newest = self.family(id).newest_access?;
        Some(TokenAge {
            age: seconds(now.saturating_sub(newest.issued)),
            lifetime: seconds(newest.length?),
        })
    }

    /// Ends a grant and all its tokens.
    pub(crate) fn kill(&mut self, id: FamilyId) {
        self.family_mut(id).alive = false;
        self.expire_access_tokens(id);
    }

    /// Ends the access tokens of a grant, which lives on.
    pub(crate) fn expire_access_tokens(&mut self, id: FamilyId) {
        for token in self.access_tokens.values_mut().filter(|token| token.family == id) {
            token.alive = false;
        }
    }

    pub(crate) fn expire_access_token(&mut self, token: &str) {
        if let Some(token) = self.access_tokens.get_mut(token) {
            token.alive = false;
        }
    }

    /// The living grants of one user.
    pub(crate) fn of_user(&self, user: &str) -> Vec<FamilyId> {
        let mine = |family: &&Family| family.alive && family.user.as_deref() == Some(user);
        self.families.iter().filter(mine).map(|family| family.id).collect()
    }

    pub(crate) fn alias(&self, secret: &str) -> Option<String> {
        if let Some(token) = self.refresh_tokens.get(secret) {
            return Some(format!("refresh#{}", token.generation));
        }
        if let Some(token) = self.access_tokens.get(secret) {
            return Some(format!("access#{}", token.number));
        }
        self.codes.get(secret).map(|(number, _)| format!("code#{number}"))
    }
}

impl From<&Family> for GrantSummary {
    fn from(family: &Family) -> Self {
        Self {
            family: family.id,
            user: family.user.clone(),
            client: family.client.clone(),
            protocol: family.protocol,
            scope: family.scope.clone(),
            alive: family.alive,
            generation: family.generation,
            created: family.created / 1000,
            accesses_issued: family.accesses_issued,
            reuses: family.reuses,
        }
    }
}

fn index(id: FamilyId) -> usize {
    usize::try_from(id - 1).expect("a family's number counts a vector in memory")
}

#[expect(clippy::cast_precision_loss, reason = "spans of a test, far below 2^52 milliseconds")]
pub(crate) fn seconds(millis: Millis) -> f64 {
    millis as f64 / 1000.0
}
