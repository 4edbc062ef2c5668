//! A record as the text that a store keeps. The text says by itself what it is, so that one store may hold sealed and plain
//! ones: a plain one is still read when there are keys, and is sealed with its next write.

use super::key_ring::{Key, KeyRing};
use super::row::Header;
use super::sealed::{About, Sealed, older_key};
use super::{GrantKey, Record};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard};
use zeroize::Zeroizing;

/// Makes texts of records and records of texts, in one process.
#[derive(Default)]
pub(crate) struct Codec {
    ring: Option<Arc<KeyRing>>,
    /// Whether a record under the ring's next key was seen: others seal with it already.
    moved: Mutex<Option<Moved>>,
}

/// That the next key is in use, and the keys that are older by the word of who used it.
#[derive(Clone)]
struct Moved {
    key: String,
    older: Vec<String>,
}

/// A sealed record: whose it is can be read by a store that knows nothing else.
#[derive(Serialize, Deserialize)]
struct SealedRecord<'a> {
    #[serde(borrow)]
    client: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow)]
    slot: Cow<'a, str>,
    #[serde(borrow)]
    grant_id: Cow<'a, str>,
    generation: u64,
    /// Stores of applications may look for it here, as in a plain record.
    revision: u64,
    #[serde(borrow)]
    sealed: Sealed<'a>,
}

/// Another text that is sealed: what it is about is known to whoever looks for it.
#[derive(Serialize, Deserialize)]
struct SealedNote<'a> {
    #[serde(borrow)]
    sealed: Sealed<'a>,
}

impl Codec {
    pub(crate) fn new(ring: Option<Arc<KeyRing>>) -> Self {
        Codec { ring, moved: Mutex::default() }
    }

    /// The text to keep of a record.
    pub(crate) fn encode(&self, record: &Record) -> Secret {
        let Some(ring) = &self.ring else {
            return serde_json::to_string(record).expect("a record is plain data").into();
        };
        let text = serde_json::to_vec(record).expect("a record is plain data");
        let names = [&*record.client, &record.subject, &record.slot, &record.grant_id];
        let [client, subject, slot, grant_id] = names.map(Cow::Borrowed);
        let Record { generation, revision, .. } = *record;
        let about = About { kind: "record", names: &names, numbers: &[generation, revision] };
        let sealed = self.seal(ring, &about, text);
        json(&SealedRecord { client, subject, slot, grant_id, generation, revision, sealed }).into()
    }

    /// The record of a text that stood under `key`, beside the clear columns `header` where there are such.
    pub(crate) fn decode(
        &self,
        key: &GrantKey,
        header: Option<&Header>,
        text: &str,
    ) -> Result<Record> {
        let record: Record = match sealed::<SealedRecord<'_>>(text) {
            None => serde_json::from_str(text).map_err(|error| unreadable(key, &error))?,
            Some(record) => {
                let (grant_id, numbers) = header.map_or_else(
                    || (&*record.grant_id, [record.generation, record.revision]),
                    |header| (&*header.grant_id, [header.generation, header.revision]),
                );
                let names = [&*key.client, &key.subject, &key.slot, grant_id];
                let about = About { kind: "record", names: &names, numbers: &numbers };
                let text = self.open(&record.sealed, &about, &what(key))?;
                serde_json::from_slice(&text).map_err(|error| unreadable(key, &error))?
            }
        };
        match header {
            Some(header) if !is_about(&record, key, header) => {
                let text =
                    format!("the record of {:?} is not the one that its row is about", key.subject);
                Err(Error::new(Code::Store, text).with_reason("corrupt"))
            }
            _ => Ok(record),
        }
    }

    /// Refuses to spend what a record holds where its renewal would be sealed with a key that another has replaced
    /// (`refresh.md`, Re-consent).
    pub(crate) fn check_order(&self, key: &GrantKey, text: &str) -> Result<()> {
        match (&self.ring, sealed::<SealedRecord<'_>>(text)) {
            (Some(ring), Some(record)) if record.sealed.outranks(self.sealing_key(ring).0) => {
                Err(older_key(&what(key), &record.sealed, ring))
            }
            _ => Ok(()),
        }
    }

    /// Whether a text is sealed with the first key, or with the next one already.
    pub(crate) fn is_current(&self, text: &str) -> bool {
        match (&self.ring, sealed::<SealedRecord<'_>>(text)) {
            (Some(ring), Some(record)) => {
                let key = &*record.sealed.key;
                key == ring.first().name() || ring.is_next(key)
            }
            (ring, record) => ring.is_none() && record.is_none(),
        }
    }

    /// The text to keep of an authorization transaction, which holds its verifier.
    pub(crate) fn encode_pending(&self, state: &str, document: &str) -> Secret {
        self.encode_note("pending", state, document)
    }

    /// The authorization transaction of a text that stood under `state`.
    pub(crate) fn decode_pending(&self, state: &str, text: &str) -> Result<String> {
        self.decode_note("pending", state, text, "the authorization transaction")
    }

    /// The text to keep of an answer that no store took; `whose` says all of whose it is. None without keys.
    pub(crate) fn seal_answer(&self, whose: &str, answer: &str) -> Option<Secret> {
        self.ring.is_some().then(|| self.encode_note("answer", whose, answer))
    }

    /// The answer of a sealed text; a plain one is none of this library's.
    pub(crate) fn open_answer(&self, whose: &str, text: &str) -> Result<Secret> {
        if sealed::<SealedNote<'_>>(text).is_none() {
            let text = "an answer that no store took is not sealed; expected it unchanged";
            return Err(Error::new(Code::Decryption, text).with_reason("tampered"));
        }
        self.decode_note("answer", whose, text, "an answer that no store took").map(Secret::from)
    }

    fn encode_note(&self, kind: &str, name: &str, text: &str) -> Secret {
        let Some(ring) = &self.ring else { return text.into() };
        let about = About { kind, names: &[name], numbers: &[] };
        json(&SealedNote { sealed: self.seal(ring, &about, text.into()) }).into()
    }

    fn decode_note(&self, kind: &str, name: &str, text: &str, what: &str) -> Result<String> {
        let Some(note) = sealed::<SealedNote<'_>>(text) else { return Ok(text.to_owned()) };
        let about = About { kind, names: &[name], numbers: &[] };
        let text = self.open(&note.sealed, &about, what)?;
        Ok(String::from_utf8(text.to_vec()).expect("what was sealed was text"))
    }

    fn seal(&self, ring: &KeyRing, about: &About<'_>, text: Vec<u8>) -> Sealed<'static> {
        let (key, older) = self.sealing_key(ring);
        Sealed::seal(key, older, about, text)
    }

    fn open(
        &self,
        sealed: &Sealed<'_>,
        about: &About<'_>,
        what: &str,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let text = sealed.open(self.ring.as_deref(), about, what)?;
        if self.ring.as_ref().is_some_and(|ring| ring.is_next(&sealed.key)) {
            let older = sealed.older.iter().map(|name| name.clone().into_owned()).collect();
            *self.moved() = Some(Moved { key: sealed.key.clone().into_owned(), older });
        }
        Ok(text)
    }

    /// The key to seal with, and the names of those that are older.
    fn sealing_key<'ring>(&self, ring: &'ring KeyRing) -> (&'ring Key, Vec<String>) {
        match &*self.moved() {
            Some(Moved { key, older }) => {
                (ring.find(key).expect("the next key is in the ring"), older.clone())
            }
            None => (ring.first(), ring.older().map(str::to_owned).collect()),
        }
    }

    fn moved(&self) -> MutexGuard<'_, Option<Moved>> {
        self.moved.lock().expect("no holder panics")
    }
}

/// The sealed text that a text is, if it is one.
fn sealed<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    // A plain record is not read twice.
    text.contains("\"sealed\"").then(|| serde_json::from_str(text).ok()).flatten()
}

fn is_about(record: &Record, key: &GrantKey, header: &Header) -> bool {
    record.grant_id == header.grant_id
        && record.generation == header.generation
        && record.key() == *key
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a sealed text is plain data")
}

fn what(key: &GrantKey) -> String {
    format!("the record of {:?}", key.subject)
}

fn unreadable(key: &GrantKey, error: &serde_json::Error) -> Error {
    // The parser's own words could quote a token: only the place is told.
    let text = format!(
        "the token store gave a record of {:?} that cannot be read (line {}, column {}); expected the text that was saved, \
         unchanged",
        key.subject,
        error.line(),
        error.column()
    );
    Error::new(Code::Store, text).with_reason("unreadable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::new_encryption_key;
    use crate::store::record::Merged;
    use crate::store::record_for_tests::{commit, key, record, tokens};
    use serde_json::{Value, json};

    /// A codec with these keys and, after them, the next one.
    fn codec(keys: &[&Secret], next: Option<&Secret>) -> Codec {
        let keys: Vec<Secret> = keys.iter().copied().cloned().collect();
        Codec::new(Some(Arc::new(KeyRing::from_texts(&keys, next).unwrap())))
    }

    fn open(codec: &Codec, text: &str) -> Result<Record> {
        codec.decode(&key(), Some(&Header::of(&record())), text)
    }

    fn reason(result: Result<Record>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.code(), Code::Decryption, "{error}");
        error.reason().unwrap().to_owned()
    }

    fn key_of(text: &Secret) -> String {
        let sealed: Value = serde_json::from_str(text.expose()).unwrap();
        sealed["sealed"]["key"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_sealed_record_shows_whose_it_is_and_no_token() {
        let codec = codec(&[&new_encryption_key()], None);
        let text = codec.encode(&record());
        let shown: Value = serde_json::from_str(text.expose()).unwrap();
        assert_eq!(shown["subject"], "alice");
        for hidden in ["a1", "r1"] {
            assert!(serde_json::to_string(&record()).unwrap().contains(&format!("\"{hidden}\"")));
            assert!(!text.expose().contains(&format!("\"{hidden}\"")), "{text:?}");
        }
        assert_eq!(open(&codec, text.expose()).unwrap(), record());
        assert_eq!(codec.decode(&key(), None, text.expose()).unwrap(), record());
        assert_ne!(codec.encode(&record()), text, "a nonce is used once");
    }

    #[test]
    fn a_record_of_another_user_consent_or_generation_or_an_earlier_write_does_not_open() {
        let codec = codec(&[&new_encryption_key()], None);
        let text = codec.encode(&record());
        let header = Header::of(&record());
        let others = [
            (GrantKey { client: "test:other".into(), ..key() }, header.clone()),
            (GrantKey { subject: "bob".into(), ..key() }, header.clone()),
            (GrantKey { slot: "bot".into(), ..key() }, header.clone()),
            // The same letters, divided in another way.
            (GrantKey { subject: "alic".into(), slot: "e".into(), ..key() }, header.clone()),
            (key(), Header { grant_id: "other".into(), ..header.clone() }),
            (key(), Header { generation: 2, ..header.clone() }),
            (key(), Header { revision: 2, ..header }),
        ];
        for (key, header) in others {
            let opened = codec.decode(&key, Some(&header), text.expose());
            assert_eq!(reason(opened), "tampered", "{key:?} {header:?}");
        }
    }

    #[test]
    fn nothing_of_a_sealed_record_can_be_changed() {
        let codec = codec(&[&new_encryption_key(), &new_encryption_key()], None);
        let text = codec.encode(&record());
        let change = |change: fn(&mut Value)| {
            let mut sealed: Value = serde_json::from_str(text.expose()).unwrap();
            change(&mut sealed);
            codec.decode(&key(), None, &sealed.to_string())
        };
        assert_eq!(change(|_| ()).unwrap(), record());
        assert_eq!(reason(change(|text| text["grant_id"] = json!("g9"))), "tampered");
        assert_eq!(reason(change(|text| text["generation"] = json!(9))), "tampered");
        assert_eq!(reason(change(|text| text["revision"] = json!(9))), "tampered");
        assert_eq!(reason(change(|text| text["sealed"]["older"] = json!([]))), "tampered");
        assert_eq!(reason(change(|text| text["sealed"]["nonce"] = json!("AAAA"))), "tampered");
        assert_eq!(reason(change(|text| text["sealed"]["data"] = json!("AAAA"))), "tampered");
        assert_eq!(reason(change(|text| text["sealed"]["data"] = json!("!"))), "tampered");
        assert_eq!(reason(change(|text| text["sealed"]["key"] = json!("other"))), "unknown_key");
        assert_eq!(reason(change(|text| text["sealed"]["version"] = json!(2))), "newer_version");
    }

    #[test]
    fn without_its_key_a_record_does_not_open_and_the_error_says_which_key_it_takes() {
        let keys = [new_encryption_key(), new_encryption_key()];
        let text = codec(&[&keys[0]], None).encode(&record());
        let wrong = codec(&[&keys[1]], None);
        let error = open(&wrong, text.expose()).unwrap_err();
        assert_eq!(error.reason(), Some("unknown_key"));
        for name in [key_of(&text), key_of(&wrong.encode(&record()))] {
            assert!(error.message().contains(&name), "{error}");
        }
        assert!(!error.is_retryable());
        assert_eq!(reason(open(&Codec::default(), text.expose())), "no_keys");
    }

    #[test]
    fn a_plain_record_opens_where_there_are_keys_and_is_sealed_with_its_next_write() {
        let plain = Codec::default().encode(&record());
        let codec = codec(&[&new_encryption_key()], None);
        assert_eq!(open(&codec, plain.expose()).unwrap(), record());
        assert!(!codec.is_current(plain.expose()));
        assert!(codec.is_current(codec.encode(&record()).expose()));
    }

    #[test]
    fn a_plain_record_that_speaks_of_sealing_is_a_plain_record() {
        let mut record = record();
        record.unknown.insert("note".into(), json!({"sealed": {"key": "k"}}));
        let text = Codec::default().encode(&record);
        assert_eq!(Codec::default().decode(&key(), None, text.expose()).unwrap(), record);
    }

    #[test]
    fn older_keys_open_and_the_first_seals() {
        let keys = [new_encryption_key(), new_encryption_key()];
        let old = codec(&[&keys[1]], None).encode(&record());
        let codec = codec(&[&keys[0], &keys[1]], None);
        assert_eq!(open(&codec, old.expose()).unwrap(), record());
        assert!(!codec.is_current(old.expose()));
        codec.check_order(&key(), old.expose()).unwrap();
        assert_ne!(key_of(&codec.encode(&record())), key_of(&old));
    }

    #[test]
    fn a_writer_whose_first_key_was_replaced_may_read_and_not_spend() {
        let keys = [new_encryption_key(), new_encryption_key()];
        let text = codec(&[&keys[0], &keys[1]], None).encode(&record());
        let behind = codec(&[&keys[1]], None);
        assert_eq!(reason(open(&behind, text.expose())), "older_key");
        let wrong_order = codec(&[&keys[1], &keys[0]], None);
        assert_eq!(open(&wrong_order, text.expose()).unwrap(), record());
        let refused = wrong_order.check_order(&key(), text.expose()).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (Code::Decryption, Some("older_key")));
    }

    #[test]
    fn the_next_key_is_used_from_when_somebody_else_uses_it() {
        let keys = [new_encryption_key(), new_encryption_key()];
        let moved = codec(&[&keys[1], &keys[0]], None);
        let waiting = codec(&[&keys[0]], Some(&keys[1]));
        let old = waiting.encode(&record());
        moved.check_order(&key(), old.expose()).unwrap();

        let Merged::Write(renewed) = record().merge(&commit(1, 1, tokens("a2", None))) else {
            panic!("not written");
        };
        let new = moved.encode(&renewed);
        assert_ne!(key_of(&old), key_of(&new));
        assert_eq!(waiting.decode(&key(), None, new.expose()).unwrap(), *renewed);
        waiting.check_order(&key(), new.expose()).unwrap();
        let written = waiting.encode(&renewed);
        assert_eq!(key_of(&written), key_of(&new));
        moved.check_order(&key(), written.expose()).unwrap();
        assert!(moved.is_current(written.expose()) && waiting.is_current(written.expose()));
    }

    #[test]
    fn an_authorization_transaction_opens_under_its_own_state_only() {
        let codec = codec(&[&new_encryption_key()], None);
        let text = codec.encode_pending("state", "verifier");
        assert!(!text.expose().contains("verifier"));
        assert_eq!(codec.decode_pending("state", text.expose()).unwrap(), "verifier");
        let error = codec.decode_pending("other", text.expose()).unwrap_err();
        assert_eq!(error.reason(), Some("tampered"));
        assert_eq!(codec.decode_pending("state", "plain").unwrap(), "plain");
    }
}
