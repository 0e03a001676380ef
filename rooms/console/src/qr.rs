//! QR codes as SVG, drawn here so that no secret leaves for a picture.

use std::fmt::Write as _;

use askama::filters::Safe;
use qrcodegen::{QrCode, QrCodeEcc};

/// White around the code, in modules (ISO/IEC 18004 asks for four).
const QUIET: i32 = 4;

/// Returns the code of a text; nothing if it is too long for one.
pub(crate) fn svg(text: &str, label: &str) -> Safe<String> {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return Safe(String::new()) };
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|&x| code.get_module(x, y)) {
            write!(path, "M{},{}h1v1h-1z", x + QUIET, y + QUIET).expect("a string takes it");
        }
    }
    let side = code.size() + 2 * QUIET;
    let mut escaped = String::new();
    for c in label.chars().filter(|c| !matches!(c, '<' | '>' | '&' | '"')) {
        escaped.push(c);
    }
    Safe(format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"{escaped}\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path class=\"qr-ground\" d=\"M0,0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_square_of_paths_and_its_label_cannot_break_out() {
        let Safe(svg) = svg("otpauth://totp/Zorio:an?secret=ABC", "\"><script>");
        assert!(svg.starts_with("<svg") && svg.contains("aria-label=\"script\""));
    }
}
