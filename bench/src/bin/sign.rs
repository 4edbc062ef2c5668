//! Signs one OAuth 1.0 request over and over, for `bench/sign.py`.
//!
//! The first line of standard input is the request as JSON; the answer is its `Authorization` header with HMAC-SHA1. Each further
//! line names a work and how often to do it; the answer is the CPU time that took, in nanoseconds, and how often memory was
//! allocated for one of them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::oauth1::{
    Carrier, Credentials, Request, RsaPrivateKey, SignatureMethod, Signed, Stamp, sign,
};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use sha1::Sha1;
use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// PEM, PKCS #8.
    private_key: String,
    nonce: String,
    timestamp: u64,
}

impl Case {
    fn url(&self) -> Url {
        Url::parse(&self.url).expect("the case has a URL")
    }

    /// All that an application's call costs; whoever sends the request has parsed its URL.
    fn sign(&self, url: &Url, method: SignatureMethod, key: &RsaPrivateKey) -> Signed {
        let credentials = Credentials {
            client_key: &self.client_key,
            client_secret: &self.client_secret,
            private_key: Some(key),
            token: Some((&self.token, &self.token_secret)),
        };
        let stamp = Stamp { nonce: &self.nonce, timestamp: self.timestamp };
        let request = Request::new(&self.method, url).with_form(&self.form);
        sign(&request, &credentials, &stamp, method).expect("the case can be signed")
    }

    /// The same header by the crate oauth1-request, which wants the query apart.
    fn sign_with_oauth1_request(&self) -> String {
        let (url, query) = self.url.split_once('?').expect("the case has a query");
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let form = self.form.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let parameters: Vec<_> = query.chain(form).collect();
        let token = oauth1_request::Token::from_parts(
            self.client_key.as_str(),
            self.client_secret.as_str(),
            self.token.as_str(),
            self.token_secret.as_str(),
        );
        oauth1_request::Builder::with_token(token, oauth1_request::HMAC_SHA1)
            .version(true)
            .nonce(self.nonce.as_str())
            .timestamp(std::num::NonZeroU64::new(self.timestamp).expect("the case has a time"))
            .post(url, &oauth1_request::ParameterList::new(parameters))
    }

    /// The steps of RFC 5849 section 3.4 and the header, one after the other, without any check.
    fn sign_by_hand(&self) -> String {
        let (base_url, query) = self.url.split_once('?').expect("the case has a query");
        let timestamp = self.timestamp.to_string();
        let protocol = [
            ("oauth_consumer_key", self.client_key.as_str()),
            ("oauth_token", &self.token),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &timestamp),
            ("oauth_nonce", &self.nonce),
            ("oauth_version", "1.0"),
        ];
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let form = self.form.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let encoded = |text| utf8_percent_encode(text, UNRESERVED).to_string();
        let pairs = query.chain(form).chain(protocol);
        let mut parameters: Vec<_> =
            pairs.map(|(name, value)| (encoded(name), encoded(value))).collect();
        parameters.sort_unstable();
        let mut base_string = String::with_capacity(2048);
        let (method, base_url) = (&self.method, utf8_percent_encode(base_url, UNRESERVED));
        let _ = write!(base_string, "{method}&{base_url}&");
        let mut separator = "";
        for (name, value) in &parameters {
            let value = utf8_percent_encode(value, UNRESERVED);
            let _ = write!(base_string, "{separator}{name}%3D{value}");
            separator = "%26";
        }
        let key = format!("{}&{}", encoded(&self.client_secret), encoded(&self.token_secret));
        let signature = STANDARD.encode(hmac(key.as_bytes(), &base_string));
        let mut header = String::with_capacity(512);
        header.push_str("OAuth ");
        for (name, value) in protocol {
            let _ = write!(header, "{name}=\"{}\", ", utf8_percent_encode(value, UNRESERVED));
        }
        let signature = utf8_percent_encode(&signature, UNRESERVED);
        let _ = write!(header, "oauth_signature=\"{signature}\"");
        header
    }

    fn private_key_der(&self) -> Vec<u8> {
        let lines: String =
            self.private_key.lines().filter(|line| !line.starts_with("--")).collect();
        STANDARD.decode(lines).expect("the key is a PEM")
    }
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn header(signed: Signed) -> String {
    match signed.carrier {
        Carrier::Authorization(value) => value,
        Carrier::Url(_) | Carrier::Form(_) => unreachable!("it was asked for in the header"),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = stdin().lock().lines();
    let case: Case = serde_json::from_str(&lines.next().ok_or("no case")??)?;
    let key = RsaPrivateKey::from_pem(&case.private_key, None)?;
    let aws_lc_key = KeyPair::from_pkcs8(&case.private_key_der())?;
    let url = case.url();
    let signed = case.sign(&url, SignatureMethod::HmacSha1, &key);
    let base_string = signed.base_string.clone();
    let header = header(signed);
    let is_same = |other: String| {
        let sorted = |header: &str| {
            let mut parts: Vec<_> = header["OAuth ".len()..].split(',').map(str::trim).collect();
            parts.sort_unstable();
            parts.join(",")
        };
        (sorted(&other) == sorted(&header)).then_some(()).ok_or(other)
    };
    is_same(case.sign_by_hand())?;
    is_same(case.sign_with_oauth1_request())?;
    writeln!(stdout(), "{header}")?;
    for line in lines {
        let line = line?;
        let (work, times) = line.split_once(' ').ok_or("expected a work and a number")?;
        let times = times.parse()?;
        let (took, allocations) = match work {
            "hmac-sha1" => measure(times, || case.sign(&url, SignatureMethod::HmacSha1, &key)),
            "url-and-hmac-sha1" => {
                measure(times, || case.sign(&case.url(), SignatureMethod::HmacSha1, &key))
            }
            "by-hand" => measure(times, || case.sign_by_hand()),
            "oauth1-request" => measure(times, || case.sign_with_oauth1_request()),
            "hmac-alone" => measure(times, || hmac(b"secret&secret", &base_string)),
            "rsa-sha1" => measure(times, || case.sign(&url, SignatureMethod::RsaSha1, &key)),
            "rsa-sha256" => measure(times, || case.sign(&url, SignatureMethod::RsaSha256, &key)),
            "aws-lc-rs" => measure(times, || {
                let mut signature = vec![0; aws_lc_key.public_modulus_len()];
                let (padding, random) = (&RSA_PKCS1_SHA256, SystemRandom::new());
                aws_lc_key.sign(padding, &random, base_string.as_bytes(), &mut signature)
            }),
            _ => return Err(format!("no work {work:?}").into()),
        };
        writeln!(stdout(), "{} {allocations}", took.as_nanos())?;
    }
    Ok(())
}

/// The part of signing that nobody can leave out.
fn hmac(key: &[u8], base_string: &str) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("any key is a key");
    mac.update(black_box(base_string).as_bytes());
    mac.finalize().into_bytes().into()
}

/// The CPU time of all, and the allocations of one.
fn measure<T>(times: u64, work: impl Fn() -> T) -> (Duration, u64) {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::try_from(time).expect("CPU time is not negative")
    };
    let (start, before) = (now(), ALLOCATIONS.load(Ordering::Relaxed));
    for _ in 0..times {
        black_box(work());
    }
    let took = now().checked_sub(start).expect("CPU time does not run backwards");
    (took, (ALLOCATIONS.load(Ordering::Relaxed) - before) / times)
}

/// The system's allocator, which counts: what Rust code asks for, not what C code does.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes on to the system's allocator as it came.
#[expect(unsafe_code, reason = "an allocator is what counts allocations")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on from the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on from the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on from the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}
