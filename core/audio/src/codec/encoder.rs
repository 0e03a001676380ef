use audio_codec::Encoder as _;
use audio_codec::g722::{Bitrate, G722Encoder};

use super::{Codec, Rate};
use crate::g711::Law;
use crate::resample::{Doubler, Halver};

/// No frame of 20 ms is encoded in more bytes.
pub const MAX_ENCODED: usize = 400;

/// Enough for speech, in bits per second.
const OPUS_BITRATE: i32 = 24_000;
/// The cheapest search that still sounds like telephony: a call costs a quarter of a percent of a core.
const OPUS_COMPLEXITY: i32 = 1;
/// Loss in percent that Opus prepares for by repeating itself.
const OPUS_LOSS: i32 = 5;

/// Turns frames of 20 ms into the payloads of one stream.
pub struct Encoder {
    kind: Kind,
    doubler: Doubler,
    halver: Halver,
}

enum Kind {
    Law(Law),
    G722(Box<G722Encoder>),
    // `None` until the first frame, and if libopus had no memory.
    Opus(Option<(Rate, opus::Encoder)>),
}

impl Encoder {
    pub fn new(codec: Codec) -> Self {
        let kind = match codec {
            Codec::Pcmu => Kind::Law(Law::Mu),
            Codec::Pcma => Kind::Law(Law::A),
            Codec::G722 => Kind::G722(Box::new(G722Encoder::with_options(Bitrate::Mode1_64000, false, false))),
            Codec::Opus => Kind::Opus(None),
        };
        Self { kind, doubler: Doubler::default(), halver: Halver::default() }
    }

    /// Encodes 20 ms of sound into `to` and returns the length; 0 if the codec could not.
    pub fn encode(&mut self, frame: &[i16], rate: Rate, to: &mut [u8; MAX_ENCODED]) -> usize {
        match &mut self.kind {
            Kind::Law(law) => match rate {
                Rate::Narrow => law.encode_into(frame, to),
                Rate::Wide => {
                    let mut narrow = Vec::with_capacity(frame.len() / 2);
                    self.halver.process(frame, &mut narrow);
                    law.encode_into(&narrow, to)
                }
            },
            Kind::G722(encoder) => {
                let bytes = match rate {
                    Rate::Wide => encoder.encode(frame),
                    Rate::Narrow => {
                        let mut wide = Vec::with_capacity(frame.len() * 2);
                        self.doubler.process(frame, &mut wide);
                        encoder.encode(&wide)
                    }
                };
                let length = bytes.len().min(to.len());
                to[..length].copy_from_slice(&bytes[..length]);
                length
            }
            Kind::Opus(encoder) => {
                if encoder.as_ref().is_none_or(|(known, _)| *known != rate) {
                    *encoder = opus_encoder(rate).ok().map(|encoder| (rate, encoder));
                }
                encoder.as_mut().map_or(0, |(_, encoder)| encoder.encode(frame, to).unwrap_or(0))
            }
        }
    }
}

fn opus_encoder(rate: Rate) -> opus::Result<opus::Encoder> {
    let mut encoder = opus::Encoder::new(rate.hertz(), opus::Channels::Mono, opus::Application::Voip)?;
    encoder.set_bitrate(opus::Bitrate::Bits(OPUS_BITRATE))?;
    encoder.set_complexity(OPUS_COMPLEXITY)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(OPUS_LOSS)?;
    Ok(encoder)
}
