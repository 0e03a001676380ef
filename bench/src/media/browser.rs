//! A browser's end of a call for the generator: it proves a password and agrees on keys, and no more.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use dimpl::{Dtls, DtlsCertificate, Output, SrtpProfile};
use hmac::{Hmac, KeyInit, Mac};
use media::{Peer, SrtpKeys, SrtpSuite, WebRtc};
use sha1::Sha1;

use crate::time::now;

/// Who the browsers are: all of them have one certificate.
pub(super) struct Identity {
    certificate: DtlsCertificate,
    config: Arc<dimpl::Config>,
}

impl Identity {
    pub(super) fn new() -> Result<Self> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()?;
        let config = dimpl::Config::builder().build().map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self { certificate, config: Arc::new(config) })
    }

    pub(super) fn peer(&self) -> Result<Peer> {
        let fingerprint = self.certificate.fingerprint();
        Ok(Peer { fingerprint: fingerprint.try_into().ok().context("SHA-256 has 32 bytes")? })
    }

    /// Agrees on keys through a socket that waits; returns those of the browser's side.
    pub(super) fn shake(&self, socket: &UdpSocket, server: SocketAddr, ours: &WebRtc) -> Result<SrtpKeys> {
        socket.send_to(&check(ours), server)?;
        let mut dtls = Dtls::new_auto(Arc::clone(&self.config), self.certificate.clone(), now());
        dtls.set_active(true);
        let mut buffer = [0; 2_048];
        for _ in 0..100 {
            dtls.handle_timeout(now()).map_err(|error| anyhow::anyhow!("{error}"))?;
            let mut room = [0; 2_048];
            let mut keys = None;
            loop {
                match dtls.poll_output(&mut room) {
                    Output::Packet(packet) => drop(socket.send_to(packet, server)?),
                    Output::KeyingMaterial(material, profile) => {
                        ensure!(profile == SrtpProfile::AEAD_AES_256_GCM, "{profile}");
                        let part = |at: usize, length: usize| material.get(at..at + length).unwrap_or_default();
                        let client = [part(0, 32), part(64, 12)].concat();
                        let server = [part(32, 32), part(76, 12)].concat();
                        keys = SrtpKeys::new(SrtpSuite::Aes256Gcm, &client, &server);
                    }
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            if let Some(keys) = keys {
                return Ok(keys);
            }
            if let Ok(length) = socket.recv(&mut buffer)
                && matches!(buffer.first(), Some(20..=63))
            {
                dtls.handle_packet(&buffer[..length]).map_err(|error| anyhow::anyhow!("{error}"))?;
            }
        }
        bail!("no keys were agreed on")
    }
}

/// Returns a binding request that proves the password and chooses this way (RFC 8445 §7.1).
pub(super) fn check(ours: &WebRtc) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend([7; 12]);
    let mut put = |kind: u16, value: &[u8]| {
        message.extend(kind.to_be_bytes());
        message.extend((value.len() as u16).to_be_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    };
    put(0x0006, format!("{}:bench", ours.ufrag).as_bytes());
    put(0x0024, &1_845_494_271u32.to_be_bytes());
    put(0x802a, &[3; 8]);
    put(0x0025, &[]);
    let length = message.len() + 24 - 20;
    message[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(ours.password.as_bytes()).expect("keys have any length");
    mac.update(&message);
    let mac = mac.finalize().into_bytes();
    message.extend([0, 8, 0, 20]);
    message.extend(mac);
    message
}

/// How long a browser waits for a packet.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
