use audio::rtp::Stamp;
use proptest::prelude::*;

use super::*;
use crate::SrtpSuite;

const SUITES: [SrtpSuite; 5] = [
    SrtpSuite::Aes128Sha80,
    SrtpSuite::Aes128Sha32,
    SrtpSuite::Aes256Sha80,
    SrtpSuite::Aes128Gcm,
    SrtpSuite::Aes256Gcm,
];

fn ends(suite: SrtpSuite) -> (Srtp, Srtp) {
    let length = suite.key_length() + suite.salt_length();
    let (a, b) = (vec![7; length], (0..length as u8).collect::<Vec<_>>());
    let keys = |send: &[u8], receive: &[u8]| SrtpKeys::new(suite, send, receive).unwrap();
    (Srtp::new(keys(&a, &b)), Srtp::new(keys(&b, &a)))
}

fn packet(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let stamp = Stamp { marker: false, payload_type: 8, sequence, timestamp: u32::from(sequence) * 160, ssrc };
    [&stamp.bytes()[..], payload].concat()
}

fn sealed(srtp: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    srtp.seal(packet, &mut [0; SEALED]).unwrap().to_vec()
}

fn opened(srtp: &mut Srtp, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut packet = sealed.to_vec();
    let length = srtp.open(&mut packet)?;
    packet.truncate(length);
    Some(packet)
}

#[test]
fn packets_are_as_other_implementations_make_them() {
    // The reference packets of libsrtp.
    let key = hex::decode("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6").unwrap();
    let mut srtp = Srtp::new(SrtpKeys::new(SrtpSuite::Aes128Sha80, &key, &key).unwrap());
    let plain = hex::decode("800f1234decafbadcafebabeabababababababababababababababab").unwrap();
    let expected = hex::decode("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb").unwrap();
    assert_eq!(sealed(&mut srtp, &plain), expected);
    assert_eq!(opened(&mut srtp, &expected), Some(plain));
    let mut report = hex::decode("81c8000bcafebabeabababababababababababababababab").unwrap();
    let plain = report.clone();
    srtp.seal_rtcp(&mut report);
    let expected = hex::decode("81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798").unwrap();
    assert_eq!(report, expected);
    let length = srtp.open_rtcp(&mut report).unwrap();
    assert_eq!(report[..length], plain);
}

#[test]
fn packets_of_galois_counter_mode_are_as_other_implementations_make_them() {
    // The reference packets of libsrtp.
    let key = hex::decode("000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab").unwrap();
    let mut srtp = Srtp::new(SrtpKeys::new(SrtpSuite::Aes128Gcm, &key, &key).unwrap());
    let plain = hex::decode("800f1234decafbadcafebabeabababababababababababababababab").unwrap();
    let expected = "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392";
    assert_eq!(hex::encode(sealed(&mut srtp, &plain)), expected);
    assert_eq!(opened(&mut srtp, &hex::decode(expected).unwrap()), Some(plain));
    let mut report = hex::decode("81c8000bcafebabeabababababababababababababababab").unwrap();
    let plain = report.clone();
    srtp.seal_rtcp(&mut report);
    let expected = "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001";
    assert_eq!(hex::encode(&report), expected);
    let length = srtp.open_rtcp(&mut report).unwrap();
    assert_eq!(report[..length], plain);
}

#[test]
fn what_one_end_protects_the_other_opens_once() {
    for suite in SUITES {
        let (mut a, mut b) = ends(suite);
        for sequence in 0..300 {
            let plain = packet(9, sequence, &[sequence as u8; 160]);
            let sealed = sealed(&mut a, &plain);
            assert_ne!(sealed[12..172], plain[12..]);
            assert_eq!(opened(&mut b, &sealed), Some(plain));
            assert_eq!(opened(&mut b, &sealed), None, "played again");
        }
    }
}

#[test]
fn numbers_roll_over_and_late_packets_still_open() {
    let (mut a, mut b) = ends(SrtpSuite::Aes128Sha80);
    let mut all: Vec<_> = (65_500..66_100u32).map(|n| sealed(&mut a, &packet(9, n as u16, &[1; 20]))).collect();
    all.swap(30, 45);
    for (index, sealed) in all.iter().enumerate() {
        assert!(opened(&mut b, sealed).is_some(), "{index}");
    }
    for sealed in all {
        assert!(opened(&mut b, &sealed).is_none());
    }
}

#[test]
fn other_keys_of_the_far_end_leave_our_own_counters_alone() {
    for suite in SUITES {
        let (mut a, mut b) = ends(suite);
        let length = suite.key_length() + suite.salt_length();
        // Past the first wrap of the sequence number: what comes is number 70,000, not 4,464.
        for n in 0..70_000u32 {
            let sealed = sealed(&mut a, &packet(9, n as u16, &[1; 20]));
            assert!(opened(&mut b, &sealed).is_some(), "{n}");
        }
        let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4];
        a.seal_rtcp(&mut report);
        assert!(b.open_rtcp(&mut report).is_some());

        let (ours, theirs) = (vec![7; length], vec![99; length]);
        a.renew(SrtpKeys::new(suite, &ours, &theirs).unwrap());
        let next = sealed(&mut a, &packet(9, 70_000u32 as u16, &[1; 20]));
        assert!(opened(&mut b, &next).is_some(), "the far end was told nothing");
        let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4];
        a.seal_rtcp(&mut report);
        assert!(b.open_rtcp(&mut report).is_some(), "the next report has the next number");

        b.renew(SrtpKeys::new(suite, &theirs, &ours).unwrap());
        assert!(opened(&mut a, &sealed(&mut b, &packet(5, 1, &[1; 20]))).is_some(), "its new key counts");
        let old = sealed(&mut a, &packet(9, 70_001u32 as u16, &[1; 20]));
        assert!(opened(&mut b, &old).is_some() && opened(&mut b, &old).is_none());
    }
}

#[test]
fn a_wrong_tag_key_or_number_opens_nothing_and_changes_nothing() {
    for suite in SUITES {
        let (mut a, mut b) = ends(suite);
        let (mut stranger, _) = ends(suite);
        stranger.send = Way::new(suite, (&vec![1; suite.key_length()], &vec![2; suite.salt_length()]));
        let first = sealed(&mut a, &packet(9, 100, &[5; 160]));
        assert!(opened(&mut b, &first).is_some());
        for round in 0..2_000u32 {
            let mut wrong = sealed(&mut a, &packet(9, 101, &[5; 160]));
            let at = round as usize % wrong.len();
            wrong[at] ^= 1 << (round % 8);
            assert_eq!(opened(&mut b, &wrong), None, "{at}");
            assert_eq!(opened(&mut b, &sealed(&mut stranger, &packet(round, round as u16, &[5; 160]))), None);
            assert_eq!(opened(&mut b, &packet(9, 101, &[5; 160])), None, "no tag");
        }
        assert_eq!(b.received_streams(), 1);
        assert!(opened(&mut b, &sealed(&mut a, &packet(9, 102, &[5; 160]))).is_some());
    }
}

#[test]
fn a_jump_of_the_rollover_counter_is_refused() {
    let (mut a, mut b) = ends(SrtpSuite::Aes128Sha80);
    assert!(opened(&mut b, &sealed(&mut a, &packet(9, 100, &[5; 160]))).is_some());
    a.sent = Sent::default();
    for _ in 0..5 {
        for sequence in [1u16, 30_000, 60_000] {
            let _ = a.sent.index(sequence);
        }
    }
    let jumped = sealed(&mut a, &packet(9, 200, &[5; 160]));
    assert_eq!(opened(&mut b, &jumped), None);
}

#[test]
fn an_old_stream_is_not_forgotten_for_new_ones() {
    let (mut a, mut b) = ends(SrtpSuite::Aes128Sha80);
    let mut all = Vec::new();
    for ssrc in 0..40 {
        a.sent = Sent::default();
        all.push(sealed(&mut a, &packet(ssrc, 7, &[5; 160])));
    }
    assert_eq!(all.iter().filter(|sealed| opened(&mut b, sealed).is_some()).count(), 16);
    assert!(all.iter().all(|sealed| opened(&mut b, sealed).is_none()));
}

#[test]
fn reports_are_opened_once_and_only_if_authentic() {
    let (mut a, mut b) = ends(SrtpSuite::Aes128Sha32);
    for round in 0..100u8 {
        let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 9];
        report.extend([round; 8]);
        let plain = report.clone();
        a.seal_rtcp(&mut report);
        let mut wrong = report.clone();
        wrong[usize::from(round) % plain.len()] ^= 1;
        assert_eq!(b.open_rtcp(&mut wrong), None);
        let mut again = report.clone();
        assert_eq!(b.open_rtcp(&mut report), Some(16));
        assert_eq!(report[..16], plain);
        assert_eq!(b.open_rtcp(&mut again), None);
    }
}

impl Srtp {
    fn received_streams(&self) -> usize {
        self.received.len()
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..1_600), version in any::<bool>()) {
        if let (true, Some(first)) = (version, bytes.first_mut()) {
            *first = 0x80 | (*first & 0x3f);
        }
        for suite in SUITES {
            let (_, mut end) = ends(suite);
            prop_assert_eq!(end.open(&mut bytes.clone()), None);
            prop_assert_eq!(end.open_rtcp(&mut bytes.clone()), None);
        }
    }
}
