//! The provider: what a server that rotates refresh tokens makes of a token request.
//!
//! Measured on servers that others wrote: a strict one kills the whole grant when a spent token comes again; one with a grace
//! window takes the previous generation once more for a while, and kills the grant for one two generations old.

use crate::row::Token;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// A spent token that comes again kills the grant.
    Strict,
    /// Inside the grace window the previous generation gives the same successor again.
    Grace,
    /// Inside the grace window the previous generation gives a new successor, and the one given before is void.
    GraceLastWins,
}

/// What it answers to a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// Tokens.
    Tokens(Token),
    /// `invalid_grant`.
    Refused,
}

/// What one consent made at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family {
    /// The token that is valid.
    pub newest: Token,
    /// Whether any is.
    pub alive: bool,
    /// Whether the grace window since the last rotation is open.
    pub grace: bool,
}

impl Family {
    /// A new consent.
    #[must_use]
    pub fn new(family: u8) -> Self {
        Family { newest: Token { family, depth: 0, sibling: 0 }, alive: true, grace: false }
    }

    /// Serves one token request. Whether this very request killed the grant shows in `alive`.
    pub fn serve(&mut self, server: Server, token: Token) -> Answer {
        if !self.alive {
            return Answer::Refused;
        }
        if token == self.newest {
            self.newest = Token { depth: token.depth + 1, sibling: 0, ..token };
            self.grace = server != Server::Strict;
            return Answer::Tokens(self.newest);
        }
        if token.depth == self.newest.depth {
            return Answer::Refused; // an answer that a later one made void
        }
        if self.grace && token.depth + 1 == self.newest.depth {
            if server == Server::GraceLastWins {
                self.newest.sibling += 1;
            }
            return Answer::Tokens(self.newest);
        }
        self.alive = false;
        Answer::Refused
    }
}
