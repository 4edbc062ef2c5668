//! Making an authenticated request (RFC 5849 section 3.1).

use super::base_string::base_string;
use super::parameters::Parameters;
use super::rsa::RsaPrivateKey;
use super::signature::{SignatureMethod, append_signature, body_hash};
use super::transmission::{ParameterList, ParametersIn};
use crate::loopback::is_loopback;
use std::fmt;
use thiserror::Error;
use url::Url;

/// What is signed.
#[derive(Clone, Copy)]
pub struct Request<'a, T: AsRef<str> = &'a str> {
    /// HTTP method; any case.
    pub method: &'a str,
    /// `http` or `https`; its query is signed as it stands.
    pub url: &'a Url,
    /// What of the body is signed.
    pub body: Body<'a, T>,
    /// Further protocol parameters, such as `oauth_callback`, `oauth_verifier` or, of a two-legged
    /// request, `xoauth_requestor_id`.
    pub protocol_parameters: &'a [(&'a str, &'a str)],
    /// Where the protocol parameters go.
    pub parameters_in: ParametersIn,
    /// Sent in the header, not signed.
    pub realm: Option<&'a str>,
    /// Whether `oauth_version="1.0"` is sent; optional in the RFC, wanted by some servers.
    pub version: bool,
}

/// What of a request's body is signed.
#[derive(Clone, Copy)]
pub enum Body<'a, T: AsRef<str> = &'a str> {
    /// Nothing: there is none, or it is of another media type and the server knows no `oauth_body_hash`.
    Unsigned,
    /// Names and values, not encoded, of one that is `application/x-www-form-urlencoded`.
    Form(&'a [(T, T)]),
    /// All of one that is of another media type, or empty, by `oauth_body_hash` (the extension "OAuth Request
    /// Body Hash").
    Hashed(&'a [u8]),
}

impl<'a> Request<'a> {
    /// A request without body, realm and further protocol parameters, with `oauth_version`; signed in the
    /// header.
    #[must_use]
    pub fn new(method: &'a str, url: &'a Url) -> Self {
        Request {
            method,
            url,
            body: Body::Unsigned,
            protocol_parameters: &[],
            parameters_in: ParametersIn::Header,
            realm: None,
            version: true,
        }
    }
}

impl<'a, T: AsRef<str>> Request<'a, T> {
    /// The same request with another body.
    #[must_use]
    pub fn with_body<F: AsRef<str>>(self, body: Body<'a, F>) -> Request<'a, F> {
        let Request { method, url, protocol_parameters, parameters_in, realm, version, body: _ } =
            self;
        Request { method, url, body, protocol_parameters, parameters_in, realm, version }
    }

    /// The same request with a form as its body.
    #[must_use]
    pub fn with_form<F: AsRef<str>>(self, form: &'a [(F, F)]) -> Request<'a, F> {
        self.with_body(Body::Form(form))
    }

    fn form(&self) -> &'a [(T, T)] {
        if let Body::Form(form) = self.body { form } else { &[] }
    }
}

/// Who signs: the client and, once there is one, the token.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// `oauth_consumer_key`.
    pub client_key: &'a str,
    /// The secret shared with it; may be empty.
    pub client_secret: &'a str,
    /// What signs with one of the RSA methods, in place of both secrets.
    pub private_key: Option<&'a RsaPrivateKey>,
    /// Temporary or token credentials: `oauth_token` and the secret shared with it. A two-legged request has
    /// none, or, for servers that want it so, an empty token with an empty secret.
    pub token: Option<(&'a str, &'a str)>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client_key", &self.client_key)
            .field("client_secret", &format_args!("[redacted]"))
            .field("private_key", &self.private_key)
            .field("token", &self.token.map(|_| format_args!("[redacted]")))
            .finish()
    }
}

/// What makes a request unique (RFC 5849 section 3.3).
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Never used before with the same timestamp and token.
    pub nonce: &'a str,
    /// Unix time in seconds, by the server's clock.
    pub timestamp: u64,
}

/// A signed request.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// What carries the protocol parameters.
    pub carrier: Carrier,
    /// What was signed; holds the token and all parameters, no shared secret.
    pub base_string: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signed([redacted])")
    }
}

/// The part of a request that carries the protocol parameters, whole.
#[derive(Clone, PartialEq, Eq)]
pub enum Carrier {
    /// Value of the `Authorization` header: `OAuth oauth_consumer_key="…", …`.
    Authorization(String),
    /// The URL to send the request to.
    Url(Url),
    /// The body, of type `application/x-www-form-urlencoded`.
    Form(String),
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Carrier::Authorization(_) => "Authorization([redacted])",
            Carrier::Url(_) => "Url([redacted])",
            Carrier::Form(_) => "Form([redacted])",
        })
    }
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// Only these schemes have a base string URI.
    #[error("the URL to sign has the scheme `{0}`; expected http or https")]
    Scheme(String),
    /// A protocol parameter stands in query, form or header twice (RFC 5849 section 3.1).
    #[error(
        "`{0}` is among the query, form or extra protocol parameters; expected it only where \
         signing puts it, once (RFC 5849 section 3.1)"
    )]
    RepeatedProtocolParameter(String),
    /// The realm cannot be written as a quoted string.
    #[error("the realm has a character that no header may carry; expected printable ASCII")]
    Realm,
    /// Only the header has a place for a realm (RFC 5849 section 3.5.1).
    #[error("a realm is given, but the parameters do not go into the header; expected no realm")]
    RealmOutsideHeader,
    /// PLAINTEXT shows the secrets to whoever sees the request (RFC 5849 section 3.4.4).
    #[error(
        "PLAINTEXT sends the secrets themselves, and the URL is http; expected https, or a loopback \
         address"
    )]
    PlaintextWithoutTls,
    /// There is nothing to sign with.
    #[error("{0} signs with a private key, and there is none; expected an RSA key")]
    NoPrivateKey(SignatureMethod),
    /// The key cannot do it.
    #[error("the private key cannot sign with {0}; expected a sound RSA key that is long enough")]
    PrivateKey(SignatureMethod),
}

/// Signs a request.
pub fn sign<T: AsRef<str>>(
    request: &Request<'_, T>,
    credentials: &Credentials<'_>,
    stamp: &Stamp<'_>,
    signature_method: SignatureMethod,
) -> Result<Signed, SignError> {
    check(request, signature_method)?;
    let timestamp = stamp.timestamp.to_string();
    let body_hash = match request.body {
        Body::Hashed(body) => body_hash(signature_method, body),
        Body::Unsigned | Body::Form(_) => None,
    };
    let mut protocol =
        protocol_parameters(request, credentials, stamp.nonce, &timestamp, signature_method);
    protocol.extend(body_hash.as_deref().map(|hash| ("oauth_body_hash", hash)));
    let parameters = collect_parameters(request, &protocol)?;
    let base_string = base_string(request.method, request.url, &parameters);
    let append = |mut list: ParameterList| {
        for (name, value) in &protocol {
            list.push(name, value);
        }
        list.push_with("oauth_signature", |out| {
            append_signature(out, signature_method, &base_string, credentials)
        })?;
        Ok(list.finish())
    };
    let carrier = match (request.parameters_in, &request.body) {
        (ParametersIn::Header, _) => {
            Carrier::Authorization(append(ParameterList::header(request.realm, ROOM))?)
        }
        (ParametersIn::Body, Body::Form(form)) => {
            let mut list = ParameterList::form(ROOM);
            for (name, value) in *form {
                list.push(name.as_ref(), value.as_ref());
            }
            Carrier::Form(append(list)?)
        }
        (ParametersIn::Body | ParametersIn::Query, _) => {
            Carrier::Url(with_query(request.url, append(ParameterList::form(ROOM))?))
        }
    };
    Ok(Signed { carrier, base_string })
}

/// What most carriers have room in.
const ROOM: usize = 1024;

/// The URL with `parameters` behind those that it has.
fn with_query(url: &Url, parameters: String) -> Url {
    let query = match url.query() {
        None | Some("") => parameters,
        Some(query) => format!("{query}&{parameters}"),
    };
    let mut url = url.clone();
    url.set_query(Some(&query));
    url
}

fn check<T: AsRef<str>>(
    request: &Request<'_, T>,
    signature_method: SignatureMethod,
) -> Result<(), SignError> {
    let scheme = request.url.scheme();
    if !matches!(scheme, "http" | "https") {
        return Err(SignError::Scheme(scheme.to_owned()));
    }
    if signature_method == SignatureMethod::Plaintext
        && scheme == "http"
        && !is_loopback(request.url)
    {
        return Err(SignError::PlaintextWithoutTls);
    }
    let printable = |realm: &str| realm.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match request.realm {
        Some(_) if request.parameters_in != ParametersIn::Header => {
            Err(SignError::RealmOutsideHeader)
        }
        Some(realm) if !printable(realm) => Err(SignError::Realm),
        _ => Ok(()),
    }
}

/// All of them but realm, body hash and signature, in the order of the RFC's examples.
fn protocol_parameters<'a, T: AsRef<str>>(
    request: &Request<'a, T>,
    credentials: &Credentials<'a>,
    nonce: &'a str,
    timestamp: &'a str,
    signature_method: SignatureMethod,
) -> Vec<(&'a str, &'a str)> {
    let mut protocol = Vec::with_capacity(7 + request.protocol_parameters.len());
    protocol.push(("oauth_consumer_key", credentials.client_key));
    protocol.extend(credentials.token.map(|(token, _)| ("oauth_token", token)));
    protocol.push(("oauth_signature_method", signature_method.as_str()));
    protocol.push(("oauth_timestamp", timestamp));
    protocol.push(("oauth_nonce", nonce));
    protocol.extend(request.version.then_some(("oauth_version", "1.0")));
    protocol.extend_from_slice(request.protocol_parameters);
    protocol
}

/// Section 3.4.1.3.1: what query, header and form hold, sorted.
fn collect_parameters<T: AsRef<str>>(
    request: &Request<'_, T>,
    protocol: &[(&str, &str)],
) -> Result<Parameters, SignError> {
    let query = request.url.query().unwrap_or_default();
    let form = || request.form().iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let form_length: usize = form().map(|(name, value)| name.len() + value.len()).sum();
    let protocol_length: usize =
        protocol.iter().map(|(name, value)| name.len() + value.len()).sum();
    let count = protocol.len() + request.form().len() + query.len() / 8;

    let mut parameters =
        Parameters::with_room_for(query.len() + form_length + protocol_length, count);
    parameters.push_query(query);
    for (name, value) in protocol.iter().copied().chain(form()) {
        parameters.push(name, value);
    }
    parameters.sort();
    match parameters.misplaced_protocol_parameter() {
        Some(name) => Err(SignError::RepeatedProtocolParameter(name)),
        None => Ok(parameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn header(signed: &Signed) -> &str {
        match &signed.carrier {
            Carrier::Authorization(value) => value,
            other => panic!("expected a header, got {other:?}"),
        }
    }

    fn signature(signed: &Signed) -> &str {
        let (_, signature) = header(signed).split_once("oauth_signature=\"").unwrap();
        signature.strip_suffix('"').unwrap()
    }

    const STAMP: Stamp<'_> = Stamp { nonce: "7d8f3e4a", timestamp: 137_131_201 };
    const RFC_CREDENTIALS: Credentials<'_> = Credentials {
        client_key: "9djdj82h48djs9d2",
        client_secret: "j49sk3j29djd",
        private_key: None,
        token: Some(("kkk9d7dh3k39sjv7", "dh893hdasih9")),
    };

    fn base_string_of(text: &str) -> String {
        let url = url(text);
        let request = Request { version: false, ..Request::new("GET", &url) };
        sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha1).unwrap().base_string
    }

    /// The part of the base string between the two `&`: the base string URI, decoded.
    fn base_string_uri_of(text: &str) -> String {
        super::super::encoding::decode(base_string_of(text).split('&').nth(1).unwrap())
    }

    #[test]
    fn plaintext_sends_both_encoded_secrets_encoded_again() {
        let url = url("https://example.com/");
        let credentials = Credentials { client_secret: "a&b", token: None, ..RFC_CREDENTIALS };
        let signed =
            sign(&Request::new("GET", &url), &credentials, &STAMP, SignatureMethod::Plaintext);
        assert_eq!(signature(&signed.unwrap()), "a%2526b%26");
    }

    #[test]
    fn base_string_uri_has_lower_case_host_and_no_default_port() {
        assert_eq!(
            base_string_uri_of("HTTP://EXAMPLE.COM:80/r%20v/X?id=123#part"),
            "http://example.com/r%20v/X"
        );
        assert_eq!(base_string_uri_of("https://www.example.net:443"), "https://www.example.net/");
        assert_eq!(
            base_string_uri_of("https://www.example.net:8080/?q=1"),
            "https://www.example.net:8080/"
        );
        assert_eq!(base_string_uri_of("http://example.com:443/"), "http://example.com:443/");
        assert_eq!(base_string_uri_of("http://[::1]:8080/a//b/"), "http://[::1]:8080/a//b/");
    }

    #[test]
    fn query_without_equals_is_a_name_with_an_empty_value() {
        assert_eq!(base_string_of("http://a/?flag&&x"), base_string_of("http://a/?x=&flag="));
    }

    #[test]
    fn plus_and_percent_20_in_a_query_are_the_same_space() {
        assert_eq!(base_string_of("http://a/?q=a+b"), base_string_of("http://a/?q=a%20b"));
        assert_ne!(base_string_of("http://a/?q=a+b"), base_string_of("http://a/?q=a%2bb"));
    }

    #[test]
    fn protocol_parameter_outside_its_place_is_refused() {
        let refused = |text: &str, protocol_parameters: &[(&str, &str)]| {
            let url = url(text);
            let request = Request { protocol_parameters, ..Request::new("GET", &url) };
            sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha1).unwrap_err()
        };
        let repeated = |name: &str| SignError::RepeatedProtocolParameter(name.to_owned());
        assert_eq!(refused("http://a/?oauth_token=x", &[]), repeated("oauth_token"));
        assert_eq!(refused("http://a/?oauth%5Fsignature=x", &[]), repeated("oauth_signature"));
        assert_eq!(refused("http://a/", &[("oauth_nonce", "x")]), repeated("oauth_nonce"));
    }

    #[test]
    fn url_without_base_string_uri_and_unprintable_realm_are_refused() {
        let refused = |text: &str, realm| {
            let url = url(text);
            let request = Request { realm, ..Request::new("GET", &url) };
            sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha1).unwrap_err()
        };
        assert_eq!(refused("ftp://example.com/", None), SignError::Scheme("ftp".to_owned()));
        assert_eq!(refused("http://a/", Some("a\r\nX: b")), SignError::Realm);
    }

    #[test]
    fn realm_is_a_quoted_string_and_not_signed() {
        let url = url("http://a/");
        let with = Request { realm: Some(r#"a "b" \ c"#), ..Request::new("GET", &url) };
        let without = Request::new("GET", &url);
        let sign = |request| sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha1);
        let (with, without) = (sign(with).unwrap(), sign(without).unwrap());
        assert!(header(&with).starts_with(r#"OAuth realm="a \"b\" \\ c", oauth_consumer"#));
        assert_eq!(signature(&with), signature(&without));
    }

    #[test]
    fn security_22_plaintext_goes_over_tls_or_to_this_machine_only() {
        let sign_at = |text: &str| {
            let url = url(text);
            let request = Request::new("GET", &url);
            sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::Plaintext)
        };
        for text in ["https://a/", "http://127.0.0.1:80/", "http://[::1]/", "http://localhost/"] {
            assert!(sign_at(text).is_ok(), "{text}");
        }
        for text in ["http://a/", "http://127.0.0.1.example/"] {
            assert_eq!(sign_at(text).unwrap_err(), SignError::PlaintextWithoutTls);
        }
    }

    #[test]
    fn rsa_needs_a_private_key() {
        let url = url("https://a/");
        let signed =
            sign(&Request::new("GET", &url), &RFC_CREDENTIALS, &STAMP, SignatureMethod::RsaSha256);
        assert_eq!(signed.unwrap_err(), SignError::NoPrivateKey(SignatureMethod::RsaSha256));
    }

    #[test]
    fn parameters_go_where_they_are_wanted_under_one_signature() {
        let url = url("http://a/p?q=1+2");
        let form = [("f", "3 4")];
        let sign_in = |parameters_in, body| {
            let request = Request { parameters_in, version: false, ..Request::new("POST", &url) };
            let request = request.with_body(body);
            sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha1).unwrap()
        };
        let sent = "oauth_consumer_key=9djdj82h48djs9d2&oauth_token=kkk9d7dh3k39sjv7\
            &oauth_signature_method=HMAC-SHA1&oauth_timestamp=137131201&oauth_nonce=7d8f3e4a&oauth_signature=";

        let header = sign_in(ParametersIn::Header, Body::Form(&form));
        let in_body = sign_in(ParametersIn::Body, Body::Form(&form));
        let in_query = sign_in(ParametersIn::Query, Body::Form(&form));
        assert_eq!(header.base_string, in_body.base_string);
        assert_eq!(header.base_string, in_query.base_string);
        let signature = signature(&header);
        assert_eq!(in_body.carrier, Carrier::Form(format!("f=3%204&{sent}{signature}")));
        let query = format!("http://a/p?q=1+2&{sent}{signature}");
        assert_eq!(in_query.carrier, Carrier::Url(Url::parse(&query).unwrap()));

        let without_form = sign_in(ParametersIn::Body, Body::Unsigned);
        assert!(matches!(&without_form.carrier, Carrier::Url(url) if url.as_str().contains(sent)));
        let empty_form = sign_in(ParametersIn::Body, Body::Form(&[]));
        assert!(matches!(&empty_form.carrier, Carrier::Form(form) if form.starts_with(sent)));
    }

    #[test]
    fn body_hash_is_by_the_hash_of_the_method_and_signed() {
        let url = url("https://a/");
        let signed = |method| {
            let request =
                Request::new("PUT", &url).with_body::<&str>(Body::Hashed(b"Hello World!"));
            sign(&request, &RFC_CREDENTIALS, &STAMP, method).unwrap()
        };
        let sha256 = "f4OxZX%2Fx%2FFO5LcGBSKHWXfwtSx%2Bj1ncoSt3SABJtkGk%3D";
        let with_sha256 = signed(SignatureMethod::HmacSha256);
        assert!(header(&with_sha256).contains(&format!("oauth_body_hash=\"{sha256}\"")));
        assert!(with_sha256.base_string.contains(&sha256.replace('%', "%25")));
        let plaintext = signed(SignatureMethod::Plaintext);
        assert!(!header(&plaintext).contains("oauth_body_hash"));
    }

    #[test]
    fn two_legged_request_has_no_token_or_an_empty_one() {
        let url = url("https://a/feed?xoauth_requestor_id=alice%40example.com");
        let signed = |token| {
            let credentials = Credentials { token, ..RFC_CREDENTIALS };
            let request = Request::new("GET", &url);
            sign(&request, &credentials, &STAMP, SignatureMethod::HmacSha1).unwrap()
        };
        let without = signed(None);
        assert!(!header(&without).contains("oauth_token"));
        assert!(without.base_string.ends_with("%26xoauth_requestor_id%3Dalice%2540example.com"));
        let empty = signed(Some(("", "")));
        assert!(header(&empty).contains("oauth_token=\"\""));
        assert!(empty.base_string.contains("%26oauth_token%3D%26"));

        let url = Url::parse("https://a/feed").unwrap();
        let request = Request {
            protocol_parameters: &[("xoauth_requestor_id", "alice@example.com")],
            ..Request::new("GET", &url)
        };
        let credentials = Credentials { token: None, ..RFC_CREDENTIALS };
        let in_header = sign(&request, &credentials, &STAMP, SignatureMethod::HmacSha1).unwrap();
        assert!(header(&in_header).contains("xoauth_requestor_id=\"alice%40example.com\""));
        assert_eq!(in_header.base_string, without.base_string);
    }

    #[test]
    fn realm_is_refused_where_it_has_no_place() {
        let url = url("https://a/");
        let parameters_in = ParametersIn::Query;
        let request = Request { parameters_in, realm: Some("r"), ..Request::new("GET", &url) };
        let signed = sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha1);
        assert_eq!(signed.unwrap_err(), SignError::RealmOutsideHeader);
    }

    #[test]
    fn debug_shows_no_secret() {
        let url = url("https://a/");
        let signed =
            sign(&Request::new("GET", &url), &RFC_CREDENTIALS, &STAMP, SignatureMethod::Plaintext);
        let shown = format!("{:?} {RFC_CREDENTIALS:?}", signed.unwrap());
        for secret in ["j49sk3j29djd", "kkk9d7dh3k39sjv7", "dh893hdasih9"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    /// The RFC's own steps, one after the other, on owned text.
    mod reference {
        pub(super) fn percent_encode(text: &str) -> String {
            text.bytes().fold(String::new(), |out, byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out + &char::from(byte).to_string()
                }
                _ => out + &format!("%{byte:02X}"),
            })
        }

        pub(super) fn normalize(parameters: &[(String, String)]) -> String {
            let mut encoded: Vec<_> = parameters
                .iter()
                .map(|(name, value)| (percent_encode(name), percent_encode(value)))
                .collect();
            encoded.sort();
            let pairs: Vec<_> =
                encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join("&")
        }
    }

    fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
        let text = prop_oneof!["[a-c%+& =~.-]{0,3}", ".{0,6}", "[a-z]{10,40}", ".{10,40}"];
        prop::collection::vec((text.clone(), text), 0..8)
    }

    proptest! {
        #[test]
        fn base_string_is_what_the_steps_of_the_rfc_give(query in pairs(), form in pairs()) {
            let mut url = url("https://example.com:8443/a%20path/");
            url.query_pairs_mut().extend_pairs(&query);
            let request = Request { version: false, ..Request::new("PUT", &url) }.with_form(&form);
            let signed =
                sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha256).unwrap();

            let protocol = [
                ("oauth_consumer_key", "9djdj82h48djs9d2"),
                ("oauth_token", "kkk9d7dh3k39sjv7"),
                ("oauth_signature_method", "HMAC-SHA256"),
                ("oauth_timestamp", "137131201"),
                ("oauth_nonce", "7d8f3e4a"),
            ];
            let protocol = protocol.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let all = [&protocol[..], &query, &form].concat();
            let expected = format!(
                "PUT&https%3A%2F%2Fexample.com%3A8443%2Fa%2520path%2F&{}",
                reference::percent_encode(&reference::normalize(&all))
            );
            prop_assert_eq!(signed.base_string, expected);
        }
    }
}
