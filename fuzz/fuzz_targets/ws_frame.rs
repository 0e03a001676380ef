#![no_main]

#[path = "../../core/sip-proto/tests/torture/targets.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::ws_frame(data));
