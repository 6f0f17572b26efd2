//! Tests of guards that ask about each token.

use super::*;

fn introspecting(authority: &Authority, secret: &Kept) -> IntrospectingVerifier {
    IntrospectingVerifier::builder(ISSUER, AUDIENCE, Kept::new("guard"), secret.clone())
        .transport(authority.clone())
        .clock(Arc::new(authority.clock.clone()))
        .build()
        .unwrap()
}

fn guard() -> (Authority, IntrospectingVerifier) {
    let authority = Authority::new(&key(1));
    let verifier = introspecting(&authority, &Kept::new("s3cret"));
    (authority, verifier)
}

fn questions(authority: &Authority) -> usize {
    authority.called("/oauth2/introspect").len()
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_authority_calls_good_is_admitted_and_another_is_not() {
    let (authority, verifier) = guard();
    authority.script().bad_tokens.push("bad".to_owned());
    let principal = decide(&verifier, "good").await.unwrap();
    assert_eq!((principal.client_id(), principal.secret_id()), (CLIENT, None));
    assert_eq!(decide(&verifier, "bad").await, Err(Denial::Inactive));
    assert_eq!(Denial::Inactive.code(), Denial::Environment.code());
    for (token, error) in [("a b", TokenError::Malformed), (&"a".repeat(4097), TokenError::TooLong)] {
        assert_eq!(decide(&verifier, token).await, refused(error));
    }
    assert_eq!(questions(&authority), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_with_one_token_share_a_question_and_its_answer_counts_for_half_a_second() {
    let (authority, verifier) = guard();
    let asked = (0..50).map(|_| decide(&verifier, "good"));
    let mut admitted = 0;
    for outcome in futures_of(asked).await {
        admitted += usize::from(outcome.is_ok());
    }
    assert_eq!((admitted, questions(&authority)), (50, 1));
    sleep(Duration::from_millis(400)).await;
    assert!(decide(&verifier, "good").await.is_ok());
    assert_eq!(questions(&authority), 1);
    authority.script().bad_tokens.push("good".to_owned());
    sleep(Duration::from_millis(101)).await;
    assert_eq!(decide(&verifier, "good").await, Err(Denial::Inactive));
    // A bad token that becomes valid is noticed just as soon.
    authority.script().bad_tokens.clear();
    assert_eq!(decide(&verifier, "good").await, Err(Denial::Inactive));
    sleep(SECOND).await;
    assert!(decide(&verifier, "good").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_half_a_second_after_a_revocation_is_refused_however_slow_the_answers_are() {
    for takes in [0, 90, 400, 490, 510, 900, 2_400].map(Duration::from_millis) {
        let (authority, verifier) = guard();
        authority.script().introspection_takes = takes;
        let (verifier, began) = (Arc::new(verifier), Instant::now());
        let revoked_at = began + Duration::from_millis(3_010);
        let script = authority.clone();
        tokio::spawn(async move {
            sleep_until(revoked_at).await;
            script.script().bad_tokens.push("good".to_owned());
        });
        let mut requests = tokio::task::JoinSet::new();
        for number in 0..150 {
            let (verifier, comes) = (verifier.clone(), began + number * Duration::from_millis(40));
            requests.spawn(async move {
                sleep_until(comes).await;
                (comes, decide(&*verifier, "good").await, comes.elapsed())
            });
        }
        while let Some(request) = requests.join_next().await {
            let (came, outcome, took) = request.unwrap();
            let after = came.saturating_duration_since(revoked_at);
            if after >= Duration::from_millis(500) {
                assert_eq!(outcome, Err(Denial::Inactive), "{takes:?}: came {after:?} after it");
            } else if came + took < revoked_at {
                assert!(outcome.is_ok(), "{takes:?}: {outcome:?}");
            }
            // At most until the open question is answered, and then one of its own.
            assert!(took <= 2 * takes, "{takes:?}: waited {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_nobody_is_admitted_and_nobody_waits_for_long() {
    let (authority, verifier) = guard();
    assert!(decide(&verifier, "good").await.is_ok());
    for instead in [
        Instead::Hanging,
        Instead::Status(503),
        Instead::Status(401),
        Instead::Status(302),
        Instead::Fault(Fault::TooLong),
        Instead::Body("<html>".to_owned()),
        Instead::Body(r#"{"active":true}"#.to_owned()),
    ] {
        authority.set_all(Some(&instead));
        sleep(SECOND).await;
        let began = Instant::now();
        assert_eq!(decide(&verifier, "good").await, Err(Denial::Stale));
        assert!(began.elapsed() <= 5 * SECOND);
    }
    authority.set_all(None);
    sleep(5 * SECOND).await;
    assert!(decide(&verifier, "good").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_made_up_open_few_questions_and_fill_no_memory() {
    let (authority, verifier) = guard();
    authority.set_all(Some(&Instead::Hanging));
    let flood: Vec<_> = (0..1_000).map(|n| format!("made-up-{n}")).collect();
    let outcomes = futures_of(flood.iter().map(|token| decide(&verifier, token))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(Denial::Stale)));
    assert_eq!(questions(&authority), 256);
    authority.set_all(None);
    for n in 0..10_000 {
        let token = format!("later-{n}");
        assert!(decide(&verifier, &token).await.is_ok(), "{n}");
    }
    assert!(verifier.answers_kept() <= 4096, "{}", verifier.answers_kept());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_replaced_is_read_again() {
    let authority = Authority::new(&key(1));
    let secret = Kept::new("s3cret");
    let verifier = introspecting(&authority, &secret);
    assert!(decide(&verifier, "good").await.is_ok());
    authority.script().secret = "other".to_owned();
    sleep(6 * SECOND).await;
    assert_eq!(decide(&verifier, "good").await, Err(Denial::Stale));
    "other".clone_into(&mut secret.0.lock().unwrap());
    sleep(6 * SECOND).await;
    assert!(decide(&verifier, "good").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_for_another_api_or_of_test_mode_is_refused_whatever_the_authority_says() {
    let authority = Authority::new(&key(1));
    let other =
        IntrospectingVerifier::builder(ISSUER, "payment-api", Kept::new("guard"), Kept::new("s3cret"))
            .transport(authority.clone())
            .clock(Arc::new(authority.clock.clone()));
    assert_eq!(decide(&other.build().unwrap(), "good").await, refused(TokenError::Audience));
    let test = IntrospectingVerifier::builder(ISSUER, AUDIENCE, Kept::new("guard"), Kept::new("s3cret"))
        .transport(authority.clone())
        .clock(Arc::new(authority.clock.clone()))
        .environment(Environment::Test);
    assert_eq!(decide(&test.build().unwrap(), "good").await, Err(Denial::Environment));
}

/// Waits for all futures at once.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        let mut is_done = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(ready) => *output = Some(ready),
                    std::task::Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    futures.into_iter().map(|(_, output)| output.unwrap()).collect()
}
