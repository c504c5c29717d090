//! Who may have a delta: a validly signed token is no permission.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{SIZE, Scene};
use crate::installation::{
    Api, BUILDER_TOKEN, Claims, DEVICE, DEVICE_KEY, Exchange, Installation, Pair, Pushed,
};

/// Asks with this `Authorization`.
fn status(scene: &Scene, authorization: &str) -> (u16, Option<String>) {
    let target =
        format!("/api/v3/delta?src={}&dest={}", scene.base.reference, scene.target.reference);
    let answer = scene.server.ask("GET", &target, &[("Authorization", authorization)]);
    assert!(!answer.text().contains(BUILDER_TOKEN));
    (answer.status, answer.header("www-authenticate").map(str::to_owned))
}

/// A token as the API gives it out by HTTP.
fn fetched(installation: &Installation, login: Option<(&str, &str)>, scopes: &[&str]) -> String {
    let scopes: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
    let target = format!("/auth/v1/token?service={}{scopes}", installation.registry_host());
    let basic =
        login.map(|(user, key)| format!("Basic {}", STANDARD.encode(format!("{user}:{key}"))));
    let headers: Vec<(&str, &str)> =
        basic.iter().map(|basic| ("Authorization", basic.as_str())).collect();
    let address = installation.api.server.address();
    let exchange = Exchange::send(&address, "GET", &target, &headers, b"");
    let answer = exchange.expect("the API is there").answer();
    answer.json()["token"].as_str().expect("a token").to_owned()
}

#[test]
fn a_devices_token_opens_the_delta_server_and_pulls_the_delta() {
    let scene = Scene::new(&[]);
    let scope = |image: &Pushed| format!("repository:{}:pull", image.repository);
    let scopes = [scope(&scene.target), scope(&scene.base)];
    let scopes = [scopes[0].as_str(), scopes[1].as_str()];
    let token = fetched(&scene.installation, Some((DEVICE, DEVICE_KEY)), &scopes);
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let name = scene.server.delta(3, src, dest, &token).name();

    // The same token pulls it: the delta is in a repository that the token names.
    let (host, rest) = name.split_once('/').expect("a host");
    let (repository, tag) = rest.split_once(':').expect("a tag");
    let target = format!("/v2/{repository}/manifests/{tag}");
    let bearer = format!("Bearer {token}");
    let accept = ("Accept", "application/vnd.docker.distribution.manifest.v2+json");
    let headers = [("Authorization", bearer.as_str()), accept];
    let answer = Exchange::send(host, "GET", &target, &headers, b"");
    assert_eq!(answer.expect("there").answer().status, 200);
}

#[test]
fn tokens_without_permission_are_403() {
    let scene = Scene::new(&[]);
    let (base, target) = (scene.base.repository.as_str(), scene.target.repository.as_str());
    let installation = &scene.installation;
    let host = installation.registry_host();
    let access =
        |entries: Value| installation.api.token(&Claims::new(&host, &[]).with("access", entries));
    let entry = |kind: &str, name: &str, actions: &[&str]| json!({ "type": kind, "name": name, "actions": actions });
    let before = installation.proxy.requests().len();
    for token in [
        // What anybody gets who asks.
        fetched(installation, None, &[&format!("repository:{base}:pull")]),
        // What open-balena-builder gets, with the registry's host in its scopes.
        fetched(
            installation,
            Some(("builder", BUILDER_TOKEN)),
            &[
                &format!("repository:{host}/{base}:pull"),
                &format!("repository:{host}/{target}:pull"),
            ],
        ),
        installation.token(&[]),
        installation.token(&[base]),
        installation.token(&[target]),
        installation.token(&[&base[..base.len() - 1], target]),
        access(Value::Null),
        access(json!([entry("repository", base, &["pull"]), entry("repository", target, &[])])),
        access(json!([
            entry("repository", base, &["pull"]),
            entry("repository", target, &["push"])
        ])),
        access(json!([entry("repository", base, &["pull"]), entry("registry", target, &["pull"])])),
        access(json!([entry("repository", "*", &["pull"]), entry("repository", "", &["pull"])])),
    ] {
        assert_eq!(status(&scene, &format!("Bearer {token}")), (403, None));
    }
    assert_eq!(installation.proxy.requests().len(), before);
}

#[test]
fn credentials_that_do_not_hold_are_401() {
    let scene = Scene::new(&[]);
    let api = &scene.installation.api;
    let host = scene.installation.registry_host();
    let claims = Claims::new(&host, &[&scene.base.repository, &scene.target.repository]);
    let good = api.token(&claims);
    let with = |claim: &str, value: Value| api.token(&claims.clone().with(claim, value));
    let under = |header: Value| api.token_under(&header, &claims);
    let kid = api.key_id();
    let parts: Vec<&str> = good.split('.').collect();
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), parts[1]);
    let other = Claims::new(&host, &["v2/x"]);
    let other = api.token(&other);
    let other: Vec<&str> = other.split('.').collect();
    let now = claims.0["iat"].as_u64().expect("a time");
    let mut authorizations: Vec<String> = [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        none,
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}.x"),
        format!("{good}A"),
        // Signed for something else.
        format!("{}.{}.{}", parts[0], parts[1], other[2]),
        format!("{}.{}.{}", parts[0], other[1], parts[2]),
        // By somebody else, also under the right name.
        Api::start().token(&claims),
        Api::start().token_under(&json!({ "alg": "ES256", "kid": kid }), &claims),
        under(json!({ "alg": "none", "kid": kid })),
        under(json!({ "alg": "HS256", "kid": kid })),
        under(json!({ "alg": "ES384", "kid": kid })),
        under(json!({ "alg": "es256", "kid": kid })),
        under(json!({ "alg": "ES256", "kid": "AAAA" })),
        under(json!({ "kid": kid })),
        with("exp", json!(now - 60)),
        with("exp", Value::Null),
        with("nbf", json!(now + 600)),
        with("iss", json!("api.elsewhere.test")),
        with("iss", Value::Null),
        with("aud", json!("registry.elsewhere.test")),
        with("aud", json!([])),
        with("aud", Value::Null),
        "x".repeat(20_000),
    ]
    .map(|token| format!("Bearer {token}"))
    .into();
    authorizations.push(good.clone());
    authorizations.push(format!("Basic {}", STANDARD.encode(format!("builder:{BUILDER_TOKEN}x"))));
    authorizations.push(format!("Token {good}"));

    let before = scene.installation.proxy.requests().len();
    for authorization in authorizations {
        let (status, challenge) = status(&scene, &authorization);
        let shown: String = authorization.chars().take(300).collect();
        assert_eq!((status, challenge.as_deref()), (401, Some("Bearer")), "{shown}");
    }
    let target =
        format!("/api/v3/delta?src={}&dest={}", scene.base.reference, scene.target.reference);
    assert_eq!(scene.server.ask("GET", &target, &[]).status, 401);
    let in_query = format!("{target}&access_token={good}&token={good}");
    assert_eq!(scene.server.ask("GET", &in_query, &[]).status, 401);
    assert_eq!(scene.installation.proxy.requests().len(), before);

    // Clocks may be a little apart, and an empty subject is nothing wrong.
    for good in [
        with("nbf", json!(now + 3)),
        with("exp", json!(now - 3)),
        with("sub", json!("")),
        with("sub", Value::Null),
    ] {
        assert_eq!(status(&scene, &format!("Bearer {good}")).0, 200);
    }
}

#[test]
fn tokens_without_permission_are_taken_from_named_networks_and_only_there() {
    let installation = Installation::new();
    let (base, target) = installation.push_pair(0, &Pair::similar(1, SIZE));
    let anonymous = fetched(&installation, None, &[]);
    let partial = installation.token(&[&base.repository]);
    for (networks, expected) in [("127.0.0.0/8", 200), ("10.0.0.0/8,::1/128", 403)] {
        let server = installation.serve(&[("REMORA_EMPTY_ACCESS_NETWORKS", networks)]);
        let ask = |token: &str| server.delta(3, &base.reference, &target.reference, token).status;
        assert_eq!(ask(&anonymous), expected, "{networks}");
        // Still signed it has to be, and what permits something permits that alone.
        assert_eq!(ask("x.y.z"), 401);
        assert_eq!(ask(&partial), 403);
        // Who comes through a proxy that nobody trusts does not say where from.
        let path = format!("/api/v3/delta?src={}&dest={}", base.reference, target.reference);
        let bearer = format!("Bearer {anonymous}");
        let forged = [("Authorization", bearer.as_str()), ("X-Forwarded-For", "10.1.1.1")];
        assert_eq!(server.ask("GET", &path, &forged).status, expected);
    }
}

#[test]
fn keys_come_from_certificates_public_keys_and_jwks_and_change_without_a_restart() {
    let scene = Scene::new(&[("REMORA_RATE_LIMIT", "0")]);
    assert_eq!(scene.ask_on(3).status, 200);
    // The API gets another key: its old tokens end, its new ones count.
    let renewed = Api::start();
    let claims = Claims::new(
        &scene.installation.registry_host(),
        &[&scene.base.repository, &scene.target.repository],
    );
    let bearer = format!("Bearer {}", renewed.token(&claims));
    assert_eq!(status(&scene, &bearer).0, 401);
    let public_key = |api: &Api| {
        let arguments = ["x509", "-pubkey", "-noout"];
        let path = scene.installation.write("of.pem", &api.certificate);
        let path = path.display().to_string();
        crate::tools::run("openssl", &[&arguments[..], &["-in", &path]].concat())
    };
    for keys in [public_key(&renewed), renewed.certificate.clone(), renewed.key_set()] {
        scene.installation.write("api.pem", "nothing\n");
        scene.installation.write("api.pem", &keys);
        const TRIES: usize = 500;
        let taken = (0..TRIES).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            status(&scene, &bearer).0 == 200
        });
        assert!(taken, "{keys}\n{}", scene.server.log());
        assert_eq!(scene.ask(3).status, 401);
    }
}

#[test]
fn the_server_asks_for_its_own_tokens_as_the_api_wants_to_be_asked() {
    let scene = Scene::new(&[]);
    let before = scene.installation.api.server.requests().len();
    assert_eq!(scene.ask_on(3).status, 200);
    let requests = scene.installation.api.server.requests().split_off(before);
    assert!(!requests.is_empty());
    let basic = format!("Basic {}", STANDARD.encode(format!("builder:{BUILDER_TOKEN}")));
    let mut asked = Vec::new();
    for request in requests {
        assert_eq!(request.method, "GET", "{request:?}");
        assert_eq!(request.header("authorization"), Some(basic.as_str()));
        let fields = crate::token_server::fields(&request.path);
        for (_, scope) in fields.iter().filter(|(name, _)| name == "scope") {
            // One scope each; what the API does not understand it drops in silence.
            let name = scope.strip_prefix("repository:v2/").unwrap_or_else(|| panic!("{scope}"));
            let actions = name.split(':').nth(1).expect("actions");
            assert!(["pull", "push", "pull,push", "push,pull"].contains(&actions), "{scope}");
            asked.push(scope.clone());
        }
    }
    let writes =
        |scope: &String| scope.contains(&scene.target.repository) && scope.contains("push");
    assert!(asked.iter().any(writes), "{asked:?}");
    let base = |scope: &String| scope.contains(&scene.base.repository);
    assert!(
        asked.iter().any(base) && !asked.iter().any(|scope| base(scope) && scope.contains("push"))
    );
}
