//! The recording of a call: its sound and its picture.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use askama::filters::Safe;
use axum::{
    Extension,
    extract::{Path, State},
    response::{Html, IntoResponse},
};
use domain::CallId;
use http::HeaderMap;
use pbx::{
    model::Cdr,
    ops::{
        recordings,
        waveform::{self, Waveform},
    },
};

use super::call_of;
use crate::{Answer, Console, Failure, asked::Asked, view::View};

/// Pictures that are kept in memory, each of a kilobyte or so.
const MOST_WAVEFORMS: usize = 256;
/// Height of one channel in the picture, in its own units; the width is one for each stretch.
const HEIGHT: u32 = 64;

/// The pictures that were looked at last, by call; the oldest goes first.
#[derive(Clone, Default)]
pub(super) struct Waveforms(Arc<Mutex<Kept>>);

type Kept = VecDeque<(CallId, Arc<Waveform>)>;

impl Waveforms {
    fn find(&self, call: CallId) -> Option<Arc<Waveform>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(other, _)| *other == call).map(|(_, waveform)| waveform.clone())
    }

    fn keep(&self, call: CallId, waveform: Arc<Waveform>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(MOST_WAVEFORMS - 1);
        kept.push_front((call, waveform));
    }
}

/// Returns a call's record with the address of its recording within the console, if there is one.
pub(super) async fn record(console: &Console, view: &View, call: CallId) -> Result<(Cdr, Option<String>), Failure> {
    let (cdr, url) = recordings::show(&console.pbx.recordings(), view.who()?, call).await?;
    // The console may be reached by another name than the API: the page takes what signs the URL and stays at home.
    let signed = url.as_deref().and_then(|url| url.split_once('?')).map(|(_, signed)| signed);
    Ok((cdr, signed.map(|signed| format!("/calls/{call}/recording.wav?{signed}"))))
}

/// Sends the recording, or the range of it that the browser asks for. The signature runs out after half an hour.
pub(super) async fn sound(
    State(console): State<Console>,
    view: View,
    Path(uuid): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Answer {
    let call = call_of(&uuid)?;
    // Whoever may not see the record any more does not hear it, whatever they kept of it.
    pbx::ops::cdr::show(&console.pbx, view.who()?, call).await?;
    let (expires, signature) = (asked.text("expires"), asked.text("signature"));
    Ok(pbx::play_recording(&console.pbx, call, expires, signature, &headers).await?)
}

/// Draws how loud the recording is.
pub(super) async fn waveform(
    State(console): State<Console>,
    view: View,
    Path(uuid): Path<String>,
    Extension(kept): Extension<Waveforms>,
) -> Answer {
    let (who, call) = (view.who()?, call_of(&uuid)?);
    pbx::ops::cdr::show(&console.pbx, who, call).await?;
    let waveform = match kept.find(call) {
        Some(waveform) => waveform,
        None => {
            let waveform = Arc::new(waveform::of(&console.pbx.recordings(), who, call).await?);
            kept.keep(call, waveform.clone());
            waveform
        }
    };
    let Safe(mut html) = draw(&waveform);
    if waveform.channels.len() == 2 {
        let names = [view.t("dashboard.caller"), view.t("dashboard.called")];
        write!(html, "<div class=\"channel-names\"><span>{}</span><span>{}</span></div>", names[0], names[1])
            .expect("a string takes it");
    }
    Ok(Html(html).into_response())
}

/// Returns one line of bars for each channel, the loudest reaching the edges.
fn draw(waveform: &Waveform) -> Safe<String> {
    let width = waveform.channels.first().map_or(0, Vec::len).max(1);
    let lines = u32::try_from(waveform.channels.len()).unwrap_or(1).max(1);
    let height = HEIGHT * lines;
    let mut svg = format!(
        "<svg class=\"waveform\" viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    );
    for (line, channel) in waveform.channels.iter().enumerate() {
        let middle = f64::from(HEIGHT) * (line as f64 + 0.5);
        // Speech is far from the loudest there can be: each recording fills its own picture.
        let loudest = f64::from(channel.iter().copied().max().unwrap_or(0).max(8));
        let mut path = String::with_capacity(channel.len() * 16);
        for (at, loud) in channel.iter().enumerate() {
            let half = (f64::from(*loud) / loudest * f64::from(HEIGHT) * 0.46).max(0.8);
            write!(path, "M{at}.5,{:.1}v{:.1}", middle - half, half * 2.0).expect("a string takes it");
        }
        write!(svg, "<path class=\"channel-{line}\" d=\"{path}\"/>").expect("a string takes it");
    }
    svg.push_str("</svg>");
    Safe(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_bar_for_each_stretch_and_the_oldest_is_forgotten() {
        let Safe(svg) = draw(&Waveform { channels: vec![vec![0, 255], vec![128, 0]] });
        assert!(svg.contains("viewBox=\"0 0 2 128\""), "{svg}");
        assert!(svg.contains("M1.5,2.6v58.9"), "{svg}");
        assert!(svg.contains("channel-1"), "{svg}");
        assert!(draw(&Waveform { channels: Vec::new() }).0.contains("viewBox=\"0 0 1 64\""));

        let kept = Waveforms::default();
        let picture = Arc::new(Waveform { channels: Vec::new() });
        for number in 0..=MOST_WAVEFORMS {
            kept.keep(call_of(&format!("00000000-0000-0000-0000-{number:012}")).expect("a UUID"), picture.clone());
        }
        let find = |number: usize| kept.find(call_of(&format!("00000000-0000-0000-0000-{number:012}")).ok()?);
        assert!(find(0).is_none() && find(1).is_some() && find(MOST_WAVEFORMS).is_some());
    }
}
