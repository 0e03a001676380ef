//! RFC 4475 §3.1.2: invalid messages.

use super::lines;

/// 3.1.2.1 Extraneous Header Field Separators.
///
/// Semicolons and commas with nothing between them, in the Via and in the Contact.
pub(crate) const BADINV01: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.130;;branch=z9hG4bK-comma,;,,",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=comma-tag;;",
    "Contact: <sip:caller@192.0.2.130>;;;;,",
    "Call-ID: comma@192.0.2.130",
    "CSeq: 1 INVITE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.2 Content Length Larger Than Message.
///
/// The datagram ends long before the body that it announces.
pub(crate) const CLERR: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.131;branch=z9hG4bK-short",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=short-tag",
    "Contact: <sip:caller@192.0.2.131>",
    "Call-ID: short@192.0.2.131",
    "CSeq: 2 INVITE",
    "Max-Forwards: 70",
    "Content-Type: application/sdp",
    "Content-Length: 8000",
    "",
    "v=0",
    "o=- 131 1 IN IP4 192.0.2.131",
    "s=-",
    "c=IN IP4 192.0.2.131",
    "t=0 0",
    "m=audio 40240 RTP/AVP 8",
);

/// 3.1.2.3 Negative Content-Length.
pub(crate) const NCL: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.132;branch=z9hG4bK-minus",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=minus-tag",
    "Contact: <sip:caller@192.0.2.132>",
    "Call-ID: minus@192.0.2.132",
    "CSeq: 3 INVITE",
    "Max-Forwards: 70",
    "Content-Type: application/sdp",
    "Content-Length: -101",
    "",
    "v=0",
    "o=- 132 1 IN IP4 192.0.2.132",
    "s=-",
    "c=IN IP4 192.0.2.132",
    "t=0 0",
    "m=audio 40242 RTP/AVP 8",
);

/// 3.1.2.4 Request Scalar Fields with Overlarge Values.
///
/// Beyond their range are the CSeq (32 bits), Max-Forwards (8 bits), Expires and the `expires` of a Contact.
pub(crate) const SCALAR02: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.133;branch=z9hG4bK-huge",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=huge-tag",
    "Call-ID: huge@192.0.2.133",
    "CSeq: 18446744073709551617 REGISTER",
    "Max-Forwards: 256",
    "Expires: 4294967296000",
    "Contact: <sip:porter@192.0.2.133>;expires=99999999999999999999999",
    "Content-Length: 0",
    "",
);

/// 3.1.2.5 Response Scalar Fields with Overlarge Values.
///
/// Beyond their range are the CSeq, Retry-After and the code of a Warning.
pub(crate) const SCALARLG: &[u8] = lines!(
    "SIP/2.0 503 Come back later",
    "Via: SIP/2.0/UDP 192.0.2.134;branch=z9hG4bK-vast",
    "To: <sip:callee@example.net>;tag=vast-to",
    "From: <sip:caller@example.com>;tag=vast-from",
    "Call-ID: vast@192.0.2.134",
    "CSeq: 4294967296 INVITE",
    "Retry-After: 18446744073709551616",
    "Warning: 39900 example.net \"a code of five digits\"",
    "Content-Length: 0",
    "",
);

/// 3.1.2.6 Unterminated Quoted String in Display Name.
pub(crate) const QUOTBAL: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.135;branch=z9hG4bK-quote",
    "To: \"Called party <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=quote-tag",
    "Contact: <sip:caller@192.0.2.135>",
    "Call-ID: quote@192.0.2.135",
    "CSeq: 6 INVITE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.7 <> Enclosing Request-URI.
pub(crate) const LTGTRURI: &[u8] = lines!(
    "INVITE <sip:callee@example.net> SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.136;branch=z9hG4bK-angle",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=angle-tag",
    "Contact: <sip:caller@192.0.2.136>",
    "Call-ID: angle@192.0.2.136",
    "CSeq: 7 INVITE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.8 Malformed SIP Request-URI (embedded LWS).
pub(crate) const LWSRURI: &[u8] = lines!(
    "INVITE sip:callee@example.net; transport=udp SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.137;branch=z9hG4bK-gap",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=gap-tag",
    "Contact: <sip:caller@192.0.2.137>",
    "Call-ID: gap@192.0.2.137",
    "CSeq: 8 INVITE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.9 Multiple SP Separating Request-Line Elements.
pub(crate) const LWSSTART: &[u8] = lines!(
    "INVITE   sip:callee@example.net  SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.138;branch=z9hG4bK-wide",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=wide-tag",
    "Contact: <sip:caller@192.0.2.138>",
    "Call-ID: wide@192.0.2.138",
    "CSeq: 9 INVITE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.10 SP Characters at End of Request-Line.
pub(crate) const TRWS: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0   ",
    "Via: SIP/2.0/UDP 192.0.2.139;branch=z9hG4bK-tail",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=tail-tag",
    "Call-ID: tail@192.0.2.139",
    "CSeq: 10 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.11 Escaped Headers in SIP Request-URI.
///
/// Headers may stand in a URI that makes a request, never in the Request-URI.
pub(crate) const ESCRURI: &[u8] = lines!(
    "INVITE sip:callee@example.net?Subject=two%20words&Priority=urgent SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.140;branch=z9hG4bK-question",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=question-tag",
    "Contact: <sip:caller@192.0.2.140>",
    "Call-ID: question@192.0.2.140",
    "CSeq: 11 INVITE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.12 Invalid Time Zone in Date Header Field.
///
/// A Date is in GMT; this one names another zone.
pub(crate) const BADDATE: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.141;branch=z9hG4bK-clock",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=clock-tag",
    "Contact: <sip:caller@192.0.2.141>",
    "Call-ID: clock@192.0.2.141",
    "CSeq: 12 INVITE",
    "Max-Forwards: 70",
    "Date: Tue, 14 May 2019 09:15:00 CET",
    "Content-Length: 0",
    "",
);

/// 3.1.2.13 Failure to Enclose name-addr URI in <>.
///
/// Without brackets nobody can tell whose the question mark and what follows are.
pub(crate) const REGBADCT: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.142;branch=z9hG4bK-naked",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=naked-tag",
    "Call-ID: naked@192.0.2.142",
    "CSeq: 13 REGISTER",
    "Max-Forwards: 70",
    "Contact: sip:porter@192.0.2.142?Subject=night%20bell",
    "Content-Length: 0",
    "",
);

/// 3.1.2.14 Spaces within addr-spec.
///
/// Blanks inside the brackets, around the URI.
pub(crate) const BADASPEC: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.143;branch=z9hG4bK-roomy",
    "To: \"Called party\" < sip:callee@example.net >",
    "From: \"Calling party\" < sip:caller@example.com >;tag=roomy-tag",
    "Call-ID: roomy@192.0.2.143",
    "CSeq: 14 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.15 Non-token Characters in Display Name.
///
/// A comma in a display name needs quotes around it.
pub(crate) const BADDN: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.144;branch=z9hG4bK-bare",
    "To: <sip:callee@example.net>",
    "From: Desk, Front; night: <sip:caller@example.com>;tag=bare-tag",
    "Call-ID: bare@192.0.2.144",
    "CSeq: 15 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.16 Unknown Protocol Version.
pub(crate) const BADVERS: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/31.4",
    "Via: SIP/31.4/UDP 192.0.2.145;branch=z9hG4bK-future",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=future-tag",
    "Call-ID: future@192.0.2.145",
    "CSeq: 16 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.17 Start Line and CSeq Method Mismatch.
pub(crate) const MISMATCH01: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.146;branch=z9hG4bK-twofold",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=twofold-tag",
    "Call-ID: twofold@192.0.2.146",
    "CSeq: 17 REGISTER",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.18 Unknown Method with CSeq Method Mismatch.
///
/// The start line has a method that nobody knows, the CSeq one that everybody does.
pub(crate) const MISMATCH02: &[u8] = lines!(
    "WHISTLE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.147;branch=z9hG4bK-whistle",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=whistle-tag",
    "Contact: <sip:caller@192.0.2.147>",
    "Call-ID: whistle@192.0.2.147",
    "CSeq: 18 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.1.2.19 Overlarge Response Code.
///
/// A status of ten digits.
pub(crate) const BIGCODE: &[u8] = lines!(
    "SIP/2.0 2000000000 More than fine",
    "Via: SIP/2.0/UDP 192.0.2.148;branch=z9hG4bK-digits",
    "To: <sip:callee@example.net>;tag=digits-to",
    "From: <sip:caller@example.com>;tag=digits-from",
    "Call-ID: digits@192.0.2.148",
    "CSeq: 19 INVITE",
    "Contact: <sip:callee@203.0.113.148>",
    "Content-Length: 0",
    "",
);
