//! The pages a person sees, and the form a script may post instead.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::http::{Answer, Pairs, Request};

const LAYOUT: &str = include_str!("page.html");
const FORM: &str = include_str!("consent.html");

/// What the user said.
#[derive(Debug)]
pub(crate) enum Decision {
    Allow { user: String },
    Deny,
}

/// What a script has the user say; see [`Sandbox::consent`](crate::Sandbox::consent).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The user consents.
    #[default]
    Allow,
    /// The user does not.
    Deny,
}

impl Choice {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// Tells the authorization request, in query or form, from the decision, which only the form may bring.
pub(crate) fn read(request: &Request) -> Result<(Pairs, Option<Decision>), String> {
    let mut pairs = request.query_pairs();
    if request.method != "POST" {
        return Ok((pairs, None));
    }
    let (mut user, mut decision) = (None, None);
    for (name, value) in request.form_pairs() {
        match name.as_str() {
            "user" => user = Some(value),
            "decision" => decision = Some(value),
            _ => pairs.push((name, value)),
        }
    }
    let user = user.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "alice".to_owned());
    match decision.as_deref() {
        None => Ok((pairs, None)),
        Some("allow") => Ok((pairs, Some(Decision::Allow { user: user.trim().to_owned() }))),
        Some("deny") => Ok((pairs, Some(Decision::Deny))),
        Some(_) => Err("decision has to be allow or deny.".to_owned()),
    }
}

/// Where the sandbox sends a user back to: plain http on this machine, any port (RFC 8252, section
/// 7.3).
pub(crate) fn loopback_url(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("The redirect URI is not a URL: {error}."))?;
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "http" && loopback && url.fragment().is_none() {
        Ok(url)
    } else {
        Err("The redirect URI has to be http on a loopback address, without a fragment.".to_owned())
    }
}

/// Asks the user. The form goes back to the address of the page, which holds the request.
pub(crate) fn page(client: &str, scope: &str, back_to: &str, login_hint: Option<&str>) -> Answer {
    let scope = if scope.is_empty() { "everything" } else { scope };
    let form = FORM
        .replace("{{client}}", &escape(client))
        .replace("{{back_to}}", &escape(back_to))
        .replace("{{user}}", &escape(login_hint.unwrap_or("alice")))
        .replace("{{scope}}", &escape(scope));
    html(200, "Allow access?", &form)
}

/// Shows the verifier to a user whose client cannot be redirected to (RFC 5849, section 2.2).
pub(crate) fn verifier_page(verifier: &str) -> Answer {
    let body = format!(
        "<p>Give this code to the program:</p><p><output id=\"verifier\">{}</output></p>",
        escape(verifier)
    );
    html(200, "Access allowed", &body)
}

/// Asks for the code that a device shows.
pub(crate) fn user_code_page() -> Answer {
    let form = "<form><p><label>Code of your device: <input name=\"user_code\" autofocus></label></p>\
                <p><button>Go on</button></p></form>";
    html(200, "Connect a device", form)
}

/// The device goes on by itself.
pub(crate) fn device_page() -> Answer {
    html(200, "Done", "<p>Go back to your device. You can close this page.</p>")
}

pub(crate) fn denied_page() -> Answer {
    html(200, "Access denied", "<p>Nothing was allowed. You can close this page.</p>")
}

/// For what must not be redirected to the client.
pub(crate) fn error_page(problem: &str) -> Answer {
    html(400, "This does not work", &format!("<p>{}</p>", escape(problem)))
}

pub(crate) fn front_page(issuer: &str) -> Answer {
    let body = format!(
        "<p>An OAuth 1.0a and OAuth 2.0 provider to test against.</p>\
         <ul><li><a href=\"/.well-known/oauth-authorization-server\">OAuth 2.0 metadata</a></li>\
         <li><a href=\"/sandbox/journal\">Journal</a></li>\
         <li><a href=\"/sandbox/grants\">Grants</a></li>\
         <li><a href=\"/sandbox/report\">Report</a></li></ul><p>Issuer: <code>{}</code></p>",
        escape(issuer)
    );
    html(200, "Sandbox provider", &body)
}

fn html(status: u16, title: &str, body: &str) -> Answer {
    let page = LAYOUT.replace("{{title}}", title).replace("{{body}}", body);
    Answer::with_body(status, "text/html; charset=utf-8", page)
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        )
        .header("referrer-policy", "no-referrer")
        .not_stored()
}

/// Text as HTML, with the braces of the templates out of its reach.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"),
            other => escaped.push(other),
        }
    }
    escaped
}
