//! HTTP: what may be asked at all (`policy`), and asking (`client`).

mod client;
mod policy;

pub(crate) use client::{Body, HttpClient, HttpRequest, HttpResponse, Sent};
pub(crate) use policy::{check_followed, check_url, same_origin};
