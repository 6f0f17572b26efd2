//! The tests of the claims.

use super::*;
use proptest::prelude::*;

const NOW: u64 = 1_764_000_000;

fn claims() -> Claims<'static> {
    Claims {
        issuer: "https://core.example.com",
        subject: ClientId::from_bytes([1; 16]),
        audience: "payment-api",
        issued_at: Timestamp::from_seconds(NOW),
        expires_at: Timestamp::from_seconds(NOW + 900),
        id: TokenId::from_bytes([2; 16]),
        scope: "payments:read payments:write",
        merchant_id: Some(MerchantId::from_bytes([3; 16])),
        environment: Environment::Test,
        secret_id: SecretId::from_bytes([4; 16]),
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        made_with: None,
        addresses: None,
    }
}

fn written(claims: &Claims<'_>) -> String {
    let mut out = Vec::new();
    claims.write(Form::Published, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_json_form_is_this() {
    assert_eq!(
        written(&claims()),
        concat!(
            r#"{"iss":"https://core.example.com","sub":"01010101-0101-0101-0101-010101010101","#,
            r#""aud":"payment-api","iat":1764000000,"exp":1764000900,"jti":"AgICAgICAgICAgICAgICAg","#,
            r#""scope":"payments:read payments:write","merchant_id":"03030303-0303-0303-0303-030303030303","#,
            r#""env":"test","sid":"04040404-0404-0404-0404-040404040404"}"#
        )
    );
}

#[test]
fn what_is_written_is_read_back() {
    let operator = Claims { merchant_id: None, addresses: Some("10.0.0.0/8 ::1/128"), scope: "", ..claims() };
    let later = Claims {
        generation: Generation::from_number(7),
        merchant_generation: Generation::from_number(999_999_999_999),
        made_with: Some(TokenId::from_bytes([9; 16])),
        addresses: Some("::1/128"),
        ..claims()
    };
    for claims in [claims(), operator, later] {
        assert_eq!(Claims::read(written(&claims).as_bytes(), Form::Published), Some(claims));
    }
}

#[test]
fn the_first_generation_is_never_written() {
    let later = Claims { generation: Generation::from_number(1), ..claims() };
    let json = written(&later);
    assert!(json.ends_with(r#","gen":1}"#), "{json}");
    for bad in ["0", "01", "-1", "1.0", "\"1\"", "1000000000000", ""] {
        let json = json.replace("\"gen\":1", &format!("\"gen\":{bad}"));
        assert_eq!(Claims::read(json.as_bytes(), Form::Published), None, "{bad:?}");
    }
}

#[test]
fn members_come_in_one_order_only() {
    let json = written(&claims());
    let members: Vec<&str> = json[1..json.len() - 1].split(',').collect();
    for at in 1..members.len() {
        let mut swapped = members.clone();
        swapped.swap(at - 1, at);
        let json = format!("{{{}}}", swapped.join(","));
        assert_eq!(Claims::read(json.as_bytes(), Form::Published), None, "{json}");
    }
}

#[test]
fn each_required_claim_is_required_once() {
    let json = written(&claims());
    let members: Vec<&str> = json[1..json.len() - 1].split(',').collect();
    for at in 0..members.len() {
        let mut without = members.clone();
        without.remove(at);
        let expected = members[at].starts_with("\"merchant_id\"");
        let json = format!("{{{}}}", without.join(","));
        assert_eq!(
            Claims::read(json.as_bytes(), Form::Published).is_some(),
            expected,
            "without {}",
            members[at]
        );

        let mut twice = members.clone();
        twice.push(members[at]);
        let json = format!("{{{}}}", twice.join(","));
        assert_eq!(Claims::read(json.as_bytes(), Form::Published), None, "twice {}", members[at]);
    }
}

#[test]
fn a_time_is_a_whole_number_of_seconds() {
    for bad in [
        "null",
        "\"1764000900\"",
        "-1",
        "1.5",
        "1764000900.0",
        "1e3",
        "1764000900e0",
        "1e400",
        "+1",
        "01",
        "9007199254740992",
        "9223372036854775808",
        "18446744073709551616",
        "253402300800",
        "true",
        "[]",
        "{}",
        "",
        " 1764000900",
        "1764000900 ",
        "0x10",
        "NaN",
    ] {
        let json = written(&claims()).replace("\"exp\":1764000900", &format!("\"exp\":{bad}"));
        assert_eq!(Claims::read(json.as_bytes(), Form::Published), None, "{bad:?}");
    }
    let json = written(&claims()).replace("\"exp\":1764000900", "\"exp\":253402300799");
    assert!(Claims::read(json.as_bytes(), Form::Published).is_some());
}

#[test]
fn no_other_form_is_read() {
    let json = written(&claims());
    for bad in [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "[".repeat(10_000),
        json.replace('{', "{ "),
        json.replace(':', ": "),
        format!("{json} "),
        format!("{json}{json}"),
        format!("\u{feff}{json}"),
        json.replace("{\"iss\"", "{\"x\":1,\"iss\""),
        json.replace("\"aud\":\"payment-api\"", "\"aud\":[\"payment-api\"]"),
        json.replace("\"test\"", "\"TEST\""),
        json.replace("payments:read", "payments:\\u0072ead"),
        json.replace("payments:read", "payments\tread"),
        json.replace("01010101-", "0101010A-"),
        json.replace("AgICAgICAgICAgICAgICAg", "AgICAgICAgICAgICAgICAh"),
        json.replace("AgICAgICAgICAgICAgICAg", "AgICAgICAgICAgICAgIC"),
        json.replace("\"}", "\",}"),
    ] {
        assert_eq!(Claims::read(bad.as_bytes(), Form::Published), None, "{bad}");
    }
    assert_eq!(Claims::read(&[0xff; 40], Form::Published), None);
}

#[test]
fn the_claims_of_a_token_that_anyone_verifies_name_the_client_as_rfc_9068_asks() {
    let mut payload = Vec::new();
    claims().write(Form::AccessTokenProfile, &mut payload);
    let json = String::from_utf8(payload).unwrap();
    let sub = r#""sub":"01010101-0101-0101-0101-010101010101","#;
    let client_id = r#""client_id":"01010101-0101-0101-0101-010101010101","#;
    assert!(json.contains(&format!("{sub}{client_id}")), "{json}");
    assert_eq!(Claims::read(json.as_bytes(), Form::AccessTokenProfile), Some(claims()));
    assert_eq!(Claims::read(json.as_bytes(), Form::Published), None);
    let others = json.replace(client_id, &client_id.replace('1', "2"));
    assert_eq!(Claims::read(others.as_bytes(), Form::AccessTokenProfile), None);
    let without = json.replace(client_id, "");
    assert_eq!(Claims::read(without.as_bytes(), Form::AccessTokenProfile), None);
}

proptest! {
    #[test]
    fn what_is_read_is_what_would_be_written(
        at in 0_usize..300,
        instead in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'0'), Just(b',')], 0..4),
    ) {
        let mut json = written(&claims()).into_bytes();
        let at = at % json.len();
        json.splice(at..=at, instead);
        if let Some(claims) = Claims::read(&json, Form::Published) {
            prop_assert_eq!(written(&claims).into_bytes(), json);
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_claims(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Claims::read(&payload, Form::Published), None);
    }
}
