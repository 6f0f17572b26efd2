//! A form is read to the same once it is written again, and each name that is there twice is a problem.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use tollgate_server::fuzzing::form;

fuzz_target!(|body: &[u8]| {
    let Some((pairs, problems)) = form(body) else {
        assert!(std::str::from_utf8(body).is_err());
        return;
    };
    let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    assert_eq!(form(written.as_bytes()), Some((pairs.clone(), problems.clone())));
    let mut names = HashSet::new();
    let twice: HashSet<&String> = pairs.iter().map(|(name, _)| name).filter(|name| !names.insert(*name)).collect();
    assert_eq!(twice.is_empty(), problems.is_empty());
    assert!(problems.iter().all(|name| twice.contains(name)));
});
