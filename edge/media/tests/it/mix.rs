use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use audio::{measure, tone};
use media::{Codec, EventKind, LegNo, Media, Remote, Repeat, Source};

use crate::phone::{Call, Phone, config, remote, settled, soon};

/// The sound of each phone, in Hz.
const VOICES: [f64; 3] = [500.0, 800.0, 1_100.0];

/// A call with a phone of each codec; each says its own sine.
struct Party {
    call: Call,
    legs: Vec<LegNo>,
    /// Where the legs listen.
    addresses: Vec<SocketAddr>,
    phones: Vec<Phone>,
}

impl Party {
    async fn new(server: &Media, ends: &Media, codecs: &[Codec]) -> Self {
        let call = Call::new(server);
        let (mut legs, mut addresses, mut phones) = (Vec::new(), Vec::new(), Vec::new());
        for &codec in codecs {
            let (leg, address) = call.leg();
            let phone = Phone::new(ends);
            phone.reach(address, codec, 101);
            call.session.set_remote(leg, remote(phone.address, codec, 101));
            legs.push(leg);
            addresses.push(address);
            phones.push(phone);
        }
        settled(server).await;
        Self { call, legs, addresses, phones }
    }

    fn talk(&self) {
        for (phone, hertz) in self.phones.iter().zip(VOICES) {
            let samples = Arc::from(tone::sine(hertz, 6_000.0, 8_000));
            phone.call.session.play(phone.leg, Source::Pcm { samples, repeat: Repeat::Forever });
        }
    }

    /// Returns how loudly each phone hears each voice, once it hears something.
    async fn heard(&self) -> Vec<[f64; 3]> {
        let ears: Vec<_> = self.phones.iter().map(|phone| phone.call.session.capture(phone.leg, 12_000)).collect();
        let mut all = Vec::new();
        for ear in ears {
            let samples = tokio::time::timeout(Duration::from_secs(3), ear.at_least(12_000)).await;
            let samples = samples.unwrap_or_default();
            let late = samples.get(4_000..).unwrap_or_default();
            all.push(VOICES.map(|hertz| measure::amplitude_at(hertz, late)));
        }
        all
    }
}

/// Returns the median correlation of pieces of half a second, each wherever it fits best: the delay may be adapted.
fn likeness(sent: &[i16], heard: &[i16]) -> f64 {
    let fits = sent.chunks_exact(4_000).enumerate().map(|(index, piece)| {
        let from = heard.get(index * 4_000..).unwrap_or_default();
        measure::fit(piece, from, 3_000).correlation
    });
    let mut fits: Vec<f64> = fits.collect();
    fits.sort_by(f64::total_cmp);
    fits[fits.len() / 2]
}

fn expect(heard: &[[f64; 3]], loud: [[bool; 3]; 3]) {
    for (phone, (heard, loud)) in heard.iter().zip(loud).enumerate() {
        for (voice, (level, loud)) in heard.iter().zip(loud).enumerate() {
            let fits = if loud { (4_000.0..8_000.0).contains(level) } else { *level < 200.0 };
            assert!(fits, "phone {phone} hears voice {voice} at {level}");
        }
    }
}

#[tokio::test]
async fn in_a_conference_each_hears_all_others_and_not_itself() {
    let (server, ends) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    for codecs in [[Codec::Pcma; 3], [Codec::Pcmu, Codec::G722, Codec::Opus]] {
        let party = Party::new(&server, &ends, &codecs).await;
        let [a, b, c] = party.legs[..] else { panic!("three legs") };
        party.call.session.hears(a, &[b, c]);
        party.call.session.hears(b, &[a, c]);
        party.call.session.hears(c, &[a, b]);
        party.talk();
        let heard = party.heard().await;
        expect(&heard, [[false, true, true], [true, false, true], [true, true, false]]);
    }
}

#[tokio::test]
async fn a_supervisor_listens_whispers_and_barges_in() {
    let (server, ends) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let party = Party::new(&server, &ends, &[Codec::Pcma; 3]).await;
    let [caller, agent, supervisor] = party.legs[..] else { panic!("three legs") };
    let session = &party.call.session;
    session.connect(caller, agent);
    session.hears(supervisor, &[caller, agent]);
    party.talk();
    expect(&party.heard().await, [[false, true, false], [true, false, false], [true, true, false]]);
    session.hears(agent, &[caller, supervisor]);
    expect(&party.heard().await, [[false, true, false], [true, false, true], [true, true, false]]);
    session.hears(caller, &[agent, supervisor]);
    expect(&party.heard().await, [[false, true, true], [true, false, true], [true, true, false]]);
    session.hold(supervisor, true);
    expect(&party.heard().await, [[false, true, false], [true, false, false], [false, false, false]]);
}

#[tokio::test]
async fn unlike_codecs_are_transcoded_both_ways() {
    let (server, ends) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    for (codecs, least) in [
        ([Codec::Opus, Codec::Pcma], 0.8),
        ([Codec::G722, Codec::Pcmu], 0.97),
        ([Codec::Opus, Codec::G722], 0.75),
        ([Codec::Opus, Codec::Opus], 0.8),
    ] {
        let party = Party::new(&server, &ends, &codecs).await;
        let [a, b] = party.legs[..] else { panic!("two legs") };
        party.call.session.connect(a, b);
        settled(&server).await;
        let (from_a, from_b) = (tone::speech_like(1, 24_000), tone::speech_like(2, 24_000));
        let ears = [1, 0].map(|at: usize| party.phones[at].call.session.capture(party.phones[at].leg, 28_000));
        party.phones[0].speak(&from_a);
        party.phones[1].speak(&from_b);
        for (sent, ear) in [(&from_a, &ears[0]), (&from_b, &ears[1])] {
            let heard = soon(ear.at_least(23_000)).await;
            let likeness = likeness(&sent[..20_000], &heard);
            assert!(likeness >= least, "{codecs:?} {likeness}");
        }
        let finished = soon(party.call.session.finish()).await.unwrap();
        assert!(finished.legs.iter().all(|leg| leg.codec.is_some() && leg.mos > 3.5), "{finished:?}");
    }
}

#[tokio::test]
async fn keys_cross_from_a_clock_of_8_khz_to_one_of_48() {
    let (server, ends) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let mut party = Party::new(&server, &ends, &[Codec::Opus, Codec::Pcma]).await;
    let [a, b] = party.legs[..] else { panic!("two legs") };
    party.call.session.connect(a, b);
    settled(&server).await;
    for (from, to, leg) in [(0, 1, a), (1, 0, b)] {
        let [phone_leg, other] = [from, to].map(|at: usize| party.phones[at].leg);
        party.phones[from].call.session.send_dtmf(phone_leg, "15#");
        for digit in "15#".chars() {
            assert_eq!(party.call.event().await, EventKind::Dtmf { leg, digit });
            assert_eq!(party.phones[to].call.event().await, EventKind::Dtmf { leg: other, digit });
        }
    }
}

#[tokio::test]
async fn tones_are_heard_as_keys_where_that_is_asked_for() {
    let (server, ends) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let mut party = Party::new(&server, &ends, &[Codec::Pcma]).await;
    let (leg, phone) = (party.legs[0], &party.phones[0]);
    party.call.session.detect_dtmf(leg, true);
    // The phone's far end takes no telephone-events: its keys are tones.
    let silent = Remote { dtmf_send: None, dtmf_receive: None, ..remote(party.addresses[0], Codec::Pcma, 101) };
    phone.call.session.set_remote(phone.leg, silent);
    phone.call.session.send_dtmf(phone.leg, "0123456789*#ABCD11");
    for digit in "0123456789*#ABCD11".chars() {
        assert_eq!(party.call.event().await, EventKind::Dtmf { leg, digit });
    }
}

#[tokio::test]
async fn a_leg_may_hear_itself_or_nobody() {
    let (server, ends) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let party = Party::new(&server, &ends, &[Codec::Pcma]).await;
    let leg = party.legs[0];
    party.call.session.hears(leg, &[leg]);
    party.talk();
    assert!(party.heard().await[0][0] > 5_000.0);
    party.call.session.hears(leg, &[]);
    settled(&server).await;
    assert!(party.heard().await[0][0] < 10.0);
}
