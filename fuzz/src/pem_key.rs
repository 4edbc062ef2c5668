//! A private key of RSA in PEM: a line with the passphrase, PEM.

use crate::said::{CANARY, assert_error_is_fit, with_canary};
use crate::split_line;
use evergrant::oauth1::{Credentials, Request, RsaPrivateKey, SignatureMethod, Stamp, sign};
use url::Url;

pub(crate) fn holds(input: &[u8]) {
    let (passphrase, pem) = split_line(input);
    let passphrase = passphrase.replace('$', CANARY);
    let passphrase = Some(passphrase.as_str()).filter(|passphrase| !passphrase.is_empty());
    let pem = with_canary(pem);
    let pem = String::from_utf8_lossy(&pem);
    match RsaPrivateKey::from_pem(&pem, passphrase) {
        Ok(key) => {
            assert_eq!(format!("{key:?}"), "[redacted]");
            let signature = signature(&key);
            let escaped = RsaPrivateKey::from_pem(&pem.replace('\n', "\\n"), passphrase);
            assert_eq!(
                self::signature(&escaped.expect("line breaks may be written so")),
                signature
            );
        }
        Err(error) => assert_error_is_fit(&error),
    }
}

fn signature(key: &RsaPrivateKey) -> String {
    let url = Url::parse("https://api.example/").expect("a URL");
    let stamp = Stamp { nonce: "n", timestamp: 1 };
    let credentials =
        Credentials { client_key: "c", client_secret: "", private_key: Some(key), token: None };
    let signed = sign(&Request::new("GET", &url), &credentials, &stamp, SignatureMethod::RsaSha1);
    match signed.expect("a key that is read can sign").carrier {
        evergrant::oauth1::Carrier::Authorization(header) => header,
        other => panic!("expected a header, got {other:?}"),
    }
}
