//! What a Redis server is set up to promise. It may not let itself be asked: then it is not known.

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisResult};
use std::collections::HashMap;

/// The oldest that is supported.
const OLDEST: u32 = 6;

/// What a server told of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    info: HashMap<String, String>,
    /// The setting of that name.
    appendfsync: Option<String>,
}

impl Server {
    pub(super) async fn ask(connection: &mut MultiplexedConnection) -> RedisResult<Self> {
        let info = redis::cmd("INFO").query_async::<String>(connection).await;
        let info = told(info)?.unwrap_or_default();
        let mut setting = redis::cmd("CONFIG");
        setting.arg("GET").arg("appendfsync");
        let setting = told(setting.query_async::<HashMap<String, String>>(connection).await)?;
        Ok(Server {
            info: parsed(&info),
            appendfsync: setting.and_then(|mut setting| setting.remove("appendfsync")),
        })
    }

    /// Why it cannot be used, if it cannot.
    pub(super) fn refusal(&self) -> Option<String> {
        let version = self.info.get("redis_version")?;
        let major: u32 = version.split('.').next()?.parse().ok()?;
        (major < OLDEST).then(|| format!("has version {version}; expected Redis {OLDEST} or later"))
    }

    /// Whether a write is on the disk when it is answered.
    pub(super) fn is_durable_at_once(&self) -> bool {
        self.has_append_only_file() == Some(true) && self.appendfsync.as_deref() == Some("always")
    }

    /// What it is set up not to promise.
    pub(super) fn weaknesses(&self) -> Vec<String> {
        let durability = match (self.has_append_only_file(), self.appendfsync.as_deref()) {
            (None, _) => Some(
                "Redis does not tell whether it keeps an append-only file: it is not known what is lost when it ends"
                    .to_owned(),
            ),
            (Some(false), _) => Some(
                "Redis keeps no append-only file (`appendonly no`): when it ends, all grants since its last snapshot are lost"
                    .to_owned(),
            ),
            (Some(true), Some("always")) => None,
            (Some(true), Some("everysec")) => Some(
                "Redis writes to its disk once a second (`appendfsync everysec`): a power cut takes the grants of the last \
                 second; renewals are kept aside for so long, new consents are not"
                    .to_owned(),
            ),
            (Some(true), Some(other)) => Some(format!(
                "Redis leaves writing to its disk to the system (`appendfsync {other}`): a power cut takes what was \
                 granted in the last half minute"
            )),
            (Some(true), None) => Some(
                "Redis does not tell its `appendfsync`: it is not known what a power cut takes".to_owned(),
            ),
        };
        let eviction = match self.info.get("maxmemory_policy").map(String::as_str) {
            Some("noeviction") => None,
            Some(policy) => Some(format!(
                "Redis drops keys when its memory is full (`maxmemory-policy {policy}`): grants can be lost; expected noeviction"
            )),
            None => Some(
                "Redis does not tell its `maxmemory-policy`: it is not known whether it drops grants when its memory is full"
                    .to_owned(),
            ),
        };
        durability.into_iter().chain(eviction).collect()
    }

    fn has_append_only_file(&self) -> Option<bool> {
        self.info.get("aof_enabled").map(|enabled| enabled == "1")
    }
}

/// None where the server does not allow the question.
fn told<T>(answer: RedisResult<T>) -> RedisResult<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn parsed(info: &str) -> HashMap<String, String> {
    let pairs = info.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(info: &str, appendfsync: Option<&str>) -> Server {
        Server { info: parsed(info), appendfsync: appendfsync.map(str::to_owned) }
    }

    #[test]
    fn a_server_that_forces_every_write_to_its_disk_has_no_weakness() {
        let info =
            "# Server\r\nredis_version:7.0.15\r\naof_enabled:1\r\nmaxmemory_policy:noeviction\r\n";
        let always = server(info, Some("always"));
        assert!(always.weaknesses().is_empty() && always.is_durable_at_once());
        assert_eq!(always.refusal(), None);
    }

    #[test]
    fn each_weakness_is_named() {
        let named = |info: &str, appendfsync: Option<&str>, word: &str| {
            let server = server(info, appendfsync);
            let weaknesses = server.weaknesses();
            assert!(
                weaknesses.len() == 1 && weaknesses[0].contains(word),
                "{word}: {weaknesses:?}"
            );
            assert_eq!(
                server.is_durable_at_once(),
                appendfsync == Some("always") && info.contains("aof_enabled:1")
            );
        };
        let aof = "aof_enabled:1\nmaxmemory_policy:noeviction";
        named(aof, Some("everysec"), "everysec");
        named(aof, Some("no"), "appendfsync no");
        named(aof, None, "not tell its `appendfsync`");
        named("aof_enabled:0\nmaxmemory_policy:noeviction", Some("always"), "appendonly no");
        named("maxmemory_policy:noeviction", Some("always"), "does not tell whether");
        named("aof_enabled:1\nmaxmemory_policy:allkeys-lru", Some("always"), "allkeys-lru");
        named("aof_enabled:1", Some("always"), "not tell its `maxmemory-policy`");
    }

    #[test]
    fn a_server_that_is_too_old_is_refused() {
        assert!(server("redis_version:5.0.14", None).refusal().is_some());
        assert_eq!(server("redis_version:6.0.16", None).refusal(), None);
        assert_eq!(server("", None).refusal(), None);
    }
}
