//! TLS around connections. The certificates are the program's: it gives the settings of both sides.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::door::Door;
use crate::{Destination, HostKey};

/// Names of hosts that are remembered; beyond it no further trunk by TLS can be reached.
const NAMES: usize = 65_536;

/// Shakes hands with a client; `None` if that fails or takes too long.
pub(crate) async fn accept(door: &Door, acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    let peer = stream.peer_addr().ok();
    let why = match timeout(door.limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(failed)) => failed.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    metrics::counter!("sip_tls_handshakes_failed_total").increment(1);
    tracing::debug!(?peer, why, "a TLS handshake failed");
    None
}

/// The names of hosts behind [`HostKey`]s. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    keys: HashMap<Arc<str>, HostKey>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// Returns the key of a name, the same for the same name; `None` when there are too many.
    pub(crate) fn key(&self, name: &str) -> Option<HostKey> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = table.keys.get(name.as_str()) {
            return Some(*key);
        }
        if table.names.len() >= NAMES {
            return None;
        }
        let name: Arc<str> = name.into();
        table.names.push(name.clone());
        let key = HostKey(NonZeroU32::new(u32::try_from(table.names.len()).ok()?)?);
        table.keys.insert(name, key);
        Some(key)
    }

    /// Returns what the certificate at a destination has to bear: the name that led there, else the address itself.
    pub(crate) fn expected(&self, to: Destination) -> Option<ServerName<'static>> {
        let Some(key) = to.host else { return Some(ServerName::from(to.addr.ip())) };
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = table.names.get(usize::try_from(key.0.get()).ok()?.checked_sub(1)?)?;
        ServerName::try_from(name.to_string()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    #[test]
    fn a_name_keeps_its_key_and_an_address_stands_for_itself() {
        let names = Names::default();
        let key = names.key("SIP.Carrier.example.").unwrap();
        assert_eq!(names.key("sip.carrier.example"), Some(key));
        assert_ne!(names.key("other.example"), Some(key));
        let mut to = Destination::new("192.0.2.1:5061".parse().unwrap(), Transport::Tls);
        assert_eq!(names.expected(to), Some(ServerName::try_from("192.0.2.1").unwrap()));
        to.host = Some(key);
        assert_eq!(names.expected(to), Some(ServerName::try_from("sip.carrier.example").unwrap()));
    }
}
