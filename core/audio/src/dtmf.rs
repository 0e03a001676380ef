//! Key presses as telephone-events (RFC 4733).

/// The sixteen keys by event code.
const KEYS: [u8; 16] = *b"0123456789*#ABCD";

/// Returns the event code of a key, upper or lower case.
pub fn event_of(key: u8) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().position(|&known| known == key).and_then(|index| u8::try_from(index).ok())
}

/// Returns the key of an event code; other events (flash, tones) are no keys.
pub fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).map(|&key| char::from(key))
}
