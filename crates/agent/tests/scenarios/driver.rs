//! Plays the scenarios of `packages/scenarios` with the agent, by the code that those for the client library share.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a driver that can't go on ends, which ends the run")]

mod calling;
#[path = "../../../client/tests/scenarios/clock.rs"]
mod clock;
#[path = "../../../client/tests/scenarios/described.rs"]
mod described;
#[path = "../../../client/tests/scenarios/pieces.rs"]
mod pieces;
#[path = "../../../client/tests/scenarios/play.rs"]
mod play;
mod relay;

fn main() {
    play::play::<calling::Calling>();
}
