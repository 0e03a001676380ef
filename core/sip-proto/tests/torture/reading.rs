//! What the messages of RFC 4475 hold is read as it was meant.

use std::net::SocketAddr;

use bytes::Bytes;
use sip_proto::{
    digest::{Credentials, DigestError},
    message::{Message, Method, Name, check, parse},
    uri::{Scheme, Uri},
};

use super::{
    UNDERSTOOD,
    messages::{application, invalid, valid},
    read,
};

fn request_uri(message: &Message) -> Uri {
    message.request_uri().expect("a Request-URI")
}

fn user(uri: &Uri) -> String {
    String::from_utf8_lossy(&uri.user_decoded().expect("a user")).into_owned()
}

/// Returns why the parser refuses a message.
fn reason(message: &[u8]) -> &'static str {
    parse(Bytes::copy_from_slice(message)).expect_err("the message is invalid").reason
}

#[test]
fn a_tortuous_invite_is_read_in_full() {
    let message = read(valid::WSINV);
    assert_eq!(
        (message.method(), message.cseq(), message.max_forwards()),
        (&Method::Invite, (31, &Method::Invite), Some(42))
    );
    let uri = request_uri(&message);
    assert_eq!((uri.param("floor"), uri.param("by-lift")), (Some("2"), Some("")));
    assert_eq!((message.call_id(), message.to_tag()), ("tangled.31@198.51.100.7", Some("r3c3pt10n")));
    let from = message.from().expect("a From");
    assert_eq!((from.display().as_deref(), from.tag()), (Some("The \"front\" desk    \\"), Some("d35k-tag")));
    assert_eq!((from.uri().as_str(), from.param("shift").as_deref()), ("sip:desk@example.net", Some("night")));
    let vias: Vec<_> = message
        .vias()
        .map(|via| format!("{} {} {:?} {}", via.transport(), via.host(), via.port(), via.branch().unwrap_or_default()))
        .collect();
    assert_eq!(
        vias,
        [
            "UDP 198.51.100.7 None z9hG4bK-fold.1",
            "TCP gate.example.org Some(5062) z9hG4bK-fold.2",
            "TLS 203.0.113.90 None z9hG4bK-fold.3",
        ]
    );
    assert!(message.via().expect("a Via").wants_rport());
    assert_eq!(message.header(Name::Subject), Some(b"".as_slice()));
    assert_eq!(message.custom("colour-of-the-door"), Some(b"pale    green ,  \twith a brass handle".as_slice()));
    assert_eq!(message.custom("Shelf-marks"), Some(b",;=;,\"\";; ,".as_slice()));
    let contact = message.contacts().next().expect("a Contact");
    assert_eq!((contact.display().as_deref(), contact.q()), (Some("Desk \"7\""), Some(250)));
    assert_eq!((contact.uri().port(), contact.uri().param("ob")), (Some(5064), Some("")));
    assert_eq!(
        (contact.param("season").as_deref(), contact.param("unlit").as_deref()),
        (Some("late-autumn"), Some(""))
    );
    let routes: Vec<_> = message.routes().map(|route| route.uri().host_str().to_owned()).collect();
    assert_eq!(routes, ["edge.example.org", "core.example.org", "inner.example.org"]);
    assert!(message.is_content("application/sdp") && message.body().ends_with(b"a=sendrecv\r\n"));
}

#[test]
fn unusual_characters_are_kept() {
    let message = read(valid::INTMETH);
    assert_eq!(message.method().as_str(), "KNOCK-2.times!And*then_+wait`it's%~ok");
    let uri = request_uri(&message);
    assert_eq!(uri.user(), Some("a-Z_0.9!~*'()&=+$,;?/%2F"));
    assert_eq!(uri.password(), Some("Key&=+$,-_.!~*'()%3A"));
    assert_eq!(uri.host_str(), "odd.example.net");
    assert_eq!(message.via().expect("a Via").branch(), Some("z9hG4bK~'`+_*%!.-"));
    let to = message.to().expect("a To");
    assert_eq!(to.display().as_deref(), Some("tab \t, escape \x1b, nothing \0, delete \x7f, slash \\, quote \""));
    assert_eq!(to.uri().as_str(), "sip:callee@example.net");
    let from = message.from().expect("a From");
    assert_eq!(from.display().as_deref(), Some("~'`+ _*% !.- Desk"));
    assert_eq!(from.param("-.!%*_+`'~").as_deref(), Some("\"đang gọi, ждите\""));
    assert_eq!(from.tag(), Some("~'`+_*%!.-"));
    assert_eq!(message.call_id(), "(odd)<mark>:\\/\"[?]{}%4a-.!*_+`'~@x%!~'\"{[(<>)]}?");
    assert_eq!(message.custom("~odd-.!%*_+`'NAME~"), Some("\u{feff}khách sạn 旅館".as_bytes()));
}

#[test]
fn percent_escapes_are_decoded_once_and_only_in_uris() {
    let message = read(valid::ESC01);
    let uri = request_uri(&message);
    assert_eq!(user(&uri), "sips:help@example.org:5061");
    assert_eq!(uri.as_str(), "sip:sips%3Ahelp%40example.org%3A5061@example.net");
    let to = message.to().expect("a To");
    assert_eq!(to.display().as_deref(), Some("100%41"));
    assert!(to.uri().is_equivalent(&"sip:help@example.org".parse().expect("a URI")));
    assert_eq!(user(message.from().expect("a From").uri()), "Work shop");
    let contact = message.contacts().next().expect("a Contact");
    let same = |text: &str| contact.uri().is_equivalent(&text.parse().expect("a URI"));
    assert!(same("sip:bench@198.51.100.31:5070;lr;grade=b%2542"));
    assert!(!same("sip:bench@198.51.100.31:5070;lr;grade=B%42") && !same("sip:bench@198.51.100.31:5070;lr;grade=BB"));

    let message = read(valid::ESCNULL);
    let nulls: Vec<_> = message.contacts().map(|contact| user(contact.uri())).collect();
    assert_eq!(nulls, ["\0", "\0\0", "before\0after"]);
    let [one, two] = [0, 1].map(|at| message.contacts().nth(at).expect("a Contact"));
    assert!(!one.uri().is_equivalent(two.uri()));
    assert_eq!(user(message.to().expect("a To").uri()), "hollow\0tree");

    let message = read(valid::ESC02);
    assert_eq!(message.method(), &Method::Other("INV%49T%45".into()));
    assert_eq!(message.via().expect("a Via").branch(), Some("z9hG4bK-percent%2"));
    assert_eq!((message.call_id(), message.from_tag()), ("%63all%@192.0.2.45", Some("%74%61%67")));
    assert_eq!(message.to().expect("a To").display().as_deref(), Some("%48elp 5% off %Q"));
    let contacts: Vec<_> = message.contacts().map(|contact| contact.display().map(|name| name.into_owned())).collect();
    assert_eq!(contacts, [Some("%Z%7".to_owned()), Some("%".to_owned())]);
}

#[test]
fn long_values_are_kept_whole() {
    let bytes = valid::longreq();
    assert!(bytes.len() > 5000);
    let message = read(&bytes);
    assert_eq!(message.via_count(), 40);
    assert!(message.vias().take(39).enumerate().all(|(at, via)| via.branch() == Some(&*format!("z9hG4bK-hop{at}"))));
    assert_eq!(message.vias().last().and_then(|via| via.branch().map(str::len)), Some(487));
    assert_eq!((message.from_tag().map(str::len), message.call_id().len()), (Some(192), 221));
    let to = message.to().expect("a To");
    assert_eq!((to.display().map(|name| name.len()), to.uri().param("shelf").map(str::len)), (Some(132), Some(120)));
    assert_eq!(to.uri().param(&"dusty".repeat(30)), Some(""));
    let from = message.from().expect("a From");
    assert_eq!(from.param(&"corridor".repeat(20)).map(|value| value.len()), Some(218));
    assert_eq!(from.param(&"unheated".repeat(25)).as_deref(), Some(""));
    let unknown = message.custom(&format!("x-{}", "CATALOGUE-".repeat(18))).expect("the field");
    assert!(unknown.len() > 600);
}

#[test]
fn odd_but_valid_messages_are_read() {
    let caller = read(valid::LWSDISP).from().expect("a From");
    assert_eq!((caller.display().as_deref(), caller.uri().as_str()), (Some("lobby"), "sip:lobby@example.com"));
    // Octets behind the declared length of a datagram are ignored.
    let first = read(valid::DBLREQ);
    assert_eq!((first.method(), first.call_id()), (&Method::Register, "first-of-two@198.51.100.60"));
    assert!(first.body().is_empty() && first.bytes().ends_with(b"Content-Length: 0\r\n\r\n"));
    let message = read(valid::SEMIURI);
    let uri = request_uri(&message);
    assert_eq!((uri.user(), uri.params().count()), (Some("hall;door=east;key=spare%40example.com"), 0));
    assert_eq!(uri.host_str(), "example.org");
    let contact = message.contacts().next().expect("a Contact");
    assert_eq!((contact.uri().user(), contact.uri().params().count()), (Some("warden;bunch=2"), 0));
    let transports: Vec<_> = read(valid::TRANSPORTS).vias().map(|via| via.transport().to_owned()).collect();
    assert_eq!(transports, ["TLS", "PNEUMATIC-TUBE", "UDP", "TCP", "SCTP"]);
    let multipart = read(&valid::mpart01());
    assert_eq!(multipart.content("text/plain").as_deref(), Some(b"The parcel is here.".as_slice()));
    assert_eq!(multipart.content("application/octet-stream").as_deref(), Some(&*valid::seal()));
    let phrase = "= 4 * 50; đã nối máy & всё хорошо? 通じました, /:@+$";
    assert_eq!(read(valid::UNREASON).reason_phrase(), Some(phrase.as_bytes()));
    let silent = read(valid::NOREASON);
    assert_eq!((silent.status(), silent.reason_phrase()), (Some(180), Some(b"".as_slice())));
}

/// A message that is refused for another fault than its own would test nothing.
#[test]
fn invalid_messages_are_refused_for_what_they_are_about() {
    let reasons: [(&[u8], &str); 23] = [
        (invalid::BADINV01, "empty Via value"),
        (invalid::CLERR, "Content-Length is larger than the message"),
        (invalid::NCL, "malformed Content-Length"),
        (invalid::SCALAR02, "malformed CSeq"),
        (invalid::SCALARLG, "malformed CSeq"),
        (invalid::QUOTBAL, "malformed To"),
        (invalid::LTGTRURI, "malformed Request-URI"),
        (invalid::LWSRURI, "blanks in the request line"),
        (invalid::LWSSTART, "blanks in the request line"),
        (invalid::TRWS, "malformed request line"),
        (invalid::ESCRURI, "headers in the Request-URI"),
        (invalid::BADDATE, "malformed Date"),
        (invalid::REGBADCT, "malformed Contact"),
        (invalid::BADASPEC, "malformed From"),
        (invalid::BADDN, "malformed From"),
        (invalid::BADVERS, "Version Not Supported"),
        (invalid::MISMATCH01, "CSeq has another method"),
        (invalid::MISMATCH02, "CSeq has another method"),
        (invalid::BIGCODE, "malformed status"),
        (application::BADBRANCH, "empty branch"),
        (application::INSUF, "missing From"),
        (application::MULTI01, "a header field stands more than once"),
        (application::MCL01, "more than one Content-Length"),
    ];
    for (message, expected) in reasons {
        assert_eq!(reason(message), expected);
    }
}

/// Each fault of a message with several is one by itself.
#[test]
fn one_fault_of_several_is_enough() {
    let refused = |message: &[u8], repairs: &[(&str, &str)]| {
        let mut text = String::from_utf8(message.to_vec()).expect("text");
        for (from, to) in repairs {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        reason(text.as_bytes())
    };
    let cseq = ("18446744073709551617", "18");
    assert_eq!(refused(invalid::SCALAR02, &[cseq]), "malformed Max-Forwards");
    let via = (";;branch=z9hG4bK-comma,;,,", ";branch=z9hG4bK-comma");
    assert_eq!(refused(invalid::BADINV01, &[(";;branch", ";branch")]), "empty Via value");
    assert_eq!(refused(invalid::BADINV01, &[("comma,;,,", "comma")]), "malformed Via");
    assert_eq!(refused(invalid::BADINV01, &[via]), "malformed From");
    assert_eq!(refused(invalid::BADINV01, &[via, ("comma-tag;;", "comma-tag")]), "malformed Contact");
    assert_eq!(
        refused(invalid::BADASPEC, &[("< sip:caller@example.com >", "<sip:caller@example.com>")]),
        "malformed To"
    );
    // Too large a time is the longest there is (RFC 3261 §20.19), no fault.
    let text =
        String::from_utf8(invalid::SCALAR02.to_vec()).expect("text").replace(cseq.0, cseq.1).replace("256", "255");
    let message = read(text.as_bytes());
    assert_eq!(message.expires(), Some(u32::MAX));
    assert_eq!(message.contacts().next().and_then(|contact| contact.expires()), Some(u32::MAX));
}

#[test]
fn applications_find_what_they_must_judge() {
    let strange = read(application::UNKSM2);
    let to = strange.to().expect("a To");
    assert_eq!((to.uri().scheme(), to.uri().as_str()), (Scheme::Other, "urn:example:shelf:42"));
    assert_eq!(strange.from().expect("a From").uri().as_str(), "ftp://files.example.com/index");
    let schemes: Vec<_> = strange.contacts().map(|contact| contact.uri().scheme()).collect();
    assert_eq!(schemes, [Scheme::Other, Scheme::Sip]);
    let unsupported = check(&read(application::BEXT01), &UNDERSTOOD).expect_err("it requires what nobody supports");
    let tags = "third-wish, talking-cat, flying-carpet, seven-league-boots";
    assert_eq!(unsupported.header, Some((Name::Unsupported, tags.to_owned())));
    let registration = read(application::REGAUT01);
    let authorization = registration.header(Name::Authorization).expect("an Authorization");
    assert_eq!(Credentials::parse(authorization).expect_err("not Digest"), DigestError::Scheme);
    // A parameter behind an address without brackets belongs to the header field, within brackets to the URI.
    let outside = read(application::CPARAM01).contacts().next().expect("a Contact");
    assert_eq!((outside.param("in-the-rain").as_deref(), outside.uri().param("in-the-rain")), (Some(""), None));
    let inside = read(application::CPARAM02).contacts().next().expect("a Contact");
    assert_eq!((inside.param("in-the-rain"), inside.uri().param("in-the-rain")), (None, Some("")));
    let escaped = read(application::REGESCRT);
    let contact = escaped.contacts().next().expect("a Contact");
    assert_eq!(contact.uri().headers(), Some("Route=%3Csip%3Aback-door.example.org%3Blr%3E"));
    assert_eq!(escaped.routes().count(), 0);
    let hosts: Vec<_> = read(application::BCAST).vias().map(|via| via.host_str().to_owned()).collect();
    assert_eq!(hosts, ["192.0.2.170", "255.255.255.255"]);
    let old = read(application::INV2543);
    assert_eq!((old.via().and_then(|via| via.branch().map(str::to_owned)), old.from_tag()), (None, None));
    let to = old.to().expect("a To");
    assert_eq!((to.param("user").as_deref(), to.uri().param("user")), (Some("phone"), None));
    assert_eq!((old.max_forwards(), old.body().starts_with(b"v=0")), (None, true));
    assert_eq!(old.record_routes().next().and_then(|route| route.uri().param("lr").map(str::to_owned)), None);
}

#[test]
fn an_answer_holds_what_could_be_read() {
    let error = parse(Bytes::from_static(application::INSUF)).expect_err("From, To and Call-ID are missing");
    let answer = error.answer(SocketAddr::from(([192, 0, 2, 161], 5060)), "t").expect("there is a Via");
    assert_eq!(
        std::str::from_utf8(&answer),
        Ok("SIP/2.0 400 missing From\r\n\
            Via: SIP/2.0/UDP 192.0.2.161;branch=z9hG4bK-sparse\r\n\
            CSeq: 21 INVITE\r\n\
            Content-Length: 0\r\n\r\n")
    );
}
