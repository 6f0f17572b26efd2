//! The timing of the session's tokens, as events on a line.

use std::time::Duration;

use tollgate_core::Timestamp;

use super::claims::Decoded;
use crate::time_format::utc;

/// How long before the expiry of a token the client kit obtains the next one, or at half of its lifetime if that is later.
const LEAD: Duration = Duration::from_secs(60);
/// How much earlier still, at most; also at most a twentieth of the token's lifetime.
const JITTER: Duration = Duration::from_secs(30);
/// The length of a line, in units of the drawing.
const LENGTH: u64 = 1000;

/// The timing of an access token, and of the refresh token that was issued with it.
pub(super) struct Timeline {
    pub(super) now: u64,
    pub(super) access: Track,
    pub(super) refresh: Track,
    pub(super) moments: Vec<Moment>,
}

/// A lifetime as a line, from its beginning to its end. Times are in milliseconds since 1970.
pub(super) struct Track {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The position of the present, out of 1000.
    pub(super) at: u64,
    /// The positions at which the kit obtains the next token, and at which the lead time begins.
    pub(super) marks: Vec<u64>,
}

/// An event in the lifetime of a token.
pub(super) struct Moment {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) note: String,
    pub(super) at: u64,
    pub(super) utc: String,
    pub(super) relative: String,
    pub(super) is_past: bool,
}

impl Timeline {
    pub(super) fn of(access: &Decoded, refresh: &Decoded, now: Timestamp) -> Self {
        let life = access.expires_at.since(access.issued_at);
        let lead = LEAD.min(life / 2);
        let mark = access.expires_at.before(lead);
        let next = mark.before(jitter(&access.id, life));
        let at = |time: Timestamp| position(time, access.issued_at, access.expires_at);
        let mut moments = vec![
            moment("issued", "Issued", String::new(), access.issued_at, now),
            moment("next", "Next refresh", next_note(life), next, now),
            moment("mark", mark_title(lead), mark_note(lead), mark, now),
            moment(
                "expiry",
                "Expiry",
                "From then on every call is answered 401.".into(),
                access.expires_at,
                now,
            ),
        ];
        let note = "The refresh token ends: the secret is needed again.".to_owned();
        moments.push(moment("end", "End of the refresh token", note, refresh.expires_at, now));
        Self {
            now: now.millis(),
            access: Track { marks: vec![at(next), at(mark)], ..Track::of(access, now) },
            refresh: Track::of(refresh, now),
            moments,
        }
    }
}

impl Track {
    fn of(token: &Decoded, now: Timestamp) -> Self {
        let (from, to) = (token.issued_at, token.expires_at);
        Self { from: from.millis(), to: to.millis(), at: position(now, from, to), marks: Vec::new() }
    }
}

/// Returns how much earlier this token is renewed. The kit draws it at random; here it is computed from the token's id, so that it stays
/// the same.
fn jitter(id: &str, life: Duration) -> Duration {
    let drawn = id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    JITTER.min(life / 20) * (drawn % 101) / 100
}

fn position(time: Timestamp, from: Timestamp, to: Timestamp) -> u64 {
    let life = to.since(from).as_millis().max(1);
    let passed = time.since(from).as_millis().min(life);
    u64::try_from(passed * u128::from(LENGTH) / life).unwrap_or(LENGTH)
}

fn moment(name: &'static str, title: &'static str, note: String, at: Timestamp, now: Timestamp) -> Moment {
    Moment {
        name,
        title,
        note,
        at: at.millis(),
        utc: utc(at),
        relative: relative(at, now),
        is_past: at <= now,
    }
}

fn mark_title(lead: Duration) -> &'static str {
    if lead < LEAD { "Half of its life" } else { "60 s mark" }
}

fn mark_note(lead: Duration) -> String {
    if lead < LEAD {
        "It lives for less than two minutes, so this takes the place of the 60 s mark.".to_owned()
    } else {
        "A call that begins later may arrive too late: renew before.".to_owned()
    }
}

fn next_note(life: Duration) -> String {
    let most = JITTER.min(life / 20).as_secs_f64();
    format!(
        "The client kit renews here: up to {most} s before the mark, by chance, so that callers drift apart."
    )
}

/// Returns the time until or since a time, in its two largest units.
pub(super) fn relative(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        format!("in {}", spelled(at.since(now)))
    } else {
        format!("{} ago", spelled(now.since(at)))
    }
}

fn spelled(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn token(life: u64) -> Decoded {
        Decoded {
            header_segment: String::new(),
            payload_segment: String::new(),
            header: Vec::new(),
            claims: Vec::new(),
            issued_at: NOW,
            expires_at: NOW.after(Duration::from_secs(life)),
            id: "AgICAgICAgICAgICAgICAg".to_owned(),
        }
    }

    fn at(timeline: &Timeline, name: &str) -> u64 {
        timeline.moments.iter().find(|moment| moment.name == name).unwrap().at - NOW.millis()
    }

    #[test]
    fn a_token_of_15_minutes_is_renewed_before_its_60_s_mark() {
        let timeline = Timeline::of(&token(900), &token(86_400), NOW);
        assert_eq!((at(&timeline, "mark"), at(&timeline, "expiry")), (840_000, 900_000));
        assert!((810_000..=840_000).contains(&at(&timeline, "next")));
        assert_eq!(at(&timeline, "end"), 86_400_000);
        assert_eq!(timeline.moments[2].title, "60 s mark");
    }

    #[test]
    fn a_token_of_4_seconds_is_renewed_at_half_of_its_life() {
        let now = NOW.after(Duration::from_secs(3));
        let timeline = Timeline::of(&token(4), &token(10), now);
        assert_eq!((at(&timeline, "mark"), at(&timeline, "expiry")), (2_000, 4_000));
        assert!((1_800..=2_000).contains(&at(&timeline, "next")));
        assert_eq!((timeline.access.at, timeline.refresh.at), (750, 300));
        assert_eq!(timeline.moments[2].title, "Half of its life");
        let past: Vec<_> = timeline.moments.iter().map(|moment| moment.is_past).collect();
        assert_eq!(past, [true, true, true, false, false]);
    }

    #[test]
    fn moments_are_told_from_the_present() {
        let told = |seconds| relative(NOW.after(Duration::from_secs(seconds)), NOW);
        assert_eq!(
            [told(0), told(59), told(61), told(86_399)],
            ["0 s ago", "in 59 s", "in 1 min 1 s", "in 23 h 59 min"]
        );
    }
}
