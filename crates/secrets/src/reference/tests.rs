use super::*;

fn shown(text: &str) -> String {
    Reference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

#[test]
fn references_show_themselves_as_they_are_written() {
    for text in [
        "file:/run/secrets/tollgate",
        "file:relative path.txt",
        "env:TOLLGATE_SECRET",
        "vault:secret/tollgate#client_secret",
        "vault:secret/team/tollgate#a#b",
        "vault:team/kv//app/tollgate#secret",
        "gcp:projects/p/secrets/s",
        "gcp:projects/p-1/secrets/s_1/versions/7",
        "gcp:projects/example.com:p/secrets/s/versions/latest#secret",
        "gcp:projects/p/locations/europe-west3/secrets/s/versions/live",
        "aws:prod/tollgate/client",
        "aws:prod/tollgate#secret",
        "aws:arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/tollgate-AbCdEf#secret",
    ] {
        assert_eq!(shown(text), text);
    }
}

#[test]
fn any_other_text_is_a_value_and_is_not_shown() {
    for text in [
        "https://core.example.com:8443/x#y",
        "s3cr:et",
        ":x",
        "FILE:/etc/passwd",
        "azure:vault/secret",
        "vault",
        "0192f0c1-2d3e-7a4b-8c5d-6e7f80910a1b",
        " env:NAME",
        "environment:NAME",
        "",
    ] {
        let reference = Reference::parse(text).unwrap();
        assert_eq!(reference.to_string(), "a plain value");
        assert_eq!(format!("{reference:?}"), "Reference(a plain value)");
    }
}

#[test]
fn what_begins_like_a_reference_and_is_none_is_refused_without_showing_it() {
    for text in [
        "file:",
        "file:a\nb",
        "env:",
        "env:1NAME",
        "env:NA ME",
        "env:NAME=canary",
        "vault:",
        "vault:secret#f",
        "vault:secret/path",
        "vault:secret/path#",
        "vault:secret/../sys/seal#f",
        "vault:secret/./x#f",
        "vault:secret//#f",
        "vault:/path#f",
        "vault:secret/path/#f",
        "vault:secret/a\nb#f",
        "gcp:secrets/s",
        "gcp:projects/p/secrets/s/versions",
        "gcp:projects/p/secrets/s/versions/1/x",
        "gcp:projects/p/secrets/..",
        "gcp:projects/p/secrets/a?b",
        "gcp:projects/p/secrets/s#",
        "gcp:projects/p/locations/evil.example/secrets/s",
        "aws:",
        "aws:#f",
        "aws:name#",
        "aws:name with space",
        "aws:arn:aws:s3:eu-west-1:123456789012:secret:name",
        "aws:arn:aws:secretsmanager:evil.example:123456789012:secret:name",
        "aws:arn:aws:secretsmanager:eu-west-1:123456789012:secret",
    ] {
        let error = Reference::parse(text).err().unwrap_or_else(|| panic!("{text} is taken"));
        let rest = text.split_once(':').unwrap().1;
        assert!(rest.len() < 4 || !format!("{error} {error:?}").contains(rest), "{error}");
    }
    let error = Reference::parse("vault:canary").unwrap_err().to_string();
    assert!(error.contains("vault:MOUNT/PATH#FIELD"), "{error}");
}

#[test]
fn a_reference_to_vault_without_a_field_is_told_so_and_how_mounts_with_slashes_are_written() {
    let error = |text| Reference::parse(text).err().unwrap().to_string();
    assert!(error("vault:secret/app").contains("; #FIELD is missing"));
    assert!(error("vault:secret#f").contains("team/kv//app#FIELD"));
    assert!(!error("vault:secret#f").contains("missing"));
}
