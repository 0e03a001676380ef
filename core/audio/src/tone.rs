//! Call progress tones.

/// The tones that a caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// The far phone rings: 1 s on, 4 s off.
    Ringback,
    /// The far end is busy: 0.5 s on, 0.5 s off.
    Busy,
    /// The call cannot be set up: 0.25 s on, 0.25 s off.
    Congestion,
}
