//! A DNS server that answers from a list, for names of tests' own.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::UdpSocket, task::JoinSet};

/// One record.
#[derive(Clone, Debug)]
pub enum Record {
    Address(IpAddr),
    Service { priority: u16, weight: u16, port: u16, target: String },
    Rule { order: u16, preference: u16, service: String, replacement: String },
}

/// A running DNS server on 127.0.0.1; gone when dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    zone: Zone,
    _task: JoinSet<()>,
}

type Zone = Arc<Mutex<Table>>;

#[derive(Debug, Default)]
struct Table {
    records: HashMap<String, Vec<Record>>,
    /// How often each name was asked for.
    asked: HashMap<String, usize>,
    silent: bool,
}

impl Record {
    fn kind(&self) -> u16 {
        match self {
            Self::Address(IpAddr::V4(_)) => 1,
            Self::Address(IpAddr::V6(_)) => 28,
            Self::Service { .. } => 33,
            Self::Rule { .. } => 35,
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Self::Address(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Self::Address(IpAddr::V6(ip)) => ip.octets().to_vec(),
            Self::Service { priority, weight, port, target } => {
                let numbers = [*priority, *weight, *port].map(u16::to_be_bytes).concat();
                [numbers, name(target)].concat()
            }
            Self::Rule { order, preference, service, replacement } => {
                let numbers = [*order, *preference].map(u16::to_be_bytes).concat();
                [numbers, text("s"), text(service), text(""), name(replacement)].concat()
            }
        }
    }
}

impl Dns {
    /// Opens a server that knows nothing yet.
    pub async fn open() -> std::io::Result<Self> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let (address, zone) = (socket.local_addr()?, Zone::default());
        let mut task = JoinSet::new();
        task.spawn(serve(socket, zone.clone()));
        Ok(Self { address, zone, _task: task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the records of a name.
    pub fn set(&self, name: &str, records: Vec<Record>) {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).records.insert(name.to_owned(), records);
    }

    /// Replaces the addresses of a name.
    pub fn set_addresses(&self, name: &str, addresses: &[IpAddr]) {
        self.set(name, addresses.iter().copied().map(Record::Address).collect());
    }

    /// Stops or starts to answer.
    pub fn set_silent(&self, silent: bool) {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).silent = silent;
    }

    /// Returns how often a name was asked for, of whatever kind.
    pub fn asked(&self, name: &str) -> usize {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).asked.get(name).copied().unwrap_or_default()
    }
}

async fn serve(socket: UdpSocket, zone: Zone) {
    let mut buffer = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let answer = buffer.get(..length).and_then(|question| {
            let mut zone = zone.lock().unwrap_or_else(PoisonError::into_inner);
            if zone.silent { None } else { answer(question, &mut zone) }
        });
        if let Some(answer) = answer {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// Returns the answer to a question (RFC 1035 §4).
fn answer(question: &[u8], zone: &mut Table) -> Option<Vec<u8>> {
    let (id, mut at, mut labels) = (question.get(..2)?, 12, Vec::new());
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let asked = question.get(12..at + 4)?;
    let kind = u16::from_be_bytes(question.get(at..at + 2)?.try_into().ok()?);
    let name = labels.join(".");
    *zone.asked.entry(name.clone()).or_default() += 1;
    let known = zone.records.get(&name);
    let found: Vec<&Record> = known.into_iter().flatten().filter(|record| record.kind() == kind).collect();
    // Authoritative; "no such name" only where nothing of any kind is.
    let flags: u16 = if known.is_some() { 0x8580 } else { 0x8583 };
    let count = u16::try_from(found.len()).ok()?;
    let mut bytes = id.to_vec();
    for number in [flags, 1, count, 0, 0] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(asked);
    for record in found {
        let data = record.data();
        // The name of the question, its kind, class IN, a minute.
        bytes.extend([0xc0, 0x0c]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        bytes.extend(data);
    }
    Some(bytes)
}

fn name(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty()).flat_map(text);
    labels.chain([0]).collect()
}

fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    [&[length], text.as_bytes()].concat()
}
