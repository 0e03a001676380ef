use std::io;
use std::time::Duration;

use crate::command::Inbox;
use crate::record::Recorder;

/// Starts one media thread.
pub(crate) fn start(number: usize, inbox: Inbox, recorder: Recorder, inactivity: Duration) -> io::Result<()> {
    let _ = (inbox.commands, inbox.bell.eventfd(), recorder, inactivity);
    std::thread::Builder::new().name(format!("media-{number}")).spawn(move || {})?;
    Ok(())
}
