//! G.711 (ITU-T G.711): 8-bit companded samples by table.
//!
//! The tables are built at compile time. Going from one law to the other is one look-up per byte, without the
//! linear value in between.

/// The two laws of G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law.
    Mu,
    /// A-law.
    A,
}

impl Law {
    /// Returns the byte that decodes to (nearly) nothing.
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xff,
            Self::A => 0xd5,
        }
    }

    /// Returns the linear 16-bit sample of one byte.
    pub fn decode(self, byte: u8) -> i16 {
        self.decode_table()[usize::from(byte)]
    }

    /// Returns the byte nearest to a linear 16-bit sample.
    pub fn encode(self, sample: i16) -> u8 {
        // Both laws drop at least the two lowest bits of 16.
        let index = usize::from((sample as u16) >> 2);
        match self {
            Self::Mu => ULAW_ENCODE[index],
            Self::A => ALAW_ENCODE[index],
        }
    }

    /// Appends the linear samples of a payload to `to`.
    pub fn decode_into(self, payload: &[u8], to: &mut Vec<i16>) {
        let table = self.decode_table();
        to.extend(payload.iter().map(|&byte| table[usize::from(byte)]));
    }

    /// Writes the bytes of `samples` into the front of `to` and returns how many fitted.
    pub fn encode_into(self, samples: &[i16], to: &mut [u8]) -> usize {
        for (byte, &sample) in to.iter_mut().zip(samples) {
            *byte = self.encode(sample);
        }
        samples.len().min(to.len())
    }

    /// Rewrites a payload of this law as the other law, in place.
    pub fn transcode_in_place(self, payload: &mut [u8]) {
        let table = match self {
            Self::Mu => &ULAW_TO_ALAW,
            Self::A => &ALAW_TO_ULAW,
        };
        for byte in payload {
            *byte = table[usize::from(*byte)];
        }
    }

    fn decode_table(self) -> &'static [i16; 256] {
        match self {
            Self::Mu => &ULAW_DECODE,
            Self::A => &ALAW_DECODE,
        }
    }
}

static ULAW_DECODE: [i16; 256] = decode_table(Law::Mu);
static ALAW_DECODE: [i16; 256] = decode_table(Law::A);
static ULAW_ENCODE: [u8; 16_384] = encode_table(Law::Mu);
static ALAW_ENCODE: [u8; 16_384] = encode_table(Law::A);
static ULAW_TO_ALAW: [u8; 256] = cross_table(Law::Mu);
static ALAW_TO_ULAW: [u8; 256] = cross_table(Law::A);

const ULAW_BIAS: i32 = 0x84;
const ULAW_CLIP: i32 = 32_635;

const fn ulaw_decode(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = (byte >> 4) & 7;
    let mantissa = (byte & 0x0f) as i32;
    let magnitude = (((mantissa << 3) + ULAW_BIAS) << exponent) - ULAW_BIAS;
    if byte & 0x80 == 0 { magnitude as i16 } else { -magnitude as i16 }
}

const fn ulaw_encode(sample: i16) -> u8 {
    let mut magnitude = sample as i32;
    let sign = if magnitude < 0 {
        magnitude = -magnitude;
        0x80
    } else {
        0
    };
    if magnitude > ULAW_CLIP {
        magnitude = ULAW_CLIP;
    }
    magnitude += ULAW_BIAS;
    let exponent = 24 - magnitude.leading_zeros() as i32;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

const fn alaw_decode(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let exponent = (byte >> 4) & 7;
    let mantissa = (byte & 0x0f) as i32;
    let magnitude = if exponent == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (exponent - 1) };
    if byte & 0x80 == 0 { -magnitude as i16 } else { magnitude as i16 }
}

const fn alaw_encode(sample: i16) -> u8 {
    // 13-bit magnitude; a negative sample is mirrored around -1/2 so that both halves have the same steps.
    let linear = (sample >> 3) as i32;
    let (mask, magnitude) = if linear >= 0 { (0xd5u8, linear) } else { (0x55u8, -linear - 1) };
    let exponent = if magnitude < 32 { 0 } else { 27 - magnitude.leading_zeros() as i32 };
    let mantissa = if exponent < 2 { (magnitude >> 1) & 0x0f } else { (magnitude >> exponent) & 0x0f };
    ((exponent << 4) as u8 | mantissa as u8) ^ mask
}

const fn decode_table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match law {
            Law::Mu => ulaw_decode(byte as u8),
            Law::A => alaw_decode(byte as u8),
        };
        byte += 1;
    }
    table
}

const fn encode_table(law: Law) -> [u8; 16_384] {
    let mut table = [0; 16_384];
    let mut index = 0;
    while index < 16_384 {
        let sample = ((index << 2) as u16) as i16;
        table[index] = match law {
            Law::Mu => ulaw_encode(sample),
            Law::A => alaw_encode(sample),
        };
        index += 1;
    }
    table
}

const fn cross_table(from: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match from {
            Law::Mu => alaw_encode(ulaw_decode(byte as u8)),
            Law::A => ulaw_encode(alaw_decode(byte as u8)),
        };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_recommendation() {
        assert_eq!(Law::Mu.decode(0xff), 0);
        assert_eq!(Law::Mu.decode(0x80), 32_124);
        assert_eq!(Law::Mu.decode(0x00), -32_124);
        assert_eq!(Law::A.decode(0xd5), 8);
        assert_eq!(Law::A.decode(0xaa), 32_256);
        assert_eq!(Law::A.decode(0x2a), -32_256);
    }

    #[test]
    fn every_byte_survives_decode_and_encode() {
        for law in [Law::Mu, Law::A] {
            for byte in 0..=255u8 {
                let sample = law.decode(byte);
                // µ-law has two zeros; both decode to 0.
                assert_eq!(law.decode(law.encode(sample)), sample, "{law:?} {byte:#x}");
            }
        }
    }

    #[test]
    fn the_error_of_a_round_trip_stays_within_half_a_step() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                let back = i32::from(law.decode(law.encode(sample)));
                let error = (back - i32::from(sample)).abs();
                let allowed = 16 + i32::from(sample).abs() / 24;
                assert!(error <= allowed, "{law:?} {sample} became {back}");
            }
        }
    }

    #[test]
    fn crossing_laws_by_table_equals_crossing_through_linear() {
        for (from, to) in [(Law::Mu, Law::A), (Law::A, Law::Mu)] {
            let mut payload: Vec<u8> = (0..=255).collect();
            from.transcode_in_place(&mut payload);
            for (byte, &crossed) in (0..=255u8).zip(&payload) {
                let error = (i32::from(to.decode(crossed)) - i32::from(from.decode(byte))).abs();
                assert!(error <= 16 + i32::from(from.decode(byte)).abs() / 24);
            }
        }
    }
}
