//! Calls an API for two users who consented earlier, about 20 times a second each.
//!
//! ```sh
//! evergrant-demo PROVIDER STORE SECONDS
//! ```

use evergrant::{ApiRequest, Client, Config, Grant};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [provider, store, seconds] = arguments.as_slice() else {
        return Err("expected PROVIDER STORE SECONDS".into());
    };
    let oauth2 = Client::open(Config::from_toml(&format!(
        r#"
        provider      = "{provider}"
        client_id     = "sandbox-client"
        client_secret = "sandbox-secret"
        store         = "{store}"
        user_agent    = "demo-rust"
        "#
    ))?)?;
    let oauth1 = Client::open(Config::from_toml(&format!(
        r#"
        client_id     = "sandbox-consumer"
        client_secret = "sandbox-consumer-secret"
        store         = "{store}"

        [provider]
        protocol                      = "oauth1"
        temporary_credential_endpoint = "{provider}/oauth1/request_token"
        authorization_endpoint        = "{provider}/oauth1/authorize"
        token_endpoint                = "{provider}/oauth1/access_token"
        "#
    ))?)?;

    let users = [oauth2.grant("alice"), oauth1.grant("bob")];
    let end = Instant::now() + Duration::from_secs_f64(seconds.parse()?);
    while Instant::now() < end {
        for user in &users {
            call(user, format!("{provider}/api/me")).await?;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    oauth2.close().await; // a renewal that is under way ends first
    oauth1.close().await;
    Ok(())
}

async fn call(user: &Grant, url: String) -> Result<()> {
    let headers = vec![("X-Program".to_owned(), "rust".to_owned())];
    let response = user.request(ApiRequest { url, headers, ..ApiRequest::default() }).await?;
    if response.status != 200 {
        return Err(format!("{}: status {}", response.url, response.status).into());
    }
    Ok(())
}
