//! Plays the scenarios of `packages/scenarios` with the kit, by reqwest and by tower.

#![expect(clippy::unwrap_used, reason = "a driver that can't go on ends, which ends the run")]

mod clock;
mod described;
mod kit;
mod pieces;
mod play;
mod sending;

fn main() {
    play::play::<kit::Kit>();
}
