//! JSON for people: one value a line, in the order and with the figures that were sent.

/// Returns the text with its blanks set anew; what is no JSON comes back as it is.
pub(crate) fn pretty(text: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut rest = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    while let Some(c) = rest.next() {
        if in_text {
            out.push(c);
            (escaped, in_text) = (c == '\\' && !escaped, c != '"' || escaped);
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                while rest.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                out.push(c);
                match rest.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                in_text = c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_line_and_keeps_its_place_and_figures() {
        let text = r#"{"z":1.10,"a":[ ],"s":"a, \"b\": {\\","o":{"x":[1,{}]}}"#;
        let expected = "{\n  \"z\": 1.10,\n  \"a\": [],\n  \"s\": \"a, \\\"b\\\": {\\\\\",\n  \"o\": {\n    \"x\": [\n      1,\n      {}\n    ]\n  }\n}";
        assert_eq!(pretty(text), expected);
    }

    #[test]
    fn it_means_the_same() {
        for name in domain::EventName::ALL {
            let text = webhooks::sample(*name);
            let again: serde_json::Value = serde_json::from_str(&pretty(&text)).unwrap();
            assert_eq!(again, serde_json::from_str::<serde_json::Value>(&text).unwrap());
        }
    }

    #[test]
    fn what_is_no_json_stays() {
        for text in ["", "OK", "{", "<html>", "{\"a\":}"] {
            assert_eq!(pretty(text), text);
        }
    }
}
