//! Phones: what it costs to hold many registrations and to refresh them.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sip_proto::digest::{Challenge, Login};
use sip_proto::message::{Message, Method, Name, RequestBuilder, parse};

use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median};
use crate::process::{cpu_seconds, resident_bytes, settle};
use crate::sipp::{CALLEE, Scenarios};
use crate::stack::{PASSWORD, Setup, Stack, Zorio};
use crate::time::now;

/// The first extension; the others follow it.
const FIRST: u32 = 500_000;
/// Phones that wait for an answer at the same time.
const WINDOW: u32 = 256;
/// A phone sends again what was not answered within this time.
const AGAIN: Duration = Duration::from_millis(500);
/// How long one round of all phones may stand still.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the goal of the memory is about.
const GOAL: u32 = 100_000;

pub(crate) fn measure(zorio: &Path, effort: Effort, figures: &mut Figures) -> Result<()> {
    let phones = effort.registrations;
    println!("{phones} phones register, and refresh {} times", effort.runs);
    let folder = tempfile::tempdir()?;
    let scenarios = Scenarios::write(folder.path())?;
    let file = folder.path().join("phones.csv");
    let rows: String = (0..phones).map(|phone| format!("{},{PASSWORD},\n", FIRST + phone)).collect();
    fs::write(&file, format!("extension_number,sip_password,display_name\n{rows}"))?;
    let empty = empty_server(zorio, &scenarios)?;
    let setup = Setup { extensions: Some(file), ..Setup::default() };
    let stack = Stack::Zorio(Box::new(Zorio::start(zorio, folder.path(), &scenarios, &setup)?));
    let processes = stack.processes();
    let mut crowd = Crowd::new(stack.sip(), phones)?;
    settle(&processes);
    // The first phone makes the source of all a known one.
    crowd.round(1)?;
    crowd.round(phones)?;
    settle(&processes);
    let held = resident_bytes(&processes);
    let mut rates = Vec::new();
    for _ in 0..effort.runs {
        let before = cpu_seconds(&processes);
        crowd.round(phones)?;
        settle(&processes);
        rates.push(f64::from(phones) / (cpu_seconds(&processes) - before));
    }
    figures.add(Figure {
        name: "REGISTER per CPU-second, each challenged and committed",
        value: median(rates),
        unit: "1/CPU-s",
        reference: None,
        goal: Goal::Above(5000.0),
    });
    // A look at fewer phones is stretched to as many as the goal speaks of: what they add to a server without any.
    figures.add(Figure {
        name: "memory with 100,000 registrations",
        value: (empty + (held - empty) * f64::from(GOAL) / f64::from(phones)) / 1e6,
        unit: "MB",
        reference: None,
        goal: Goal::Below(400.0),
    });
    Ok(())
}

/// Returns the memory of a server that knows nobody, in bytes.
fn empty_server(zorio: &Path, scenarios: &Scenarios) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let stack = Stack::Zorio(Box::new(Zorio::start(zorio, folder.path(), scenarios, &Setup::default())?));
    settle(&stack.processes());
    Ok(resident_bytes(&stack.processes()))
}

/// All phones, behind one address.
struct Crowd {
    server: SocketAddr,
    socket: UdpSocket,
    phones: Vec<Phone>,
}

/// One phone: its CSeq, and what it waits for.
#[derive(Clone, Default)]
struct Phone {
    cseq: u32,
    /// The challenge that the request under way answers.
    challenge: Option<Challenge>,
    is_waiting: bool,
}

impl Crowd {
    fn new(server: SocketAddr, phones: u32) -> Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::from(CALLEE)).context("the phones' port is taken")?;
        socket.set_read_timeout(Some(AGAIN))?;
        Ok(Self { server, socket, phones: vec![Phone::default(); phones as usize] })
    }

    /// Registers the first `count` phones: each is challenged, answers, and is done at its 200.
    fn round(&mut self, count: u32) -> Result<()> {
        let (mut next, mut done) = (0, 0);
        let mut heard_at = now();
        let mut buffer = [0; 4096];
        while done < count {
            while next < count && next - done < WINDOW {
                self.phones[next as usize] =
                    Phone { is_waiting: true, challenge: None, cseq: self.phones[next as usize].cseq + 1 };
                self.send(next)?;
                next += 1;
            }
            let Ok(length) = self.socket.recv(&mut buffer) else {
                ensure!(now() < heard_at + PATIENCE, "{} phones got no answer", next - done);
                let waiting: Vec<u32> = (0..next).filter(|&phone| self.phones[phone as usize].is_waiting).collect();
                waiting.into_iter().try_for_each(|phone| self.send(phone))?;
                continue;
            };
            heard_at = now();
            let answer = parse(bytes::Bytes::copy_from_slice(&buffer[..length])).map_err(anyhow::Error::from)?;
            done += u32::from(self.answered(&answer)?);
        }
        Ok(())
    }

    /// Takes an answer; returns whether a phone is done.
    fn answered(&mut self, answer: &Message) -> Result<bool> {
        let index: u32 = answer.from_tag().and_then(|tag| tag.parse().ok()).context("an answer to nobody")?;
        let phone = self.phones.get_mut(index as usize).context("an answer to nobody")?;
        if !phone.is_waiting || answer.cseq().0 != phone.cseq {
            return Ok(false);
        }
        match answer.status() {
            Some(401) => {
                ensure!(phone.challenge.is_none(), "the login of a phone was refused");
                let challenge = answer.header(Name::WwwAuthenticate).map(Challenge::parse);
                phone.challenge = Some(challenge.context("a 401 without a challenge")??);
                phone.cseq += 1;
                self.send(index)?;
                Ok(false)
            }
            Some(200) => {
                phone.is_waiting = false;
                Ok(true)
            }
            // Behind for a moment: the request goes out again by itself.
            Some(503) => Ok(false),
            status => bail!("a REGISTER was answered {status:?}"),
        }
    }

    fn send(&self, index: u32) -> Result<()> {
        let phone = &self.phones[index as usize];
        let (user, domain, local) = ((FIRST + index).to_string(), self.server.ip(), self.socket.local_addr()?);
        let uri = format!("sip:{domain}");
        let mut request = RequestBuilder::new(&Method::Register, &uri)
            .via("UDP", local, format_args!("z9hG4bK{index}x{}", phone.cseq))
            .header(Name::MaxForwards, 70)
            .header(Name::From, format_args!("<sip:{user}@{domain}>;tag={index}"))
            .header(Name::To, format_args!("<sip:{user}@{domain}>"))
            .header(Name::CallId, format_args!("{index}@phones"))
            .header(Name::CSeq, format_args!("{} REGISTER", phone.cseq))
            .header(Name::Contact, format_args!("<sip:{user}@{local}>"))
            .header(Name::Expires, 3600)
            .header(Name::UserAgent, "a desk phone of a common make");
        if let Some(challenge) = &phone.challenge {
            let login = Login { username: &user, password: PASSWORD };
            request = request.header(Name::Authorization, challenge.answer(&login, "REGISTER", &uri, "0a4f113b", 1));
        }
        self.socket.send_to(&request.wire(), self.server)?;
        Ok(())
    }
}
