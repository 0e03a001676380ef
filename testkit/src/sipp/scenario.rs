//! Scenarios for SIPp: a phone that registers, calls or is called, and a trunk.
//!
//! SIPp's built-in ones will not do: its `uas` drops Record-Route, and none of them signs in.

/// What a callee does with an INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Rings, answers, and waits for the BYE.
    Accepts,
    /// Rings, answers, and sends the BYE after that many milliseconds.
    AcceptsAndLeaves { after_ms: u32 },
    /// Refuses with a status, a reason phrase, and a `Reason` header where it is not empty.
    Refuses { status: u16, phrase: &'static str, reason: &'static str },
    /// Rings and waits for the CANCEL.
    Rings,
}

/// Headers that every response copies.
const COPIED: &str = "[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]SIPp[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n\
                      [last_Record-Route:]\nContact: <sip:[local_ip]:[local_port];transport=[transport]>";

/// The same for a request whose To has its tag.
const COPIED_IN_DIALOG: &str = "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContact: \
                                <sip:[local_ip]:[local_port];transport=[transport]>";

pub(super) const SDP: &str = "v=0\no=sipp 53655765 2353687637 IN IP[local_ip_type] [local_ip]\ns=-\n\
                   c=IN IP[media_ip_type] [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8 0 101\n\
                   a=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n\
                   a=fmtp:101 0-16\na=ptime:20";

/// Returns a phone's registration at domain `domain` with `username` and `password`; the contact is SIPp's own address.
pub fn register(domain: &str, username: &str, password: &str) -> String {
    let request = |cseq: u32, authentication: &str| {
        send(&format!(
            "REGISTER sip:{domain} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
             From: <sip:{username}@{domain}>;tag=[pid]r[call_number]\nTo: <sip:{username}@{domain}>\n\
             Call-ID: [call_id]\nCSeq: {cseq} REGISTER\n\
             Contact: <sip:{username}@[local_ip]:[local_port];transport=[transport]>\n\
             {authentication}Max-Forwards: 70\nExpires: 600\nUser-Agent: SIPp\nContent-Length: 0"
        ))
    };
    let login = format!("[authentication username={username} password={password}]\n");
    [
        request(1, ""),
        r#"<recv response="401" auth="true"/>"#.to_owned(),
        request(2, &login),
        r#"<recv response="200"/>"#.to_owned(),
    ]
    .join("\n")
}

/// Returns a phone that signs in, calls `[service]`, talks for `talk_ms` and hangs up.
pub fn caller(domain: &str, username: &str, password: &str, talk_ms: u32) -> String {
    let invite = |cseq: u32, authentication: &str| {
        format!(
            "INVITE sip:[service]@{domain} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
             From: <sip:{username}@{domain}>;tag=[pid]c[call_number]\nTo: <sip:[service]@{domain}>\nCall-ID: [call_id]\n\
             CSeq: {cseq} INVITE\nContact: <sip:{username}@[local_ip]:[local_port];transport=[transport]>\n\
             {authentication}Max-Forwards: 70\nContent-Type: application/sdp\nContent-Length: [len]\n\n{SDP}"
        )
    };
    let ack = |cseq: u32, branch: &str| {
        format!(
            "ACK sip:[service]@{domain} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch};rport\n\
             From: <sip:{username}@{domain}>;tag=[pid]c[call_number]\n[last_To:]\nCall-ID: [call_id]\nCSeq: {cseq} ACK\n\
             Max-Forwards: 70\nContent-Length: 0"
        )
    };
    let login = format!("[authentication username={username} password={password}]\n");
    [
        send_lossy(&invite(1, "")),
        r#"<recv response="100" optional="true" timeout="10000"/>"#.to_owned(),
        r#"<recv response="401" auth="true" optional="true" next="1"/>"#.to_owned(),
        r#"<recv response="407" auth="true" next="1"/>"#.to_owned(),
        r#"<label id="1"/>"#.to_owned(),
        // The branch of the refused INVITE is the one before the next.
        send(&ack(1, "[branch-2]")),
        send_lossy(&invite(2, &login)),
        r#"<recv response="100" optional="true" timeout="30000"/>"#.to_owned(),
        r#"<recv response="180" optional="true"/>"#.to_owned(),
        r#"<recv response="183" optional="true"/>"#.to_owned(),
        r#"<recv response="200" rrs="true"/>"#.to_owned(),
        send(
            &ack(2, "[branch]")
                .replace(&format!("ACK sip:[service]@{domain}"), "ACK [next_url]")
                .replace("\nMax-Forwards", "\n[routes]\nMax-Forwards"),
        ),
        pause(talk_ms),
        send_lossy(&bye("[next_url]", &format!("<sip:{username}@{domain}>;tag=[pid]c[call_number]"), 3)),
        r#"<recv response="200"/>"#.to_owned(),
    ]
    .join("\n")
}

/// Returns a phone or trunk that takes calls.
pub fn callee(answer: Answer) -> String {
    let mut steps = vec![r#"<recv request="INVITE" rrs="true"/>"#.to_owned(), send(&response(100, "Trying", ""))];
    if !matches!(answer, Answer::Refuses { .. }) {
        steps.push(send(&response(180, "Ringing", "")));
    }
    match answer {
        Answer::Accepts | Answer::AcceptsAndLeaves { .. } => {
            let ok = format!("SIP/2.0 200 OK\n{COPIED}\nContent-Type: application/sdp\nContent-Length: [len]\n\n{SDP}");
            steps.push(pause(100));
            steps.push(send_lossy(&ok));
            steps.push(r#"<recv request="ACK" rrs="true"/>"#.to_owned());
        }
        Answer::Refuses { status, phrase, reason } => {
            let reason = if reason.is_empty() { String::new() } else { format!("Reason: {reason}\n") };
            steps.push(send_lossy(&response(status, phrase, &reason)));
            steps.push(r#"<recv request="ACK"/>"#.to_owned());
        }
        Answer::Rings => {
            steps.push(r#"<recv request="CANCEL"/>"#.to_owned());
            steps.push(send(
                "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]SIPp[call_number]\n\
                             [last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0",
            ));
            steps.push(send_lossy(
                "SIP/2.0 487 Request Terminated\n[last_Via:]\n[last_From:]\n\
                 [last_To:];tag=[pid]SIPp[call_number]\n[last_Call-ID:]\nCSeq: [$1] INVITE\nContent-Length: 0",
            ));
            steps.push(r#"<recv request="ACK"/>"#.to_owned());
            steps[0] = r#"<recv request="INVITE" rrs="true"><action>
                <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="1"/>
                </action></recv>"#
                .to_owned();
        }
    }
    match answer {
        Answer::Accepts => {
            steps.push(r#"<recv request="BYE"/>"#.to_owned());
            steps.push(send(&format!("SIP/2.0 200 OK\n{COPIED_IN_DIALOG}\nContent-Length: 0")));
        }
        Answer::AcceptsAndLeaves { after_ms } => {
            steps.push(pause(after_ms));
            steps.push(send_lossy(
                "BYE [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
                 From: [$2]\nTo: [$1]\nCall-ID: [call_id]\nCSeq: 2 BYE\nMax-Forwards: 70\nContent-Length: 0",
            ));
            steps.push(r#"<recv response="200"/>"#.to_owned());
            steps[0] = r#"<recv request="INVITE" rrs="true"><action>
                <ereg regexp=".*" search_in="hdr" header="From:" assign_to="1"/>
                <ereg regexp=".*" search_in="hdr" header="To:" assign_to="3"/>
                <assignstr assign_to="2" value="[$3];tag=[pid]SIPp[call_number]"/>
                </action></recv>"#
                .to_owned();
        }
        Answer::Refuses { .. } | Answer::Rings => {}
    }
    steps.join("\n")
}

fn response(status: u16, phrase: &str, extra: &str) -> String {
    format!("SIP/2.0 {status} {phrase}\n{COPIED}\n{extra}Content-Length: 0")
}

fn bye(target: &str, from: &str, cseq: u32) -> String {
    format!(
        "BYE {target} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\nFrom: {from}\n\
         [last_To:]\nCall-ID: [call_id]\nCSeq: {cseq} BYE\n[routes]\nMax-Forwards: 70\nContent-Length: 0"
    )
}

/// A message that is sent once.
fn send(message: &str) -> String {
    format!("<send><![CDATA[\n{message}\n\n]]></send>")
}

/// A message that is repeated until something answers it.
fn send_lossy(message: &str) -> String {
    format!("<send retrans=\"500\"><![CDATA[\n{message}\n\n]]></send>")
}

fn pause(milliseconds: u32) -> String {
    format!("<pause milliseconds=\"{milliseconds}\"/>")
}
