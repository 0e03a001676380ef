//! One REGISTER at a carrier, at whichever of its registrars takes it.

use std::time::Duration;

use sip::{Destination, OutOfDialog, Sip, Target, TrunkCredentials};
use sip_proto::message::{Message, Name};
use tokio::time::timeout;

use super::{Settings, place};

/// The longest wait for one destination.
const PATIENCE: Duration = Duration::from_secs(10);
/// Destinations that are tried in one attempt, over all registrars.
const MOST: usize = 16;
/// The longest registration that a carrier may ask for with 423.
const LONGEST: u32 = 86_400;

/// A registration with its place in the sequence of requests.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) call_id: String,
    pub(super) cseq: u32,
    /// Seconds to ask for; a 423 raises it.
    pub(super) expires: u32,
}

/// What a registrar granted.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) registrar: String,
    pub(super) to: Destination,
    pub(super) seconds: u32,
}

/// Why no registrar granted anything: what the last one said.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) why: String,
    /// The wait that it asked for.
    pub(super) retry_after: Option<Duration>,
}

/// Registers at the first registrar that takes it, `last` before the others.
pub(super) async fn register(
    sip: &Sip,
    settings: &Settings,
    line: &mut Line,
    last: Option<&str>,
) -> Result<Granted, Failed> {
    let mut failed = Failed { why: "there is no registrar".to_owned(), retry_after: None };
    let mut registrars: Vec<&str> = settings.registrars().collect();
    registrars.sort_by_key(|registrar| Some(*registrar) != last);
    let mut tried = 0;
    for registrar in registrars {
        let Some((host, port)) = place(registrar) else { continue };
        let target = Target { host, port, transport: Some(settings.transport) };
        let destinations = match sip.resolve(target).await {
            Ok(destinations) => destinations,
            Err(error) => {
                failed.why = error.to_string();
                continue;
            }
        };
        for to in destinations {
            tried += 1;
            if tried > MOST {
                return Err(failed);
            }
            match at(sip, settings, line, registrar, to).await {
                Ok(granted) => return Ok(granted),
                Err(other) => failed = other,
            }
        }
    }
    Err(failed)
}

/// Registers at one destination; a 423 is followed once.
async fn at(
    sip: &Sip,
    settings: &Settings,
    line: &mut Line,
    registrar: &str,
    to: Destination,
) -> Result<Granted, Failed> {
    for _ in 0..2 {
        let response = ask(sip, settings, line, to, line.expires).await?;
        let status = response.status().unwrap_or_default();
        match status {
            200..=299 => {
                let seconds = granted(&response, &sip.contact(&settings.contact, to)).unwrap_or(line.expires);
                return Ok(Granted { registrar: registrar.to_owned(), to, seconds });
            }
            423 => {
                let min = number(&response, Name::MinExpires).filter(|min| (line.expires..=LONGEST).contains(min));
                match min {
                    Some(min) if min > line.expires => line.expires = min,
                    _ => return Err(refused(&response)),
                }
            }
            _ => return Err(refused(&response)),
        }
    }
    Err(Failed { why: "423 again".to_owned(), retry_after: None })
}

/// Takes a registration back.
pub(super) async fn leave(sip: &Sip, settings: &Settings, line: &mut Line, granted: &Granted) {
    if let Err(failed) = ask(sip, settings, line, granted.to, 0).await {
        tracing::info!(trunk = %settings.name, why = failed.why, "the registration is left to run out");
    }
}

async fn ask(
    sip: &Sip,
    settings: &Settings,
    line: &mut Line,
    to: Destination,
    expires: u32,
) -> Result<Message, Failed> {
    line.cseq += 1;
    let aor = format!("sip:{}@{}", settings.aor_user, settings.domain);
    let request = OutOfDialog {
        method: "REGISTER".to_owned(),
        target_uri: format!("sip:{}", settings.domain),
        destination: to,
        from_uri: aor.clone(),
        to_uri: aor,
        call_id: Some(line.call_id.clone()),
        cseq: line.cseq,
        headers: vec![
            ("Contact".to_owned(), format!("<{}>", sip.contact(&settings.contact, to))),
            ("Expires".to_owned(), expires.to_string()),
        ],
        body: None,
        credentials: Some(TrunkCredentials {
            username: settings.username.clone(),
            password: settings.password.clone(),
            realm: settings.realm.clone(),
        }),
    };
    let failed = |why: String| Failed { why, retry_after: None };
    let answer = timeout(PATIENCE, sip.request(request)).await;
    let response =
        answer.map_err(|_| failed("nobody answered".to_owned()))?.map_err(|error| failed(error.to_string()))?;
    // A challenge was answered by a request of its own.
    line.cseq = line.cseq.max(response.message.cseq().0);
    Ok(response.message)
}

/// Returns the seconds that our contact was granted, else those of the whole answer.
fn granted(response: &Message, ours: &str) -> Option<u32> {
    let mut contacts = response.contacts();
    let own = contacts.find(|contact| contact.uri().as_str() == ours).and_then(|contact| contact.expires());
    own.or_else(|| response.expires())
}

fn refused(response: &Message) -> Failed {
    let status = response.status().unwrap_or_default();
    let retry_after = number(response, Name::RetryAfter).map(|seconds| Duration::from_secs(seconds.into()));
    Failed { why: format!("the registrar answered {status}"), retry_after }
}

/// Reads the number at the start of a header.
fn number(response: &Message, name: Name) -> Option<u32> {
    let value = response.header(name)?.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(value.get(..digits)?).ok()?.parse().ok()
}
