//! Callers who say themselves who they are, in every spelling that a program may fold into the header that the API reads.

use super::Guarded;

/// What may stand for a dash in a header's name.
const SEPARATORS: &str = "-_.!#$%&'*+^`|~";
const NAMES: [&str; 7] = ["client-id", "merchant-id", "scope", "env", "token-id", "status", "error"];

impl Guarded<'_> {
    pub(super) fn nobody_passes_for_another(&self) {
        let (access, _) = self.tollgate.tokens();
        let bearer = format!("authorization: Bearer {access}");
        self.forwarded();
        let mut admitted = 0;
        for name in spellings() {
            let answer = self.call("GET /payments/1", &[&bearer, &format!("{name}: forged")]);
            assert!(matches!(answer.status().as_u16(), 200 | 400), "{name}: {}", answer.status());
            for arrived in self.forwarded() {
                admitted += 1;
                self.assert_identity(&arrived, &access);
            }
        }
        assert!(admitted > 14, "{admitted} requests came to the API");
    }
}

fn spellings() -> Vec<String> {
    let mut all = Vec::new();
    for separator in SEPARATORS.chars() {
        for name in NAMES {
            let name = format!("x-tollgate-{name}").replace('-', &separator.to_string());
            all.extend([name.clone(), name.to_uppercase()]);
        }
        // Two separators in one name, in either place.
        all.push(format!("X-Tollgate{separator}Client-Id"));
        all.push(format!("X{separator}Tollgate-Client-Id"));
        all.push(format!("X-Tollgate-Client{separator}Id"));
    }
    all
}
