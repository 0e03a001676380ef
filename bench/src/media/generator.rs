//! The caller's media: 20 ms of PCMU for every call, with a counter in the payload so that loss is counted exactly.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::sipp::CALLER;
use crate::time::{now, pause};

/// Packets of a call are 20 ms apart; calls are spread over as many ticks of a millisecond.
const TICKS: usize = 20;
const PACKET: usize = 172;
const HEADER: usize = 12;
/// Packets of a call that may be on their way at once.
const WINDOW: usize = 1024;

/// What was sent and what came back. The first second of a call is not counted: a relay may still be learning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Packets that were not ours, or came twice.
    pub(crate) foreign: u64,
    /// Ticks that began more than 20 ms late: the generator itself had no time.
    pub(crate) late: u64,
}

pub(crate) struct Generator {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Tally>,
}

impl Generator {
    /// Follows the log of a SIPp scenario: `START local remote`, `STOP local`.
    pub(crate) fn follow(log: PathBuf) -> Self {
        Self::start(Vec::new(), Some(log))
    }

    /// Sends from each first to each second port until it is stopped.
    pub(crate) fn direct(calls: Vec<(u16, u16)>) -> Self {
        Self::start(calls, None)
    }

    /// Stops and returns what was counted.
    pub(crate) fn finish(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }

    fn start(calls: Vec<(u16, u16)>, log: Option<PathBuf>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let epoll = Epoll::new(EpollCreateFlags::empty()).expect("the kernel has epoll");
            let mut farm = Farm { epoll, calls: Vec::new(), by_port: HashMap::new(), foreign: 0, late: 0 };
            for (local, remote) in calls {
                farm.begin(local, remote);
            }
            farm.run(log, &stopped);
            farm.tally()
        });
        Self { stop, thread }
    }
}

struct Call {
    socket: UdpSocket,
    remote: SocketAddr,
    is_on: bool,
    counter: u32,
    /// Which of the last packets came back.
    back: Box<[bool; WINDOW]>,
    sent: u64,
    received: u64,
}

struct Farm {
    epoll: Epoll,
    calls: Vec<Call>,
    by_port: HashMap<u16, usize>,
    foreign: u64,
    late: u64,
}

impl Farm {
    fn begin(&mut self, local: u16, remote: u16) {
        let Ok(socket) = UdpSocket::bind((CALLER, local)) else { return };
        let registered = socket.set_nonblocking(true).and_then(|()| {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, self.calls.len() as u64);
            self.epoll.add(socket.as_fd(), event).map_err(Into::into)
        });
        if registered.is_err() {
            return;
        }
        let remote = SocketAddr::V4(SocketAddrV4::new([127, 0, 0, 1].into(), remote));
        self.by_port.insert(local, self.calls.len());
        let back = Box::new([false; WINDOW]);
        self.calls.push(Call { socket, remote, is_on: true, counter: 0, back, sent: 0, received: 0 });
    }

    fn run(&mut self, log: Option<PathBuf>, stop: &AtomicBool) {
        let mut log = Log { path: log, reader: None, line: String::new() };
        let mut tick: usize = 0;
        let mut next = now();
        while !stop.load(Ordering::Relaxed) {
            if tick.is_multiple_of(5) {
                log.read(|words| match words {
                    Words::Start(local, remote) => self.begin(local, remote),
                    Words::Stop(local) => {
                        if let Some(call) = self.by_port.get(&local).and_then(|&index| self.calls.get_mut(index)) {
                            call.is_on = false;
                        }
                    }
                });
            }
            for call in self.calls.iter_mut().skip(tick % TICKS).step_by(TICKS).filter(|call| call.is_on) {
                call.send();
            }
            tick += 1;
            next += Duration::from_millis(1);
            if now() > next + Duration::from_millis(20) {
                self.late += 1;
            }
            self.receive(next);
        }
        // What is still on its way.
        self.receive(now() + Duration::from_millis(200));
    }

    fn receive(&mut self, until: Instant) {
        let mut events = [EpollEvent::empty(); 128];
        loop {
            let left = until.saturating_duration_since(now());
            let wait =
                EpollTimeout::try_from(Duration::from_millis(left.as_millis() as u64)).unwrap_or(EpollTimeout::ZERO);
            let ready = self.epoll.wait(&mut events, wait).unwrap_or(0);
            for event in &events[..ready] {
                if let Some(call) = usize::try_from(event.data()).ok().and_then(|index| self.calls.get_mut(index)) {
                    self.foreign += call.receive();
                }
            }
            if now() >= until {
                return;
            }
            if ready == 0 {
                pause(until.saturating_duration_since(now()).min(Duration::from_millis(1)));
            }
        }
    }

    fn tally(&self) -> Tally {
        let sum = |value: fn(&Call) -> u64| self.calls.iter().map(value).sum();
        Tally {
            calls: self.calls.len() as u64,
            sent: sum(|call| call.sent),
            received: sum(|call| call.received),
            foreign: self.foreign,
            late: self.late,
        }
    }
}

impl Call {
    /// One second of packets, before which nothing is counted.
    const WARM: u32 = 50;

    fn send(&mut self) {
        let mut packet = [0xd5; PACKET];
        packet[0] = 0x80;
        packet[1] = if self.counter == 0 { 0x80 } else { 0 };
        packet[2..4].copy_from_slice(&(self.counter as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&self.counter.wrapping_mul(160).to_be_bytes());
        packet[8..12].copy_from_slice(&(0x5a00_0000 | self.by_address()).to_be_bytes());
        packet[HEADER..HEADER + 8].copy_from_slice(format!("{:08x}", self.counter).as_bytes());
        self.back[self.counter as usize % WINDOW] = false;
        if self.socket.send_to(&packet, self.remote).is_ok_and(|length| length == PACKET) && self.counter >= Self::WARM
        {
            self.sent += 1;
        }
        self.counter += 1;
    }

    fn by_address(&self) -> u32 {
        self.socket.local_addr().map_or(0, |address| u32::from(address.port()))
    }

    /// Reads all there is and returns how much of it was not ours.
    fn receive(&mut self) -> u64 {
        let mut packet = [0; 2048];
        let mut foreign = 0;
        while let Ok(length) = self.socket.recv(&mut packet) {
            let text = packet.get(HEADER..HEADER + 8).filter(|_| length == PACKET);
            let counter = text.and_then(|text| u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok());
            let fresh =
                counter.filter(|&counter| counter < self.counter && (self.counter - counter) as usize <= WINDOW);
            match fresh.map(|counter| (counter, &mut self.back[counter as usize % WINDOW])) {
                Some((counter, back)) if !*back => {
                    *back = true;
                    self.received += u64::from(counter >= Self::WARM);
                }
                _ => foreign += 1,
            }
        }
        foreign
    }
}

enum Words {
    Start(u16, u16),
    Stop(u16),
}

/// A file that another program is still writing.
struct Log {
    path: Option<PathBuf>,
    reader: Option<BufReader<File>>,
    line: String,
}

impl Log {
    fn read(&mut self, mut each: impl FnMut(Words)) {
        let Some(path) = &self.path else { return };
        if self.reader.is_none() {
            self.reader = File::open(path).ok().map(BufReader::new);
        }
        let Some(reader) = &mut self.reader else { return };
        while reader.read_line(&mut self.line).is_ok_and(|length| length > 0) {
            // The end of a line may not be written yet: it is completed the next time.
            if !self.line.ends_with('\n') {
                return;
            }
            if let Some(words) = parse(&self.line) {
                each(words);
            }
            self.line.clear();
        }
    }
}

fn parse(line: &str) -> Option<Words> {
    let mut words = line.split_whitespace().skip_while(|word| !matches!(*word, "START" | "STOP"));
    let verb = words.next()?;
    let local = words.next()?.parse().ok()?;
    Some(if verb == "START" { Words::Start(local, words.next()?.parse().ok()?) } else { Words::Stop(local) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_read_even_while_a_line_is_being_written() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut file = File::create(&path).unwrap();
        let mut log = Log { path: Some(path), reader: None, line: String::new() };
        let ports = |log: &mut Log| {
            let mut ports = Vec::new();
            log.read(|words| {
                ports.push(match words {
                    Words::Start(local, remote) => (local, remote),
                    Words::Stop(local) => (local, 0),
                })
            });
            ports
        };
        write!(file, "2026-01-01 START 10000 20000\nSTA").unwrap();
        assert_eq!(ports(&mut log), [(10000, 20000)]);
        write!(file, "RT 10002 20002\nSTOP 10000\n").unwrap();
        assert_eq!(ports(&mut log), [(10002, 20002), (10000, 0)]);
    }
}
