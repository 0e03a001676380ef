//! Templates from text to segments.

use std::{collections::BTreeMap, time::Duration};

use proptest::{prelude::any, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::{
    segment::{self, Joint, Segment, Source},
    slot::{Unreadable, Value},
};

fn kinds(list: &[(&str, Kind)]) -> BTreeMap<String, Kind> {
    list.iter().map(|(code, kind)| ((*code).to_owned(), *kind)).collect()
}

fn values(list: &[(&str, &str)]) -> BTreeMap<String, Value> {
    list.iter().map(|(code, value)| ((*code).to_owned(), Value::Text((*value).to_owned()))).collect()
}

fn plan(text: &str, reading: Reading) -> Plan {
    Template::parse(text).unwrap().plan(&BTreeMap::new(), reading)
}

fn said(text: &str, list: &[(&str, &str)], reading: Reading) -> String {
    segment::text(&plan(text, reading).fill(&values(list)).unwrap())
}

fn problems(text: &str) -> Vec<String> {
    Template::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

fn one(kind: Kind, value: Value, reading: Reading) -> Result<String, Unreadable> {
    let template = Template::parse("{{x}}").unwrap().plan(&kinds(&[("x", kind)]), reading);
    match template.fill(&BTreeMap::from([("x".to_owned(), value)])) {
        Ok(segments) => Ok(segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ")),
        Err(refusals) => match &refusals[..] {
            [Refusal::Unreadable { why, .. }] => Err(*why),
            other => panic!("{other:?}"),
        },
    }
}

#[test]
fn a_script_is_cut_into_what_is_constant_and_what_is_not() {
    let text = "Xin chào {{name|name}}, quý khách nợ {{amount|money}} đồng, hạn ngày {{due|date}}. Xin cảm ơn!";
    let list = values(&[("name", "Nguyễn Văn Đức"), ("amount", "1523056"), ("due", "05/04/2026")]);
    let segments = plan(text, Reading::NORTH).fill(&list).unwrap();
    let found: Vec<_> = segments.iter().map(|s| (s.text.as_str(), s.joint, s.source)).collect();
    assert_eq!(
        found,
        [
            ("Xin chào", Joint::Slot, Source::Constant),
            ("Nguyễn Văn Đức", Joint::Clause, Source::Slot(Kind::Name)),
            ("quý khách nợ", Joint::Slot, Source::Constant),
            ("một triệu", Joint::Phrase, Source::Slot(Kind::Money)),
            ("năm trăm hai mươi ba nghìn", Joint::Phrase, Source::Slot(Kind::Money)),
            ("không trăm năm mươi sáu", Joint::Phrase, Source::Slot(Kind::Money)),
            ("đồng", Joint::Clause, Source::Slot(Kind::Money)),
            ("hạn ngày", Joint::Slot, Source::Constant),
            ("mùng năm", Joint::Phrase, Source::Slot(Kind::Date)),
            ("tháng tư", Joint::Phrase, Source::Slot(Kind::Date)),
            ("năm hai nghìn không trăm hai mươi sáu", Joint::Sentence, Source::Slot(Kind::Date)),
            ("Xin cảm ơn!", Joint::Sentence, Source::Constant),
        ]
    );
    assert_eq!(
        segment::text(&segments),
        "Xin chào Nguyễn Văn Đức, quý khách nợ một triệu năm trăm hai mươi ba nghìn không trăm năm mươi sáu đồng, \
         hạn ngày mùng năm tháng tư năm hai nghìn không trăm hai mươi sáu. Xin cảm ơn!"
    );
}

#[test]
fn constants_are_known_before_any_lead() {
    let plan = plan("Xin chào {{name}}, mời bấm 1. Xin cảm ơn {{name}}", Reading::NORTH);
    let constants: Vec<_> = plan.constants().map(|segment| segment.text.as_str()).collect();
    assert_eq!(constants, ["Xin chào", "mời bấm một.", "Xin cảm ơn"]);
    for name in ["An", "Bình"] {
        let segments = plan.fill(&values(&[("name", name)])).unwrap();
        let found: Vec<&Segment> = segments.iter().filter(|segment| segment.source == Source::Constant).collect();
        assert_eq!(found, plan.constants().collect::<Vec<_>>());
    }
}

#[test]
fn no_lead_hears_the_name_of_another() {
    let plan = plan("Xin chào {{name|name}}.", Reading::NORTH);
    let text = |name: &str| segment::text(&plan.fill(&values(&[("name", name)])).unwrap());
    assert_eq!(text("An"), "Xin chào An.");
    assert_eq!(text("Ân"), "Xin chào Ân.");
    let segments = plan.fill(&values(&[("name", "An")])).unwrap();
    let personal: Vec<bool> = segments.iter().map(|segment| segment.source.is_personal()).collect();
    assert_eq!(personal, [false, true]);
}

#[test]
fn the_declared_type_reads_the_value_and_the_one_beside_it_wins() {
    let template = Template::parse("{{a}} {{a|digits}} {{b}}").unwrap();
    let plan = template.plan(&kinds(&[("a", Kind::Money)]), Reading::NORTH);
    let text = segment::text(&plan.fill(&values(&[("a", "1500"), ("b", "5%")])).unwrap());
    assert_eq!(text, "một nghìn năm trăm đồng một năm không không năm phần trăm.");
    assert_eq!(template.variables(), ["a", "b"]);
}

#[test]
fn a_unit_behind_a_slot_is_said_once() {
    for (text, value, expected) in [
        ("Nợ {{x|money}} đồng nhé", "500000", "Nợ năm trăm nghìn đồng nhé."),
        ("Nợ {{x|money}}đ.", "500000đ", "Nợ năm trăm nghìn đồng."),
        ("Nợ {{x|number}} VND", "500000", "Nợ năm trăm nghìn đồng."),
        ("Nợ {{x|money}} USD", "5", "Nợ năm đô la Mỹ."),
        ("Giảm {{x|percent}}%", "10", "Giảm mười phần trăm."),
        ("Giảm {{x|number}} phần trăm", "10%", "Giảm mười phần trăm."),
        ("Còn {{x|number}} ngày", "3", "Còn ba ngày."),
        ("Nợ {{x|text}} đồng", "ba", "Nợ ba đồng."),
    ] {
        assert_eq!(said(text, &[("x", value)], Reading::NORTH), expected, "{text}");
    }
    assert_eq!(said("Save {{x|percent}}% now", &[("x", "10")], Reading::English), "Save ten percent now.");
}

#[test]
fn values_are_read_as_their_type_says() {
    use Kind::{Date, Digits, Money, Name, Number, Percent, Text, Time};
    for (kind, value, vi, en) in [
        (Name, "Nguyễn Văn  Đức 🌸", "Nguyễn Văn Đức", "Nguyễn Văn Đức"),
        (Name, "Công ty 24H", "Công ty hai mươi tư giờ", "Công ty twenty four H"),
        (Name, "Anne-Marie O’Brien", "Anne-Marie O'Brien", "Anne-Marie O'Brien"),
        (Money, "1.500.000", "một triệu năm trăm nghìn đồng", "one million five hundred thousand dong"),
        (Money, "1,500,000", "một triệu năm trăm nghìn đồng", "one million five hundred thousand dong"),
        (Money, "1500000.00", "một triệu năm trăm nghìn đồng", "one million five hundred thousand dong"),
        (Money, "1,500 đ", "một nghìn năm trăm đồng", "one thousand five hundred dong"),
        (Money, "VND 2000", "hai nghìn đồng", "two thousand dong"),
        (Money, "-200000", "âm hai trăm nghìn đồng", "minus two hundred thousand dong"),
        (Money, "19.99 USD", "mười chín phẩy chín chín đô la Mỹ", "nineteen dollars and ninety nine cents"),
        (Money, "$5", "năm đô la Mỹ", "five dollars"),
        (Money, "500k", "năm trăm nghìn", "five hundred thousand"),
        (Number, "1.005", "một nghìn không trăm linh năm", "one point zero zero five"),
        (Number, "-0", "không", "zero"),
        (Number, "2,05", "hai phẩy không năm", "two point zero five"),
        (Percent, "12,5", "mười hai phẩy năm phần trăm", "twelve point five percent"),
        (Percent, "25 %", "hai mươi lăm phần trăm", "twenty five percent"),
        (
            Digits,
            "0912345678",
            "không chín một hai ba bốn năm sáu bảy tám",
            "zero nine one two three four five six seven eight",
        ),
        (
            Digits,
            "+84 912 345 678",
            "cộng tám bốn chín một hai ba bốn năm sáu bảy tám",
            "plus eight four nine one two three four five six seven eight",
        ),
        (Digits, "hd-12", "hát đê mười hai", "H D twelve"),
        (
            Date,
            "2026-04-05",
            "ngày mùng năm tháng tư năm hai nghìn không trăm hai mươi sáu",
            "April fifth twenty twenty six",
        ),
        (Date, "05/04", "ngày mùng năm tháng tư", "April fifth"),
        (
            Date,
            "2026-04-05T08:30:00",
            "ngày mùng năm tháng tư năm hai nghìn không trăm hai mươi sáu",
            "April fifth twenty twenty six",
        ),
        (Time, "08:30", "tám giờ ba mươi phút", "eight thirty"),
        (Time, "8h30", "tám giờ ba mươi phút", "eight thirty"),
        (Time, "2:30 PM", "hai giờ ba mươi phút chiều", "two thirty P M"),
        (Time, "2026-04-05 14:00:00.000", "mười bốn giờ", "two P M"),
        (Text, "gọi lại sau 5 phút.", "gọi lại sau năm phút", "gọi lại sau five phút"),
    ] {
        let value = Value::Text(value.to_owned());
        assert_eq!(one(kind, value.clone(), Reading::NORTH).as_deref(), Ok(vi), "{value:?}");
        assert_eq!(one(kind, value.clone(), Reading::English).as_deref(), Ok(en), "{value:?}");
    }
}

#[test]
fn a_json_number_is_written_otherwise_than_people_write() {
    let text = Value::Text("1.125".to_owned());
    let number = Value::Number("1.125".to_owned());
    assert_eq!(one(Kind::Number, text, Reading::NORTH).unwrap(), "một nghìn một trăm hai mươi lăm");
    assert_eq!(one(Kind::Number, number.clone(), Reading::NORTH).unwrap(), "một phẩy một hai năm");
    assert_eq!(one(Kind::Money, number, Reading::NORTH), Err(Unreadable::PartOfDong));
    assert_eq!(
        one(Kind::Money, Value::Number("1500000".to_owned()), Reading::SOUTH).unwrap(),
        "một triệu năm trăm ngàn đồng"
    );
}

#[test]
fn values_that_are_not_what_they_should_be_are_refused() {
    use Kind::{Date, Digits, Money, Name, Number, Percent, Text, Time};
    let long = "a".repeat(501);
    for (kind, value, why) in [
        (Name, "", Unreadable::Empty),
        (Name, "🌸", Unreadable::Empty),
        (Name, "...", Unreadable::Empty),
        (Name, &long, Unreadable::TooLong(100)),
        (Name, "An\u{1b}[2J", Unreadable::Control),
        (Text, "\0", Unreadable::Control),
        (Text, "\u{1cd0}", Unreadable::Empty),
        (Text, &long, Unreadable::TooLong(500)),
        (Text, " ~ ", Unreadable::Empty),
        (Money, "nhiều", Unreadable::NotMoney),
        (Money, "1500000.5", Unreadable::PartOfDong),
        (Money, "1.2.3", Unreadable::NotMoney),
        (Number, "12a", Unreadable::NotNumber),
        (Percent, "nửa", Unreadable::NotPercent),
        (Digits, "không", Unreadable::NotDigits),
        (Digits, "abc", Unreadable::NotDigits),
        (Date, "2026-02-30", Unreadable::NotDate),
        (Date, "04/25/2026", Unreadable::NotDate),
        (Date, "mai", Unreadable::NotDate),
        (Date, "1/1/0001", Unreadable::NotDate),
        (Date, "2026-04-05T20:00:00Z", Unreadable::Zoned),
        (Time, "24:60", Unreadable::NotTime),
        (Time, "8", Unreadable::NotTime),
        (Time, "08:30+07:00", Unreadable::Zoned),
    ] {
        assert_eq!(one(kind, Value::Text(value.to_owned()), Reading::NORTH), Err(why), "{kind:?} {value:?}");
    }
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let plan = plan("{{name}} {{amount|money}} {{due|date}} {{name}} {{note}}", Reading::NORTH);
    let refusals = plan.fill(&values(&[("amount", "nhiều"), ("other", "x")])).unwrap_err();
    let said: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "name is missing",
            "amount is no amount of money, such as 1500000 or 19.99 USD",
            "due is missing",
            "note is missing",
        ]
    );
}

#[test]
fn mistakes_are_told_with_their_places() {
    for (text, expected) in [
        ("", vec!["line 1, column 1: there is nothing to be said"]),
        (" , . ", vec!["line 1, column 1: there is nothing to be said"]),
        ("Chào {{name", vec!["line 1, column 6: the placeholder is not closed by }}"]),
        (
            "Chào {{name\n}} ạ",
            vec![
                "line 1, column 6: the placeholder is not closed by }}",
                "line 2, column 1: a single brace: variables stand in two, as in {{customer_name}}",
            ],
        ),
        ("a {{x {{y}}", vec!["line 1, column 3: the placeholder is not closed by }}"]),
        (
            "Chào {name}",
            vec![
                "line 1, column 6: a single brace: variables stand in two, as in {{customer_name}}",
                "line 1, column 11: a single brace: variables stand in two, as in {{customer_name}}",
            ],
        ),
        ("{{}}", vec!["line 1, column 1: the placeholder names no variable"]),
        ("{{ |date}}", vec!["line 1, column 1: the placeholder names no variable"]),
        (
            "{{Tên}}",
            vec!["line 1, column 1: \"Tên\" is no variable: small letters, digits and _ after a letter, 64 at most"],
        ),
        (
            "{{9x}}",
            vec!["line 1, column 1: \"9x\" is no variable: small letters, digits and _ after a letter, 64 at most"],
        ),
        (
            "{{x|colour}}",
            vec!["line 1, column 1: \"colour\" is no type: name, money, number, digits, date, time, percent or text"],
        ),
        (
            "dòng một\nhai 👋 {{x}}\u{7}",
            vec![
                "line 2, column 5: '👋' is a picture and cannot be said",
                "line 2, column 12: the character U+0007 controls devices and cannot be said",
            ],
        ),
        // Columns count letters as they are seen, however they are made.
        (
            "Nguye\u{302}\u{303}n }",
            vec!["line 1, column 8: a single brace: variables stand in two, as in {{customer_name}}"],
        ),
    ] {
        assert_eq!(problems(text), expected, "{text:?}");
    }
}

#[test]
fn a_decomposed_template_is_the_composed_one() {
    let decomposed = Template::parse("Cha\u{300}o {{name}} nhe\u{301}\u{200b}").unwrap();
    assert_eq!(decomposed, Template::parse("Chào {{ name }} nhé").unwrap());
}

#[test]
fn limits_hold_at_their_edges() {
    let slots = |count: usize| "{{x}} ".repeat(count);
    assert!(Template::parse(&slots(MOST_SLOTS)).is_ok());
    assert_eq!(problems(&slots(MOST_SLOTS + 1)), ["line 1, column 601: there are more than 100 placeholders"]);
    let variables = |count: usize| (0..count).map(|at| format!("{{{{v{at}}}}} ")).collect::<String>();
    assert!(Template::parse(&variables(MOST_VARIABLES)).is_ok());
    assert!(problems(&variables(MOST_VARIABLES + 2))[0].ends_with("there are more than 32 different variables"));
    assert_eq!(problems(&variables(MOST_VARIABLES + 2)).len(), 1);
    assert!(Template::parse(&"ệ".repeat(MOST_CHARS)).is_ok());
    assert!(Template::parse(&"e\u{323}\u{302}".repeat(MOST_CHARS)).is_ok());
    assert!(problems(&"ệ".repeat(MOST_CHARS + 1))[0].contains("longer than 10000"));
    assert!(Template::parse(&format!("{{{{{}}}}}", "a".repeat(MOST_CODE))).is_ok());
    assert!(Template::parse(&format!("{{{{{}}}}}", "a".repeat(MOST_CODE + 1))).is_err());
    assert_eq!(problems(&"}".repeat(5_000)).len(), 50);
}

#[test]
fn ten_megabytes_are_refused_without_being_read() {
    let text = "ệ{{x}}".repeat(1_300_000);
    assert!(text.len() > 10_000_000);
    let problems = Template::parse(&text).unwrap_err();
    assert_eq!(problems, [Problem { line: 1, column: 1, fault: Fault::TooLong }]);
}

#[test]
fn pauses_grow_with_what_ends() {
    let pauses = [Joint::Phrase, Joint::Slot, Joint::Clause, Joint::Sentence].map(Joint::pause);
    assert_eq!(pauses, [0, 60, 120, 250].map(Duration::from_millis));
    assert!(pauses.is_sorted());
}

/// The work grows with the text and not faster: counted in what is said, since clocks are for benches.
#[test]
fn long_texts_of_any_shape_are_read_to_their_end() {
    for piece in [
        "1", "1.", "1,", "-1", "a1", "A-1", "{", "a.", "1/", "0 ", "http://", "a@", "$", "TP.", "1 000 ", "(1", "+1",
        "ộ", "II ", "x1", "T2-",
    ] {
        let text = piece.repeat(4_000 / piece.len());
        for reading in [Reading::NORTH, Reading::English] {
            let said = crate::normalise(&text, reading);
            assert!(said.len() < text.len() * 40, "{piece}: {}", said.len());
        }
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = Template::parse(&text);
    }

    #[test]
    fn braces_in_any_order_never_panic(text in "[{}|a_1 \\nộ👋]{0,80}") {
        match Template::parse(&text) {
            Ok(template) => {
                let plan = template.plan(&BTreeMap::new(), Reading::NORTH);
                let list = template.variables().into_iter().map(|code| (code.to_owned(), Value::Text("năm".to_owned())));
                prop_assert!(plan.fill(&list.collect()).is_ok());
            }
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn what_is_said_consists_of_words_and_marks(text in any::<String>(), digits in "[-0-9a-zA-Z.,:/ $%đ@#x()+]{0,60}") {
        for reading in [Reading::NORTH, Reading::SOUTH, Reading::English] {
            for text in [&text, &digits] {
                let said = crate::normalise(text, reading);
                let is_part = |c: char| {
                    c.is_alphabetic() || unicode_normalization::char::is_combining_mark(c) || " ,.?!'".contains(c)
                };
                prop_assert!(said.chars().all(is_part), "{text:?}: {said:?}");
                prop_assert!(unicode_normalization::is_nfc(&said) && !said.contains("  ") && said.trim() == said);
            }
        }
    }

    #[test]
    fn any_value_is_read_or_refused(value in any::<String>(), text in "[-0-9.,:/TZ đ$%kUSD+]{0,24}") {
        for kind in Kind::ALL {
            for reading in [Reading::NORTH, Reading::English] {
                for value in [Value::Text(value.clone()), Value::Text(text.clone()), Value::Number(text.clone())] {
                    if let Ok(said) = one(*kind, value, reading) {
                        prop_assert!(said.chars().any(char::is_alphabetic));
                        prop_assert!(*kind == Kind::Name || !said.contains(|c: char| c.is_ascii_digit()));
                    }
                }
            }
        }
    }

    /// Twice the text is said by twice the words, and rendering leaves the constants alone.
    #[test]
    fn rendering_is_linear_in_the_template(words in "[a-zà-ỹ]{1,6}( [a-zà-ỹ]{1,6}){0,5}", times in 1_usize..20) {
        let count = |times: usize| {
            let plan = plan(&format!("{words} {{{{x}}}}, ").repeat(times), Reading::NORTH);
            plan.fill(&values(&[("x", "12.345đ")])).unwrap().len()
        };
        prop_assert_eq!(count(times), times * count(1));
    }
}
