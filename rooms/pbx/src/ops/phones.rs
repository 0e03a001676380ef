//! Which phones of which extensions can be rung at this moment.

use domain::{Principal, Timestamp};

use super::may_read;
use crate::{Pbx, error::Result, store as rows};

/// A phone that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The Contact URI as the phone gave it.
    pub contact: String,
    pub user_agent: Option<String>,
    /// Where it is reached.
    pub address: std::net::SocketAddr,
    /// `udp`, `tcp` …
    pub transport: String,
    pub expires_at: Timestamp,
}

/// Where phones of an account sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrar {
    /// The account's own domain, if it has one; else phones use whatever name reaches the server.
    pub domain: Option<String>,
    /// Ports of the transports that are open.
    pub udp: Option<u16>,
    pub tcp: Option<u16>,
    pub tls: Option<u16>,
}

/// Returns where the account's phones sign in.
pub async fn registrar(pbx: &Pbx, who: &Principal) -> Result<Registrar> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    let port = |address: Option<std::net::SocketAddr>| address.map(|address| address.port());
    Ok(Registrar {
        domain: rows::accounts::domain(&mut tx, tenant).await?,
        udp: port(pbx.sip.local_udp()),
        tcp: port(pbx.sip.local_tcp()),
        tls: port(pbx.sip.local(sip::Transport::Tls)),
    })
}

/// Returns the phones of an extension that calls would ring, the best first.
pub fn of(pbx: &Pbx, who: &Principal, number: &str) -> Result<Vec<Phone>> {
    let tenant = may_read(who)?;
    let contacts = pbx.registrar.contacts(tenant, number, pbx.db.now());
    let phone = |binding: sip_proto::registration::Binding| Phone {
        contact: binding.uri,
        user_agent: binding.user_agent,
        address: binding.flow.peer,
        transport: binding.flow.transport.to_string(),
        expires_at: Timestamp(binding.expires_at),
    };
    Ok(contacts.into_iter().map(phone).collect())
}
