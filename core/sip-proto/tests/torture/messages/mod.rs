//! Messages of our own, one for each that RFC 4475 and RFC 5118 describe.
//!
//! Users, hosts and identifiers are made up here; a message has the properties that the section asks for and no other
//! relation to the one printed there.

pub(crate) mod application;
pub(crate) mod invalid;
pub(crate) mod ipv6;
pub(crate) mod valid;

/// Joins lines, each with a CRLF behind it.
macro_rules! lines {
    ($($line:literal),+ $(,)?) => {
        concat!($($line, "\r\n"),+).as_bytes()
    };
}
use lines;

/// Returns every message with its name. Other packages' tests send them to a whole server.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = vec![("longreq", valid::longreq()), ("mpart01", valid::mpart01())];
    let constants: [(&'static str, &[u8]); 59] = [
        ("wsinv", valid::WSINV),
        ("intmeth", valid::INTMETH),
        ("esc01", valid::ESC01),
        ("escnull", valid::ESCNULL),
        ("esc02", valid::ESC02),
        ("lwsdisp", valid::LWSDISP),
        ("dblreq", valid::DBLREQ),
        ("semiuri", valid::SEMIURI),
        ("transports", valid::TRANSPORTS),
        ("unreason", valid::UNREASON),
        ("noreason", valid::NOREASON),
        ("badinv01", invalid::BADINV01),
        ("clerr", invalid::CLERR),
        ("ncl", invalid::NCL),
        ("scalar02", invalid::SCALAR02),
        ("scalarlg", invalid::SCALARLG),
        ("quotbal", invalid::QUOTBAL),
        ("ltgtruri", invalid::LTGTRURI),
        ("lwsruri", invalid::LWSRURI),
        ("lwsstart", invalid::LWSSTART),
        ("trws", invalid::TRWS),
        ("escruri", invalid::ESCRURI),
        ("baddate", invalid::BADDATE),
        ("regbadct", invalid::REGBADCT),
        ("badaspec", invalid::BADASPEC),
        ("baddn", invalid::BADDN),
        ("badvers", invalid::BADVERS),
        ("mismatch01", invalid::MISMATCH01),
        ("mismatch02", invalid::MISMATCH02),
        ("bigcode", invalid::BIGCODE),
        ("badbranch", application::BADBRANCH),
        ("insuf", application::INSUF),
        ("unkscm", application::UNKSCM),
        ("novelsc", application::NOVELSC),
        ("unksm2", application::UNKSM2),
        ("bext01", application::BEXT01),
        ("invut", application::INVUT),
        ("regaut01", application::REGAUT01),
        ("multi01", application::MULTI01),
        ("mcl01", application::MCL01),
        ("bcast", application::BCAST),
        ("zeromf", application::ZEROMF),
        ("cparam01", application::CPARAM01),
        ("cparam02", application::CPARAM02),
        ("regescrt", application::REGESCRT),
        ("sdp01", application::SDP01),
        ("inv2543", application::INV2543),
        ("reference", ipv6::REFERENCE),
        ("no_brackets", ipv6::NO_BRACKETS),
        ("port_inside", ipv6::PORT_INSIDE),
        ("port_outside", ipv6::PORT_OUTSIDE),
        ("received_in_brackets", ipv6::RECEIVED_IN_BRACKETS),
        ("received_bare", ipv6::RECEIVED_BARE),
        ("in_sdp", ipv6::IN_SDP),
        ("mixed_headers", ipv6::MIXED_HEADERS),
        ("mixed_sdp", ipv6::MIXED_SDP),
        ("mapped", ipv6::MAPPED),
        ("two_colons", ipv6::TWO_COLONS),
        ("three_colons", ipv6::THREE_COLONS),
    ];
    all.extend(constants.map(|(name, message)| (name, message.to_vec())));
    all
}
