//! What is said: scripts, their keys, and the variables that they name.

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use speech::{Kind, tree::Draft};
use store::FromRow;
use utoipa::ToSchema;

use super::names;

names! {
    pub(crate) enum ScriptStatus {
        Draft = "draft",
        Active = "active",
        Archived = "archived",
    }

    /// Who speaks.
    pub(crate) enum Tier {
        /// A provider, paid by the character, with the account's own key.
        Premium = "A",
        /// The voice of the server.
        Local = "B",
    }

    /// How a variable is read aloud.
    pub(crate) enum VariableType {
        Text = "text",
        Name = "name",
        Number = "number",
        Currency = "currency",
        Percent = "percent",
        Date = "date",
        Time = "time",
        Phone = "phone",
    }
}

impl VariableType {
    /// Returns how such a variable is spoken.
    pub(crate) fn kind(self) -> Kind {
        Kind::parse(self.as_str()).unwrap_or_default()
    }
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Variable {
    pub(crate) id: i64,
    pub(crate) variable_code: String,
    pub(crate) label: String,
    pub(crate) r#type: VariableType,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Script {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) template_text: String,
    pub(crate) voice_id: String,
    pub(crate) tts_tier: Tier,
    pub(crate) max_repeat_per_attempt: i64,
    pub(crate) status: ScriptStatus,
    /// JSON array of [`DtmfAction`].
    pub(crate) dtmf_actions: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Script {
    /// Returns the keys.
    pub(crate) fn actions(&self) -> Vec<DtmfAction> {
        // What was written here was checked; a text that somebody changed by hand has no keys.
        serde_json::from_str(&self.dtmf_actions).unwrap_or_default()
    }
}

/// A key of a script, and what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AutocallDtmfAction)]
pub(crate) struct DtmfAction {
    /// `0`-`9`, `*` or `#`.
    #[schema(example = "1")]
    pub(crate) digit: Option<String>,
    #[schema(example = "Talk to us", max_length = 255)]
    pub(crate) label: Option<String>,
    /// `playback`, `playback_then_hangup`, `switch_script`, `queue`, `repeat_script` or `hangup`.
    #[schema(example = "queue")]
    pub(crate) action_type: Option<String>,
    /// Of `playback` and `playback_then_hangup`: the `file_path` of a media file.
    #[schema(example = "/media/thank_you.wav")]
    pub(crate) target_audio_url: Option<String>,
    /// Of `queue`: the name of a queue; `name@default` is the same.
    #[schema(example = "support@default")]
    pub(crate) target_queue_name: Option<String>,
    /// Of `switch_script`: the other script.
    pub(crate) target_script_id: Option<i64>,
}

impl DtmfAction {
    /// Returns the key as the checks of `speech` take it.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            digit: self.digit.clone().unwrap_or_default(),
            label: self.label.clone().unwrap_or_default(),
            action_type: self.action_type.clone().unwrap_or_default(),
            target_audio_url: self.target_audio_url.clone(),
            target_queue_name: self.target_queue_name.clone(),
            target_script_id: self.target_script_id,
        }
    }
}
