use rand::SeedableRng;

use super::*;
use crate::Rejection;

const START: Reading =
    Reading { monotonic: Duration::from_secs(1_000), wall: Duration::from_secs(1_764_000_000) };
const LIFE: Duration = Duration::from_secs(900);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn schedule(seed: u64) -> Schedule {
    Schedule::new(&Settings::default(), StdRng::seed_from_u64(seed))
}

fn token(sent: Reading, lifetime: Duration) -> Token {
    Token::new("abc", sent, lifetime).unwrap()
}

fn refused() -> Arc<ObtainError> {
    let refusal = Rejection { status: 401, code: None, request_id: None };
    Arc::new(ObtainError::RefusedClient(refusal))
}

fn transient(retry_after: Option<Duration>) -> Arc<ObtainError> {
    Arc::new(ObtainError::Transient { fault: Fault::Timeout, retry_after })
}

/// Makes a schedule that has a token since `START`.
fn holding(seed: u64) -> Schedule {
    let mut schedule = schedule(seed);
    assert_eq!(schedule.due(START), Duration::ZERO);
    assert_eq!(schedule.begin(START), Trigger::Cold);
    schedule.succeed(&token(START, LIFE), START).unwrap();
    schedule
}

#[test]
fn a_token_is_renewed_a_minute_before_its_end_and_up_to_half_a_minute_earlier() {
    let due: Vec<_> = (0..1_000).map(|seed| holding(seed).due(START)).collect();
    assert!(due.iter().all(|due| (seconds(810)..=seconds(840)).contains(due)));
    assert!(due.iter().min().unwrap() < &seconds(811) && due.iter().max().unwrap() > &seconds(839));
}

#[test]
fn the_jitter_is_drawn_once_for_each_token() {
    let schedule = holding(1);
    let due = schedule.due(START);
    for passed in 0..800 {
        assert_eq!(schedule.due(START.after(seconds(passed))) + seconds(passed), due);
    }
}

#[test]
fn a_short_life_is_renewed_about_halfway() {
    for lifetime in [2, 10, 60] {
        let mut schedule = schedule(lifetime);
        schedule.begin(START);
        schedule.succeed(&token(START, seconds(lifetime)), START).unwrap();
        let due = schedule.due(START);
        assert!(due <= seconds(lifetime) / 2 && due >= seconds(lifetime) * 9 / 20, "{due:?} of {lifetime} s");
    }
}

#[test]
fn a_token_that_can_not_be_used_is_a_failed_renewal() {
    for (sent, lifetime) in
        [(START, Duration::from_millis(1_999)), (START, Duration::ZERO), (START, seconds(1))]
    {
        assert_eq!(schedule(1).succeed(&token(sent, lifetime), START), Err(Fault::ShortLived));
    }
    let late = START.after(seconds(899));
    assert_eq!(schedule(1).succeed(&token(START, LIFE), late), Err(Fault::ShortLived));
}

#[test]
fn the_pause_doubles_from_half_a_second_to_ten() {
    let mut schedule = schedule(1);
    for longest in [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
        schedule.begin(START);
        schedule.fail(transient(None), START);
        let due = schedule.due(START);
        let longest = Duration::from_millis(longest);
        assert!(due <= longest && due >= longest / 2, "{due:?}, not up to {longest:?}");
    }
}

#[test]
fn a_call_that_took_its_time_does_not_put_the_next_one_off_by_more_than_a_quarter_of_the_pause() {
    let mut schedule = schedule(1);
    for _ in 0..10 {
        schedule.begin(START);
        schedule.fail(transient(None), START.after(seconds(30)));
    }
    assert!(schedule.due(START.after(seconds(30))) <= Duration::from_millis(2_500));
}

#[test]
fn a_refused_client_is_probed_for_ever_every_half_minute_to_five() {
    let mut schedule = schedule(1);
    for longest in [30, 60, 120, 240, 300, 300, 300] {
        schedule.begin(START);
        schedule.fail(refused(), START);
        let due = schedule.due(START);
        assert!(due <= seconds(longest) && due >= seconds(longest) / 2, "{due:?}, not up to {longest} s");
    }
}

#[test]
fn what_the_authority_asks_for_is_waited_for() {
    let mut schedule = holding(1);
    schedule.begin(START);
    schedule.fail(transient(Some(seconds(120))), START);
    let generation = schedule.generation;
    assert_eq!(schedule.refuse(generation, true, START, seconds(3)), Verdict::Declined);
    assert_eq!(schedule.due(START), seconds(120));
    assert_eq!(schedule.due(START.after(LIFE)), Duration::ZERO);
    schedule.fail(transient(Some(seconds(300))), START);
    assert_eq!(schedule.due(START), seconds(300));
}

#[test]
fn an_hour_that_a_page_of_maintenance_asks_for_is_probed_in_five_minutes() {
    let mut due = Vec::new();
    for seed in 0..200 {
        let mut schedule = schedule(seed);
        for _ in 0..3 {
            schedule.begin(START);
            schedule.fail(transient(Some(seconds(3_600))), START);
            due.push(schedule.due(START));
        }
    }
    assert!(due.iter().all(|due| (seconds(240)..=seconds(300)).contains(due)));
    assert!(
        due.iter().max().unwrap().saturating_sub(*due.iter().min().unwrap()) > seconds(50),
        "all at once"
    );
}

#[test]
fn only_the_first_refusal_of_the_current_token_counts() {
    let mut schedule = holding(1);
    let old = schedule.generation;
    let later = START.after(seconds(100));
    assert_eq!(schedule.refuse(old, true, later, seconds(3)), Verdict::Renewing);
    assert_eq!(schedule.due(later), Duration::ZERO);
    assert_eq!(schedule.begin(later), Trigger::Refused);
    assert_eq!(schedule.refuse(old, true, later, seconds(3)), Verdict::Renewing);
    schedule.succeed(&token(later, LIFE), later).unwrap();
    assert_eq!(schedule.refuse(old, true, later, seconds(3)), Verdict::Superseded);
    assert!(schedule.due(later) >= seconds(810));
}

/// Returns when token calls are made in `length`, since `START`, by callers who call every 50 ms an API that answers whether it
/// accepts a token of this age at this time.
fn calls_of(length: Duration, accepts: impl Fn(Duration, Duration) -> bool) -> Vec<Duration> {
    let mut schedule = holding(1);
    let (mut now, mut came, mut accepted) = (START, START, false);
    let mut calls = Vec::new();
    while now.monotonic < START.monotonic + length {
        let since = now.monotonic.saturating_sub(START.monotonic);
        let age = now.monotonic.saturating_sub(came.monotonic);
        if accepts(age, since) {
            accepted = true;
        } else {
            let generation = schedule.generation;
            schedule.refuse(generation, accepted, now, seconds(3));
        }
        if schedule.due(now).is_zero() {
            schedule.begin(now);
            schedule.succeed(&token(now, LIFE), now).unwrap();
            (came, accepted) = (now, false);
            calls.push(since);
        }
        now = now.after(Duration::from_millis(50));
    }
    calls
}

fn gaps(calls: &[Duration]) -> Vec<Duration> {
    calls.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
}

#[test]
fn calls_for_fresh_tokens_that_are_all_refused_double_their_distance_from_300_milliseconds_to_half_a_minute()
{
    let calls = calls_of(seconds(300), |_, _| false);
    let gaps = gaps(&calls);
    for (gap, longest) in gaps.iter().zip([800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
        let (longest, shortest) =
            (Duration::from_millis(longest + 50), Duration::from_millis(longest * 3 / 4));
        assert!((shortest..=longest).contains(gap), "{gap:?}, not up to {longest:?}");
    }
    let first = calls[0];
    assert!((Duration::from_millis(300)..=Duration::from_millis(450)).contains(&first), "{first:?}");
    assert!(gaps.len() >= 8);
}

#[test]
fn servers_that_differ_for_a_quarter_of_a_second_cost_two_token_calls() {
    // Half of the servers refuse the old key at once; the other half signs with it for another 250 ms.
    let differ = Duration::from_millis(250);
    let calls = calls_of(seconds(60), |age, since| {
        let signed = since.saturating_sub(age);
        since < seconds(10) || signed >= seconds(10) + differ
    });
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls[1] <= seconds(10) + Duration::from_millis(500), "{calls:?}");
}

#[test]
fn a_steady_low_rate_of_refusals_does_not_stop_renewal() {
    // One call in twenty is refused, whatever the token; all others are accepted.
    let calls = calls_of(seconds(300), |_, since| since.as_millis() % 1_000 != 950);
    // A token may be refused before anybody has used it successfully: that counts as one more refusal, until the next success.
    assert!(gaps(&calls).into_iter().max().unwrap() <= Duration::from_millis(3_250), "{calls:?}");
}

#[test]
fn a_token_that_was_good_for_a_while_lets_the_next_refusal_be_answered_at_once() {
    let mut schedule = holding(1);
    let mut now = START;
    for _ in 0..20 {
        let generation = schedule.generation;
        schedule.refuse(generation, false, now, seconds(3));
        now = now.after(schedule.due(now));
        schedule.begin(now);
        schedule.succeed(&token(now, LIFE), now).unwrap();
    }
    for (after, accepted) in [(seconds(6), true), (seconds(31), false)] {
        let later = now.after(after);
        let generation = schedule.generation;
        assert_eq!(schedule.refuse(generation, accepted, later, seconds(3)), Verdict::Renewing);
        assert_eq!((schedule.due(later), schedule.fresh_refusals), (Duration::ZERO, 0));
        schedule.begin(later);
        schedule.succeed(&token(later, LIFE), later).unwrap();
        now = later;
    }
}

#[test]
fn nobody_waits_for_what_will_not_come_in_time() {
    let limit = seconds(10);
    let mut schedule = schedule(1);
    assert_eq!(schedule.patience(START, START.monotonic, limit).unwrap(), START.monotonic + limit);
    schedule.begin(START);
    schedule.fail(transient(None), START);
    assert_eq!(schedule.patience(START, START.monotonic, limit).unwrap(), START.monotonic + limit);
    // The authority has been down for long: new callers get the error at once.
    let later = START.after(limit);
    let error = schedule.patience(later, later.monotonic, limit).unwrap_err();
    assert!(error.error.is_some());
    schedule.fail(refused(), START);
    let error = schedule.patience(START, START.monotonic, limit).unwrap_err();
    assert!(error.retry_after >= seconds(15));
}

/// Runs clients that start within `spread`, and counts their token calls by the second.
fn fleet(clients: u64, spread: Duration, hours: u64) -> Vec<u32> {
    let end = START.monotonic + seconds(hours * 3_600);
    let mut calls = vec![0; usize::try_from(hours * 3_600).unwrap()];
    let latency = Duration::from_millis(20);
    for client in 0..clients {
        let mut schedule = schedule(client);
        let mut now = START.after(spread.mul_f64(schedule.rng.random_range(0.0..=1.0)));
        while now.monotonic < end {
            let second = now.monotonic.saturating_sub(START.monotonic).as_secs();
            calls[usize::try_from(second).unwrap()] += 1;
            schedule.begin(now);
            let came = now.after(latency);
            schedule.succeed(&token(now, LIFE), came).unwrap();
            now = came.after(schedule.due(came));
        }
    }
    calls
}

#[test]
fn ten_thousand_clients_started_together_do_not_stay_together() {
    for spread in [Duration::ZERO, seconds(10)] {
        let calls = fleet(10_000, spread, 24);
        let peak = |from: usize| *calls[from..].iter().max().unwrap();
        // The renewals of the first cycle come after 810 s; 20 cycles are over after 20 × 840 s.
        assert!(peak(100) <= 400, "{} in the first cycle, spread {spread:?}", peak(100));
        assert!(peak(16_800) <= 150, "{} after 20 cycles, spread {spread:?}", peak(16_800));
        let day: u32 = calls.iter().sum();
        assert!(day / 10_000 <= 106, "{day} in a day");
    }
}
