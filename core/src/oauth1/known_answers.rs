//! What others have published, in `known_answers.toml`, against what is signed here.

use super::rsa::tests::wiki_key;
use super::{Body, Carrier, Credentials, Request, SignatureMethod, Stamp, sign};
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Answers {
    answer: Vec<Answer>,
}

type Pair = (String, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    source: String,
    method: String,
    url: String,
    form: Option<Vec<Pair>>,
    body: Option<String>,
    client: Pair,
    token: Option<Pair>,
    #[serde(default)]
    protocol_parameters: Vec<Pair>,
    realm: Option<String>,
    #[serde(default)]
    signature_method: SignatureMethod,
    nonce: String,
    timestamp: u64,
    #[serde(default = "yes")]
    version: bool,
    base_string: Option<String>,
    signature: Option<String>,
    authorization: Option<String>,
}

fn yes() -> bool {
    true
}

fn borrowed((first, second): &Pair) -> (&str, &str) {
    (first, second)
}

impl Answer {
    fn check(&self) {
        let key = self.signature_method.needs_private_key().then(wiki_key);
        let parameters: Vec<_> = self.protocol_parameters.iter().map(borrowed).collect();
        let url = Url::parse(&self.url).unwrap();
        let request = Request {
            protocol_parameters: &parameters,
            realm: self.realm.as_deref(),
            version: self.version,
            ..Request::new(&self.method, &url)
        };
        let body = match (&self.form, &self.body) {
            (Some(form), _) => Body::Form(form),
            (None, Some(body)) => Body::Hashed(body.as_bytes()),
            (None, None) => Body::Unsigned,
        };
        let credentials = Credentials {
            client_key: &self.client.0,
            client_secret: &self.client.1,
            private_key: key.as_ref(),
            token: self.token.as_ref().map(borrowed),
        };
        let stamp = Stamp { nonce: &self.nonce, timestamp: self.timestamp };
        let signed =
            sign(&request.with_body(body), &credentials, &stamp, self.signature_method).unwrap();

        let Carrier::Authorization(value) = &signed.carrier else { panic!("{}", self.source) };
        let (_, signature) = value.split_once("oauth_signature=\"").unwrap();
        let signature = super::encoding::decode(signature.strip_suffix('"').unwrap());
        let is = |expected: &Option<String>, got: &str| {
            if let Some(expected) = expected {
                assert_eq!(got, expected, "{}", self.source);
            }
        };
        is(&self.base_string, &signed.base_string);
        is(&self.signature, &signature);
        is(&self.authorization, value);
    }
}

#[test]
fn published_requests_get_their_published_base_strings_and_signatures() {
    let answers: Answers = toml::from_str(include_str!("known_answers.toml")).unwrap();
    assert_eq!(answers.answer.len(), 10);
    answers.answer.iter().for_each(Answer::check);
}
