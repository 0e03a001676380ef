//! The fuzz targets on the stable toolchain: a seed corpus and its mutations, the same on every run.

use sip_proto::websocket::{Kind, frame};

use super::{messages, targets};

const MUTATIONS: usize = 20_000;

/// Every message, description, URI and header that mutations start from.
fn seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 17] = [
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n\
          a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=rtcp:4001\r\n\
          a=sendrecv\r\n",
        b"v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=\r\nt=0 0\r\na=inactive\r\nm=video 0 RTP/AVP 31\r\nm=audio 4002/1 RTP/AVPF 0\r\n\
          c=IN IP6 ::ffff:192.0.2.9\r\na=maxptime:40\r\na=rtcp:4009 IN IP6 2001:db8::2\r\n",
        b"sip:alice:secret@example.com:5060;transport=tcp;lr?Subject=a%20b&x=y",
        b"sips:%23123@[2001:db8:::192.0.2.211]:5061",
        b"tel:+84-28-1234;phone-context=example.com",
        b"iris.beep://198.51.100.44:702/areg",
        b"Digest username=\"a\\\"b\",realm=\"pbx\",nonce=\"n\",uri=\"sip:x;y=%23\",response=\"0123456789abcdef0123456789abcdef\",\
          algorithm=MD5,qop=auth,nc=00000101,cnonce=\"c\",opaque=\"o\"",
        b"Digest realm=\"a \\\\ b\", nonce=n, algorithm=SHA-512-256, qop=\"auth-int, auth\", stale=TRUE, opaque=\"\"",
        b"Digest realm=\"r\",nonce=\"n\",algorithm=SHA-256",
        b"\r\n\r\n\r\nOPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n",
        b"\"<sip:admin@victim.example>\" <sip:mallory@evil.example>;tag=1",
        b"INVITE sip:b@h SIP/2.0\r\nv:SIP/2.0/UDP [::1]:5060;rport;branch=z9hG4bK1,SIP/2.0/TCP h\r\nf:\"\\\"<>,;\" <sip:a@h>;tag=1\r\n\
          t:<sip:b@h>\r\ni:1\r\nCSeq:1 INVITE\r\nm:\"x,y\" <sip:a@h;x=\",\">;q=0.5;expires=60,<sip:c@h>\r\nRoute: <sip:r;lr>,<sip:s>\r\n\
          c:multipart/mixed;boundary=\"b\"\r\nl:74\r\n\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\n\r\nplain\r\n--b--\r\n       ",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x80\x60\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78",
        b"",
        b"\r",
        b":",
    ];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|seed| seed.to_vec()).collect();
    for browser in [include_str!("../browsers/chromium.sdp"), include_str!("../browsers/firefox.sdp")] {
        seeds.push(browser.replace('\n', "\r\n").into_bytes());
    }
    seeds.extend(messages::all().into_iter().map(|(_, message)| message));
    // WebSocket frames: of a client and of a server, in pieces with a ping between them, and a close.
    let options = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    seeds.extend([None, Some([1, 2, 3, 4])].into_iter().flat_map(|mask| {
        let one = frame(Kind::Text, options, mask);
        let many = [frame(Kind::Ping, b"?", mask), frame(Kind::Binary, &[b'x'; 300], mask)].concat();
        let close = frame(Kind::Close, &1000_u16.to_be_bytes(), mask);
        [one.clone(), [&many[..], &one, &close].concat(), [&one[..], &many].concat()]
    }));
    seeds.push(
        [&[0x01, 0x82, 0, 0, 0, 0, b't', b'h', 0x89, 0x80, 1, 1, 1, 1][..], &[0x80, 0x81, 0, 0, 0, 0, b'e']].concat(),
    );
    seeds
}

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).expect("fits")).expect("fits")
    }
}

/// Pieces that parsers trip over.
const PIECES: [&[u8]; 28] = [
    b"\r\n",
    b"\r\n ",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\\",
    b"\"",
    b"<",
    b">",
    b",",
    b";",
    b"=",
    b":",
    b"@",
    b"%",
    b"%0",
    b"%00",
    b"[",
    b"]",
    b"/",
    b"?",
    b"\xff",
    b"\xc0\x80",
    b"4294967296",
    b"-1",
    b"Content-Length: 5\r\n",
    b"l:1\r\n",
];

fn mutate(random: &mut Random, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() + 1);
        let end = (at + random.below(24)).min(data.len());
        match random.below(7) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = u8::try_from(random.below(256)).expect("fits"),
            2 => drop(data.drain(at..end)),
            3 => drop(data.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            4 => drop(data.splice(at..end, PIECES[random.below(PIECES.len())].iter().copied())),
            5 => {
                let copy = data[at..end].to_vec();
                let to = random.below(data.len() + 1);
                drop(data.splice(to..to, copy));
            }
            _ => {
                let from = random.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
        }
    }
    data
}

fn replay(target: fn(&[u8]), seed: u64) {
    let seeds = seeds();
    seeds.iter().for_each(|seed| target(seed));
    let mut random = Random(seed);
    for _ in 0..MUTATIONS {
        let (one, other) = (random.below(seeds.len()), random.below(seeds.len()));
        target(&mutate(&mut random, &seeds[one], &seeds[other]));
    }
}

#[test]
fn no_message_makes_the_parser_panic() {
    replay(targets::sip_message, 1);
}

#[test]
fn no_description_makes_the_parser_panic() {
    replay(targets::sdp, 2);
}

#[test]
fn no_uri_makes_the_parser_panic() {
    replay(targets::uri, 3);
}

#[test]
fn no_frame_makes_the_websocket_panic() {
    replay(targets::ws_frame, 5);
}

#[test]
fn no_digest_makes_the_parser_panic() {
    replay(targets::digest, 4);
}
