//! Digest authentication.

use std::net::IpAddr;

use sip_proto::{
    digest::{Algorithm, Challenge, Credentials, DigestError, Ha1, Login, Nonce, check, ha1, mint},
    limits,
};

const LOGIN: Login<'static> = Login { username: "Mufasa", password: "Circle of Life" };

/// The example of RFC 7616 §3.9.1.
#[test]
fn the_example_of_rfc_7616_proves_its_password() {
    let fields = "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
        cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
        opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    for (algorithm, response) in [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let value = format!("{fields}, algorithm={algorithm}, response=\"{response}\"");
        let credentials = Credentials::parse(value.as_bytes()).unwrap();
        let secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
        assert!(credentials.verify("GET", &secret));
        assert!(!credentials.verify("POST", &secret));
        assert!(!credentials.verify("GET", &ha1(algorithm, "Mufasa", "http-auth@example.org", "wrong")));
        let stored = Ha1::from_hex(algorithm, &secret.to_hex()).unwrap();
        assert!(credentials.verify("GET", &stored));
    }
}

#[test]
fn every_algorithm_answers_and_is_believed() {
    for (token, algorithm) in
        [("MD5", Algorithm::Md5), ("SHA-256", Algorithm::Sha256), ("sha-512-256", Algorithm::Sha512Trunc256)]
    {
        let value =
            format!("Digest realm=\"pbx\", nonce=\"n1\", algorithm={token}, qop=\"auth,auth-int\", opaque=\"o\"");
        let challenge = Challenge::parse(value.as_bytes()).unwrap();
        assert_eq!(challenge.algorithm, algorithm);
        assert_eq!(Challenge::parse(challenge.to_string().as_bytes()).unwrap(), challenge);
        // Percent escapes and parameters of the URI stay as they are, and the count goes past a byte.
        let uri = "sip:%23123@pbx;transport=tcp";
        let header = challenge.answer(&LOGIN, "REGISTER", uri, "c1", 300);
        let credentials = Credentials::parse(header.as_bytes()).unwrap();
        assert_eq!(credentials.uri(), uri.as_bytes());
        assert_eq!((credentials.nc(), credentials.opaque()), (300, Some("o")));
        assert!(credentials.verify("REGISTER", &ha1(algorithm, "Mufasa", "pbx", "Circle of Life")));
    }
}

#[test]
fn a_challenge_without_qop_is_answered_the_old_way_and_never_believed() {
    let challenge = Challenge::parse(b"Digest realm=\"pbx\", nonce=\"n1\"").unwrap();
    assert_eq!((challenge.algorithm, challenge.qop_auth), (Algorithm::Md5, false));
    let header = challenge.answer(&LOGIN, "REGISTER", "sip:pbx", "c1", 1);
    assert!(!header.contains("qop") && !header.contains("cnonce"));
    let credentials = Credentials::parse(header.as_bytes()).unwrap();
    assert!(!credentials.verify("REGISTER", &ha1(Algorithm::Md5, "Mufasa", "pbx", "Circle of Life")));
}

#[test]
fn quotes_may_hold_quotes_and_commas() {
    let value = b"digest username=\"a\\\"b, c=d\",realm=\"r\\\\s\" , nonce = \"n\",uri=\"sip:x,y\",response=\"00\"";
    let credentials = Credentials::parse(value).unwrap();
    assert_eq!(
        (credentials.username(), credentials.realm(), credentials.uri()),
        ("a\"b, c=d", "r\\s", &b"sip:x,y"[..])
    );
    let challenge = Challenge::parse(b"Digest realm=\"a \\\"b\\\"\", nonce=\"n\", qop=\"auth\"").unwrap();
    let login = Login { username: "x\"y", password: "p" };
    let header = challenge.answer(&login, "INVITE", "sip:x", "c", 1);
    let credentials = Credentials::parse(header.as_bytes()).unwrap();
    assert_eq!((credentials.username(), credentials.realm()), ("x\"y", "a \"b\""));
    assert!(credentials.verify("INVITE", &ha1(Algorithm::Md5, "x\"y", "a \"b\"", "p")));
}

#[test]
fn what_cannot_be_used_is_refused() {
    let many =
        format!("Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"0\"{}", ",p=1".repeat(10_000));
    let base = "Digest realm=\"r\",nonce=\"n\",uri=\"sip:u\",response=\"00\"";
    for (value, error) in [
        (many, DigestError::Malformed),
        (base.to_owned(), DigestError::Malformed),
        (format!("{base},username=\"\""), DigestError::Malformed),
        (format!("{base},username=\"u"), DigestError::Malformed),
        (format!("{base},username=\"u\",username=\"v\""), DigestError::Malformed),
        (format!("{base},username=\"u\",qop=auth"), DigestError::Malformed),
        (format!("{base},username=\"u\",qop=auth,nc=1g"), DigestError::Malformed),
        (format!("{base},username=\"u\",qop=auth,nc=+1"), DigestError::Malformed),
        (format!("{base},username=\"u\",nc=100000000"), DigestError::Malformed),
        (format!("{base},username=\"u\",algorithm=MD5-sess"), DigestError::Algorithm),
        (format!("{base},username=\"u\",algorithm=SHA256"), DigestError::Algorithm),
        ("Basic dTpw".to_owned(), DigestError::Scheme),
        ("Digest".to_owned(), DigestError::Scheme),
    ] {
        assert_eq!(Credentials::parse(value.as_bytes()).unwrap_err(), error, "{value:.80}");
    }
    assert_eq!(
        Challenge::parse(b"Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\"").unwrap_err(),
        DigestError::Algorithm
    );
    assert_eq!(Challenge::parse(b"Digest realm=\"r\"").unwrap_err(), DigestError::Malformed);
}

#[test]
fn as_many_parameters_as_the_limit_are_read() {
    let with = |count: usize| {
        let fill: String = (5..count).map(|n| format!(",p{n}=1")).collect();
        Credentials::parse(
            format!("Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"u\",response=\"0\"{fill}").as_bytes(),
        )
    };
    assert!(with(limits::DIGEST_PARAMETERS).is_ok());
    assert_eq!(with(limits::DIGEST_PARAMETERS + 1).unwrap_err(), DigestError::Malformed);
}

#[test]
fn two_credentials_for_one_realm_are_refused() {
    let of = |realm: &str| format!("Digest username=\"u\",realm=\"{realm}\",nonce=\"n\",uri=\"sip:u\",response=\"00\"");
    let (a, b) = (of("a"), of("b"));
    let find = |values: &[&str]| Credentials::find(values.iter().map(|value| value.as_bytes()), "a");
    assert!(find(&[&a, &b, "NoOneKnowsThis x=y"]).unwrap().is_some());
    assert!(find(&[&b]).unwrap().is_none());
    assert_eq!(find(&[&a, &a]).unwrap_err(), DigestError::Malformed);
}

#[test]
fn a_nonce_is_good_for_its_source_and_realm_for_a_minute() {
    let source: IpAddr = "192.0.2.1".parse().unwrap();
    let nonce = mint(b"key", 1_800_000_000, 7, source, "pbx");
    let at = |now| check(b"key", nonce.as_bytes(), now, source, "pbx");
    assert_eq!(at(1_800_000_000), Nonce::Fresh);
    assert_eq!(at(1_800_000_060), Nonce::Fresh);
    assert_eq!(at(1_800_000_061), Nonce::Stale);
    assert_eq!(at(1_799_999_999), Nonce::Stale);
    let bad = |key: &[u8], nonce: &[u8], source: &str, realm: &str| {
        assert_eq!(check(key, nonce, 1_800_000_000, source.parse().unwrap(), realm), Nonce::Bad);
    };
    bad(b"kex", nonce.as_bytes(), "192.0.2.1", "pbx");
    bad(b"key", nonce.as_bytes(), "192.0.2.2", "pbx");
    bad(b"key", nonce.as_bytes(), "192.0.2.1", "tenant-b");
    bad(b"key", &nonce.as_bytes()[..55], "192.0.2.1", "pbx");
    bad(b"key", &vec![b'a'; 4096], "192.0.2.1", "pbx");
    bad(b"key", b"", "192.0.2.1", "pbx");
    assert_eq!(
        check(b"key", nonce.as_bytes(), 1_800_000_000, "::ffff:192.0.2.1".parse().unwrap(), "pbx"),
        Nonce::Fresh
    );
    assert_ne!(mint(b"key", 1_800_000_000, 8, source, "pbx"), nonce);
}

#[test]
fn secrets_are_not_printed() {
    let secret = ha1(Algorithm::Md5, "u", "r", "p");
    assert_eq!(format!("{secret:?}"), "Ha1(MD5)");
    assert!(!format!("{LOGIN:?}").contains("Circle"));
    let header = Challenge::parse(b"Digest realm=\"r\",nonce=\"n\",qop=\"auth\"")
        .unwrap()
        .answer(&LOGIN, "INVITE", "sip:x", "c", 1);
    let shown = format!("{:?}", Credentials::parse(header.as_bytes()).unwrap());
    assert!(!shown.contains("Mufasa") && !shown.contains("response"));
}
