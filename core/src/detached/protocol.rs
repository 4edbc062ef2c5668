//! What an application process and its helper say to each other over two pipes: frames of JSON, each after its length in
//! four bytes, most significant first. A number that both must share stands in the helper's first frame.

use crate::clock::UnixMillis;
use crate::error::Error;
use crate::event::Event;
use crate::refresh::Cause;
use crate::secret::Secret;
use crate::store::{Entry, GrantKey, Record};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The version of this protocol; an application does without a helper that speaks another.
pub(crate) const PROTOCOL: u32 = 3;

/// Largest frame that is taken.
const MAX_FRAME: u32 = 64 << 20;

/// From the application.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    /// Names the reply.
    pub(crate) id: u64,
    /// Which of the application's clients.
    pub(crate) client: u64,
    pub(crate) command: Command,
}

/// What a helper can be asked to do.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// Takes the client's configuration, with every secret resolved. Not answered.
    Open(Value),
    /// Renews a grant; answered with its record.
    Refresh(Box<Refresh>),
    /// Ends an authorization; answered with what it led to.
    Finish(Finish),
    /// Asks once for the tokens of a device flow; answered with what it led to.
    Poll(Poll),
    /// Forgets the client once its flights are over. Not answered.
    Close,
    /// Answered at once: the helper runs.
    Ping,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) key: GrantKey,
    /// Which of the grant's access tokens.
    #[serde(default)]
    pub(crate) entry: Entry,
    /// The consent and generation on which it was decided to renew.
    pub(crate) seen: Option<(String, u64)>,
    /// The record as the application last saw it.
    pub(crate) remembered: Option<Record>,
    /// Why it is renewed.
    pub(crate) cause: Cause,
    /// The application's clock, where a test has set it.
    pub(crate) clock: Option<UnixMillis>,
}

/// The answer to a refresh.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refreshed {
    pub(crate) record: Record,
    /// Whether it was this helper that renewed, and not somebody else.
    pub(crate) has_renewed: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Finish {
    pub(crate) callback: Secret,
    pub(crate) options: Value,
    pub(crate) clock: Option<UnixMillis>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Poll {
    pub(crate) state: Secret,
    pub(crate) clock: Option<UnixMillis>,
}

/// From the helper.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// First of all.
    Hello {
        protocol: u32,
        version: String,
    },
    /// Something happened to a grant of this client.
    Event {
        client: u64,
        event: Event,
    },
    Reply {
        id: u64,
        reply: Reply,
    },
}

/// The answer to a request.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Ok(Value),
    Failed {
        error: Error,
        /// The record as the helper last saw it: a failure may be noted in it.
        record: Option<Box<Record>>,
    },
}

/// A frame that says `message`.
pub(crate) fn frame(message: &impl Serialize) -> Vec<u8> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message).expect("a message is plain data");
    let length = u32::try_from(frame.len() - 4).expect("a message is short");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// The next message; none at the end.
pub(crate) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let length = match from.read_u32().await {
        Ok(length) if length <= MAX_FRAME => length,
        Ok(_) => return Err(io::Error::other("a frame is too long")),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; usize::try_from(length).expect("it is bounded")];
    from.read_exact(&mut bytes).await?;
    // The parser's own words could quote a token.
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|_| io::Error::other("a frame is not understood"))
}
