//! The refresh contract as a finite machine (`refresh.md`), walked through exhaustively.
//!
//! The constraint: what is checked is the protocol, so every step here must be recognisable in `refresh.md`, and nothing may
//! be decided by a step that a process could not decide: a sender sees its own memory, the row that a call of the store gave
//! it, its host's spill folder and kernel, and its clock. The ghosts that only the check may read are `families`, `crossed`,
//! `restored`, `withdrawn` and `broken` of [`state::State`], and `avoidable` of a request.
//!
//! | module | |
//! | --- | --- |
//! | [`mechanism`] | what protects a grant, each with a switch |
//! | [`row`] | what a store holds, and what each call makes of it |
//! | [`provider`] | three kinds of server |
//! | [`state`] | one state of the world, and the promises that can be broken |
//! | [`step`] | what can happen next |
//! | `deed` | what the steps do, and what is asked of each |
//! | [`scenario`] | bounds: server, hosts, generations, faults |
//! | [`search`] | breadth first, every state once |
//!
//! # What is assumed
//!
//! 1. A call of the store is atomic. Its reply may be lost.
//! 2. A request is at the provider or nowhere before its sender's lease is over, before a repeat ends its pause, and before the
//!    next generation is renewed.
//! 3. No process is stopped between its last look at the lease and the write of the request. No client can close that gap; a
//!    scenario with `gap` shows what happens in it.
//! 4. A sender that runs renews its lease and ends its wait inside it; one that was stopped finds out by its clock.
//!
//! Time has no length here: a lease, an access token and a grace window are over when it pleases the search, within those
//! assumptions. What is a matter of windows and deadlines is checked elsewhere, with an injected clock.
//!
//! # What a loss may be
//!
//! A strict server kills the grant when a spent token comes again, and an answer can die with its sender: such a loss is no
//! fault of the protocol if, when the token was sent again, no copy of the answer was in reach (stored, in the spill folder of
//! that host, in the hands of a process that runs, or on its way to one), no access token was left that worked, and the record
//! says `outcome_lost`. A server with a grace window must lose nothing unless everybody sleeps until the window is over. One
//! loss keeps another name: where an answer is committed after somebody else took the lease of its generation, the refusal of
//! the next is called `revoked`. And where the last repeat wins, the answer that was committed may be void because a later one
//! died.
//!
//! # Why an own search
//!
//! [adr/0005](../../../adr/0005-a-model-searched-by-own-code.md).

mod deed;
pub mod mechanism;
pub mod provider;
pub mod row;
pub mod scenario;
pub mod search;
pub mod state;
pub mod step;
