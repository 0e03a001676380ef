//! What may be done to a call that is up: hold, keys, transfer, recording, supervision.

use domain::{CallId, LegId, Permission, Principal, number, principal::Access};
use serde_json::{Value, json};
use web::{Fields, Rule};

use crate::{
    Pbx,
    driver::live::{Command, Conflict, Reply, Supervise, SuperviseMode, Transfer, TransferMode, Who},
    error::{Error, Result},
    ops::may_manage,
};

/// Most keys pressed by one request.
const MAX_DIGITS: usize = 64;
/// Longest number that a call is handed on to.
const MAX_NUMBER: usize = 32;

/// What may be asked of a call without saying more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Hold,
    Unhold,
    PauseRecording,
    ResumeRecording,
    /// Ends an attended transfer in favour of the one who was asked.
    CompleteTransfer,
    /// Ends an attended transfer in favour of the one who asked.
    CancelTransfer,
}

impl Action {
    /// Returns the name in the audit log.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "call.hold",
            Self::Unhold => "call.unhold",
            Self::PauseRecording => "call.recording_pause",
            Self::ResumeRecording => "call.recording_resume",
            Self::CompleteTransfer => "call.transfer_complete",
            Self::CancelTransfer => "call.transfer_cancel",
        }
    }

    const fn command(self, by: Who, reply: Reply) -> Command {
        match self {
            Self::Hold => Command::Hold { by, reply },
            Self::Unhold => Command::Unhold { by, reply },
            Self::PauseRecording => Command::PauseRecording { reply },
            Self::ResumeRecording => Command::ResumeRecording { reply },
            Self::CompleteTransfer => Command::CompleteTransfer { reply },
            Self::CancelTransfer => Command::CancelTransfer { reply },
        }
    }
}

/// Does something to a call; `leg` names the party that does it where it is not the account's own.
pub(crate) async fn act(pbx: &Pbx, who: &Principal, call: CallId, action: Action, leg: Option<LegId>) -> Result<()> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    let by = party(leg);
    ask(pbx, who, call, (action.as_str(), json!({ "leg": leg })), |reply| action.command(by, reply)).await
}

/// Presses keys towards the other side, or towards `leg`.
pub(crate) async fn press(
    pbx: &Pbx,
    who: &Principal,
    call: CallId,
    digits: Option<String>,
    leg: Option<LegId>,
) -> Result<()> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    known(pbx, who, call)?;
    let mut fields = Fields::new();
    let digits = fields.require("digits", digits).unwrap_or_default().to_ascii_uppercase();
    if fields.is_empty() {
        fields.check("digits", (1..=MAX_DIGITS).contains(&digits.len()), Rule::Length(1, MAX_DIGITS));
        fields.check("digits", digits.bytes().all(|key| b"0123456789*#ABCD".contains(&key)), Rule::Format);
    }
    super::super::refuse(fields)?;
    // Keys may be a PIN or a card number: how many there were is all that is kept.
    let detail = json!({ "keys": digits.len(), "leg": leg });
    let digits = digits.into_boxed_str();
    ask(pbx, who, call, ("call.dtmf", detail), |reply| Command::Dtmf { digits, to: party(leg), reply }).await
}

/// A wish to hand a call on.
#[derive(Clone, Debug, Default)]
pub(crate) struct TransferWish {
    pub(crate) to: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) leg: Option<LegId>,
}

/// Hands the other side on to a number; attended, the number is asked first.
pub(crate) async fn transfer(pbx: &Pbx, who: &Principal, call: CallId, wish: TransferWish) -> Result<()> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    known(pbx, who, call)?;
    let mut fields = Fields::new();
    let to = fields.require("to", wish.to).unwrap_or_default();
    if fields.is_empty() {
        fields.check("to", (1..=MAX_NUMBER).contains(&to.len()), Rule::Length(1, MAX_NUMBER));
        fields.check("to", to.bytes().all(|key| b"0123456789*#+".contains(&key)), Rule::Format);
    }
    let mode = match wish.mode.as_deref() {
        None | Some("blind") => TransferMode::Blind,
        Some("attended") => TransferMode::Attended,
        Some(_) => {
            fields.add("mode", Rule::Selected);
            TransferMode::Blind
        }
    };
    super::super::refuse(fields)?;
    let name = if mode == TransferMode::Blind { "blind" } else { "attended" };
    let detail = json!({ "to": number::masked(&to), "mode": name, "leg": wish.leg });
    let by = party(wish.leg);
    let command = |reply| Command::Transfer(Box::new(Transfer { to, mode, by, reply }));
    ask(pbx, who, call, ("call.transfer", detail), command).await
}

/// Rings the phones of an extension, whose owner then hears the call.
///
/// Listening in is a supervisor's right; agents have the scope of the API to make calls of their own.
pub(crate) async fn supervise(
    pbx: &Pbx,
    who: &Principal,
    call: CallId,
    extension: Option<String>,
    mode: Option<String>,
) -> Result<()> {
    let tenant = may_manage(who)?;
    known(pbx, who, call)?;
    let account = pbx.directory.account(tenant).ok_or(Error::NotFound("account"))?;
    let mut fields = Fields::new();
    let extension = fields.require("extension", extension).unwrap_or_default();
    if fields.is_empty() {
        fields.check("extension", account.active(&extension).is_some(), Rule::Selected);
    }
    let name = fields.require("mode", mode).unwrap_or_default();
    let mode = match name.as_str() {
        "listen" => Some(SuperviseMode::Listen),
        "whisper" => Some(SuperviseMode::Whisper),
        "barge" => Some(SuperviseMode::Barge),
        _ => None,
    };
    if !name.is_empty() {
        fields.check("mode", mode.is_some(), Rule::Selected);
    }
    super::super::refuse(fields)?;
    let Some(mode) = mode else { return Err(Error::NotFound("mode")) };
    let detail = json!({ "extension": extension, "mode": name });
    let command = |reply| Command::Supervise(Box::new(Supervise { extension, mode, reply }));
    ask(pbx, who, call, ("call.supervise", detail), command).await
}

fn party(leg: Option<LegId>) -> Who {
    leg.map_or(Who::Agent, Who::Leg)
}

/// Another account's call is none at all, whatever else is wrong with the request.
fn known(pbx: &Pbx, who: &Principal, call: CallId) -> Result<()> {
    pbx.live.find(who.tenant, call).map(|_| ()).ok_or(Error::NotFound("call"))
}

/// Asks a call's driver, and writes down who did.
async fn ask(
    pbx: &Pbx,
    who: &Principal,
    call: CallId,
    (action, detail): (&'static str, Value),
    command: impl FnOnce(Reply) -> Command,
) -> Result<()> {
    match pbx.live.ask(who.tenant, call, command).await {
        None => return Err(Error::NotFound("call")),
        Some(Err(conflict)) => return Err(refused(conflict)),
        Some(Ok(())) => {}
    }
    let mut tx = pbx.db.begin(who.tenant).await?;
    store::audit(&mut tx, who, action, &call.to_string(), detail).await?;
    tx.commit().await?;
    Ok(())
}

fn refused(conflict: Conflict) -> Error {
    match conflict {
        Conflict::WrongState => Error::CallState,
        Conflict::NoSuchParty => Error::CallParty,
        Conflict::NotRecorded => Error::RecordingState,
        Conflict::Unreachable(_) => Error::Unreachable,
    }
}
