//! RFC 4475 §3.1.1: valid messages.

use super::lines;

/// 3.1.1.1 A Short Tortuous INVITE.
///
/// Folds in most fields, escaped quotes in a display name, an empty Subject, blanks around colons, semicolons, equal
/// signs and slashes, values both in one list and in fields of their own, compact names between long ones, unknown
/// fields and parameters, parameters without a value, odd order and case, and numbers with leading zeros.
pub(crate) const WSINV: &[u8] = lines!(
    "INVITE sip:reception@example.org;floor=2;by-lift SIP/2.0",
    "cSEQ\t:",
    "  \t00031",
    " INVITE",
    "s :",
    "Colour-Of-The-Door: pale",
    "  green ,",
    "\twith a brass handle",
    "v: SIP/2.0",
    " /UDP",
    "   198.51.100.7",
    "\t; branch\t= z9hG4bK-fold.1 ; rport",
    "MAX-forwards :\t0042",
    "Shelf-Marks: ,;=;,\"\";; ,",
    "I\t: tangled.31@198.51.100.7",
    "m : \"Desk \\\"7\\\"\"",
    " <sip:desk@198.51.100.7:5064;ob> ; q = 0.25",
    " ;season = late-autumn",
    "\t; unlit",
    "VIA : SIP / 2.0 / TCP gate.example.org : 5062 ;branch= z9hG4bK-fold.2 ,",
    " SIP/2.0/TLS",
    " 203.0.113.90;weather=rain;branch=z9hG4bK-fold.3",
    "rOUTE : <sip:edge.example.org;lr;via-tunnel=no>",
    "C: application/",
    "\tsdp",
    "FROM\t: \"The \\\"front\\\" desk",
    "  \\\\\"",
    " <sip:desk@example.net> ; shift=night ;",
    " tag\t=",
    " d35k-tag",
    "Route:<sip:core.example.org;lr> , ",
    "\t\"last one\" <sip:inner.example.org;lr>",
    "t :",
    " <sip:reception@example.org>\t;",
    " tag = r3c3pt10n",
    "L  :",
    "   162",
    "",
    "v=0",
    "o=- 4102 1 IN IP4 198.51.100.7",
    "s=-",
    "c=IN IP4 198.51.100.7",
    "t=0 0",
    "m=audio 40210 RTP/AVP 8 0 101",
    "a=rtpmap:101 telephone-event/8000",
    "a=ptime:30",
    "a=sendrecv",
);

/// 3.1.1.2 Wide Range of Valid Characters.
///
/// Every character that its grammar allows, in the method, the user and password, a branch, a display name of tokens,
/// quoted pairs with control characters and a NUL, tags, the Call-ID, and the names of parameters and fields; text
/// beyond ASCII in the values of both.
pub(crate) const INTMETH: &[u8] = lines!(
    "KNOCK-2.times!And*then_+wait`it's%~ok sip:a-Z_0.9!~*'()&=+$,;?/%2F:Key&=+$,-_.!~*'()%3A@odd.example.net SIP/2.0",
    "Via: SIP/2.0/TCP odd.example.com;branch=z9hG4bK~'`+_*%!.-",
    "To: \"tab \\\t, escape \\\x1b, nothing \\\0, delete \\\x7f, slash \\\\, quote \\\"\" <sip:callee@example.net>",
    "From: ~'`+ _*% !.- Desk <sip:caller@example.com>;-.!%*_+`'~=\"đang gọi, ждите\";tag=~'`+_*%!.-",
    "Max-Forwards: 70",
    "Call-ID: (odd)<mark>:\\/\"[?]{}%4a-.!*_+`'~@x%!~'\"{[(<>)]}?",
    "CSeq: 81 KNOCK-2.times!And*then_+wait`it's%~ok",
    "~Odd-.!%*_+`'Name~: \u{feff}khách sạn 旅館",
    "Content-Length: 0",
    "",
);

/// 3.1.1.3 Valid Use of the % Escaping Mechanism.
///
/// A user part that decodes to a whole address, needless escapes in the users of To and From, escaped names of
/// parameters, and a value with an escaped percent sign that must be decoded once and not twice.
pub(crate) const ESC01: &[u8] = lines!(
    "INVITE sip:sips%3Ahelp%40example.org%3A5061@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 198.51.100.31:5070;branch=z9hG4bK-percent-1",
    "To: \"100%41\" <sip:%68el%70@example.org>",
    "From: <sip:W%6frk%20sh%6Fp@example.com>;tag=pct-1",
    "Contact: <sip:bench@198.51.100.31:5070;%6C%72;grade=B%2542>",
    "Call-ID: percent-one@198.51.100.31",
    "CSeq: 1101 INVITE",
    "Max-Forwards: 70",
    "Content-Type: application/sdp",
    "Content-Length: 98",
    "",
    "v=0",
    "o=- 11 11 IN IP4 198.51.100.31",
    "s=-",
    "c=IN IP4 198.51.100.31",
    "t=0 0",
    "m=audio 40220 RTP/AVP 0",
);

/// 3.1.1.4 Escaped Nulls in URIs.
///
/// `%00` in user parts is one more character there: it ends no text, and two of them differ from one.
pub(crate) const ESCNULL: &[u8] = lines!(
    "REGISTER sip:registrar.example.com SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.44;branch=z9hG4bK-zero-1",
    "To: <sip:hollow%00tree@example.com>",
    "From: <sip:hollow%00tree@example.com>;tag=zero-tag",
    "Contact: <sip:%00@phone.example.com>, <sip:%00%00@phone.example.com>",
    "Contact: <sip:before%00after@phone.example.com>",
    "Call-ID: zero@192.0.2.44",
    "CSeq: 7020 REGISTER",
    "Max-Forwards: 70",
    "Expires: 300",
    "Content-Length: 0",
    "",
);

/// 3.1.1.5 Use of % When It Is Not an Escape.
///
/// Outside URIs a percent sign is a character of tokens: this method is unknown, whatever it would decode to, and
/// display names keep theirs, be they like escapes or not.
pub(crate) const ESC02: &[u8] = lines!(
    "INV%49T%45 sip:help@example.org SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.45:5080;branch=z9hG4bK-percent%2",
    "To: %48elp 5% off %Q <sip:help@example.org>",
    "From: \"%43aller %\" <sip:c%61ller@example.com>;tag=%74%61%67",
    "Contact: %Z%7 <sip:caller@192.0.2.45:5080>",
    "Contact: \"%\" <sip:%63aller@192.0.2.46>",
    "Call-ID: %63all%@192.0.2.45",
    "CSeq: 5 INV%49T%45",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.1.6 Message with No LWS between Display Name and <.
///
/// A display name may touch the angle bracket behind it.
pub(crate) const LWSDISP: &[u8] = lines!(
    "OPTIONS sip:switchboard@example.net SIP/2.0",
    "Via: SIP/2.0/TCP 203.0.113.12:5060;branch=z9hG4bK-tight",
    "To: <sip:switchboard@example.net>",
    "From: lobby<sip:lobby@example.com>;tag=tight-tag",
    "Max-Forwards: 70",
    "Call-ID: tight@203.0.113.12",
    "CSeq: 12 OPTIONS",
    "Content-Length: 0",
    "",
);

/// 3.1.1.7 Long Values in Header Fields.
///
/// Long display name, users, tags, parameters, Call-ID, field name and branch, and 40 Via values whose names come in
/// every case, compact and not, with blanks before the colon.
pub(crate) fn longreq() -> Vec<u8> {
    let of = |word: &str, times: usize| word.repeat(times);
    let caller = of("extension-", 14);
    let mut text = format!(
        "INVITE sip:archive@example.org SIP/2.0\r\n\
         To: \"The {} archive\" <sip:archive@example.org:5066;{}=on;shelf={};{}>\r\n\
         From: <sip:{caller}@example.net>;{}=\"{}\";tag={};{}\r\n\
         Call-ID: {}@192.0.2.77\r\n\
         CSeq: 2000000001 INVITE\r\n\
         X-{}: {}; {} = {}\r\n",
        of("long, ", 20),
        of("drawer-", 20),
        of("0123456789", 12),
        of("dusty", 30),
        of("corridor", 20),
        of("left, then right; ", 12),
        of("0a1b2c3d", 24),
        of("unheated", 25),
        of("shelf.", 35),
        of("Catalogue-", 18),
        of("card ", 60),
        of("key", 50),
        of("value", 40),
    );
    let names = ["Via:", "v:", "VIA\t:", "V :", "vIa: ", "via  :", "v\t \t:\t", "ViA:"];
    for number in 0..39_usize {
        let name = names[number % names.len()];
        text.push_str(&format!("{name} SIP/2.0/UDP relay-{number}.example.net;branch=z9hG4bK-hop{number}\r\n"));
    }
    text.push_str(&format!(
        "Via: SIP/2.0/UDP 192.0.2.77;received=198.51.100.77;branch=z9hG4bK{}\r\n\
         m: <sip:{caller}@192.0.2.77>\r\n\
         Max-Forwards: 29\r\n\
         c: application/sdp\r\n\
         l: 92\r\n\
         \r\n\
         v=0\r\n\
         o=- 77 77 IN IP4 192.0.2.77\r\n\
         s=-\r\n\
         c=IN IP4 192.0.2.77\r\n\
         t=0 0\r\n\
         m=audio 40230 RTP/AVP 8\r\n",
        of("farther.", 60),
    ));
    text.into_bytes()
}

/// 3.1.1.8 Extra Trailing Octets in a UDP Datagram.
///
/// The request says that its body is empty; what looks like another request behind it is no part of it.
pub(crate) const DBLREQ: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/UDP 198.51.100.60;branch=z9hG4bK-first",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=first-tag",
    "Call-ID: first-of-two@198.51.100.60",
    "CSeq: 3 REGISTER",
    "Contact: <sip:porter@198.51.100.60>",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
    "BYE sip:stowaway@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 198.51.100.61;branch=z9hG4bK-second",
    "To: <sip:stowaway@example.net>;tag=to-second",
    "From: <sip:porter@example.net>;tag=second-tag",
    "Call-ID: second-of-two@198.51.100.60",
    "CSeq: 4 BYE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.1.9 Semicolon-Separated Parameters in URI User Part.
///
/// What looks like parameters before the `@` belongs to the user, and the URI has none.
pub(crate) const SEMIURI: &[u8] = lines!(
    "OPTIONS sip:hall;door=east;key=spare%40example.com@example.org SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.81;branch=z9hG4bK-semicolon",
    "To: <sip:hall;door=east;key=spare%40example.com@example.org>",
    "From: <sip:warden@example.com>;tag=semi-tag",
    "Contact: <sip:warden;bunch=2@192.0.2.81>",
    "Max-Forwards: 70",
    "Call-ID: semicolon@192.0.2.81",
    "CSeq: 60 OPTIONS",
    "Accept: application/sdp",
    "l: 0",
    "",
);

/// 3.1.1.10 Varied and Unknown Transport Types.
///
/// Via values of all the transports there are and of one that nobody has heard of.
pub(crate) const TRANSPORTS: &[u8] = lines!(
    "OPTIONS sip:timetable@example.com SIP/2.0",
    "Via: SIP/2.0/TLS depot.example.com;branch=z9hG4bK-way.1",
    "Via: SIP/2.0/PNEUMATIC-TUBE cellar.example.com;branch=z9hG4bK-way.2",
    "Via: SIP/2.0/UDP yard.example.com:5090;branch=z9hG4bK-way.3",
    "Via: SIP/2.0/TCP shed.example.com;branch=z9hG4bK-way.4",
    "Via: SIP/2.0/SCTP 203.0.113.8;branch=z9hG4bK-way.5",
    "To: <sip:timetable@example.com>",
    "From: <sip:guard@example.com>;tag=way-tag",
    "Call-ID: five-ways@203.0.113.8",
    "CSeq: 15 OPTIONS",
    "Max-Forwards: 65",
    "Content-Length: 0",
    "",
);

/// 3.1.1.11 Multipart MIME Message.
///
/// A text and a signature in binary: all bytes there are, NUL among them, and line ends and hyphens like those of a
/// boundary.
pub(crate) fn mpart01() -> Vec<u8> {
    let head = "--frame(1)\r\n\
        Content-Type: text/plain\r\n\
        \r\n\
        The parcel is here.\r\n\
        --frame(1)\r\n\
        Content-Disposition: attachment;\r\n handling=required\r\n\
        Content-Type: application/octet-stream;name=\"seal\"\r\n\
        Content-Transfer-Encoding: binary\r\n\
        \r\n";
    let body = [head.as_bytes(), &seal(), b"\r\n--frame(1)--\r\n"].concat();
    let mut message = format!(
        "MESSAGE sip:post-room@example.org SIP/2.0\r\n\
         Via: SIP/2.0/TCP 198.51.100.90:5071;branch=z9hG4bK-parcel\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:gatehouse@example.org>;tag=parcel-tag\r\n\
         To: <sip:post-room@example.org>\r\n\
         Call-ID: parcel@198.51.100.90\r\n\
         CSeq: 1 MESSAGE\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/signed;protocol=\"application/octet-stream\"; boundary=\"frame(1)\"\r\n\
         Content-Length: {}\r\n\
         \r\n",
        body.len()
    )
    .into_bytes();
    message.extend_from_slice(&body);
    message
}

/// The binary part of [`mpart01`].
pub(crate) fn seal() -> Vec<u8> {
    let rising = 0..=u8::MAX;
    let falling = (0..=u8::MAX).rev();
    let mut bytes: Vec<u8> = rising.chain(falling).collect();
    bytes.extend_from_slice(b"\r\n--frame(2)--\r\n\r\n-- \r\n--frame(1)x\0\xff");
    bytes
}

/// 3.1.1.12 Unusual Reason Phrase.
///
/// A phrase with reserved characters and with letters of several scripts.
pub(crate) const UNREASON: &[u8] = lines!(
    "SIP/2.0 200 = 4 * 50; đã nối máy & всё хорошо? 通じました, /:@+$",
    "Via: SIP/2.0/UDP 192.0.2.120;branch=z9hG4bK-phrase",
    "Call-ID: phrase@192.0.2.120",
    "CSeq: 44 INVITE",
    "From: <sip:caller@example.com>;tag=phrase-from",
    "To: <sip:callee@example.net>;tag=phrase-to",
    "Contact: <sip:callee@203.0.113.120>",
    "Content-Length: 0",
    "",
);

/// 3.1.1.13 Empty Reason Phrase.
///
/// The blank behind the status stands, with nothing behind it.
pub(crate) const NOREASON: &[u8] = lines!(
    "SIP/2.0 180 ",
    "Via: SIP/2.0/UDP 192.0.2.121;branch=z9hG4bK-silent",
    "Call-ID: silent@192.0.2.121",
    "CSeq: 45 INVITE",
    "From: <sip:caller@example.com>;tag=silent-from",
    "To: <sip:callee@example.net>;tag=silent-to",
    "Contact: <sip:callee@203.0.113.121>",
    "Content-Length: 0",
    "",
);
