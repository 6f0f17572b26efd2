//! The table of requests that every mount of the guard answers alike, sent through a proxy.

use super::parity::{Case, Subject};
use super::{Answers, Guarded, NO_ANSWER};

impl Guarded<'_> {
    /// Sends each case whose subject the proxy decides by, and compares what comes back, and what comes to the API.
    pub(super) fn answers_as_the_table_says(&self) {
        let cases: Vec<Case> = self.tollgate.table(self.recipe.algorithm);
        let cases = cases.iter().filter(|case| self.recipe.decides(case));
        let mut differences = Vec::new();
        let mut sent = 0;
        for case in cases {
            sent += 1;
            differences.extend(self.differs(case));
            assert!(differences.len() < 10, "{differences:#?}");
        }
        assert!(differences.is_empty(), "{differences:#?}");
        assert!(sent > 3_000, "{sent} cases");
    }

    fn differs(&self, case: &Case) -> Option<String> {
        let lines: Vec<Vec<u8>> =
            case.authorization.iter().map(|line| [b"authorization: ", line.as_bytes()].concat()).collect();
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let answer = self.send("GET /payments/1 HTTP/1.1", &lines, b"");
        let forwarded = self.forwarded().len();
        if (forwarded == 1) != case.expected.is_ok() {
            return Some(format!("{case}: {forwarded} came to the API, {}", answer.status()));
        }
        // A proxy may refuse by itself what is no single line of some length, in ASCII.
        let is_odd = case.authorization.len() != 1
            || case.authorization.iter().any(|line| line.len() > 4_096 || line.to_str().is_err());
        if is_odd && case.expected.is_err() && answer.status().is_client_error() {
            return None;
        }
        let checked = match self.recipe.answers {
            Answers::Whole => case.check(&answer),
            Answers::Heads => case.check_head(&answer),
            Answers::Refusals if case.expected.is_ok() || answer.status().is_client_error() => Ok(()),
            // Apache ends one of some ten thousand connections without a word, which admits nobody.
            Answers::Refusals if answer.status() == NO_ANSWER => Ok(()),
            Answers::Refusals => Err(format!("{case}: {}", answer.status())),
        };
        checked.err()
    }
}

/// What a proxy decides by that asks.
pub(super) const ALL: &[Subject] = &[
    Subject::Header,
    Subject::Times,
    Subject::Claims,
    Subject::Signature,
    Subject::Spelling,
    Subject::Revocation,
    Subject::Permission,
];
