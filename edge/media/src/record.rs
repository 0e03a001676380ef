use std::io;

#[derive(Clone)]
pub(crate) struct Recorder;

impl Recorder {
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self)
    }
}
