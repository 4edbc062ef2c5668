//! A request to sign: a line with method, signature method and place of the parameters, one each with URL, realm, further protocol
//! parameters and form, the last two form-encoded. What is signed is held against RFC 5849 section 3.4.1, written down plainly.

use crate::said::CANARY;
use evergrant::oauth1::{
    Body, Carrier, Credentials, ParametersIn, Request, SignatureMethod, Signed, Stamp, sign,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use url::{Url, form_urlencoded};

type Pairs = Vec<(String, String)>;

const STAMP: Stamp<'_> = Stamp { nonce: "7d8f3e4a", timestamp: 137_131_201 };
const CREDENTIALS: Credentials<'_> = Credentials {
    client_key: "9djdj82h48djs9d2",
    client_secret: CANARY,
    private_key: None,
    token: Some(("kkk9d7dh3k39sjv7", CANARY)),
};

pub(crate) fn holds(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(5, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let how: Vec<&str> = line().split(' ').collect();
    let Ok(url) = Url::parse(line()) else { return };
    let realm = Some(line()).filter(|realm| !realm.is_empty());
    let (more, form) = (pairs(line()), pairs(line()));

    let signature_method = how.get(1).and_then(|name| SignatureMethod::from_name(name));
    let signature_method = signature_method.unwrap_or_default();
    let parameters_in = match how.get(2) {
        Some(&"body") => ParametersIn::Body,
        Some(&"query") => ParametersIn::Query,
        _ => ParametersIn::Header,
    };
    let protocol_parameters: Vec<_> =
        more.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Request {
        parameters_in,
        realm,
        protocol_parameters: &protocol_parameters,
        ..Request::new(how[0], &url)
    };
    let body = if form.is_empty() { Body::Unsigned } else { Body::Form(&form) };
    match sign(&request.with_body(body), &CREDENTIALS, &STAMP, signature_method) {
        Ok(signed) => {
            let protocol = protocol(signature_method, &more);
            assert_eq!(signed.base_string, base_string(how[0], &url, &protocol, &form));
            assert!(!signed.base_string.contains(CANARY));
            assert_carries(&signed, &url, &protocol, &form);
        }
        Err(error) => assert!(!error.to_string().contains(CANARY)),
    }
}

fn pairs(form: &str) -> Pairs {
    form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

/// Section 3.1, without the signature.
fn protocol(signature_method: SignatureMethod, more: &Pairs) -> Pairs {
    let own = [
        ("oauth_consumer_key", CREDENTIALS.client_key),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", signature_method.as_str()),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", STAMP.nonce),
        ("oauth_version", "1.0"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.into_iter().chain(more.iter().cloned()).collect()
}

/// Section 3.6.
fn encode(text: &[u8]) -> String {
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encode(text, RESERVED).to_string()
}

/// Section 3.4.1.
fn base_string(method: &str, url: &Url, protocol: &Pairs, form: &Pairs) -> String {
    let mut parameters: Vec<(String, String)> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .map(|(name, value)| (reencode(name), reencode(value)))
        .collect();
    let rest = protocol.iter().chain(form);
    parameters
        .extend(rest.map(|(name, value)| (encode(name.as_bytes()), encode(value.as_bytes()))));
    parameters.sort();
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = url.host_str().expect("an http URL has a host");
    let uri = format!("{}://{host}{port}{}", url.scheme(), url.path());
    [method.to_ascii_uppercase(), uri, parameters.join("&")]
        .map(|part| encode(part.as_bytes()))
        .join("&")
}

/// A piece of a query, which is encoded as a form, encoded as section 3.6 says.
fn reencode(piece: &str) -> String {
    let spaced = piece.replace('+', " ");
    encode(&percent_decode(spaced.as_bytes()).collect::<Vec<_>>())
}

/// Whoever reads the request finds every parameter, and only these.
fn assert_carries(signed: &Signed, url: &Url, protocol: &Pairs, form: &Pairs) {
    let found = match &signed.carrier {
        Carrier::Authorization(header) => {
            assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header:?}");
            for (name, value) in protocol {
                let (name, value) = (encode(name.as_bytes()), encode(value.as_bytes()));
                assert!(header.contains(&format!("{name}=\"{value}\"")), "{header}");
            }
            return;
        }
        Carrier::Form(body) => pairs(body),
        Carrier::Url(carrier) => {
            assert_eq!(carrier.path(), url.path());
            pairs(carrier.query().expect("it carries the parameters"))
        }
    };
    let query = pairs(url.query().unwrap_or_default());
    let before = if matches!(signed.carrier, Carrier::Form(_)) { form } else { &query };
    let (before_them, own) = found.split_at(before.len());
    assert_eq!(before_them, &before[..]);
    let ([own @ .., (name, signature)], count) = (own, own.len()) else { panic!("no signature") };
    assert_eq!((own, count), (&protocol[..], protocol.len() + 1));
    assert!(name == "oauth_signature" && !signature.is_empty());
}
