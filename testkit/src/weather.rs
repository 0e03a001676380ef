//! Bad networks that can be had again: a UDP proxy that loses, delays, swaps and repeats by a seed, and a network
//! namespace that loses at random.

use std::{
    collections::HashMap,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{net::UdpSocket, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Largest datagram taken.
const LARGEST: usize = 65_535;

/// What happens to each datagram, either way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Percent that never arrive.
    pub loss: u32,
    /// Percent that arrive twice.
    pub repeated: u32,
    /// Percent that are held back until others have overtaken them.
    pub late: u32,
    pub delay: Duration,
    /// Up to so much more than `delay`, different for each.
    pub jitter: Duration,
}

/// A proxy in front of one UDP address. Every client gets an address of its own behind it, as behind NAT, and Contact
/// lines are rewritten both ways, so that requests within dialogs come through it too.
#[derive(Debug)]
pub struct Proxy {
    front: SocketAddr,
    counts: Arc<Counts>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    lost: AtomicU64,
}

/// What is shared by all directions.
struct Road {
    weather: Weather,
    chance: Mutex<StdRng>,
    counts: Arc<Counts>,
    tracker: TaskTracker,
    front: SocketAddr,
    target: SocketAddr,
}

/// What becomes of one datagram.
struct Fate {
    copies: u32,
    wait: Duration,
}

impl Proxy {
    /// Opens a proxy on a free port of 127.0.0.1. The same seed and the same datagrams make the same weather.
    pub async fn open(target: SocketAddr, weather: Weather, seed: u64) -> anyhow::Result<Self> {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let (front, stop, counts) = (socket.local_addr()?, CancellationToken::new(), Arc::new(Counts::default()));
        let road = Arc::new(Road {
            weather,
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            counts: Arc::clone(&counts),
            tracker: TaskTracker::new(),
            front,
            target,
        });
        let tracker = road.tracker.clone();
        tracker.spawn(stop.clone().run_until_cancelled_owned(clients(socket, road, stop.clone())));
        Ok(Self { front, counts, stop })
    }

    /// Returns where clients send to.
    pub fn address(&self) -> SocketAddr {
        self.front
    }

    /// Returns how many datagrams were taken, and how many of them were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.taken.load(Ordering::Relaxed), self.counts.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Takes what clients send; each gets a socket towards the target.
async fn clients(socket: Arc<UdpSocket>, road: Arc<Road>, stop: CancellationToken) {
    let mut known: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; LARGEST];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let behind = match known.get(&client) {
            Some(behind) => Arc::clone(behind),
            None => {
                let Ok(behind) = UdpSocket::bind("127.0.0.1:0").await else { continue };
                let behind = Arc::new(behind);
                known.insert(client, Arc::clone(&behind));
                let back = answers(Arc::clone(&behind), Arc::clone(&socket), client, Arc::clone(&road));
                road.tracker.spawn(stop.clone().run_until_cancelled_owned(back));
                behind
            }
        };
        let Ok(local) = behind.local_addr() else { continue };
        let bytes = readdressed(buffer.get(..length).unwrap_or_default(), client, local);
        road.send(bytes, behind, road.target);
    }
}

/// Takes what the target sends to one client.
async fn answers(behind: Arc<UdpSocket>, socket: Arc<UdpSocket>, client: SocketAddr, road: Arc<Road>) {
    let mut buffer = vec![0; LARGEST];
    loop {
        let Ok((length, _)) = behind.recv_from(&mut buffer).await else { continue };
        let bytes = readdressed(buffer.get(..length).unwrap_or_default(), road.target, road.front);
        road.send(bytes, Arc::clone(&socket), client);
    }
}

impl Road {
    fn send(&self, bytes: Vec<u8>, from: Arc<UdpSocket>, to: SocketAddr) {
        let fate = self.fate();
        if fate.copies == 0 {
            return;
        }
        self.tracker.spawn(async move {
            sleep(fate.wait).await;
            for _ in 0..fate.copies {
                let _ = from.send_to(&bytes, to).await;
            }
        });
    }

    fn fate(&self) -> Fate {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut happens = |percent: u32| chance.random_range(0..100) < percent;
        self.counts.taken.fetch_add(1, Ordering::Relaxed);
        let (lost, repeated, late) =
            (happens(self.weather.loss), happens(self.weather.repeated), happens(self.weather.late));
        if lost {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
        let jitter = self.weather.jitter.as_micros().try_into().unwrap_or(u64::MAX);
        let more = Duration::from_micros(if jitter == 0 { 0 } else { chance.random_range(0..jitter) });
        // Late is later than any other can be.
        let wait = self.weather.delay + more + if late { self.weather.jitter * 2 } else { Duration::ZERO };
        Fate { copies: if lost { 0 } else { 1 + u32::from(repeated) }, wait }
    }
}

/// Puts another address into the Contact lines of a SIP message; everything else stays, bodies too.
fn readdressed(bytes: &[u8], old: SocketAddr, new: SocketAddr) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return bytes.to_vec() };
    let (old, new) = (old.to_string(), new.to_string());
    let line = |line: &str| {
        let name = line.split(':').next().unwrap_or_default().trim();
        let is_contact = name.eq_ignore_ascii_case("contact") || name.eq_ignore_ascii_case("m");
        if is_contact { line.replace(&old, &new) } else { line.to_owned() }
    };
    let lines: Vec<String> = head.split("\r\n").map(line).collect();
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}

/// Returns a command that runs this very program in a network of its own, where so many percent of all UDP datagrams
/// are lost on their way in. The variable tells the program that it is there.
pub fn in_rain(loss: u32, variable: &str, arguments: &[&str]) -> anyhow::Result<Command> {
    let program = std::env::current_exe()?;
    let mut command = Command::new("unshare");
    command
        .args(["--net", "sh", "-ec"])
        .arg(
            "ip link set lo up
             nft add table inet rain
             nft add chain inet rain in '{ type filter hook input priority 0 ; }'
             nft add rule inet rain in meta l4proto udp numgen random mod 100 '<' \"$LOSS\" drop
             exec \"$0\" \"$@\"",
        )
        .arg(program)
        .args(arguments)
        .env("LOSS", loss.to_string())
        .env(variable, "1")
        // The network has no other server in it.
        .env_remove("ZORIO_TEST_DATABASE_URL");
    Ok(command)
}

/// Tells whether this host lets us make networks and rules for them; if not, why.
pub fn rain_is_possible() -> Result<(), String> {
    let script = "ip link set lo up && nft add table inet rain";
    let tried = Command::new("unshare")
        .args(["--net", "sh", "-ec", script])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("unshare cannot be started: {error}"))?;
    if tried.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&tried.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::until;

    #[test]
    fn contacts_are_readdressed_and_nothing_else() {
        let (old, new) = ("127.0.0.1:5060".parse().unwrap(), "127.0.0.1:6000".parse().unwrap());
        let message = "REGISTER sip:127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060\r\nContact: <sip:a@127.0.0.1:5060>\r\n\r\n127.0.0.1:5060";
        let expected = message.replace("a@127.0.0.1:5060", "a@127.0.0.1:6000");
        assert_eq!(readdressed(message.as_bytes(), old, new), expected.into_bytes());
        assert_eq!(readdressed(b"\r\n", old, new), b"\r\n");
    }

    #[tokio::test]
    async fn datagrams_are_lost_as_often_as_the_weather_says() {
        let target = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let weather = Weather { loss: 20, ..Weather::default() };
        let proxy = Proxy::open(target.local_addr().unwrap(), weather, 7).await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..500 {
            client.send_to(b"x", proxy.address()).await.unwrap();
        }
        until("all came through", Duration::from_secs(5), async || (proxy.counts().0 == 500).then_some(()))
            .await
            .unwrap();
        let (_, lost) = proxy.counts();
        assert!((60..=140).contains(&lost), "{lost} of 500");
    }
}
