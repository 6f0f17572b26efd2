//! Shows the lifetime of a key as a bar, on a scale that all keys of a page share.

use std::time::Duration;

use askama::Template;
use tollgate_admin::keys::ListedKey;
use tollgate_core::Timestamp;
use tollgate_store::SigningKey;

/// The length of the scale, in units of the drawing.
const WIDTH: u64 = 1000;

/// The bar of a key.
#[derive(Template)]
#[template(path = "console/track.html")]
pub(super) struct Track {
    words: String,
    parts: Vec<Part>,
    now: u64,
}

/// A part of a bar: its beginning, its length and its style.
struct Part {
    x: u64,
    width: u64,
    class: &'static str,
}

/// The scale of a page's bars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) now: Timestamp,
}

impl Scale {
    /// Makes a scale for all times of these keys that are certain. When the signing key will retire is not certain.
    pub(super) fn of(keys: &[ListedKey], now: Timestamp) -> Self {
        let times = || {
            let of_key = |key: &SigningKey| [Some(key.created_at), Some(key.activates_at), key.retires_at];
            keys.iter().flat_map(move |listed| of_key(&listed.key)).flatten().chain([now])
        };
        let (from, last) = (times().min().unwrap_or(now), times().max().unwrap_or(now));
        // Phases that go on beyond the last time must be visible, and a scale must not have the length 0.
        let to = last.after((last.since(from) / 10).max(Duration::from_secs(60)));
        Self { from, to, now }
    }

    fn x(&self, at: Timestamp) -> u64 {
        let whole = self.to.since(self.from).as_millis().max(1);
        let part = at.max(self.from).min(self.to).since(self.from).as_millis();
        u64::try_from(part * u128::from(WIDTH) / whole).unwrap_or(WIDTH)
    }
}

impl Track {
    /// Makes the bar of a key: it waits, signs until the next key of its algorithm does, and verifies until it retires.
    pub(super) fn of(listed: &ListedKey, keys: &[ListedKey], scale: Scale) -> Self {
        let key = &listed.key;
        let others = keys.iter().map(|other| &other.key).filter(|other| other.algorithm == key.algorithm);
        let next = others.map(|other| other.activates_at).filter(|at| *at > key.activates_at).min();
        let retires = key.retires_at.unwrap_or(scale.to);
        let signs_until = next.unwrap_or(scale.to).min(retires);
        let phases = if key.compromised {
            vec![("compromised", key.created_at, retires.min(scale.to))]
        } else {
            vec![
                ("waits", key.created_at, key.activates_at),
                ("signs", key.activates_at, signs_until),
                ("verifies", signs_until, retires),
            ]
        };
        let part = |(class, from, to): &(&'static str, Timestamp, Timestamp)| {
            let (x, end) = (scale.x(*from), scale.x(*to));
            Part { x, width: end.saturating_sub(x), class }
        };
        let words = phases
            .iter()
            .filter(|(_, from, to)| from < to)
            .map(|(name, from, _)| format!("{name} from {}", day(*from)));
        Self {
            words: words.collect::<Vec<_>>().join(", "),
            parts: phases.iter().map(part).filter(|part| part.width > 0).collect(),
            now: scale.x(scale.now),
        }
    }
}

fn day(at: Timestamp) -> String {
    let text = at.rfc3339();
    text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use tollgate_core::{Algorithm, KeyId};
    use tollgate_keys::Phase;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn key(activates_at: Timestamp, retires_at: Option<Timestamp>, compromised: bool) -> ListedKey {
        let key = SigningKey {
            id: KeyId::from_bytes([1; 16]),
            algorithm: Algorithm::Hs256,
            sealed: Vec::new(),
            public_key: None,
            created_at: activates_at.before(HOUR),
            activates_at,
            retires_at,
            compromised,
        };
        ListedKey { key, phase: Some(Phase::Active), advances_at: None }
    }

    #[test]
    fn a_key_waits_signs_until_the_next_one_does_and_verifies_until_it_retires() {
        let keys =
            [key(NOW.before(HOUR * 8), Some(NOW.after(HOUR)), false), key(NOW.before(HOUR), None, false)];
        let scale = Scale::of(&keys, NOW);
        let track = Track::of(&keys[0], &keys, scale);
        let classes: Vec<_> = track.parts.iter().map(|part| part.class).collect();
        assert_eq!(classes, ["waits", "signs", "verifies"]);
        assert!(track.parts.windows(2).all(|pair| pair[0].x + pair[0].width == pair[1].x));
        assert!(
            track.words.starts_with("waits from 2025-11-24, signs from 2025-11-24, verifies from"),
            "{}",
            track.words
        );
        let signing = Track::of(&keys[1], &keys, scale);
        let last = signing.parts.last().unwrap();
        assert_eq!((last.class, last.x + last.width), ("signs", WIDTH), "nobody knows until when");
        assert!(signing.now < WIDTH);
    }

    #[test]
    fn a_compromised_key_is_nothing_else_and_a_scale_has_a_length() {
        let keys = [key(NOW.before(HOUR), Some(NOW), true)];
        let track = Track::of(&keys[0], &keys, Scale::of(&keys, NOW));
        assert_eq!(track.parts.iter().map(|part| part.class).collect::<Vec<_>>(), ["compromised"]);
        let none = Scale::of(&[], NOW);
        assert!(none.to > none.from);
    }
}
