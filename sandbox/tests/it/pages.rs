use crate::client::{Provider, authorization_target};

#[test]
fn the_consent_page_is_a_form_a_person_can_use() {
    let provider = Provider::start();
    let page = provider.get(&authorization_target(&[("scope", "read write")]));
    assert!(page.header("content-type").starts_with("text/html"));
    for part in [
        r#"<form method="post">"#,
        r#"<label for="user">"#,
        r#"name="user" value="alice""#,
        r#"name="decision" value="allow""#,
        r#"name="decision" value="deny""#,
        "sandbox-client",
        "read write",
        "http://127.0.0.1:9/callback",
    ] {
        assert!(page.text().contains(part), "{part}");
    }
    assert!(!page.text().contains("{{"));
}

#[test]
fn the_login_hint_fills_in_the_name() {
    let provider = Provider::start();
    let page = provider.get(&authorization_target(&[("login_hint", "carol")]));
    assert!(page.text().contains(r#"value="carol""#));
}

#[test]
fn what_a_request_says_is_text_on_the_page() {
    let provider = Provider::start();
    let hostile = r#"<script>"{{client}}'"#;
    let page = provider.get(&authorization_target(&[("scope", hostile), ("login_hint", hostile)]));
    assert!(!page.text().contains("<script>"));
    assert!(!page.text().contains("{{"));
    assert!(page.text().contains("&lt;script&gt;&quot;&#123;&#123;client}}&#39;"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
}

#[test]
fn a_form_without_a_decision_asks_again() {
    let provider = Provider::start();
    let target = authorization_target(&[]);
    assert_eq!(provider.post(&target, &[], &[("user", "bob")]).status, 200);
    assert_eq!(provider.post(&target, &[], &[("decision", "maybe")]).status, 400);
}

#[test]
fn the_front_page_leads_on() {
    assert!(Provider::start().get("/").text().contains("/sandbox/journal"));
}
