//! What is known of how a leg sounds: RTCP in and out, and figures.

use std::net::SocketAddr;

use audio::quality;
use audio::rtcp::{self, Sent};

use super::{Leg, REPORT_EVERY};
use crate::LegStats;
use crate::latch::canonical;

impl Leg {
    /// Takes a datagram from the RTCP socket: only the far end's word about our stream counts.
    pub(crate) fn take_rtcp(&mut self, datagram: &mut [u8], source: SocketAddr, now: u64) {
        let Some(far) = &mut self.far else { return };
        let source = canonical(source);
        let known = [Some(canonical(far.remote.rtcp).ip()), far.latch.destination().map(|rtp| rtp.ip())];
        if !far.latch.is_led() && !known.contains(&Some(source.ip())) {
            return;
        }
        let datagram = match &mut self.srtp {
            None if far.latch.is_led() => return,
            None => datagram,
            Some(srtp) => match srtp.open_rtcp(datagram) {
                Some(length) => &mut datagram[..length],
                None => {
                    self.dropped.unauthentic += 1;
                    return;
                }
            },
        };
        let Ok(heard) = rtcp::read(self.outbound.ssrc(), datagram) else { return };
        far.rtcp = Some(source);
        let figures = &mut self.figures;
        figures.reported = heard.report.map(|report| (report, now)).or(figures.reported);
        if let Some(block) = heard.block {
            figures.remote_lost = u64::try_from(block.lost).unwrap_or(0);
            figures.remote_jitter_ms = block.jitter as f32 / (8 * far.remote.codec.scale()) as f32;
            if let Some(passed) = rtcp::round_trip(&block, middle(time(now))) {
                figures.round_trip_ms = Some(passed as f32 * 1_000.0 / 65_536.0);
            }
        }
    }

    /// Sends a report if one is due, and tells whether the leg has just become inactive.
    pub(crate) fn look(&mut self, inactivity: u64, now: u64) -> bool {
        self.consent(now);
        self.report(now);
        let Some(far) = &self.far else { return false };
        let expected = self.is_heard() && far.remote.direction.receives();
        if !expected || self.inactive || now.saturating_sub(self.heard_at) < inactivity {
            return false;
        }
        self.inactive = true;
        true
    }

    fn report(&mut self, now: u64) {
        if now < self.report_at {
            return;
        }
        self.report_at = now + REPORT_EVERY;
        let Some(far) = &self.far else { return };
        let Some(rtp) = far.latch.destination() else { return };
        let mut block = self.inbound.report();
        if let (Some(block), Some((report, at))) = (&mut block, self.figures.reported) {
            // 1/8,000 s to 1/65,536 s.
            let since = now.saturating_sub(at) * 65_536 / 8_000;
            (block.last_report, block.since) = (report, u32::try_from(since).unwrap_or(u32::MAX));
        }
        let sends = self.outbound.packets() > 0;
        if !sends && block.is_none() {
            return;
        }
        let offered = canonical(far.remote.rtcp);
        // Where ICE leads, reports share the way of the sound (RFC 5761).
        let destination = far.rtcp.filter(|_| !far.latch.is_led()).unwrap_or_else(|| {
            if far.latch.is_led() {
                return rtp;
            }
            let beside = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
            if offered.ip() == rtp.ip() { offered } else { beside }
        });
        let ssrc = self.outbound.ssrc();
        let mut packet = if sends {
            let sent = Sent {
                ssrc,
                ntp: time(now),
                timestamp: self.outbound.clock(now),
                packets: self.outbound.packets() as u32,
                octets: self.outbound.octets() as u32,
            };
            rtcp::sender_report(&sent, block.as_ref())
        } else {
            rtcp::receiver_report(ssrc, block.as_ref())
        };
        if let Some(srtp) = &mut self.srtp {
            srtp.seal_rtcp(&mut packet);
        }
        self.ways.send_rtcp(&packet, destination);
    }

    pub(crate) fn stats(&self) -> LegStats {
        let (received, lost) = (self.inbound.received(), self.inbound.lost());
        let jitter_ms = self.inbound.jitter_ms();
        let codec = self.codec();
        let mos = match codec {
            Some(codec) if received > 0 => quality::mos(&quality::Heard {
                codec,
                loss: lost as f64 / (received + lost) as f64,
                jitter_ms: f64::from(jitter_ms),
                round_trip_ms: self.figures.round_trip_ms.map(f64::from),
            }) as f32,
            _ => 0.0,
        };
        LegStats {
            leg: self.no,
            codec,
            received,
            sent: self.outbound.packets(),
            lost,
            late: self.ear.as_ref().map_or(0, |ear| ear.figures().late),
            jitter_ms,
            round_trip_ms: self.figures.round_trip_ms,
            mos,
            remote_lost: self.figures.remote_lost,
            remote_jitter_ms: self.figures.remote_jitter_ms,
            dropped: self.dropped,
        }
    }
}

/// Returns a count of samples as seconds with a fraction of 32 bits, as RTCP tells time.
fn time(now: u64) -> u64 {
    ((now / 8_000) << 32) | (((now % 8_000) << 32) / 8_000)
}

fn middle(time: u64) -> u32 {
    (time >> 16) as u32
}
