//! Which of several servers goes first (RFC 3263 §4.1, RFC 2782).

use crate::Transport;

/// A rule that names a transport and where its servers are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) order: u16,
    pub(super) preference: u16,
    pub(super) transport: Transport,
    /// The name of the SRV records.
    pub(super) replacement: String,
}

/// One server of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) target: String,
}

/// Returns the transport of a NAPTR service, `None` for those we do not speak to others.
pub(super) fn transport_of(service: &[u8]) -> Option<Transport> {
    [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)]
        .into_iter()
        .find(|(name, _)| service.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, transport)| transport)
}

/// Returns the name under which the servers of a transport are listed.
pub(super) fn service(transport: Transport, host: &str) -> String {
    match transport {
        Transport::Udp => format!("_sip._udp.{host}"),
        Transport::Tcp => format!("_sip._tcp.{host}"),
        Transport::Tls => format!("_sips._tcp.{host}"),
        // RFC 7118 §6; asked for by nobody, as nobody calls a browser.
        Transport::Ws => format!("_sip._ws.{host}"),
        Transport::Wss => format!("_sips._ws.{host}"),
    }
}

/// Sorts rules by order, then by preference.
pub(super) fn rules(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.sort_by_key(|rule| (rule.order, rule.preference));
    rules
}

/// Sorts servers by priority, and those of one priority by chance according to their weights (RFC 2782). `random`
/// returns a number up to and including its argument.
pub(super) fn servers(mut servers: Vec<Server>, mut random: impl FnMut(u32) -> u32) -> Vec<Server> {
    // Those of weight 0 come first within their priority, so that they have a small chance.
    servers.sort_by_key(|server| (server.priority, server.weight));
    let mut sorted = Vec::with_capacity(servers.len());
    while let Some(priority) = servers.first().map(|server| server.priority) {
        let same = servers.iter().take_while(|server| server.priority == priority);
        let sum: u32 = same.map(|server| u32::from(server.weight)).sum();
        let mut left = random(sum);
        let chosen = servers.iter().position(|server| match left.checked_sub(u32::from(server.weight)) {
            Some(rest) if rest > 0 => {
                left = rest;
                false
            }
            _ => true,
        });
        sorted.push(servers.remove(chosen.unwrap_or_default()));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn server(priority: u16, weight: u16, target: &str) -> Server {
        Server { priority, weight, port: 5060, target: target.to_owned() }
    }

    #[test]
    fn lower_priorities_go_first_whatever_the_weights() {
        let all = vec![server(20, 100, "c"), server(10, 0, "a"), server(10, 5, "b"), server(30, 0, "d")];
        for seed in 0..200 {
            let sorted = servers(all.clone(), |most| seed % (most + 1));
            let mut names: Vec<&str> = sorted.iter().map(|server| server.target.as_str()).collect();
            names[..2].sort_unstable();
            assert_eq!(names, ["a", "b", "c", "d"], "seed {seed}");
        }
    }

    #[test]
    fn weights_share_the_first_place() {
        let all = vec![server(1, 60, "big"), server(1, 30, "middle"), server(1, 10, "small"), server(1, 0, "zero")];
        let mut first: HashMap<String, u32> = HashMap::new();
        for chance in 0..=100 {
            let mut draws = [chance].into_iter();
            let sorted = servers(all.clone(), |most| draws.next().unwrap_or(0).min(most));
            assert_eq!(sorted.len(), 4);
            *first.entry(sorted[0].target.clone()).or_default() += 1;
        }
        assert_eq!((first["big"], first["middle"], first["small"], first["zero"]), (60, 30, 10, 1));
    }

    #[test]
    fn rules_are_sorted_by_order_then_preference() {
        let rule = |order, preference, transport| Rule { order, preference, transport, replacement: String::new() };
        let all = vec![rule(20, 1, Transport::Udp), rule(10, 50, Transport::Tcp), rule(10, 5, Transport::Tls)];
        let sorted: Vec<_> = rules(all).into_iter().map(|rule| rule.transport).collect();
        assert_eq!(sorted, [Transport::Tls, Transport::Tcp, Transport::Udp]);
        assert_eq!(transport_of(b"sips+d2t"), Some(Transport::Tls));
        assert_eq!(transport_of(b"SIP+D2S"), None);
    }
}
