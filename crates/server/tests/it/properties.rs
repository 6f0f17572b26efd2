//! Whatever is sent, nobody is admitted and nothing breaks.

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::call::{CREATE, Call, INTROSPECT, LIST, OAUTH_TOKEN, REFRESH, REVOKE, Reply, TOKEN};
use crate::oauth::post_as;
use crate::stage::{Stage, payment};

/// A stage for all cases of a property.
struct Kept {
    runtime: Runtime,
    stage: Stage,
    token: String,
}

impl Kept {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stage = runtime.block_on(Stage::open());
        let token = runtime.block_on(stage.tokens(&stage.shop)).access;
        Self { runtime, stage, token }
    }

    fn status(&self, call: Call) -> u16 {
        let reply = self.reply(call);
        reply.json();
        reply.status().as_u16()
    }

    fn reply(&self, call: Call) -> Reply {
        let reply = self.runtime.block_on(self.stage.answer(call));
        assert!(!reply.header("x-request-id").is_empty());
        reply
    }
}

/// Runs a property against one stage.
fn check<S: Strategy>(strategy: S, property: impl Fn(&Kept, S::Value) -> Result<(), TestCaseError>) {
    let kept = Kept::open();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner.run(&strategy, |value| property(&kept, value)).unwrap();
}

/// JSON of any shape, with names that are known here and there.
fn document() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "grant_type",
            "client_id",
            "client_secret",
            "scope",
            "refresh_token",
            "customer",
            "name",
            "email",
            "billing_address",
            "country",
            "amount",
            "currency",
            "locale",
            "merchant_id",
            "order_id",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..8)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn target() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![TOKEN, REFRESH, CREATE])
}

/// A byte that a header may hold.
fn in_a_header() -> impl Strategy<Value = u8> {
    prop_oneof![8 => 0x20..=0x7e_u8, 1 => Just(b'\t'), 1 => 0x80..=0xff_u8]
}

fn media() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["application/json", "application/x-www-form-urlencoded"])
}

#[test]
fn arbitrary_bytes_as_a_body_are_a_callers_mistake() {
    let bodies = prop::collection::vec(any::<u8>(), 0..400);
    check((target(), media(), bodies), |kept, (target, media, body)| {
        let status = kept.status(Call::post(target).bearer(&kept.token).body(media, body));
        prop_assert!((400..500).contains(&status), "{}", status);
        Ok(())
    });
}

#[test]
fn arbitrary_json_as_a_body_is_a_callers_mistake() {
    check((target(), document()), |kept, (target, body)| {
        let status = kept.status(Call::post(target).bearer(&kept.token).json(&body));
        prop_assert!((400..500).contains(&status), "{} {}", status, body);
        Ok(())
    });
}

#[test]
fn a_payment_with_one_member_replaced_is_taken_or_refused() {
    let members = prop::sample::select(vec![
        "/customer",
        "/customer/name",
        "/customer/email",
        "/billing_address",
        "/billing_address/country",
        "/billing_address/postal_code",
        "/amount",
        "/currency",
        "/locale",
        "/order_id",
        "/success_url_redirect",
    ]);
    check((members, document()), |kept, (member, value)| {
        let mut body = payment();
        *body.pointer_mut(member).unwrap() = value;
        let status = kept.status(Call::post(CREATE).bearer(&kept.token).json(&body));
        prop_assert!(matches!(status, 201 | 400), "{} {}", status, body);
        Ok(())
    });
}

#[test]
fn an_arbitrary_authorization_admits_nobody() {
    let line = prop_oneof![
        prop::collection::vec(in_a_header(), 0..200),
        "[Bb]earer +[A-Za-z0-9_.=-]{0,200}".prop_map(String::into_bytes),
        "Basic [A-Za-z0-9+/=]{0,100}".prop_map(String::into_bytes),
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\\.[A-Za-z0-9_-]{0,300}\\.[A-Za-z0-9_-]{43}"
            .prop_map(String::into_bytes),
    ];
    let target =
        prop::sample::select(vec![("GET", LIST), ("POST", CREATE), ("GET", "/api/v1/payment-requests/x")]);
    check((target, prop::collection::vec(line, 0..3)), |kept, ((method, target), lines)| {
        let mut call = Call::new(method, target);
        for line in lines {
            call = call.header("authorization", line);
        }
        prop_assert_eq!(kept.status(call), 401);
        Ok(())
    });
}

#[test]
fn an_arbitrary_path_or_query_breaks_nothing() {
    let part = "([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}){0,40}";
    check((part, part), |kept, (path, query)| {
        for target in [format!("/{path}?{query}"), format!("{LIST}/{path}"), format!("{LIST}?{query}")] {
            let status = kept.status(Call::get(&target).bearer(&kept.token));
            prop_assert!(status < 500, "{} {}", status, target);
        }
        Ok(())
    });
}

#[test]
fn an_arbitrary_idempotency_key_is_taken_or_refused() {
    check(prop::collection::vec(in_a_header(), 0..300), |kept, key| {
        let call = Call::post(CREATE).bearer(&kept.token).json(&payment()).header("idempotency-key", key);
        let status = kept.status(call);
        prop_assert!(matches!(status, 201 | 400), "{}", status);
        Ok(())
    });
}

/// Says whether an endpoint of the standards gave nothing for a form in which no token is a good one.
fn is_refused_or_nothing(target: &str, reply: &Reply) -> bool {
    match (target, reply.status().as_u16()) {
        (INTROSPECT, 200) => reply.text() == r#"{"active":false}"#,
        (REVOKE, 200) => reply.text() == "{}",
        (_, status) => {
            matches!((status, &*reply.oauth_refusal().1), (400, error) if error != "access_denied")
        }
    }
}

fn of_the_standards() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![OAUTH_TOKEN, INTROSPECT, REVOKE])
}

#[test]
fn arbitrary_bytes_as_a_form_obtain_nothing() {
    let bodies = prop::collection::vec(any::<u8>(), 0..400);
    check((of_the_standards(), bodies), |kept, (target, body)| {
        let call = post_as(&kept.stage.shop, target, "").raw(body);
        prop_assert!(is_refused_or_nothing(target, &kept.reply(call)));
        Ok(())
    });
}

#[test]
fn arbitrary_parameters_obtain_nothing_that_they_do_not_ask_for() {
    let name = prop_oneof![
        prop::sample::select(vec![
            "client_id",
            "client_secret",
            "scope",
            "refresh_token",
            "token",
            "token_type_hint"
        ])
        .prop_map(str::to_owned),
        any::<String>().prop_filter("a grant could be one", |name| name != "grant_type"),
    ];
    let parameters = prop::collection::vec((name, any::<String>()), 0..6);
    check((of_the_standards(), parameters), |kept, (target, parameters)| {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        prop_assert!(is_refused_or_nothing(target, &kept.reply(post_as(&kept.stage.shop, target, &form))));
        Ok(())
    });
}

#[test]
fn an_arbitrary_authorization_is_no_client() {
    let line = prop_oneof![
        prop::collection::vec(in_a_header(), 0..200),
        "[Bb]asic +[A-Za-z0-9+/=]{0,200}".prop_map(String::into_bytes),
        "Bearer [A-Za-z0-9_.=-]{0,200}".prop_map(String::into_bytes),
    ];
    check((of_the_standards(), prop::collection::vec(line, 0..3)), |kept, (target, lines)| {
        let two = lines.len() > 1;
        let call = lines
            .into_iter()
            .fold(Call::post(target).form("grant_type=client_credentials&token=x"), |call, line| {
                call.header("authorization", line)
            });
        let expected = if two { (400, "invalid_request") } else { (401, "invalid_client") };
        let (status, error) = kept.reply(call).oauth_refusal();
        prop_assert_eq!((status, &*error), expected);
        Ok(())
    });
}
