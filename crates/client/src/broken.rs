//! What is told of a connection that broke.

use std::error::Error;
use std::io;

/// Whether the system gave a connection up because nobody acknowledged what was sent. The limits of this crate and of
/// reqwest say the same of an answer that took too long, but not in the system's name.
pub(crate) fn is_given_up_by_system(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut && io.raw_os_error().is_some()) {
            return true;
        }
        cause = error.source();
    }
    false
}
