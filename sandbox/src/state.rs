//! Everything a sandbox knows, behind one lock, and the way of one request through it.

use crate::clock::Clock;
use crate::device::Devices;
use crate::dpop::Proofs;
use crate::faults::{Fault, Faults};
use crate::grants::Grants;
use crate::http::{Answer, Request};
use crate::journal::{Aliases, Journal, JournalEntry, Kind};
use crate::oauth1::{Nonces, Temporaries};
use crate::openid::OpenId;
use crate::options::Options;
use crate::pushed::PushedRequests;
use crate::{api, consent, device, oauth1, oauth2, openid, pushed};

pub(crate) struct State {
    /// The sandbox's base URL, which is also its issuer identifier.
    pub(crate) issuer: String,
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) grants: Grants,
    pub(crate) openid: OpenId,
    pub(crate) devices: Devices,
    pub(crate) pushed: PushedRequests,
    pub(crate) temporaries: Temporaries,
    pub(crate) nonces: Nonces,
    pub(crate) proofs: Proofs,
}

impl State {
    pub(crate) fn new(issuer: String, options: Options) -> Self {
        Self {
            issuer,
            options,
            clock: Clock::default(),
            journal: Journal::default(),
            faults: Faults::default(),
            grants: Grants::default(),
            openid: OpenId::default(),
            devices: Devices::default(),
            pushed: PushedRequests::default(),
            temporaries: Temporaries::default(),
            nonces: Nonces::default(),
            proofs: Proofs::default(),
        }
    }

    /// Enters a request in the journal and counts off the fault that meets it.
    pub(crate) fn arrive(&mut self, request: &Request) -> (JournalEntry, Option<Fault>) {
        let fault = self.faults.take(Kind::of(&request.path));
        let mut entry = self.enter(request);
        entry.fault = fault.as_ref().map(|fault| fault.kind);
        self.journal.update(&entry);
        (entry, fault)
    }

    /// Enters a request in the journal.
    pub(crate) fn enter(&mut self, request: &Request) -> JournalEntry {
        let aliases = Aliases {
            grants: &self.grants,
            devices: &self.devices,
            temporaries: &self.temporaries,
        };
        self.journal.open(request, &aliases)
    }

    /// Lets the request have its effect; the journal learns what came to light on the way.
    pub(crate) fn process(&mut self, entry: &mut JournalEntry, request: &Request) -> Answer {
        let answer = self.route(request, entry);
        self.journal.update(entry);
        answer
    }

    fn route(&mut self, request: &Request, entry: &mut JournalEntry) -> Answer {
        match request.path.as_str() {
            "/oauth2/authorize" => oauth2::authorize(self, request, entry),
            "/oauth2/token" => oauth2::token(self, request, entry),
            "/oauth2/par" => pushed::push(self, request, entry),
            "/oauth2/device_authorization" => device::authorize(self, request, entry),
            "/oauth2/device" => device::page(self, request, entry),
            "/oauth2/revoke" => oauth2::revoke(self, request, entry),
            "/oauth2/introspect" => oauth2::introspect(self, request, entry),
            "/oauth2/keys" => openid::keys(self),
            "/oauth2/userinfo" => openid::userinfo(self, request, entry),
            "/oauth1/request_token" => oauth1::request_token(self, request, entry),
            "/oauth1/authorize" => oauth1::authorize(self, request, entry),
            "/oauth1/access_token" => oauth1::access_token(self, request, entry),
            "/" => consent::front_page(&self.issuer),
            _ => match entry.kind {
                Kind::Discovery => oauth2::discovery(self),
                Kind::Api => api::answer(self, request, entry),
                _ => Answer::with_body(404, "text/plain", "there is nothing here"),
            },
        }
    }
}
