//! What the provider says about user and token.

use crate::support::Scene;

fn logged_in() -> Scene {
    let scene = Scene::new();
    let base = scene.sandbox.base_url();
    scene.configure(&format!(
        r#"
        [clients.openid]
        client_id = "sandbox-client"
        client_secret = "sandbox-secret"
        scope = ["openid"]
        store = "sqlite:{}"

        [clients.openid.provider]
        issuer = "{base}"
        authorization_endpoint = "{base}/oauth2/authorize"
        token_endpoint = "{base}/oauth2/token"
        jwks_uri = "{base}/oauth2/keys"
        userinfo_endpoint = "{base}/oauth2/userinfo"
        introspection_endpoint = "{base}/oauth2/introspect"
        end_session_endpoint = "{base}/logout"
        "#,
        scene.path("tokens.db").display()
    ));
    assert_eq!(scene.log_in("openid", "alice").status, 0);
    scene
}

#[test]
fn userinfo_prints_the_claims() {
    let scene = logged_in();
    assert_eq!(scene.output(&["userinfo", "openid", "alice"]), "sub  alice\n");
    assert_eq!(scene.json(&["userinfo", "openid", "alice"])["sub"], "alice");
}

#[test]
fn introspect_says_whether_a_token_can_be_used() {
    let scene = logged_in();
    let asked = ["introspect", "openid", "alice"];
    assert_eq!(scene.json(&asked)["active"], true);
    let refresh = [&asked[..], &["--refresh-token"]].concat();
    assert_eq!(scene.json(&refresh)["scope"], "openid");
    scene.sandbox.revoke_user("alice");
    assert_eq!(scene.json(&refresh)["active"], false);
}

#[test]
fn logout_url_prints_the_address_with_the_users_id_token() {
    let scene = logged_in();
    let asked = ["logout-url", "openid", "alice", "--redirect-uri", "https://app.example/bye"];
    let address = scene.output(&asked);
    assert!(address.starts_with(&scene.url("/logout?id_token_hint=eyJ")), "{address}");
    assert!(address.contains("&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye"));
    assert!(!scene.output(&["logout-url", "openid"]).contains("id_token_hint"));
}
