//! Blocks of ports that no other test process uses.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    ops::RangeInclusive,
};

use anyhow::{Context, bail};
use nix::fcntl::{Flock, FlockArg};
use rand::RngExt;

/// Ports of a block.
const BLOCK: u16 = 300;

/// The blocks lie below the range that Linux hands out by itself (32768-60999).
const FIRST: u16 = 11_000;
const BLOCKS: u16 = 70;

/// A block of ports on 127.0.0.1, ours until dropped. Servers that are started again need the same ports again,
/// so port 0 is no way to get them.
#[derive(Debug)]
pub struct Ports {
    base: u16,
    /// Held for its lock, which the kernel drops with the process, however that ends.
    _lock: Flock<File>,
}

impl Ports {
    /// Takes a free block.
    pub fn take() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join("zorio-test-ports");
        std::fs::create_dir_all(&folder).context("folder for port locks")?;
        let start = rand::rng().random_range(0..BLOCKS);
        for step in 0..BLOCKS {
            let block = (start + step) % BLOCKS;
            let file = File::create(folder.join(block.to_string())).context("port lock")?;
            let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else {
                continue;
            };
            let ports = Self { base: FIRST + block * BLOCK, _lock: lock };
            if ports.free() {
                return Ok(ports);
            }
        }
        bail!("no block of {BLOCK} free ports between {FIRST} and 32768")
    }

    /// Looks whether somebody else listens on the fixed ports of the block.
    fn free(&self) -> bool {
        (0..20).all(|n| UdpSocket::bind(self.address(n)).is_ok() && TcpListener::bind(self.address(n)).is_ok())
    }

    /// Returns the address of the block's `n`th port; 0-99 are for listeners.
    pub fn address(&self, n: u16) -> SocketAddr {
        assert!(n < 100, "ports from 100 on are for media");
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.base + n))
    }

    /// Returns the ports for media: 200 of them, for 50 calls with two legs.
    pub fn media(&self) -> RangeInclusive<u16> {
        self.base + 100..=self.base + BLOCK - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_never_overlap_and_a_dropped_one_comes_back() {
        let (first, second) = (Ports::take().unwrap(), Ports::take().unwrap());
        assert!(first.address(0).port().abs_diff(second.address(0).port()) >= BLOCK);
        assert_eq!(first.media().count(), 200);
    }
}
