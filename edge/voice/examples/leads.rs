//! What a campaign of many leads costs: how much of it is in the cache, and how fast the rest is rendered.
//! `cargo run --release -p voice --example leads -- 100000 500`

use std::{
    collections::{BTreeMap, HashMap},
    io::Write as _,
};

use speech::{Kind, Template, Value};
use tokio::time::Instant;
use voice::{Config, Voices};

const VOICE: &str = "vi-VN-female-01";
const FAMILIES: &[&str] = &["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ"];
const MIDDLES: &[&str] = &["Văn", "Thị", "Hữu", "Đức", "Minh", "Ngọc", "Quốc", "Thanh", "Thu", "Anh", "Hồng", "Gia"];
const NAMES: &[&str] = &[
    "An", "Bình", "Châu", "Dũng", "Đạt", "Giang", "Hà", "Hải", "Hạnh", "Hiếu", "Hoa", "Huệ", "Hùng", "Khánh", "Lan",
    "Linh", "Long", "Mai", "Nam", "Nga", "Phong", "Phúc", "Quân", "Quỳnh", "Sơn", "Tâm", "Thảo", "Trang", "Tuấn",
    "Yến",
];

/// xorshift64*: the same leads each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % most
    }

    /// Small numbers are likelier, as common names are.
    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let count = of.len() as u64;
        let at = self.below(count).min(self.below(count));
        of[usize::try_from(at).unwrap_or(0)]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let leads = arguments.next().transpose()?.unwrap_or(100_000);
    let renders = arguments.next().transpose()?.unwrap_or(500);
    let folder = std::env::temp_dir().join(format!("voice-leads-{}", std::process::id()));
    let voices = Voices::open(Config::new(&folder)).await?;
    let script = "Xin chào {{name|name}}, khoản vay của bạn là {{debt|money}}, đến hạn {{due|date}}. Bấm 1 để gặp.";
    let reading = voices.reading(VOICE).ok_or("no such voice")?;
    let plan = Template::parse(script).map_err(|error| format!("{error:?}"))?.plan(&BTreeMap::new(), reading);

    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    // Per kind of segment: how many were needed, and which were new.
    let mut needed: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut seen: HashMap<speech::Key, String> = HashMap::new();
    let start = Instant::now();
    for _ in 0..leads {
        let name = format!("{} {} {}", dice.pick(FAMILIES), dice.pick(MIDDLES), dice.pick(NAMES));
        let debt = (500 + dice.below(99_500)) * 1_000;
        let due = format!("{:02}/{:02}/2026", 1 + dice.below(28), 1 + dice.below(2));
        let values = [("name", name), ("debt", debt.to_string()), ("due", due)];
        let values = values.map(|(code, value)| (code.to_owned(), Value::Text(value)));
        for segment in plan.fill(&values.into()).map_err(|refused| format!("{refused:?}"))? {
            let kind = match segment.source {
                speech::segment::Source::Constant => "constant",
                speech::segment::Source::Slot(kind) => Kind::as_str(kind),
            };
            let count = needed.entry(kind).or_default();
            count.0 += 1;
            let key = voices.key(VOICE, &segment.text)?;
            if seen.insert(key, segment.text).is_none() {
                count.1 += 1;
            }
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{leads} leads planned in {:.1} s", start.elapsed().as_secs_f64())?;
    for (kind, (all, new)) in &needed {
        writeln!(
            out,
            "{kind:>9}: {all} segments, {new} clips, {:.2} % hits",
            100.0 * (1.0 - *new as f64 / *all as f64)
        )?;
    }
    let (all, new) = needed.values().fold((0, 0), |sum, (all, new)| (sum.0 + all, sum.1 + new));
    writeln!(out, "      all: {all} segments, {new} clips, {:.2} % hits", 100.0 * (1.0 - new as f64 / all as f64))?;

    let mut texts: Vec<&String> = seen.values().collect();
    texts.sort();
    let step = (texts.len() / usize::try_from(renders)?.max(1)).max(1);
    let texts: Vec<&String> = texts.into_iter().step_by(step).collect();
    let start = Instant::now();
    for chunk in texts.chunks(16) {
        for clip in futures_util::future::join_all(chunk.iter().map(|text| voices.clip(VOICE, text))).await {
            clip?;
        }
    }
    let (took, counters) = (start.elapsed().as_secs_f64(), voices.counters());
    let sound = counters.rendered_millis as f64 / 1_000.0;
    writeln!(
        out,
        "{} clips, {sound:.0} s of sound, rendered in {took:.1} s by 2 workers: {:.1} clips/s, {:.0} times real time; \
         {:.0} ms each with waiting, {:.0} ms at most; {} bytes",
        counters.renders,
        counters.renders as f64 / took,
        sound / took,
        counters.render_micros as f64 / 1_000.0 / counters.renders.max(1) as f64,
        counters.slowest_micros as f64 / 1_000.0,
        counters.bytes
    )?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
