//! Scenarios for SIPp beyond plain calls: what happens inside of a call is written step by step.

use super::scenario::SDP;

/// A phone that signs in and calls `[service]`.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    pub domain: &'a str,
    pub username: &'a str,
    pub password: &'a str,
    /// Further header lines of the INVITE, each with its line feed.
    pub headers: &'a str,
    /// Steps between the INVITE and its 200; nothing stands for any provisional response.
    pub early: &'a str,
    /// Steps of the call, between the ACK and the BYE.
    pub during: &'a str,
    /// Whether it ends the call; else the last step of `during` does.
    pub hangs_up: bool,
}

/// The provisional responses of an ordinary call.
const ANY_EARLY: &str = "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"180\" optional=\"true\"/>\n\
                         <recv response=\"183\" optional=\"true\"/>";

impl Caller<'_> {
    /// Returns the scenario.
    pub fn scenario(&self) -> String {
        let Self { domain, username, password, headers, .. } = self;
        let invite = |cseq: u32, login: &str| {
            format!(
                "INVITE sip:[service]@{domain} SIP/2.0\n\
                 Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
                 From: <sip:{username}@{domain}>;tag=[pid]c[call_number]\nTo: <sip:[service]@{domain}>\n\
                 Call-ID: [call_id]\nCSeq: {cseq} INVITE\n\
                 Contact: <sip:{username}@[local_ip]:[local_port];transport=[transport]>\n{headers}{login}\
                 Max-Forwards: 70\nContent-Type: application/sdp\nContent-Length: [len]\n\n{SDP}"
            )
        };
        let refused = format!(
            "ACK sip:[service]@{domain} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-2];rport\n\
             From: <sip:{username}@{domain}>;tag=[pid]c[call_number]\n[last_To:]\nCall-ID: [call_id]\nCSeq: 1 ACK\n\
             Max-Forwards: 70\nContent-Length: 0"
        );
        let login = format!("[authentication username={username} password={password}]\n");
        let early = if self.early.is_empty() { ANY_EARLY } else { self.early };
        let bye = if self.hangs_up {
            format!("{}\n{}", self.request("BYE", 900, ""), expect_response(200))
        } else {
            String::new()
        };
        // SIPp takes a variable that is only matched for a mistake.
        let matched = format!("{early}{}", self.during).contains("assign_to=\"8\"");
        let matched = if matched { "<Reference variables=\"8\"/>" } else { "" };
        [
            ask(&invite(1, "")),
            r#"<recv response="100" optional="true"/>"#.to_owned(),
            r#"<recv response="407" auth="true"/>"#.to_owned(),
            send(&refused),
            ask(&invite(2, &login)),
            early.to_owned(),
            // The other side's name in all that follows.
            r#"<recv response="200" rrs="true"><action>
                <ereg regexp=".*" search_in="hdr" header="To:" assign_to="9"/></action></recv>"#
                .to_owned(),
            self.request("ACK", 2, ""),
            self.during.to_owned(),
            bye,
            matched.to_owned(),
        ]
        .join("\n")
    }

    /// Returns the step of a request of the caller inside of the call, with these lines and, behind an empty one, a body.
    /// After a step that answered the server, `[$9]` still names it.
    pub fn request(&self, method: &str, cseq: u32, lines: &str) -> String {
        let Self { domain, username, .. } = self;
        let (lines, body) = lines.split_once("\n\n").map_or((lines, ""), |(lines, body)| (lines, body));
        let lines = if lines.is_empty() { String::new() } else { format!("{}\n", lines.trim_end()) };
        let length = if body.is_empty() { "0".to_owned() } else { format!("[len]\n\n{body}") };
        let sent = if method == "ACK" { send } else { ask };
        sent(&format!(
            "{method} [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
             From: <sip:{username}@{domain}>;tag=[pid]c[call_number]\nTo:[$9]\nCall-ID: [call_id]\n\
             CSeq: {cseq} {method}\nContact: <sip:{username}@[local_ip]:[local_port];transport=[transport]>\n\
             Max-Forwards: 70\n{lines}Content-Length: {length}"
        ))
    }
}

/// Waits for a request.
pub fn expect(method: &str) -> String {
    format!("<recv request=\"{method}\"/>")
}

/// Waits for a request whose header matches the pattern; the call fails if it does not.
pub fn expect_with(method: &str, header: &str, pattern: &str) -> String {
    format!("<recv request=\"{method}\">{}</recv>", matching(header, pattern))
}

/// Waits for a response.
pub fn expect_response(status: u16) -> String {
    format!("<recv response=\"{status}\"/>")
}

/// Waits for a response whose header matches the pattern; the call fails if it does not.
pub fn expect_response_with(status: u16, header: &str, pattern: &str) -> String {
    format!("<recv response=\"{status}\">{}</recv>", matching(header, pattern))
}

fn matching(header: &str, pattern: &str) -> String {
    format!(
        "<action><ereg regexp=\"{pattern}\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" \
         assign_to=\"8\"/></action>"
    )
}

/// Answers the last request, with these lines and, behind an empty one, a body.
pub fn answer(status: u16, lines: &str) -> String {
    let (lines, body) = lines.split_once("\n\n").map_or((lines, ""), |(lines, body)| (lines, body));
    let lines = if lines.is_empty() { String::new() } else { format!("{}\n", lines.trim_end()) };
    let length = if body.is_empty() { "0".to_owned() } else { format!("[len]\n\n{body}") };
    send(&format!(
        "SIP/2.0 {status} Said\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n\
         Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n{lines}Content-Length: {length}"
    ))
}

/// The lines of a description, as `request` and `answer` take them; `direction` is `sendrecv`, `sendonly` and so on.
pub fn description(version: u32, direction: &str) -> String {
    let sdp = SDP.replacen("2353687637", &(2_353_687_637_u64 + u64::from(version)).to_string(), 1);
    format!("Content-Type: application/sdp\n\n{sdp}\na={direction}")
}

/// Waits.
pub fn pause(milliseconds: u32) -> String {
    format!("<pause milliseconds=\"{milliseconds}\"/>")
}

/// A message that is repeated until something answers it.
fn ask(message: &str) -> String {
    format!("<send retrans=\"500\"><![CDATA[\n{message}\n\n]]></send>")
}

/// A message that is sent once.
fn send(message: &str) -> String {
    format!("<send><![CDATA[\n{message}\n\n]]></send>")
}
