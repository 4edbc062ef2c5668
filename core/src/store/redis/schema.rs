//! The note of the schema, which every process looks at before it uses what stands beside it.

use redis::RedisResult;
use redis::aio::MultiplexedConnection;

/// The schema that this version writes, and the oldest that a reader must know to use it.
const VERSION: u32 = 1;
const MIN_READER: u32 = 1;

/// Notes the schema under `key` where there is none; gives reason and words where it cannot be used.
pub(super) async fn refusal(
    connection: &mut MultiplexedConnection,
    key: &str,
) -> RedisResult<Option<(&'static str, String)>> {
    let mut command = redis::cmd("EVAL");
    command.arg(include_str!("schema.lua")).arg(1).arg(key).arg(VERSION).arg(MIN_READER);
    let (version, min_reader): (Option<String>, Option<String>) =
        command.query_async(connection).await?;
    let number = |text: Option<String>| text.and_then(|text| text.parse::<u32>().ok());
    Ok(match (number(version), number(min_reader)) {
        (Some(_), Some(min_reader)) if min_reader <= VERSION => None,
        (Some(version), Some(min_reader)) => Some((
            "newer_schema",
            format!(
                "has schema {version}, which needs a reader of schema {min_reader}; this version reads schema {VERSION}"
            ),
        )),
        _ => {
            let words = "has keys of another make; expected another `prefix` in the address";
            Some(("foreign", words.to_owned()))
        }
    })
}
