//! URIs.

use sip_proto::{
    limits,
    uri::{Host, Scheme, Uri, UriError, encode_user},
};

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_parts_are_found() {
    let full = uri("SIP:alice:secret@Example.COM:5070;transport=tcp;lr?Subject=a%20b&x=1");
    assert_eq!(full.scheme(), Scheme::Sip);
    assert_eq!((full.user(), full.password()), (Some("alice"), Some("secret")));
    assert_eq!((full.host(), full.port()), (Host::Name("Example.COM"), Some(5070)));
    assert_eq!((full.param("Transport"), full.param("lr"), full.param("x")), (Some("tcp"), Some(""), None));
    assert_eq!(full.headers(), Some("Subject=a%20b&x=1"));
    let bare = uri("sips:[2001:db8::1]:5061");
    assert_eq!((bare.scheme(), bare.user(), bare.port()), (Scheme::Sips, None, Some(5061)));
    assert_eq!(bare.host_str(), "[2001:db8::1]");
    assert_eq!(uri("sip:host_1.internal").host(), Host::Name("host_1.internal"));
    assert_eq!(uri("sip:192.0.2.1").host().ip(), Some("192.0.2.1".parse().expect("an address")));
    let number = uri("tel:+84-28-123;ext=5");
    assert_eq!((number.scheme(), number.user(), number.param("ext")), (Scheme::Tel, Some("+84-28-123"), Some("5")));
    assert_eq!(uri("urn:service:sos").scheme(), Scheme::Other);
}

#[test]
fn text_is_printed_as_it_came() {
    for text in
        ["sip:%23123@pbx;transport=tcp", "sip:*98#@pbx", "SIPS:A%20B@H;x=%41?y=%2541", "tel:1(2)3", "http://x/y?z"]
    {
        assert_eq!(uri(text).to_string(), text);
        assert_eq!(uri(text).as_bytes().as_ref(), text.as_bytes());
    }
    assert_eq!(uri("sip:%23123@pbx").user_decoded().as_deref(), Some(b"#123".as_slice()));
    assert_eq!(uri("sip:%2523@pbx").user_decoded().as_deref(), Some(b"%23".as_slice()));
    assert_eq!(encode_user("#123 é%"), "%23123%20%C3%A9%25");
    assert_eq!(encode_user("+84.28"), "+84.28");
}

/// The examples of RFC 3261 §19.1.4.
#[test]
fn equivalence_is_that_of_the_rfc() {
    for (left, right) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]"),
        ("tel:+84-28-1", "tel:+84281"),
    ] {
        assert!(uri(left).is_equivalent(&uri(right)) && uri(right).is_equivalent(&uri(left)), "{left} = {right}");
    }
    for (left, right) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@h", "sips:a@h"),
        ("sip:h", "sip:a@h"),
    ] {
        assert!(!uri(left).is_equivalent(&uri(right)) && !uri(right).is_equivalent(&uri(left)), "{left} ≠ {right}");
    }
}

#[test]
fn a_refusal_says_why() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("sip", UriError::Scheme),
        ("sip:", UriError::Host),
        ("sip:@h", UriError::User),
        ("sip:a@h:0", UriError::Port),
        ("sip:a%zz@h", UriError::Character),
        ("sip:a b@h", UriError::Character),
        ("sip:a@b@c", UriError::Host),
        ("sip:h;;lr", UriError::Parameter),
        ("sip:2001:db8::1", UriError::Port),
    ] {
        assert_eq!(text.parse::<Uri>().expect_err(text), error, "{text}");
    }
    let long = |size: usize| format!("sip:{}@h", "a".repeat(size - "sip:@h".len()));
    assert!(long(limits::URI).parse::<Uri>().is_ok());
    assert_eq!(long(limits::URI + 1).parse::<Uri>().expect_err("too long"), UriError::TooLong);
}
