//! HTTP: what may be asked at all (`policy`), and asking (`client`).

mod client;
mod client_certificate;
mod policy;

pub(crate) use client::{
    Body, HttpClient, HttpRequest, HttpResponse, LEAST_TIME, MutualTls, Reach, Sent,
};
pub(crate) use client_certificate::ClientCertificate;
pub(crate) use policy::{
    check_followed, check_public, check_url, domain_of, is_among, same_origin,
};
