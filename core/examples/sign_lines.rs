//! Signs the OAuth 1.0a requests of standard input, a JSON object a line (`method`, `url`, and the rest as `options`), and
//! answers each with a line. `tests/differential/oauth1.py` compares the answers with those of others.

use evergrant::{SignOptions, sign};
use serde::Deserialize;
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    options: SignOptions,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut stdout = stdout().lock();
    for line in stdin().lock().lines() {
        let Request { method, url, options } = serde_json::from_str(&line?)?;
        let answer = match sign(&method, &url, &options) {
            Ok(signed) => serde_json::to_string(&signed)?,
            Err(error) => error.to_json().to_string(),
        };
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}
