//! `/api/autocall/voices`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Caller, Data, ErrorBody, OpenApiRouter, Result, routes};

use crate::Autocall;

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new().routes(routes!(list_voices))
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallVoice)]
struct VoiceBody {
    /// For `voice_id` of a script.
    #[schema(example = "vi-VN-female-01")]
    id: String,
    name: String,
    preview_url: Option<String>,
    /// `male` or `female`.
    gender: Option<String>,
    #[schema(example = "vi")]
    language: Option<String>,
}

/// Lists the voices that scripts may choose.
#[utoipa::path(get, path = "/api/autocall/voices", tag = "autocall", responses(
    (status = 200, body = Data<Vec<VoiceBody>>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn list_voices(State(autocall): State<Autocall>, Caller(who): Caller) -> Result<Data<Vec<VoiceBody>>> {
    let voices = autocall.voices(&who)?.iter().map(|voice| VoiceBody {
        id: voice.id.to_owned(),
        name: voice.name.to_owned(),
        preview_url: None,
        gender: Some(voice.gender.to_owned()),
        language: Some(voice.language.to_owned()),
    });
    Ok(Data(voices.collect()))
}
