use http::header::CONTENT_SECURITY_POLICY;

use super::*;
use crate::assets::{ICON, STYLE};
use crate::payments::body::samples::{self, stored};

fn checkout(payment: &StoredPayment, status: Status) -> Checkout<'_> {
    Checkout {
        merchant: "Acme Books",
        payment,
        status,
        expires_at: Timestamp::from_millis(1_764_000_900_007),
        now: Timestamp::from_millis(1_764_000_000_007),
        too_late: None,
    }
}

/// Returns a page as text: status, headers, HTML. The hashes of its assets, which change with them, are left out.
fn shown(page: Page<'_>) -> String {
    let (status, headers, html) = render(&page);
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    let html = html.replace(&STYLE.to_string(), "/assets/tollgate.HASH.css");
    let html = html.replace(&ICON.to_string(), "/assets/icon.HASH.svg");
    format!("{status}\n{}\n{html}", headers.concat())
}

fn html(payment: &StoredPayment, status: Status) -> String {
    render(&Page::Payment(checkout(payment, status))).2
}

fn policy(payment: &StoredPayment) -> String {
    let (_, headers, _) = render(&Page::Payment(checkout(payment, Status::Pending)));
    headers[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
}

#[test]
fn a_pending_payment_asks_for_a_decision() {
    insta::assert_snapshot!(shown(Page::Payment(checkout(&stored(&samples::full()), Status::Pending))));
}

#[test]
fn an_approved_payment_leads_on_to_the_merchant() {
    insta::assert_snapshot!(shown(Page::Payment(checkout(&stored(&samples::full()), Status::Approved))));
}

#[test]
fn a_declined_payment_leads_on_to_the_merchant() {
    insta::assert_snapshot!(shown(Page::Payment(checkout(&stored(&samples::full()), Status::Declined))));
}

#[test]
fn a_decided_payment_without_a_url_ends_here() {
    insta::assert_snapshot!(shown(Page::Payment(checkout(&stored(&samples::minimal()), Status::Approved))));
}

#[test]
fn an_expired_payment_is_gone() {
    insta::assert_snapshot!(shown(Page::Payment(checkout(&stored(&samples::minimal()), Status::Expired))));
}

#[test]
fn an_unknown_payment_is_not_found() {
    insta::assert_snapshot!(shown(Page::NotFound));
}

#[test]
fn a_decision_that_was_not_understood_or_saved_says_what_to_do() {
    let (status, _, html) = render(&Page::Unclear);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(html.contains("Please decide again"));
    let (status, _, html) = render(&Page::Unavailable);
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(html.contains("Please try again"));
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = r#"<script>alert('x')</script>"><img src=x onerror="y">&amp;"#;
    let mut payment = stored(&samples::full());
    payment.order_id = Some(hostile.to_owned());
    hostile.clone_into(&mut payment.customer.name);
    for status in [Status::Pending, Status::Approved, Status::Declined, Status::Expired] {
        let checkout = Checkout { merchant: hostile, ..checkout(&payment, status) };
        let (_, _, html) = render(&Page::Payment(checkout));
        for live in ["<script", "<img", "onerror=\"", "'x'"] {
            assert!(!html.contains(live), "{live} in {html}");
        }
        assert!(html.contains("&#60;script&#62;alert(&#39;x&#39;)"), "{html}");
        assert!(html.contains("&#38;amp;"), "{html}");
    }
}

#[test]
fn a_url_is_escaped_in_its_attribute() {
    let payment = stored(&samples::with("/success_url_redirect", "https://shop.example/?a=1&b='x'"));
    let html = html(&payment, Status::Approved);
    assert!(!html.contains("&b='"), "{html}");
    assert!(html.contains("https://shop.example/?a=1&#38;b=&#39;x&#39;"), "{html}");
}

#[test]
fn an_amount_has_the_decimals_of_its_currency() {
    for (currency, figure) in [("JPY", "123,450"), ("BHD", "123.450"), ("EUR", "1,234.50")] {
        let page = html(&stored(&samples::with("/currency", currency)), Status::Pending);
        assert!(page.contains(&format!("<bdi class=\"figure\">{figure}</bdi>")), "{page}");
    }
}

#[test]
fn the_policy_lets_the_form_lead_to_the_merchant_and_nothing_else() {
    let fixed = |form_action: &str| {
        format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action {form_action}; base-uri 'none'; \
             frame-ancestors 'none'"
        )
    };
    assert_eq!(policy(&stored(&samples::minimal())), fixed("'self'"));
    assert_eq!(policy(&stored(&samples::full())), fixed("'self' https://shop.example"));
    let two = stored(&samples::with("/fail_url_redirect", "http://localhost:3000/failed"));
    assert_eq!(policy(&two), fixed("'self' https://shop.example http://localhost:3000"));
}

#[test]
fn a_page_has_no_script_no_inline_style_and_nothing_from_elsewhere() {
    for status in [Status::Pending, Status::Approved, Status::Declined, Status::Expired] {
        let html = html(&stored(&samples::minimal()), status);
        for word in ["<script", "style=", "<style", " on", "http:", "https:", "src="] {
            let found = html
                .match_indices(word)
                .map(|(at, _)| &html[at..])
                .find(|rest| word != " on" || is_handler(rest));
            assert_eq!(found, None, "{word}");
        }
    }
}

/// Says whether ` on…` is an attribute such as ` onclick=`.
fn is_handler(rest: &str) -> bool {
    rest[1..].split_once('=').is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[test]
fn the_language_of_the_page_is_a_kind_of_english() {
    for (locale, lang) in
        [("en-GB", "en-GB"), ("en_us", "en-US"), ("en", "en"), ("de-DE", "en"), ("enm", "en")]
    {
        let html = html(&stored(&samples::with("/locale", locale)), Status::Pending);
        assert!(html.contains(&format!("<html lang=\"{lang}\">")), "{locale}");
    }
}

#[test]
fn a_monogram_is_the_first_letter_of_a_name() {
    for (name, letter) in [("acme", "A"), ("  4 you", "4"), ("ßtore", "SS"), ("株式会社", "株"), ("***", "·")]
    {
        assert_eq!(monogram(name), letter);
    }
}

#[test]
fn how_long_there_is_to_decide_is_said_in_minutes() {
    let payment = stored(&samples::minimal());
    let left = |millis| {
        let pending = checkout(&payment, Status::Pending);
        let now = Timestamp::from_millis(pending.expires_at.millis() - millis);
        render(&Page::Payment(Checkout { now, ..pending })).2
    };
    for (millis, text) in [
        (900_000, "15 more minutes"),
        (899_999, "14 more minutes"),
        (119_999, "1 more minute"),
        (59_999, "less than a minute"),
    ] {
        assert!(
            left(millis)
                .contains(&format!("You can decide for <time datetime=\"2025-11-24T16:15:00.007Z\">{text}<")),
            "{millis}"
        );
    }
}

/// Checks that the page says that the person's decision had no effect.
#[test]
fn a_decision_that_came_too_late_says_what_was_not_done() {
    let payment = stored(&samples::minimal());
    for (status, wanted, text) in [
        (Status::Approved, Decision::Decline, "so it was not declined now"),
        (Status::Declined, Decision::Approve, "so it was not approved now: nothing is paid"),
        (Status::Expired, Decision::Approve, "Your approval came too late: nothing is paid"),
        (Status::Expired, Decision::Decline, "Your decision came too late, but nothing is paid"),
    ] {
        let late = Checkout { too_late: Some(wanted), ..checkout(&payment, status) };
        let (_, _, html) = render(&Page::Payment(late));
        assert!(
            html.contains(text) && !html.contains(">You approved") && !html.contains(">You declined"),
            "{html}"
        );
    }
}
