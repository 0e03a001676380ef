use audio_codec::Decoder as _;
use audio_codec::g722::{Bitrate, G722Decoder};

use super::{Codec, Rate};
use crate::conceal::Conceal;
use crate::g711::Law;
use crate::resample::{Doubler, Halver};

/// Longest sound that one packet may hold (RFC 6716 §2), in frames of 20 ms.
const LONGEST: usize = 6;

/// Turns the payloads of one stream into samples of one rate, in order.
///
/// Nothing that a payload holds makes it panic or grow: what cannot be read is concealed.
pub struct Decoder {
    kind: Kind,
    rate: Rate,
    conceal: Conceal,
}

enum Kind {
    Law(Law, Option<Doubler>),
    G722(Box<G722Decoder>, Option<Halver>),
    // `None` if libopus had no memory: the stream is silent then.
    Opus(Option<opus::Decoder>),
}

impl Decoder {
    pub fn new(codec: Codec, rate: Rate) -> Self {
        let wide = rate == Rate::Wide;
        let kind = match codec {
            Codec::Pcmu | Codec::Pcma => {
                let law = if codec == Codec::Pcmu { Law::Mu } else { Law::A };
                Kind::Law(law, wide.then(Doubler::default))
            }
            Codec::G722 => {
                let decoder = Box::new(G722Decoder::with_options(Bitrate::Mode1_64000, false, false));
                Kind::G722(decoder, (!wide).then(Halver::default))
            }
            Codec::Opus => Kind::Opus(opus::Decoder::new(rate.hertz(), opus::Channels::Mono).ok()),
        };
        Self { kind, rate, conceal: Conceal::new(rate) }
    }

    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Appends the sound of a payload to `to`; of one that cannot be read, 20 ms that hide it.
    pub fn decode(&mut self, payload: &[u8], to: &mut Vec<i16>) {
        let begin = to.len();
        match &mut self.kind {
            Kind::Law(law, None) => law.decode_into(payload, to),
            Kind::Law(law, Some(doubler)) => {
                let mut narrow = Vec::with_capacity(payload.len());
                law.decode_into(payload, &mut narrow);
                doubler.process(&narrow, to);
            }
            Kind::G722(decoder, halver) => {
                let wide = decoder.decode(payload);
                match halver {
                    Some(halver) => halver.process(&wide, to),
                    None => to.extend_from_slice(&wide),
                }
            }
            Kind::Opus(decoder) => {
                if !payload.is_empty() {
                    read_opus(decoder, payload, self.rate.frame() * LONGEST, false, to);
                }
            }
        }
        if to.len() == begin {
            self.conceal(self.rate.frame(), to);
        } else {
            self.conceal.good(&mut to[begin..]);
        }
    }

    /// Appends `samples` that stand for a lost packet; `next` is the payload behind it, if that is known already: Opus
    /// may repeat in it what was lost.
    pub fn recover(&mut self, next: Option<&[u8]>, samples: usize, to: &mut Vec<i16>) {
        let samples = samples.min(self.rate.frame() * LONGEST);
        let begin = to.len();
        if let Kind::Opus(decoder) = &mut self.kind {
            read_opus(decoder, next.unwrap_or_default(), samples, next.is_some(), to);
            if to.len() > begin {
                to.resize(begin + samples, 0);
                self.conceal.good(&mut to[begin..]);
                return;
            }
        }
        self.conceal(samples, to);
    }

    fn conceal(&mut self, samples: usize, to: &mut Vec<i16>) {
        self.conceal.bad(samples, to);
    }
}

/// Appends what libopus makes of a payload; an empty one asks for concealment. Appends nothing if it refuses.
fn read_opus(decoder: &mut Option<opus::Decoder>, payload: &[u8], most: usize, repeated: bool, to: &mut Vec<i16>) {
    let Some(decoder) = decoder else { return };
    let begin = to.len();
    to.resize(begin + most, 0);
    let read = decoder.decode(payload, &mut to[begin..], repeated).unwrap_or(0);
    to.truncate(begin + read.min(most));
}
