use std::time::Duration;

use audio::{measure::amplitude_at, tone, wav};
use voice::{Bounds, decode};

/// A second (a quarter in 24 bits) of 1,000 Hz at a quarter of full scale, as other programs wrote it.
const FILES: &[(&str, &[u8], usize)] = &[
    ("wav", include_bytes!("../files/tone-24.wav"), 2_000),
    ("flac", include_bytes!("../files/tone.flac"), 8_000),
    ("mp3", include_bytes!("../files/tone.mp3"), 8_000),
    ("m4a", include_bytes!("../files/tone.m4a"), 8_000),
    ("ogg", include_bytes!("../files/tone.ogg"), 8_000),
];

#[test]
fn every_kind_becomes_telephone_sound() {
    for (kind, file, length) in FILES {
        let samples = decode(file.to_vec(), Bounds::UPLOAD).unwrap();
        // Coders add some silence at either end.
        assert!(samples.len() >= length - 200 && samples.len() <= length + 800, "{kind}: {}", samples.len());
        let middle = &samples[length / 4..length * 3 / 4];
        let heard = amplitude_at(1_000.0, middle);
        assert!((heard - 8_192.0).abs() < 500.0, "{kind}: {heard}");
    }
}

#[test]
fn hours_of_silence_in_a_small_file_are_refused() {
    let file = include_bytes!("../files/two-hours-of-silence.flac");
    assert!(file.len() < 50_000);
    let error = decode(file.to_vec(), Bounds::UPLOAD).unwrap_err();
    assert!(error.to_string().contains("longer than 600 seconds"), "{error}");
}

#[test]
fn what_is_too_large_is_not_even_looked_at() {
    let error = decode(vec![0; 20_000_001], Bounds::UPLOAD).unwrap_err();
    assert!(error.to_string().contains("20000001 bytes, 20000000 is the limit"), "{error}");
    let bounds = Bounds { duration: Duration::from_millis(500), ..Bounds::UPLOAD };
    assert!(decode(wav::mono(8_000, &tone::speech_like(3, 8_000)), bounds).is_err());
}

#[test]
fn what_is_no_sound_is_refused() {
    for file in [&b""[..], b"RIFF", b"<html>", b"%PDF-1.7 ...", b"\x7fELF\x02\x01\x01", &[0; 4_096], &[0xff; 4_096]] {
        assert!(decode(file.to_vec(), Bounds::UPLOAD).is_err(), "{file:?}");
    }
    assert!(decode(wav::mono(8_000, &[]), Bounds::UPLOAD).is_err());
}

#[test]
fn damaged_files_are_read_as_far_as_they_go_or_refused() {
    for (kind, file, length) in FILES {
        for cut in [10, 100, file.len() / 2, file.len() - 1] {
            if let Ok(samples) = decode(file[..cut].to_vec(), Bounds::UPLOAD) {
                assert!(samples.len() <= length + 800, "{kind} {cut}");
            }
        }
        // The same damage each time (xorshift32).
        let mut state = 0x9e37_79b9u32;
        for _ in 0..4 {
            let mut damaged = file.to_vec();
            for _ in 0..8 {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                let at = state as usize % damaged.len().min(2_000);
                damaged[at] ^= (state >> 24) as u8;
            }
            let _ = decode(damaged, Bounds { duration: Duration::from_secs(10), ..Bounds::UPLOAD });
        }
    }
}
