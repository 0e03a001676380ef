//! Loops that do nothing but what cannot be avoided: the floor under the product's figures.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::receiver;
use crate::sipp::CALLEE;

/// Relays RTP between the caller, on one port a call, and the echoing callee; never returns.
pub(crate) fn relay(first_port: u16, calls: u16, echo: u16) -> Result<()> {
    struct Leg {
        socket: UdpSocket,
        peer: Option<SocketAddr>,
    }
    let callee = SocketAddr::from((*CALLEE.ip(), echo));
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    let mut legs = Vec::new();
    for call in 0..calls {
        for (port, peer) in [(first_port + call, None), (0, Some(callee))] {
            let socket = UdpSocket::bind(("127.0.0.1", port)).with_context(|| format!("port {port} is taken"))?;
            socket.set_nonblocking(true)?;
            epoll.add(socket.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, legs.len() as u64))?;
            legs.push(Leg { socket, peer });
        }
    }
    let mut events = [EpollEvent::empty(); 128];
    let mut packet = [0; 2048];
    loop {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE).unwrap_or(0);
        for event in &events[..ready] {
            let Ok(index) = usize::try_from(event.data()) else { continue };
            while let Ok((length, from)) = legs[index].socket.recv_from(&mut packet) {
                legs[index].peer = Some(from);
                // The two legs of a call stand beside each other.
                let other = &legs[index ^ 1];
                if let Some(peer) = other.peer {
                    let _ = other.socket.send_to(&packet[..length], peer);
                }
            }
        }
    }
}

/// Posts signed bodies of an event's size, as fast as 64 at once go.
pub(crate) fn post(port: u16, ca_file: &Path, count: u64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(receiver::post(port, ca_file, count))
}
