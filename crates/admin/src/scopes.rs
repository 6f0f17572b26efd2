//! The scopes that Tollgate itself requires.

use std::fmt;

use tollgate_core::Scope;

/// The scopes of the Payment API, of administration, and of guards in other processes.
const KNOWN: [&str; 8] = [
    "payments:read",
    "payments:write",
    "admin:read",
    "admin:support",
    "admin:write",
    "admin:keys",
    "admin:audit",
    "tollgate:verify",
];

/// How similar two names must be for one to be taken for a mistyped form of the other.
const ALIKE: f64 = 0.7;

/// A scope that Tollgate doesn't require. An API that somebody runs may require it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownScope {
    /// The name of the scope.
    pub name: String,
    /// The known scope that it looks like.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for UnknownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tollgate knows no scope {}", self.name)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => f.write_str(": only an API of your own can ask for it"),
        }
    }
}

/// Lists the scopes that Tollgate doesn't require.
pub fn unknown(scope: &Scope) -> Vec<UnknownScope> {
    let unknown = scope.words().filter(|name| !KNOWN.contains(name));
    unknown.map(|name| UnknownScope { name: name.to_owned(), nearest: nearest(name) }).collect()
}

fn nearest(name: &str) -> Option<&'static str> {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
    let nearest = KNOWN.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(nearest) >= ALIKE).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_scope_is_told_from_one_of_another_api() {
        let said = |text: &str| {
            let scope = text.parse().unwrap();
            unknown(&scope).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(said("payments:read payments:write admin:keys"), Vec::<String>::new());
        assert_eq!(
            said("payment:read"),
            ["Tollgate knows no scope payment:read; did you mean payments:read?"]
        );
        let other = "Tollgate knows no scope ledger: only an API of your own can ask for it";
        assert_eq!(said("payments:read ledger"), [other]);
    }
}
