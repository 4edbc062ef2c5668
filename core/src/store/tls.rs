//! TLS to database servers: rustls with aws-lc-rs and the platform's certificate verifier, as everywhere here, or the
//! authorities that the address names. Nothing is installed process-wide.

use super::endpoint::Tls;
use crate::error::{Code, Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};
use rustls_platform_verifier::Verifier;
use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;
use std::{io, iter};

/// The reason of the error `store` where a server is there and cannot be talked to safely.
pub(super) const REASON: &str = "insecure";

/// What is told of a server that has no TLS where it must.
pub(super) const NOT_OFFERED: &str =
    "offers no TLS; expected it, off this host or as the address says";

/// How TLS is spoken on connections that are protected like this. `authorities`: as in an address.
pub(super) fn client_config(tls: Tls, authorities: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (tls, authorities) {
        (Tls::Unverified, _) => Arc::new(AnyServer(Arc::clone(&provider))),
        (_, None) => Arc::new(Verifier::new(Arc::clone(&provider)).map_err(trouble)?),
        (_, Some(file)) => trusting(file, &provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(trouble)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn trusting(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities(Some(file))?);
    WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
        .build()
        .map_err(trouble)
}

/// The authorities in a PEM file, or without one the platform's, so far as they can be used: at least one.
pub(super) fn authorities(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    let mut found = match file {
        Some(_) => load_certs_from_paths(file, None),
        None => load_native_certs(),
    };
    found.certs.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
    if !found.certs.is_empty() {
        return Ok(found.certs);
    }
    let place =
        file.map_or_else(|| "of this system".to_owned(), |file| format!("in {}", file.display()));
    let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
    Err(trouble(format!("there is no authority's certificate {place}{why}")))
}

fn trouble(what: impl std::fmt::Display) -> Error {
    let text = format!("cannot set up TLS to the token store: {what}");
    Error::new(Code::Store, text).with_reason(REASON)
}

/// What TLS has against a server, where that is why it cannot be talked to.
pub(super) fn refusal(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut causes = iter::successors(Some(error), |error| cause(*error));
    Some(match causes.find_map(|error| error.downcast_ref::<rustls::Error>())? {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "has a certificate that is signed by nobody who is trusted; expected an authority of this system, or one that \
             the address names"
                .to_owned()
        }
        rustls::Error::InvalidMessage(_) => "does not speak TLS".to_owned(),
        rustls::Error::InvalidCertificate(what) => format!("cannot be trusted: {what}"),
        told => format!("fails at TLS: {told}"),
    })
}

/// What is behind an error. An error of input and output does not count what it carries as its source.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|carried| carried as _),
        None => error.source(),
    }
}

/// Takes every certificate, for those whose address says so. The server still has to prove that it is the certificate's own.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
