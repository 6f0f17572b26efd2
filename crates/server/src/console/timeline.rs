//! The life of a key as a bar, on a scale that all keys of a page share.

use askama::Template;
use tollgate_core::Timestamp;

use crate::admin::keys::ListedKey;

/// The length of the scale.
const WIDTH: u64 = 1000;

/// The bar of a key.
#[derive(Template)]
#[template(path = "console/track.html")]
pub(super) struct Track {
    words: String,
    parts: Vec<Part>,
    now: u64,
}

/// A part of a bar: from where on, how long, and what it is.
struct Part {
    x: u64,
    width: u64,
    class: &'static str,
}

/// The scale of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) now: Timestamp,
}

impl Scale {
    /// A scale on which all that is known of these keys is.
    pub(super) fn of(keys: &[ListedKey], now: Timestamp) -> Self {
        let times = || {
            keys.iter().flat_map(|listed| {
                let key = &listed.key;
                [Some(key.created_at), Some(key.activates_at), key.retires_at, listed.advances_at]
            })
        };
        let known = || times().flatten().chain([now]);
        let from = known().min().unwrap_or(now);
        let to = known().max().unwrap_or(now);
        // What goes on beyond the last known time must be seen to.
        let to = to.after(to.since(from) / 20).max(from.after(std::time::Duration::from_secs(60)));
        Self { from, to, now }
    }

    fn x(&self, at: Timestamp) -> u64 {
        let whole = self.to.since(self.from).as_millis().max(1);
        let part = at.max(self.from).min(self.to).since(self.from).as_millis();
        u64::try_from(part * u128::from(WIDTH) / whole).unwrap_or(WIDTH)
    }
}

impl Track {
    /// The bar of a key: it waits, signs until the next key of its algorithm does, and verifies until it retires.
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
    let text = humantime::format_rfc3339_seconds(std::time::SystemTime::from(at)).to_string();
    text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned())
}
