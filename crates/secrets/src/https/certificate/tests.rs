use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm, date_time_ymd,
};
use rustls::Error;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::Verifier;

use super::*;

/// A time in the middle of 2025, in seconds since 1970.
const NOW: u64 = 1_751_328_000;

/// A certificate authority that a client trusts, and another one of the same name.
struct Authorities {
    trusted: Issuer<'static, KeyPair>,
    other: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2026, 1, 1));
    params
}

fn of_ca() -> CertificateParams {
    let mut params = params(&["localhost"]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authorities {
    /// Makes both authorities; the untrusted one has a key of this kind, the trusted one a key of P-256.
    fn new(of_others: &'static SignatureAlgorithm) -> Self {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate_for(of_others).unwrap());
        let root = of_ca().self_signed(&key).unwrap().der().clone();
        Self { trusted: Issuer::new(of_ca(), key), other: Issuer::new(of_ca(), other), root }
    }

    /// Returns the error for a certificate of `issuer`, which is presented to a client that calls `localhost`.
    fn said(&self, issuer: &Issuer<'static, KeyPair>, certificate: &CertificateParams) -> String {
        let certificate = certificate.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots([self.root.clone()], provider).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
        let localhost = "localhost".try_into().unwrap();
        match verifier.verify_server_cert(certificate.der(), &[], &localhost, &[], now) {
            Err(Error::InvalidCertificate(problem)) => refused(&problem),
            other => format!("{other:?}"),
        }
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_in_plain_words_and_with_what_to_do() {
    let authorities = Authorities::new(&PKCS_ECDSA_P256_SHA256);
    let said = |certificate: &CertificateParams| authorities.said(&authorities.trusted, certificate);
    let mut expired = params(&["localhost"]);
    expired.not_after = date_time_ymd(2025, 2, 1);
    assert_eq!(
        said(&expired),
        "its certificate expired at 2025-02-01T00:00:00Z, and it is 2025-07-01T00:00:00Z here: renew it, or set the clock of \
         this machine"
    );
    let mut early = params(&["localhost"]);
    early.not_before = date_time_ymd(2025, 8, 1);
    assert_eq!(
        said(&early),
        "its certificate is valid from 2025-08-01T00:00:00Z on, and it is 2025-07-01T00:00:00Z here: renew it, or set the \
         clock of this machine"
    );
    let of_another = said(&params(&["a.example"]));
    assert!(
        of_another.starts_with("its certificate is for another name (") && of_another.contains("a.example")
    );
    let of_a_ca = said(&of_ca());
    assert!(
        of_a_ca.starts_with("its certificate is one of a CA (CA:TRUE), which no server may use: "),
        "{of_a_ca}"
    );
    let mut of_clients = params(&["localhost"]);
    of_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let of_clients = said(&of_clients);
    assert!(of_clients.starts_with("its certificate is not for servers: "), "{of_clients}");
}

#[test]
fn a_certificate_of_another_ca_of_the_same_name_is_not_signed_by_the_trusted_one() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let authorities = Authorities::new(kind);
        let said = authorities.said(&authorities.other, &params(&["localhost"]));
        let expected = "its certificate is not signed by the trusted CA of that name, ";
        assert!(said.starts_with(expected) && said.contains("SSL_CERT_FILE"), "{said}");
    }
}

#[test]
fn what_names_the_trusted_certificates_and_cant_be_read_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = |name: &str, text: &str| {
        std::fs::write(path(name), text).unwrap();
        path(name)
    };
    let pem = of_ca().self_signed(&KeyPair::generate().unwrap()).unwrap().pem();

    assert_eq!(unread_file(&file("ca.pem", &pem)), None);
    for (of, why) in [
        (path("gone.pem"), "can't be read (No such file or directory"),
        (String::new(), "can't be read (No such file or directory"),
        (path(""), "can't be read (Is a directory"),
        (file("empty.pem", ""), "holds no certificate in PEM"),
        (file("text.pem", "no certificate"), "holds no certificate in PEM"),
    ] {
        let said = unread_file(&of).unwrap();
        assert!(said.starts_with(&format!("SSL_CERT_FILE names {of:?}, which {why}")), "{said}");
    }

    std::fs::create_dir(path("none")).unwrap();
    let folders = |folders: &[&str]| unread_folders(&folders.join(":"));
    assert_eq!(folders(&[""]), None, "an empty list counts for none");
    assert_eq!(folders(&[&path("gone"), &path("")]), None, "one of them has certificates");
    for of in [&[path("gone")][..], &[path("none"), path("gone")]] {
        let of: Vec<&str> = of.iter().map(String::as_str).collect();
        assert!(folders(&of).unwrap().starts_with("SSL_CERT_DIR names "), "{of:?}");
    }
}
