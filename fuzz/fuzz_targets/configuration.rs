//! A configuration that is accepted can be shown and loaded again, and a problem is one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_config::Config;

fuzz_target!(|file: &[u8]| match Config::of_file(file) {
    Ok(accepted) => {
        let shown = accepted.to_redacted_toml();
        let again = Config::of_file(shown.as_bytes()).expect("what is shown can be loaded");
        assert_eq!(again.to_redacted_toml(), shown);
        if !shown.contains("***") {
            assert_eq!(again, accepted);
        }
        let _ = (accepted.check_production(), accepted.warnings());
    }
    Err(refused) => {
        assert!(!refused.problems().is_empty());
        assert!(refused.problems().iter().all(|problem| !problem.contains(['\n', '\r'])), "{refused}");
    }
});
