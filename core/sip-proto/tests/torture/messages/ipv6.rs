//! RFC 5118 §4.1 to §4.10: IPv6 in SIP.

use super::lines;

/// 4.1 Valid SIP Message with an IPv6 Reference.
pub(crate) const REFERENCE: &[u8] = lines!(
    "REGISTER sip:[2001:db8:a::10] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];branch=z9hG4bK-six.1",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=six-1",
    "Call-ID: six-1@[2001:db8:a::9:1]",
    "CSeq: 1 REGISTER",
    "Max-Forwards: 70",
    "Contact: \"Porter\" <sip:porter@[2001:db8:a::9:1]>",
    "Content-Length: 0",
    "",
);

/// 4.2 Invalid SIP Message with an IPv6 Reference.
///
/// The Request-URI lacks the brackets.
pub(crate) const NO_BRACKETS: &[u8] = lines!(
    "REGISTER sip:2001:db8:a::10 SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];branch=z9hG4bK-six.2",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=six-2",
    "Call-ID: six-2@[2001:db8:a::9:1]",
    "CSeq: 2 REGISTER",
    "Max-Forwards: 70",
    "Contact: \"Porter\" <sip:porter@[2001:db8:a::9:1]>",
    "Content-Length: 0",
    "",
);

/// 4.3 Port Ambiguous in a SIP URI.
///
/// What may have been meant as a port stands within the brackets: it is the end of the address.
pub(crate) const PORT_INSIDE: &[u8] = lines!(
    "REGISTER sip:[2001:db8:a::10:5066] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];branch=z9hG4bK-six.3",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=six-3",
    "Call-ID: six-3@[2001:db8:a::9:1]",
    "CSeq: 3 REGISTER",
    "Max-Forwards: 70",
    "Contact: \"Porter\" <sip:porter@[2001:db8:a::9:1]>",
    "Content-Length: 0",
    "",
);

/// 4.4 Port Unambiguous in a SIP URI.
pub(crate) const PORT_OUTSIDE: &[u8] = lines!(
    "REGISTER sip:[2001:db8:a::10]:5066 SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];branch=z9hG4bK-six.4",
    "To: <sip:porter@example.net>",
    "From: <sip:porter@example.net>;tag=six-4",
    "Call-ID: six-4@[2001:db8:a::9:1]",
    "CSeq: 4 REGISTER",
    "Max-Forwards: 70",
    "Contact: \"Porter\" <sip:porter@[2001:db8:a::9:1]>",
    "Content-Length: 0",
    "",
);

/// 4.5 IPv6 Reference Delimiters in Via Header: `received` with brackets, as many write it.
pub(crate) const RECEIVED_IN_BRACKETS: &[u8] = lines!(
    "BYE sip:[2001:db8:a::10] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];received=[2001:db8:a::9:ff];branch=z9hG4bK-six.5",
    "To: <sip:callee@example.net>;tag=six-5-to",
    "From: <sip:caller@example.com>;tag=six-5",
    "Call-ID: six-5@[2001:db8:a::9:1]",
    "CSeq: 5 BYE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 4.5 IPv6 Reference Delimiters in Via Header: `received` without brackets, as the grammar has it.
pub(crate) const RECEIVED_BARE: &[u8] = lines!(
    "OPTIONS sip:[2001:db8:a::10] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];received=2001:db8:a::9:ff;branch=z9hG4bK-six.6",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=six-6",
    "Call-ID: six-6@[2001:db8:a::9:1]",
    "CSeq: 6 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 4.6 SIP Request with IPv6 Addresses in Session Description Protocol Body.
///
/// In SDP an address has no brackets.
pub(crate) const IN_SDP: &[u8] = lines!(
    "INVITE sip:callee@[2001:db8:a::10] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::20];branch=z9hG4bK-six.7",
    "To: <sip:callee@[2001:db8:a::10]>",
    "From: <sip:caller@[2001:db8:a::20]>;tag=six-7",
    "Contact: <sip:caller@[2001:db8:a::20]>",
    "Call-ID: six-7@[2001:db8:a::20]",
    "CSeq: 7 INVITE",
    "Max-Forwards: 70",
    "Content-Type: application/sdp",
    "Content-Length: 128",
    "",
    "v=0",
    "o=- 207 1 IN IP6 2001:db8:a::20",
    "s=-",
    "c=IN IP6 2001:db8:a::20",
    "t=0 0",
    "m=audio 40280 RTP/AVP 8 0",
    "m=video 40282 RTP/AVP 31",
);

/// 4.7 Multiple IP Addresses in SIP Headers.
///
/// IPv4, IPv6 and names beside each other.
pub(crate) const MIXED_HEADERS: &[u8] = lines!(
    "BYE sip:callee@host.example.net SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1]:6050;branch=z9hG4bK-six.8a",
    "Via: SIP/2.0/UDP 192.0.2.208;branch=z9hG4bK-six.8b, SIP/2.0/TCP [2001:db8:a::9:fe];branch=z9hG4bK-six.8c",
    "Via: SIP/2.0/UDP relay.example.com;received=2001:db8:b::1;branch=z9hG4bK-six.8d",
    "Route: <sip:[2001:db8:b::2]:5061;lr>, <sip:192.0.2.209;lr>",
    "To: <sip:callee@198.51.100.208>;tag=six-8-to",
    "From: <sip:caller@[2001:db8:a::9:1]>;tag=six-8",
    "Call-ID: six-8@192.0.2.208",
    "CSeq: 8 BYE",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 4.8 Multiple IP Addresses in SDP.
///
/// One stream over IPv6, one over IPv4.
pub(crate) const MIXED_SDP: &[u8] = lines!(
    "INVITE sip:callee@[2001:db8:a::10] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];branch=z9hG4bK-six.9",
    "To: <sip:callee@[2001:db8:a::10]>",
    "From: <sip:caller@[2001:db8:a::9:1]>;tag=six-9",
    "Contact: <sip:caller@[2001:db8:a::9:1]>",
    "Call-ID: six-9@[2001:db8:a::9:1]",
    "CSeq: 9 INVITE",
    "Max-Forwards: 70",
    "Content-Type: application/sdp",
    "Content-Length: 161",
    "",
    "v=0",
    "o=- 209 1 IN IP6 2001:db8:a::9:1",
    "s=-",
    "t=0 0",
    "m=audio 40284 RTP/AVP 8",
    "c=IN IP6 2001:db8:a::9:1",
    "m=audio 40286 RTP/AVP 0",
    "c=IN IP4 192.0.2.209",
    "a=inactive",
);

/// 4.9 IPv4-Mapped IPv6 Addresses.
pub(crate) const MAPPED: &[u8] = lines!(
    "INVITE sip:callee@example.net SIP/2.0",
    "Via: SIP/2.0/UDP [::ffff:192.0.2.210]:5072;branch=z9hG4bK-six.10",
    "To: <sip:callee@example.net>",
    "From: <sip:caller@example.com>;tag=six-10",
    "Contact: <sip:caller@[::ffff:192.0.2.210]:5072>",
    "Call-ID: six-10@[::ffff:192.0.2.210]",
    "CSeq: 10 INVITE",
    "Max-Forwards: 70",
    "Content-Type: application/sdp",
    "Content-Length: 108",
    "",
    "v=0",
    "o=- 210 1 IN IP6 ::ffff:192.0.2.210",
    "s=-",
    "c=IN IP6 ::ffff:192.0.2.210",
    "t=0 0",
    "m=audio 40288 RTP/AVP 8",
);

/// 4.10 IPv6 Reference Bug in RFC 3261 ABNF: as the address is meant, with two colons.
pub(crate) const TWO_COLONS: &[u8] = lines!(
    "OPTIONS sip:callee@[2001:db8::192.0.2.211] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];branch=z9hG4bK-six.11",
    "To: <sip:callee@[2001:db8::192.0.2.211]>",
    "From: <sip:caller@[2001:db8:a::9:1]>;tag=six-11",
    "Call-ID: six-11@[2001:db8:a::9:1]",
    "CSeq: 11 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);

/// 4.10 IPv6 Reference Bug in RFC 3261 ABNF: as that grammar spells it, with a third colon.
pub(crate) const THREE_COLONS: &[u8] = lines!(
    "OPTIONS sip:callee@[2001:db8:::192.0.2.211] SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8:a::9:1];branch=z9hG4bK-six.12",
    "To: <sip:callee@[2001:db8:::192.0.2.211]>",
    "From: <sip:caller@[2001:db8:a::9:1]>;tag=six-12",
    "Call-ID: six-12@[2001:db8:a::9:1]",
    "CSeq: 12 OPTIONS",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
);
