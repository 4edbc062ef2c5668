//! Signs one OAuth 1.0 request over and over, for `bench/sign.py`.
//!
//! The first line of standard input is the request as JSON; the answer is its `Authorization` header.
//! Each further line names a work and how often to do it; the answer is the CPU time that took, in
//! nanoseconds.

use evergrant::oauth1::{Credentials, Request, SignatureMethod, Signed, Stamp, sign};
use hmac::{Hmac, KeyInit, Mac};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use sha1::Sha1;
use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Duration;
use url::Url;

#[derive(Deserialize)]
struct Case {
    method: String,
    url: String,
    form: Vec<(String, String)>,
    client_key: String,
    client_secret: String,
    token: String,
    token_secret: String,
    nonce: String,
    timestamp: u64,
}

impl Case {
    /// All that an application's call costs, the URL's text included.
    fn sign(&self) -> Signed {
        let url = Url::parse(&self.url).expect("the case has a URL");
        let credentials = Credentials {
            client_key: &self.client_key,
            client_secret: &self.client_secret,
            token: Some((&self.token, &self.token_secret)),
        };
        let stamp = Stamp { nonce: &self.nonce, timestamp: self.timestamp };
        let request = Request::new(&self.method, &url).with_form(&self.form);
        sign(&request, &credentials, &stamp, SignatureMethod::HmacSha1)
            .expect("the case can be signed")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = stdin().lock().lines();
    let case: Case = serde_json::from_str(&lines.next().ok_or("no case")??)?;
    let signed = case.sign();
    writeln!(stdout(), "{}", signed.authorization)?;
    for line in lines {
        let line = line?;
        let (work, times) = line.split_once(' ').ok_or("expected a work and a number")?;
        let times = times.parse()?;
        let took = match work {
            "sign" => cpu_time(times, || case.sign()),
            "hmac" => cpu_time(times, || hmac(&signed.base_string)),
            _ => return Err(format!("no work {work:?}; expected sign or hmac").into()),
        };
        writeln!(stdout(), "{}", took.as_nanos())?;
    }
    Ok(())
}

/// The part of signing that nobody can leave out.
fn hmac(base_string: &str) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(b"secret&secret").expect("any key is a key");
    mac.update(black_box(base_string).as_bytes());
    mac.finalize().into_bytes().into()
}

fn cpu_time<T>(times: u32, work: impl Fn() -> T) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::try_from(time).expect("CPU time is not negative")
    };
    let start = now();
    for _ in 0..times {
        black_box(work());
    }
    now().checked_sub(start).expect("CPU time does not run backwards")
}
