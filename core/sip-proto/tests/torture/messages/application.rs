//! RFC 4475 §3.2 to §3.4: messages that the transaction layer, applications and old clients make hard.

use super::lines;

/// 3.2.1 Missing Transaction Identifier.
///
/// The branch is the cookie of RFC 3261 and nothing behind it.
pub(crate) const BADBRANCH: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.160;branch=z9hG4bK",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=cookie-tag",
    "Call-ID: cookie@192.0.2.160",
    "CSeq: 20 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.3.1 Missing Required Header Fields.
///
/// No From, no To and no Call-ID.
pub(crate) const INSUF: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.161;branch=z9hG4bK-sparse",
    "CSeq: 21 INVITE",
    "Max-Forwards: 70",
    "Contact: <sip:caller@192.0.2.161>",
    "Content-Length: 0",
    "",
);

/// 3.3.2 Request-URI with Unknown Scheme.
pub(crate) const UNKSCM: &[u8] = lines!(
    "OPTIONS made-up-just-now:sealed,letter SIP/2.0",
    "Via: SIP/2.0/TCP 192.0.2.162;branch=z9hG4bK-sealed",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=sealed-tag",
    "Call-ID: sealed@192.0.2.162",
    "CSeq: 22 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.3.3 Request-URI with Known but Atypical Scheme.
///
/// The scheme is registered, has a dot in it, and is none that calls go to.
pub(crate) const NOVELSC: &[u8] = lines!(
    "OPTIONS iris.beep://198.51.100.44:702/areg SIP/2.0",
    "Via: SIP/2.0/TCP 192.0.2.163;branch=z9hG4bK-iris",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=iris-tag",
    "Call-ID: iris@192.0.2.163",
    "CSeq: 23 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.3.4 Unknown URI Schemes in Header Fields.
///
/// To, From and Contact hold URIs that nobody can call; the Request-URI is as usual.
pub(crate) const UNKSM2: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/TCP 192.0.2.164;branch=z9hG4bK-letters",
    "To: <urn:example:shelf:42>",
    "From: <ftp://files.example.com/index>;tag=letters-tag",
    "Contact: <geo:48.2,16.4>, <sip:porter@192.0.2.164>",
    "Call-ID: letters@192.0.2.164",
    "CSeq: 24 REGISTER",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 3.3.5 Proxy-Require and Require.
///
/// Both ask for extensions that there are not.
pub(crate) const BEXT01: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.165;branch=z9hG4bK-wishes",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=wishes-tag",
    "Call-ID: wishes@192.0.2.165",
    "CSeq: 25 OPTIONS",
    "Max-Forwards: 70",
    "Proxy-Require: flying-carpet, seven-league-boots",
    "Require: third-wish",
    "Require: talking-cat",
    "Content-Length: 0",
    "",
);

/// 3.3.6 Unknown Content-Type.
pub(crate) const INVUT: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.166;branch=z9hG4bK-knots",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=knots-tag",
    "Contact: <sip:caller@192.0.2.166>",
    "Call-ID: knots@192.0.2.166",
    "CSeq: 26 INVITE",
    "Max-Forwards: 70",
    "Content-Type: application/x-knotted-string",
    "Content-Length: 41",
    "",
    "<knots><reef/><bowline turns=\"2\"/>",
    "#:;",
);

/// 3.3.7 Unknown Authorization Scheme.
///
/// A registrar that does not know the scheme treats the request as one without credentials.
pub(crate) const REGAUT01: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/TCP 192.0.2.167;branch=z9hG4bK-password",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=password-tag",
    "Call-ID: password@192.0.2.167",
    "CSeq: 27 REGISTER",
    "Max-Forwards: 70",
    "Contact: <sip:porter@192.0.2.167>",
    "Authorization: Handshake grip=\"firm\", nods=3, hat=off",
    "Content-Length: 0",
    "",
);

/// 3.3.8 Multiple Values in Single Value Required Fields.
///
/// To, From, Call-ID, CSeq and Max-Forwards stand more than once, with different values.
pub(crate) const MULTI01: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.168;branch=z9hG4bK-twins",
    "CSeq: 28 INVITE",
    "Max-Forwards: 70",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=twin-one",
    "Call-ID: twin-one@192.0.2.168",
    "Contact: <sip:caller@192.0.2.168>",
    "CSeq: 29 BYE",
    "Max-Forwards: 12",
    "To: <sip:another@example.net>;tag=twin-to",
    "From: <sip:changeling@example.com>;tag=twin-two",
    "Call-ID: twin-two@192.0.2.168",
    "Content-Length: 0",
    "",
);

/// 3.3.9 Multiple Content-Length Values.
///
/// Two lengths, and the datagram does not say which is meant.
pub(crate) const MCL01: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.169;branch=z9hG4bK-lengths",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=lengths-tag",
    "Call-ID: lengths@192.0.2.169",
    "CSeq: 30 OPTIONS",
    "Max-Forwards: 70",
    "Content-Type: text/plain",
    "Content-Length: 7",
    "Content-Length: 16",
    "",
    "short, or longer",
);

/// 3.3.10 200 OK Response with Broadcast Via Header Field Value.
///
/// Whoever took the second Via as a destination would answer the whole network.
pub(crate) const BCAST: &[u8] = lines!(
    "SIP/2.0 200 OK",
    "Via: SIP/2.0/UDP 192.0.2.170;branch=z9hG4bK-crowd.1;received=203.0.113.17",
    "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK-crowd.2",
    "To: <sip:callee@example.net>;tag=crowd-to",
    "From: <sip:caller@example.com>;tag=crowd-from",
    "Call-ID: crowd@255.255.255.255",
    "CSeq: 31 INVITE",
    "Contact: <sip:callee@203.0.113.170>",
    "Content-Type: application/sdp",
    "Content-Length: 98",
    "",
    "v=0",
    "o=- 170 1 IN IP4 203.0.113.170",
    "s=-",
    "c=IN IP4 203.0.113.170",
    "t=0 0",
    "m=audio 40250 RTP/AVP 0",
);

/// 3.3.11 Max-Forwards of Zero.
pub(crate) const ZEROMF: &[u8] = lines!(
    "OPTIONS sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.171;branch=z9hG4bK-no-further",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=no-further-tag",
    "Call-ID: no-further@192.0.2.171",
    "CSeq: 32 OPTIONS",
    "Max-Forwards: 0",
    "Content-Length: 0",
    "",
);

/// 3.3.12 REGISTER with a Contact Header Parameter.
///
/// Without brackets a parameter, unknown or not, belongs to the header field.
pub(crate) const CPARAM01: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.172;branch=z9hG4bK-outside",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=outside-tag",
    "Call-ID: outside@192.0.2.172",
    "CSeq: 33 REGISTER",
    "Max-Forwards: 70",
    "Contact: sip:+84-28-5550100@192.0.2.172;in-the-rain",
    "Content-Length: 0",
    "",
);

/// 3.3.13 REGISTER with a url-parameter.
///
/// Within brackets the same parameter belongs to the URI.
pub(crate) const CPARAM02: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.173;branch=z9hG4bK-inside",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=inside-tag",
    "Call-ID: inside@192.0.2.173",
    "CSeq: 34 REGISTER",
    "Max-Forwards: 70",
    "Contact: <sip:+84-28-5550100@192.0.2.173;in-the-rain>",
    "Content-Length: 0",
    "",
);

/// 3.3.14 REGISTER with a URL Escaped Header.
///
/// The Route is a part of what is bound; it takes this request nowhere.
pub(crate) const REGESCRT: &[u8] = lines!(
    "REGISTER sip:registrar.example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.174;branch=z9hG4bK-detour",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=detour-tag",
    "Call-ID: detour@192.0.2.174",
    "CSeq: 35 REGISTER",
    "Max-Forwards: 70",
    "Contact: <sip:porter@example.net?Route=%3Csip%3Aback-door.example.org%3Blr%3E>",
    "Content-Length: 0",
    "",
);

/// 3.3.15 Unacceptable Accept Offer.
///
/// The caller takes answers of one type alone, which is not SDP.
pub(crate) const SDP01: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.175;branch=z9hG4bK-picky",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=picky-tag",
    "Contact: <sip:caller@192.0.2.175>",
    "Call-ID: picky@192.0.2.175",
    "CSeq: 36 INVITE",
    "Max-Forwards: 70",
    "Accept: text/x-smoke-signals",
    "Content-Type: application/sdp",
    "Content-Length: 94",
    "",
    "v=0",
    "o=- 175 1 IN IP4 192.0.2.175",
    "s=-",
    "c=IN IP4 192.0.2.175",
    "t=0 0",
    "m=audio 40260 RTP/AVP 8",
);

/// 3.4.1 INVITE with RFC 2543 Syntax.
///
/// No branch, no tag in From, no Max-Forwards, no Content-Length, an address without brackets whose parameters belong
/// to the header field, and a Record-Route without `lr`.
pub(crate) const INV2543: &[u8] = lines!(
    "INVITE sip:+84285550101@gateway.example.net SIP/2.0",
    "Via: SIP/2.0/UDP museum.example.com:5060",
    "Record-Route: <sip:+84285550101@gateway.example.net;maddr=192.0.2.176>",
    "From: <sip:+84285550102@museum.example.com;user=phone>",
    "To: sip:+84285550101@gateway.example.net;user=phone",
    "Call-ID: 1999@museum.example.com",
    "CSeq: 37 INVITE",
    "Contact: <sip:+84285550102@museum.example.com>",
    "Content-Type: application/sdp",
    "",
    "v=0",
    "o=- 176 1 IN IP4 192.0.2.176",
    "s=Exhibit",
    "c=IN IP4 192.0.2.176",
    "t=0 0",
    "m=audio 40270 RTP/AVP 0",
);
