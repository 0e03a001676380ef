use proptest::prelude::*;

use super::*;

fn allowing(networks: &[&str]) -> Policy {
    Policy { allow: networks.iter().map(|n| n.parse().unwrap()).collect(), deny: Vec::new(), http: false }
}

#[test]
fn only_public_addresses_are_reached() {
    let forbidden = [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.254",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:808:808::",
        "2001::1",
        "2001:db8::1",
        "2001:10::1",
        "100::1",
        "3fff::1",
        "5f00::1",
        "2600::5efe:a00:1",
        "2600::200:5efe:a00:1",
        "fd00:ec2::254",
    ];
    for address in forbidden {
        assert!(Policy::default().check(address.parse().unwrap()).is_err(), "{address}");
    }
    let public = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.254",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "192.169.0.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
    ];
    for address in public {
        assert!(Policy::default().check(address.parse().unwrap()).is_ok(), "{address}");
    }
}

#[test]
fn urls_are_https_to_a_public_host_on_a_web_port() {
    let good = [
        "https://example.com/hook",
        "https://example.com:8443/a?b=c",
        "https://8.8.8.8/",
        "https://172.32.0.1/",
        "https://[2001:4860:4860::8888]/",
        "https://bücher.example/",
        "https://example.com:443",
    ];
    for url in good {
        assert!(Policy::default().check_url(url).is_ok(), "{url}");
    }
    let long = format!("https://example.com/{}", "a".repeat(8192));
    let bad = [
        "",
        "//host",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        " https://example.com/",
        "https://exam\tple.com/",
        "https://example.com/\n",
        "https://",
        "https://user@example.com/",
        "https://user:pw@example.com/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://localhost.localdomain/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://127.0.0.1./",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[64:ff9b::a00:1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://①②⑦.⓪.⓪.①/",
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:6379/",
        "https://example.com:5432/",
        "https://example.com:65536/",
        "https://example.com:80/",
        &long,
    ];
    for url in bad {
        assert!(Policy::default().check_url(url).is_err(), "{url}");
    }
}

#[test]
fn an_operator_may_open_a_network_and_close_his_own_address() {
    let policy = allowing(&["127.0.0.0/8", "10.1.0.0/16"]);
    assert!(policy.check_url("https://127.0.0.1:8443/").is_ok());
    assert!(policy.check_url("https://localhost:8443/").is_ok());
    assert!(policy.check("::ffff:127.0.0.1".parse().unwrap()).is_ok());
    assert!(policy.check("10.1.2.3".parse().unwrap()).is_ok());
    assert!(policy.check("10.2.2.3".parse().unwrap()).is_err());
    let own = Policy { allow: Vec::new(), deny: vec!["8.8.4.4/32".parse().unwrap()], http: false };
    assert!(own.check("8.8.4.4".parse().unwrap()).is_err());
    assert!(own.check("::ffff:8.8.4.4".parse().unwrap()).is_err());
}

#[test]
fn an_opened_nat64_prefix_leads_to_public_addresses_only() {
    let policy = allowing(&["64:ff9b::/96"]);
    assert!(policy.check("64:ff9b::808:808".parse().unwrap()).is_ok());
    assert!(policy.check("64:ff9b::7f00:1".parse().unwrap()).is_err());
    assert!(policy.check("64:ff9b::a9fe:a9fe".parse().unwrap()).is_err());
}

#[test]
fn one_forbidden_address_refuses_the_whole_answer() {
    let mixed = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
    assert!(Policy::default().check_all(&mixed).is_err());
    assert!(Policy::default().check_all(&mixed[..1]).is_ok());
}

/// Draws an address out of the forbidden table.
fn forbidden_v4() -> impl Strategy<Value = Ipv4Addr> {
    (0..FORBIDDEN_V4.len(), any::<u32>()).prop_map(|(index, host)| {
        let (network, length) = FORBIDDEN_V4[index];
        Ipv4Addr::from_bits(network.to_bits() | (host & (u32::MAX >> length)))
    })
}

proptest! {
    #[test]
    fn wrapping_a_private_address_never_makes_it_public(v4 in forbidden_v4(), form in 0_u8..6) {
        let low = u128::from(v4.to_bits());
        let wrapped = match form {
            0 => v4.to_ipv6_mapped(),
            1 => Ipv6Addr::from_bits(low),
            2 => Ipv6Addr::from_bits(NAT64.0.to_bits() | low),
            3 => Ipv6Addr::from_bits((0x2002 << 112) | (low << 80)),
            4 => Ipv6Addr::from_bits((0x2600 << 112) | (0x5efe << 32) | low),
            _ => Ipv6Addr::from_bits((0x2001 << 112) | low),
        };
        prop_assert!(Policy::default().check(wrapped.into()).is_err(), "{wrapped}");
    }

    #[test]
    fn the_standard_library_never_knows_better(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
            || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified();
        prop_assert!(!special || Policy::default().check(v4.into()).is_err());
    }

    #[test]
    fn no_ipv6_address_outside_global_unicast_is_reached(bits: u128) {
        let v6 = Ipv6Addr::from_bits(bits);
        let mapped = v6.to_ipv4_mapped().is_some();
        prop_assume!(bits >> 125 != 1 && !mapped);
        prop_assert!(Policy::default().check(v6.into()).is_err());
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in "\\PC*") {
        let _ = Policy::default().check_url(&text);
    }

    #[test]
    fn any_host_spelling_of_a_private_address_is_refused(v4 in forbidden_v4(), form in 0_u8..4) {
        let [a, b, c, d] = v4.octets();
        let host = match form {
            0 => format!("{}", v4.to_bits()),
            1 => format!("{:#x}", v4.to_bits()),
            2 => format!("{a:#o}.{b:#x}.{}", u16::from(c) << 8 | u16::from(d)).replace("0o", "0"),
            _ => format!("{a}.{}", u32::from(b) << 16 | u32::from(c) << 8 | u32::from(d)),
        };
        let url = format!("https://{host}/");
        prop_assert!(Policy::default().check_url(&url).is_err(), "{url}");
    }

    #[test]
    fn an_ipv6_literal_is_judged_as_its_address_is_however_it_is_spelled(bits: u128, form in 0_u8..4) {
        // Half of them in the ranges that wrap IPv4 addresses.
        let bits = if form % 2 == 0 { bits & 0xffff_ffff | 0xffff << 32 } else { bits };
        let v6 = Ipv6Addr::from_bits(bits);
        let full = v6.segments().map(|segment| format!("{segment:04X}")).join(":");
        let url = format!("https://[{}]/", if form < 2 { full } else { v6.to_string() });
        let taken = Policy::default().check_url(&url).is_ok();
        prop_assert_eq!(taken, Policy::default().check(v6.into()).is_ok(), "{}", url);
    }

    #[test]
    fn what_tunnels_wrap_is_never_reached(v4: u32, rest: u128) {
        let (v4, rest) = (u128::from(v4), rest & 0xffff_ffff_ffff);
        let teredo = (0x2001_0000 << 96) | (v4 << 64) | (rest << 16) | (v4 ^ 0xffff_ffff);
        let six_to_four = (0x2002 << 112) | (v4 << 80) | rest;
        let nat64 = NAT64.0.to_bits() | v4;
        let local_nat64 = (0x0064_ff9b_0001 << 80) | v4;
        let compatible = v4;
        let unique_local = (0xfc << 120) | rest;
        let link_local = (0xfe80 << 112) | rest;
        for bits in [teredo, six_to_four, nat64, local_nat64, compatible, unique_local, unique_local | 1 << 120, link_local] {
            let address = Ipv6Addr::from_bits(bits);
            prop_assert!(Policy::default().check(address.into()).is_err(), "{address}");
        }
    }

    #[test]
    fn carriers_and_clouds_own_addresses_are_never_reached(host in 0_u32..1 << 22) {
        let shared = Ipv4Addr::from_bits(Ipv4Addr::new(100, 64, 0, 0).to_bits() | host);
        prop_assert!(Policy::default().check(shared.into()).is_err());
        let metadata = Ipv4Addr::new(169, 254, 169, 254);
        prop_assert!(Policy::default().check(metadata.to_ipv6_mapped().into()).is_err());
    }

    #[test]
    fn what_no_table_names_is_public(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let named = FORBIDDEN_V4.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (32 - length) == 0);
        prop_assert_eq!(Policy::default().check(v4.into()).is_err(), named);
        prop_assert_eq!(Policy::default().check(v4.to_ipv6_mapped().into()).is_err(), named);
    }
}
