//! Making an authenticated request (RFC 5849 section 3.1).

use super::authorization_header::AuthorizationHeader;
use super::base_string::base_string;
use super::parameters::Parameters;
use super::signature::{SignatureMethod, append_signature, key};
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
    /// Names and values, not encoded, of a body that is `application/x-www-form-urlencoded`; empty for
    /// every other body.
    pub form: &'a [(T, T)],
    /// Further protocol parameters for the header, such as `oauth_callback` or `oauth_verifier`.
    pub protocol_parameters: &'a [(&'a str, &'a str)],
    /// Sent in the header, not signed.
    pub realm: Option<&'a str>,
    /// Whether `oauth_version="1.0"` is sent; optional in the RFC, wanted by some servers.
    pub version: bool,
}

impl<'a> Request<'a> {
    /// A request without form, realm and further protocol parameters, with `oauth_version`.
    #[must_use]
    pub fn new(method: &'a str, url: &'a Url) -> Self {
        Request { method, url, form: &[], protocol_parameters: &[], realm: None, version: true }
    }
}

impl<'a, T: AsRef<str>> Request<'a, T> {
    /// The same request with a form as its body.
    #[must_use]
    pub fn with_form<F: AsRef<str>>(self, form: &'a [(F, F)]) -> Request<'a, F> {
        let Request { method, url, protocol_parameters, realm, version, form: _ } = self;
        Request { method, url, form, protocol_parameters, realm, version }
    }
}

/// Who signs: the client and, once there is one, the token.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// `oauth_consumer_key`.
    pub client_key: &'a str,
    /// The secret shared with it; may be empty.
    pub client_secret: &'a str,
    /// Temporary or token credentials: `oauth_token` and the secret shared with it.
    pub token: Option<(&'a str, &'a str)>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("client_key", &self.client_key)
            .field("client_secret", &format_args!("[redacted]"))
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
    /// Value of the `Authorization` header: `OAuth oauth_consumer_key="…", …`.
    pub authorization: String,
    /// What was signed; holds the token and all parameters, no shared secret.
    pub base_string: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("authorization", &format_args!("[redacted]"))
            .field("base_string", &format_args!("[redacted]"))
            .finish()
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
}

/// Signs a request with its parameters in the `Authorization` header.
pub fn sign<T: AsRef<str>>(
    request: &Request<'_, T>,
    credentials: &Credentials<'_>,
    stamp: &Stamp<'_>,
    signature_method: SignatureMethod,
) -> Result<Signed, SignError> {
    check(request)?;
    let timestamp = stamp.timestamp.to_string();
    let protocol =
        protocol_parameters(request, credentials, stamp.nonce, &timestamp, signature_method);
    let parameters = collect_parameters(request, &protocol)?;
    let base_string = base_string(request.method, request.url, &parameters);

    let (_, token_secret) = credentials.token.unwrap_or_default();
    let key = key(credentials.client_secret, token_secret);
    let mut header = AuthorizationHeader::new(request.realm, 1024);
    for (name, value) in protocol {
        header.push(name, value);
    }
    header.push_with("oauth_signature", |out| {
        append_signature(out, signature_method, &base_string, &key);
    });
    Ok(Signed { authorization: header.finish(), base_string })
}

fn check<T: AsRef<str>>(request: &Request<'_, T>) -> Result<(), SignError> {
    if !matches!(request.url.scheme(), "http" | "https") {
        return Err(SignError::Scheme(request.url.scheme().to_owned()));
    }
    let printable = |realm: &str| realm.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if request.realm.is_some_and(|realm| !printable(realm)) {
        return Err(SignError::Realm);
    }
    Ok(())
}

/// All that goes into the header but realm and signature, in the order of the RFC's examples.
fn protocol_parameters<'a, T: AsRef<str>>(
    request: &Request<'a, T>,
    credentials: &Credentials<'a>,
    nonce: &'a str,
    timestamp: &'a str,
    signature_method: SignatureMethod,
) -> Vec<(&'a str, &'a str)> {
    let mut protocol = Vec::with_capacity(6 + request.protocol_parameters.len());
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
    let form = || request.form.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let form_length: usize = form().map(|(name, value)| name.len() + value.len()).sum();
    let protocol_length: usize =
        protocol.iter().map(|(name, value)| name.len() + value.len()).sum();
    let count = protocol.len() + request.form.len() + query.len() / 8;

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

    fn signature(signed: &Signed) -> &str {
        let (_, signature) = signed.authorization.split_once("oauth_signature=\"").unwrap();
        signature.strip_suffix('"').unwrap()
    }

    const STAMP: Stamp<'_> = Stamp { nonce: "7d8f3e4a", timestamp: 137_131_201 };
    const RFC_CREDENTIALS: Credentials<'_> = Credentials {
        client_key: "9djdj82h48djs9d2",
        client_secret: "j49sk3j29djd",
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
    fn base_string_is_that_of_rfc_5849_section_3_4_1_1() {
        let url = url("http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
        let request =
            Request { version: false, realm: Some("Example"), ..Request::new("post", &url) };
        let request = request.with_form(&[("c2", ""), ("a3", "2 q")]);
        let signed = sign(&request, &RFC_CREDENTIALS, &STAMP, SignatureMethod::HmacSha1).unwrap();
        assert_eq!(
            signed.base_string,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q\
             %26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_\
             key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m\
             ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk\
             9d7dh3k39sjv7"
        );
        // The RFC prints another signature; erratum 2550 gives this one for its secrets.
        assert_eq!(signature(&signed), "r6%2FTJjbCOr97%2F%2BUU0NsvSne7s5g%3D");
    }

    #[test]
    fn signatures_are_those_of_rfc_5849_section_1_2() {
        let sign_as = |request: Request<'_>, token, nonce, timestamp| {
            let request = Request { version: false, realm: Some("Photos"), ..request };
            let credentials = Credentials {
                client_key: "dpf43f3p2l4k3l03",
                client_secret: "kd94hf93k423kf44",
                token,
            };
            let stamp = Stamp { nonce, timestamp };
            sign(&request, &credentials, &stamp, SignatureMethod::HmacSha1).unwrap()
        };

        let initiate = url("https://photos.example.net/initiate");
        let temporary = sign_as(
            Request {
                protocol_parameters: &[("oauth_callback", "http://printer.example.com/ready")],
                ..Request::new("POST", &initiate)
            },
            None,
            "wIjqoS",
            137_131_200,
        );
        assert_eq!(
            temporary.authorization,
            "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", \
             oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"137131200\", \
             oauth_nonce=\"wIjqoS\", \
             oauth_callback=\"http%3A%2F%2Fprinter.example.com%2Fready\", \
             oauth_signature=\"74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D\""
        );

        let token = url("https://photos.example.net/token");
        let token = sign_as(
            Request {
                protocol_parameters: &[("oauth_verifier", "hfdp7dh39dks9884")],
                ..Request::new("POST", &token)
            },
            Some(("hh5s93j4hdidpola", "hdhd0244k9j7ao03")),
            "walatlh",
            137_131_201,
        );
        assert_eq!(signature(&token), "gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D");

        let photos = url("http://photos.example.net/photos?file=vacation.jpg&size=original");
        let photos = sign_as(
            Request::new("GET", &photos),
            Some(("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")),
            "chapoH",
            137_131_202,
        );
        assert_eq!(signature(&photos), "MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D");
    }

    #[test]
    fn signature_is_that_of_twitters_published_example() {
        let url = url("https://api.twitter.com/1/statuses/update.json?include_entities=true");
        let form = [("status", "Hello Ladies + Gentlemen, a signed OAuth request!")];
        let signed = sign(
            &Request::new("POST", &url).with_form(&form),
            &Credentials {
                client_key: "xvz1evFS4wEEPTGEFPHBog",
                client_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
                token: Some((
                    "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
                    "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
                )),
            },
            &Stamp {
                nonce: "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
                timestamp: 1_318_622_958,
            },
            SignatureMethod::HmacSha1,
        )
        .unwrap();
        assert_eq!(signature(&signed), "tnnArxj06cWHq44gCs1OSKk%2FjLY%3D");
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
        assert!(with.authorization.starts_with(r#"OAuth realm="a \"b\" \\ c", oauth_consumer"#));
        assert_eq!(signature(&with), signature(&without));
    }

    #[test]
    fn debug_shows_no_secret() {
        let url = url("http://a/");
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
