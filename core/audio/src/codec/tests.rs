use proptest::prelude::*;

use super::*;
use crate::{measure, tone};

const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

/// Sends speech through a codec, frame by frame at the given rates.
fn through(codec: Codec, into: Rate, out: Rate, sent: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec, out));
    let mut heard = Vec::new();
    let mut payload = [0; MAX_ENCODED];
    for frame in sent.chunks_exact(into.frame()) {
        let length = encoder.encode(frame, into, &mut payload);
        assert!(length > 0, "{codec:?}");
        decoder.decode(&payload[..length], &mut heard);
    }
    heard
}

// Opus filters the lowest frequencies of voices, which moves their phase: what is heard as the same correlates less.
#[test]
fn speech_is_understood_through_every_codec() {
    let sent = tone::speech_like(4, 24_000);
    for (codec, least_db, correlation) in
        [(Codec::Pcmu, 35.0, 0.999), (Codec::Pcma, 35.0, 0.999), (Codec::G722, 15.0, 0.98), (Codec::Opus, 4.0, 0.8)]
    {
        let heard = through(codec, Rate::Narrow, Rate::Narrow, &sent);
        assert_eq!(heard.len(), sent.len(), "{codec:?}");
        let fit = measure::fit(&sent, &heard, 400);
        assert!(fit.snr_db >= least_db && fit.correlation >= correlation, "{codec:?} {fit:?}");
    }
}

#[test]
fn wide_codecs_carry_what_telephones_do_not() {
    let wave = |index: usize| (6_000.0 * (std::f64::consts::TAU * 5_000.0 * index as f64 / 16_000.0).sin()) as i16;
    let sent: Vec<i16> = (0..32_000).map(wave).collect();
    for codec in [Codec::G722, Codec::Opus] {
        let heard = through(codec, Rate::Wide, Rate::Wide, &sent);
        // Counted at 8 kHz, 5 kHz of 16 are 2.5.
        let loudness = measure::amplitude_at(2_500.0, &heard[8_000..]);
        assert!(loudness > 3_000.0, "{codec:?} {loudness}");
    }
    let narrow = through(Codec::Pcma, Rate::Wide, Rate::Wide, &sent);
    assert!(measure::amplitude_at(2_500.0, &narrow[8_000..]) < 100.0);
}

#[test]
fn a_lost_packet_is_concealed_in_every_codec() {
    let sent = tone::speech_like(8, 16_000);
    for codec in ALL {
        let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec, Rate::Narrow));
        let mut heard = Vec::new();
        let mut payload = [0; MAX_ENCODED];
        for (index, frame) in sent.chunks_exact(160).enumerate() {
            let length = encoder.encode(frame, Rate::Narrow, &mut payload);
            if index % 10 == 5 {
                decoder.recover(None, 160, &mut heard);
            } else {
                decoder.decode(&payload[..length], &mut heard);
            }
        }
        assert_eq!(heard.len(), sent.len());
        assert!(measure::fit(&sent, &heard, 400).correlation > 0.7, "{codec:?}");
    }
}

#[test]
fn opus_recovers_a_lost_packet_from_the_next() {
    let sent = tone::speech_like(8, 48_000);
    let mut encoder = Encoder::new(Codec::Opus);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for frame in sent.chunks_exact(160) {
        let mut payload = [0; MAX_ENCODED];
        let length = encoder.encode(frame, Rate::Narrow, &mut payload);
        packets.push(payload[..length].to_vec());
    }
    let mut decoder = Decoder::new(Codec::Opus, Rate::Narrow);
    let mut heard = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        if index % 10 == 5 {
            decoder.recover(packets.get(index + 1).map(Vec::as_slice), 160, &mut heard);
        } else {
            decoder.decode(packet, &mut heard);
        }
    }
    assert_eq!(heard.len(), sent.len());
    assert!(measure::fit(&sent, &heard, 400).correlation > 0.8);
}

#[test]
fn hostile_opus_is_silence_or_sound_but_never_more_than_120_ms() {
    let table: [&[u8]; 12] = [
        &[],
        // The table of contents alone: of one frame, two frames, and any number.
        &[0x00],
        &[0x01],
        &[0x02],
        &[0x03],
        &[0xff],
        // Code 3 with 48 frames claimed, with none, and with padding beyond the end.
        &[0x03, 48, 0, 0, 0],
        &[0x03, 0],
        &[0x03, 0x41, 0xff, 0xff, 0xff],
        // 120 ms.
        &[0x1b, 2, 1, 2, 3, 4],
        // Hybrid and CELT with rubbish.
        &[0x78, 0xde, 0xad, 0xbe, 0xef],
        &[0xf8, 0xff, 0xfe, 0xfd],
    ];
    for rate in [Rate::Narrow, Rate::Wide] {
        let mut decoder = Decoder::new(Codec::Opus, rate);
        for _ in 0..50 {
            for payload in table {
                let mut heard = Vec::new();
                decoder.decode(payload, &mut heard);
                assert!((1..=6 * rate.frame()).contains(&heard.len()), "{payload:?} {}", heard.len());
                heard.clear();
                decoder.recover(Some(payload), rate.frame(), &mut heard);
                assert_eq!(heard.len(), rate.frame(), "{payload:?}");
            }
        }
        // An hour of silence that is not sent at all.
        for _ in 0..50 * 3_600 / 10 {
            let mut heard = Vec::new();
            decoder.recover(None, rate.frame(), &mut heard);
            assert_eq!(heard.len(), rate.frame());
        }
    }
}

#[test]
fn one_byte_of_any_codec_is_sound() {
    for codec in ALL {
        let mut heard = Vec::new();
        Decoder::new(codec, Rate::Narrow).decode(&[0], &mut heard);
        assert!(!heard.is_empty() && heard.len() <= 960, "{codec:?}");
    }
}

proptest! {
    #[test]
    fn any_payloads_are_decoded_or_concealed(
        payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 1..20),
        wide in any::<bool>(),
    ) {
        let rate = if wide { Rate::Wide } else { Rate::Narrow };
        for codec in ALL {
            let mut decoder = Decoder::new(codec, rate);
            for (payload, lost) in &payloads {
                let mut heard = Vec::new();
                if *lost {
                    decoder.recover(Some(payload), rate.frame(), &mut heard);
                } else {
                    decoder.decode(payload, &mut heard);
                }
                prop_assert!(!heard.is_empty() && heard.len() <= 1_500 * 4);
            }
        }
    }
}
