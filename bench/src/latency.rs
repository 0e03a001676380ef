//! What the set-up of a call loses on its way through: INVITE to INVITE, and back 200 to 200.
//!
//! One thread is caller and callee; the kernel notes when a datagram arrived, so that our own waking up is not counted.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt::ReceiveTimestampns};
use sip_proto::message::{Message, Method, Name, RequestBuilder, ResponseBuilder, Wire, parse};

use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median, quantile};
use crate::process::settle;
use crate::sipp::{CALLEE, CALLER, DEAD_PORT, Scenarios};
use crate::stack::{self, Setup, Stack, Treatment, Zorio};
use crate::time::{now, wall_ms};

/// Calls a second.
const RATE: u32 = 50;
const HOLD: Duration = Duration::from_secs(1);
/// How long the last call may take.
const PATIENCE: Duration = Duration::from_secs(10);
const CALLER_PORT: u16 = 16_061;

pub(crate) fn measure(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    println!("Latency of {} calls at {RATE} a second, {} times", effort.latency_calls, effort.runs);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let setup = Setup { relayed: 3 * RATE, ..Setup::default() };
    let (mut ours, mut theirs) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for run in 0..effort.runs {
        if let Some(reference) = stack::reference(folder.path())? {
            note(&mut theirs, added(&reference, effort.latency_calls)?);
        }
        let room = folder.path().join(run.to_string());
        std::fs::create_dir_all(&room)?;
        let stack = Stack::Zorio(Box::new(Zorio::start(zorio, &room, &scenarios, &setup)?));
        note(&mut ours, added(&stack, effort.latency_calls)?);
    }
    let names = ["latency added to a call's set-up at 50/s, p50", "latency added to a call's set-up at 50/s, p99"];
    for (((name, ours), theirs), goal) in names.into_iter().zip(ours).zip(theirs).zip([0.8, 3.0]) {
        figures.add(Figure {
            name,
            value: median(ours),
            unit: "ms",
            reference: (!theirs.is_empty()).then(|| median(theirs)),
            goal: Goal::Below(goal),
        });
    }
    Ok(())
}

fn note(runs: &mut [Vec<f64>; 2], mut latencies: Vec<f64>) {
    runs[0].push(quantile(&mut latencies, 0.5));
    runs[1].push(quantile(&mut latencies, 0.99));
}

/// Returns what each call lost, in milliseconds.
fn added(stack: &Stack, calls: u32) -> Result<Vec<f64>> {
    settle(&stack.processes());
    let numbers = stack.numbers(Treatment::Relayed);
    let caller = Side::bind(SocketAddr::from((CALLER, CALLER_PORT)))?;
    let callee = Side::bind(CALLEE.into())?;
    let mut desk = Desk { server: stack.sip(), caller, callee, calls: HashMap::new(), ended: 0, latencies: Vec::new() };
    let begin = now();
    let mut placed = 0;
    while desk.ended < calls {
        let due = begin + Duration::from_secs(1) * placed / RATE;
        if placed < calls && now() >= due {
            desk.call(placed, &numbers[placed as usize % numbers.len()])?;
            placed += 1;
        }
        desk.hang_up()?;
        desk.listen()?;
        let missing = calls - desk.ended;
        ensure!(now() < begin + Duration::from_secs(1) * calls / RATE + PATIENCE, "{missing} of {calls} calls hang");
    }
    Ok(desk.latencies)
}

/// One call as its two ends know it. Times are wall-clock milliseconds.
#[derive(Default)]
struct Call {
    called_at: f64,
    answered_at: f64,
    /// What the INVITE lost.
    there: f64,
    ack: Option<Message>,
    hang_up_at: Option<Instant>,
}

struct Desk {
    server: SocketAddr,
    caller: Side,
    callee: Side,
    calls: HashMap<u32, Call>,
    ended: u32,
    latencies: Vec<f64>,
}

impl Desk {
    fn call(&mut self, index: u32, number: &str) -> Result<()> {
        let local = self.caller.address;
        let sdp = sdp(local);
        let wire = RequestBuilder::new(&Method::Invite, &format!("sip:{number}@{}", self.server))
            .via("UDP", local, format_args!("z9hG4bKi{index}"))
            .header(Name::MaxForwards, 70)
            .header(Name::From, format_args!("<sip:{}@{}>;tag={index}", name(index), local.ip()))
            .header(Name::To, format_args!("<sip:{number}@{}>", self.server))
            .header(Name::CallId, format_args!("{index}@latency"))
            .header(Name::CSeq, "1 INVITE")
            .header(Name::Contact, format_args!("<sip:caller@{local}>"))
            .body("application/sdp", sdp.as_bytes())
            .wire();
        self.calls.insert(index, Call { called_at: wall_ms(), ..Call::default() });
        self.caller.send(&wire, self.server)
    }

    fn listen(&mut self) -> Result<()> {
        let mut fds = [&self.caller, &self.callee].map(|side| PollFd::new(side.socket.as_fd(), PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::from(1_u8))?;
        while let Some((message, from, at)) = self.callee.receive()? {
            self.called(&message, from, at)?;
        }
        while let Some((message, _, at)) = self.caller.receive()? {
            self.answered(message, at)?;
        }
        Ok(())
    }

    /// The callee's part: 180 and 200 at once, 200 to BYE.
    fn called(&mut self, request: &Message, from: SocketAddr, at: f64) -> Result<()> {
        let local = self.callee.address;
        match request.method() {
            Method::Invite => {
                let from_user = request.from().and_then(|from| from.uri().user().map(str::to_owned));
                let index = from_user.as_deref().and_then(index).context("an INVITE of somebody else")?;
                let Some(call) = self.calls.get_mut(&index).filter(|call| call.there == 0.0) else { return Ok(()) };
                call.there = at - call.called_at;
                let tag = index.to_string();
                let response = |status| {
                    let contact = format_args!("<sip:callee@{local}>").to_string();
                    ResponseBuilder::for_request(request, status, "")
                        .to_tag(&tag)
                        .record_routes()
                        .header(Name::Contact, contact)
                };
                self.callee.send(&response(180).wire(), from)?;
                let ok = response(200).body("application/sdp", sdp(local).as_bytes()).wire();
                call.answered_at = wall_ms();
                self.callee.send(&ok, from)
            }
            Method::Bye => self.callee.send(&ResponseBuilder::for_request(request, 200, "").wire(), from),
            _ => Ok(()),
        }
    }

    /// The caller's part: ACK, and BYE when it is time.
    fn answered(&mut self, response: Message, at: f64) -> Result<()> {
        let status = response.status().unwrap_or_default();
        let index = response.from_tag().and_then(|tag| tag.parse().ok()).context("a response to somebody else")?;
        let Some(call) = self.calls.get_mut(&index) else { return Ok(()) };
        match (response.method(), status) {
            (_, 100..200) => Ok(()),
            (Method::Invite, 200) => {
                if call.ack.is_none() {
                    self.latencies.push(call.there + at - call.answered_at);
                    call.hang_up_at = Some(now() + HOLD);
                }
                let ack = in_dialog(&Method::Ack, &response, self.caller.address, 1);
                call.ack = Some(response);
                self.caller.send(&ack, self.server)
            }
            (Method::Bye, 200) => {
                self.calls.remove(&index);
                self.ended += 1;
                Ok(())
            }
            (method, status) => anyhow::bail!("{method} was answered {status}"),
        }
    }

    fn hang_up(&mut self) -> Result<()> {
        let now = now();
        for call in self.calls.values_mut() {
            if call.hang_up_at.is_some_and(|at| at <= now)
                && let Some(ok) = &call.ack
            {
                call.hang_up_at = None;
                self.caller.send(&in_dialog(&Method::Bye, ok, self.caller.address, 2), self.server)?;
            }
        }
        Ok(())
    }
}

/// One end's socket.
struct Side {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Side {
    fn bind(address: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind(address).with_context(|| format!("{address} is taken"))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        Ok(Self { socket, address })
    }

    fn send(&self, wire: &Wire, to: SocketAddr) -> Result<()> {
        self.socket.send_to(wire, to)?;
        Ok(())
    }

    /// Returns the next message, where it came from and when, if one is there.
    fn receive(&self) -> Result<Option<(Message, SocketAddr, f64)>> {
        let mut buffer = [0; 4096];
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let received =
            recvmsg::<SockaddrIn>(self.socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_DONTWAIT);
        let received = match received {
            Err(nix::errno::Errno::EAGAIN) => return Ok(None),
            other => other?,
        };
        let at = received.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(at) => Some(at.tv_sec() as f64 * 1e3 + at.tv_nsec() as f64 / 1e6),
            _ => None,
        });
        let from = received.address.context("a datagram comes from somewhere")?;
        let length = received.bytes;
        let message = parse(bytes::Bytes::copy_from_slice(&buffer[..length])).map_err(anyhow::Error::from)?;
        Ok(Some((message, SocketAddr::V4(from.into()), at.context("the kernel notes no times")?)))
    }
}

/// Returns a request of the caller in the dialog of a 200, over its route set.
fn in_dialog(method: &Method, ok: &Message, local: SocketAddr, cseq: u32) -> Wire {
    let target = ok.contacts().next().map(|contact| contact.uri().as_str().to_owned()).unwrap_or_default();
    let index = ok.from_tag().unwrap_or_default();
    let mut request = RequestBuilder::new(method, &target)
        .via("UDP", local, format_args!("z9hG4bK{method}{index}"))
        .header(Name::MaxForwards, 70);
    let mut routes: Vec<_> = ok.record_routes().map(|route| route.to_string()).collect();
    routes.reverse();
    for route in routes {
        request = request.header(Name::Route, route);
    }
    for name in [Name::From, Name::To, Name::CallId] {
        request = request.header_bytes(name, ok.header(name).unwrap_or_default());
    }
    request.header(Name::CSeq, format_args!("{cseq} {method}")).wire()
}

fn sdp(local: SocketAddr) -> String {
    let ip = local.ip();
    format!(
        "v=0\r\no=bench 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {DEAD_PORT} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
    )
}

/// The caller's number says which call it is: both ends see it, whatever stands between.
fn name(index: u32) -> String {
    format!("0900{index:06}")
}

fn index(name: &str) -> Option<u32> {
    name.strip_prefix("0900")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_its_callers_number() {
        assert_eq!(index(&name(1234)), Some(1234));
        assert_eq!(index("100"), None);
    }

    #[test]
    fn requests_in_a_dialog_go_back_over_its_route() {
        let ok = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.2:16061;branch=z9hG4bKi7\r\nRecord-Route: <sip:b;lr>\r\n\
                   Record-Route: <sip:a;lr>\r\nFrom: <sip:1@h>;tag=7\r\nTo: <sip:2@h>;tag=9\r\nCall-ID: 7@latency\r\n\
                   CSeq: 1 INVITE\r\nContact: <sip:callee@127.0.0.3>\r\nContent-Length: 0\r\n\r\n";
        let ok = parse(bytes::Bytes::from_static(ok)).unwrap();
        let bye = in_dialog(&Method::Bye, &ok, SocketAddr::from((CALLER, 1)), 2).message();
        let routes: Vec<_> = bye.routes().map(|route| route.to_string()).collect();
        assert_eq!(routes, ["<sip:a;lr>", "<sip:b;lr>"]);
        assert_eq!(bye.raw_request_uri(), Some(&b"sip:callee@127.0.0.3"[..]));
        assert_eq!(bye.cseq(), (2, &Method::Bye));
    }
}
