//! The files that set phones up, one for each make. Whatever a person wrote is escaped for the file it goes into.

use std::fmt::Write as _;

use super::Account;

/// A make of phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Linphone,
    Zoiper,
    MicroSip,
    Yealink,
    Grandstream,
}

impl Make {
    pub(super) const ALL: [Self; 5] = [Self::Linphone, Self::Zoiper, Self::MicroSip, Self::Yealink, Self::Grandstream];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Linphone => "Linphone",
            Self::Zoiper => "Zoiper",
            Self::MicroSip => "MicroSIP",
            Self::Yealink => "Yealink",
            Self::Grandstream => "Grandstream",
        }
    }

    /// Tells the makes that stand on a desk and fetch their file themselves.
    pub(crate) const fn is_desk_phone(self) -> bool {
        matches!(self, Self::Yealink | Self::Grandstream)
    }

    /// Returns the name that the phone asks for; that of a desk phone holds its hardware address.
    pub(super) fn file(self, mac: &str) -> String {
        match self {
            Self::Linphone => "linphone.xml".to_owned(),
            Self::Zoiper => "zoiper.xml".to_owned(),
            Self::MicroSip => "microsip.ini".to_owned(),
            Self::Yealink => format!("{mac}.cfg"),
            Self::Grandstream => format!("cfg{mac}.xml"),
        }
    }

    /// Tells whether a phone of this make asks by that name; without a hardware address any will do.
    pub(super) fn is_asked(self, file: &str, mac: Option<&str>) -> bool {
        let asked = file.to_ascii_lowercase();
        match (self.is_desk_phone(), mac) {
            (false, _) => asked == self.file(""),
            (true, Some(mac)) => asked == self.file(mac),
            (true, None) => {
                let (head, tail) = if self == Self::Yealink { ("", ".cfg") } else { ("cfg", ".xml") };
                let inside = asked.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
                inside.is_some_and(|mac| super::mac(mac).is_some())
            }
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Linphone | Self::Zoiper | Self::Grandstream => "application/xml; charset=utf-8",
            Self::MicroSip | Self::Yealink => "text/plain; charset=utf-8",
        }
    }

    pub(super) fn write(self, account: &Account) -> String {
        match self {
            Self::Linphone => linphone(account),
            Self::Zoiper => zoiper(account),
            Self::MicroSip => microsip(account),
            Self::Yealink => yealink(account),
            Self::Grandstream => grandstream(account),
        }
    }
}

/// Writes the file that sets Linphone up. It also takes itself out, so that the address is not asked again.
fn linphone(account: &Account) -> String {
    let Account { number, password, domain, transport, .. } = account;
    let identity = match &account.name {
        Some(name) => format!("\"{}\" <sip:{number}@{domain}>", name.replace(['"', '\\'], "")),
        None => format!("<sip:{number}@{domain}>"),
    };
    let proxy = format!("<sip:{};transport={transport}>", account.server());
    let encryption = if account.encrypts() { "srtp" } else { "none" };
    let sections: [(&str, &[(&str, &str)]); 4] = [
        (
            "proxy_0",
            &[("reg_identity", &identity), ("reg_proxy", &proxy), ("reg_sendregister", "1"), ("reg_expires", "600")],
        ),
        ("auth_info_0", &[("username", number), ("passwd", password), ("domain", domain)]),
        ("sip", &[("default_proxy", "0"), ("media_encryption", encryption)]),
        ("misc", &[("config-uri", "")]),
    ];
    let mut xml =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config xmlns=\"http://www.linphone.org/xsds/lpconfig.xsd\">\n"
            .to_owned();
    for (name, entries) in sections {
        push(&mut xml, format_args!("<section name=\"{name}\">\n"));
        for (name, value) in entries {
            push(&mut xml, format_args!("<entry name=\"{name}\" overwrite=\"true\">{}</entry>\n", escaped(value)));
        }
        xml.push_str("</section>\n");
    }
    xml + "</config>\n"
}

/// Writes what Zoiper takes from the address of a provisioning server.
fn zoiper(account: &Account) -> String {
    let entries = [
        ("name", format!("{}@{}", account.number, account.domain)),
        ("username", account.number.clone()),
        ("password", account.password.clone()),
        ("register_on_startup", "true".to_owned()),
        ("protocol", "SIP".to_owned()),
        ("SIP_domain", account.server()),
        ("SIP_transport_type", account.transport.to_uppercase()),
        ("SIP_callerid", account.name.clone().unwrap_or_default()),
        ("SIP_use_rport", "true".to_owned()),
        ("SIP_srtp_mode", if account.encrypts() { "SDES" } else { "none" }.to_owned()),
        ("SIP_dtmf_style", "rfc_2833".to_owned()),
    ];
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<options>\n<accounts>\n<account>\n".to_owned();
    for (name, value) in entries {
        push(&mut xml, format_args!("<{name}>{}</{name}>\n", escaped(&value)));
    }
    xml + "</account>\n</accounts>\n</options>\n"
}

/// Writes the account of a `microsip.ini`, which lies in the program's folder.
fn microsip(account: &Account) -> String {
    let mut ini = "[Settings]\r\naccountId=1\r\n\r\n[Account1]\r\n".to_owned();
    for (name, value) in [
        ("label", account.number.as_str()),
        ("server", &account.server()),
        ("domain", &account.domain),
        ("username", &account.number),
        ("authID", &account.number),
        ("password", &account.password),
        ("displayName", account.name.as_deref().unwrap_or_default()),
        ("transport", account.transport),
        ("SRTP", if account.encrypts() { "mandatory" } else { "" }),
        ("registerRefresh", "300"),
        ("keepAlive", "15"),
        ("allowRewrite", "1"),
    ] {
        push(&mut ini, format_args!("{name}={}\r\n", line(value)));
    }
    ini
}

/// Writes what a Yealink phone fetches as `<mac>.cfg`.
fn yealink(account: &Account) -> String {
    let mut cfg = "#!version:1.0.0.1\n".to_owned();
    let transport = match account.transport {
        "tls" => "2",
        "tcp" => "1",
        _ => "0",
    };
    let port = account.port.map_or_else(|| "0".to_owned(), |port| port.to_string());
    let name = account.name.as_deref().unwrap_or(&account.number);
    for (key, value) in [
        ("enable", "1"),
        ("label", account.number.as_str()),
        ("display_name", name),
        ("user_name", &account.number),
        ("auth_name", &account.number),
        ("password", &account.password),
        ("sip_server.1.address", &account.domain),
        ("sip_server.1.port", &port),
        ("sip_server.1.transport_type", transport),
        ("sip_server.1.expires", "600"),
        ("srtp_encryption", if account.encrypts() { "2" } else { "0" }),
        ("dtmf.type", "1"),
        ("nat.rport", "1"),
    ] {
        push(&mut cfg, format_args!("account.1.{key} = {}\n", line(value)));
    }
    // The address works once: asking it again at every start would only fail.
    cfg + "auto_provision.power_on = 0\nauto_provision.server.url =\n"
}

/// Writes what a Grandstream phone fetches as `cfg<mac>.xml`: its settings have numbers.
fn grandstream(account: &Account) -> String {
    let transport = match account.transport {
        "tls" => "2",
        "tcp" => "1",
        _ => "0",
    };
    let name = account.name.as_deref().unwrap_or(&account.number);
    let mut xml =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n<config version=\"1\">\n".to_owned();
    for (setting, value) in [
        // The account is active, and its name on the display.
        ("P271", "1"),
        ("P270", account.number.as_str()),
        ("P47", &account.server()),
        ("P35", &account.number),
        ("P36", &account.number),
        ("P34", &account.password),
        ("P3", name),
        ("P130", transport),
        ("P183", if account.encrypts() { "2" } else { "0" }),
        // Registration: on, for ten minutes.
        ("P31", "1"),
        ("P32", "10"),
        // The address of the settings works once.
        ("P237", ""),
    ] {
        push(&mut xml, format_args!("<{setting}>{}</{setting}>\n", escaped(value)));
    }
    xml + "</config>\n</gs_provision>\n"
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a string takes it");
}

/// Escapes for XML and leaves out what XML cannot hold.
fn escaped(text: &str) -> String {
    line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Keeps a value on its line.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, password: &str, transport: &'static str) -> Account {
        Account {
            number: "1001".to_owned(),
            name: Some(name.to_owned()),
            password: password.to_owned(),
            domain: "pbx.example".to_owned(),
            port: Some(5061),
            transport,
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_a_file() {
        let nasty = account("An \"</entry></P3><entry name=\"x\">&\r\naccount.2.enable = 1", "a<b&c", "tcp");
        let xml = linphone(&nasty);
        assert_eq!(xml.matches("<entry ").count(), 10, "{xml}");
        assert!(xml.contains(">&lt;sip:pbx.example:5061;transport=tcp&gt;<"), "{xml}");
        for make in [Make::Linphone, Make::Zoiper, Make::Grandstream] {
            assert!(make.write(&nasty).contains(">a&lt;b&amp;c<"), "{make:?}");
        }
        assert_eq!(grandstream(&nasty).matches("<P3>").count(), 1);
        for make in [Make::Yealink, Make::MicroSip] {
            let text = make.write(&nasty);
            assert!(!text.lines().any(|line| line.starts_with("account.2")), "{text}");
            assert!(text.contains("a<b&c"), "{text}");
        }
    }

    #[test]
    fn encrypted_signalling_brings_encrypted_speech() {
        let (plain, tls) = (account("An", "secret", "udp"), account("An", "secret", "tls"));
        for (make, off, on) in [
            (Make::Linphone, ">none<", ">srtp<"),
            (Make::Zoiper, "<SIP_srtp_mode>none<", "<SIP_srtp_mode>SDES<"),
            (Make::MicroSip, "SRTP=\r\n", "SRTP=mandatory\r\n"),
            (Make::Yealink, "srtp_encryption = 0\n", "srtp_encryption = 2\n"),
            (Make::Grandstream, "<P183>0<", "<P183>2<"),
        ] {
            assert!(make.write(&plain).contains(off), "{make:?}");
            assert!(make.write(&tls).contains(on), "{make:?}");
        }
    }

    #[test]
    fn a_desk_phone_asks_by_its_hardware_address() {
        let mac = Some("001565abcdef");
        for (make, file, own, any) in [
            (Make::Yealink, "001565abcdef.cfg", true, true),
            (Make::Yealink, "001565ABCDEF.cfg", true, true),
            (Make::Yealink, "0015650000ff.cfg", false, true),
            (Make::Yealink, "y000000000028.cfg", false, false),
            (Make::Grandstream, "cfg001565abcdef.xml", true, true),
            (Make::Grandstream, "cfg.xml", false, false),
            (Make::Zoiper, "zoiper.xml", true, true),
            (Make::MicroSip, "zoiper.xml", false, false),
        ] {
            assert_eq!((make.is_asked(file, mac), make.is_asked(file, None)), (own, any), "{make:?} {file}");
        }
    }
}
