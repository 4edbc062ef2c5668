//! Who waits for a grant to be written is told by the server: one subscription for all who wait in a process. It is a
//! hint and may be missed: who waits looks from time to time all the same.

use super::connection::Connection;
use crate::process::runtime;
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};

/// How many words may wait to be heard before the oldest are dropped.
const WAITING: usize = 1024;

/// How long a subscription is kept that nobody listens to.
const IDLE: Duration = Duration::from_secs(60);

/// How long after one that failed the next is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// What was written, as the server tells it.
pub(super) struct Changes {
    told: Sender<Arc<str>>,
    is_subscribed: Arc<AtomicBool>,
}

impl Changes {
    pub(super) fn new() -> Self {
        Changes { told: channel(WAITING).0, is_subscribed: Arc::default() }
    }

    /// Ends when something is told under `name`.
    pub(super) fn of(
        &self,
        connection: &Arc<Connection>,
        channel: &str,
        name: String,
    ) -> impl Future<Output = ()> + Send + use<> {
        let told = self.told.subscribe();
        if !self.is_subscribed.swap(true, Ordering::AcqRel) {
            let (connection, channel) = (Arc::clone(connection), channel.to_owned());
            let (told, is_subscribed) = (self.told.clone(), Arc::clone(&self.is_subscribed));
            runtime().spawn(async move {
                listen(&connection, &channel, &told).await;
                sleep(PAUSE).await;
                is_subscribed.store(false, Ordering::Release);
            });
        }
        heard(told, name)
    }
}

async fn heard(mut told: Receiver<Arc<str>>, name: String) {
    loop {
        match told.recv().await {
            Ok(written) if *written == *name => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return, // it may have been among those
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Passes on what the server tells, until it cannot or nobody listens any more.
async fn listen(connection: &Connection, channel: &str, told: &Sender<Arc<str>>) {
    let Ok(mut subscription) = connection.subscription().await else { return };
    if !matches!(timeout(IDLE, subscription.subscribe(channel)).await, Ok(Ok(()))) {
        return;
    }
    let mut messages = subscription.into_on_message();
    loop {
        match timeout(IDLE, messages.next()).await {
            Ok(Some(message)) => {
                let name = String::from_utf8_lossy(message.get_payload_bytes());
                let _ = told.send(name.into()); // nobody may be waiting just now
            }
            Ok(None) => return,
            Err(_) if told.receiver_count() == 0 => return,
            Err(_) => {}
        }
    }
}
