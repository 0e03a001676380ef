//! Answers for people: a table for a list, a line a field for one thing.

use serde_json::Value;

/// Returns the answer as lines of text.
pub(super) fn render(answer: &Value) -> String {
    match answer {
        Value::Array(rows) => table(rows),
        Value::Object(fields) => {
            let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            fields.iter().map(|(name, value)| format!("{name:<width$}  {}\n", cell(value))).collect()
        }
        other => format!("{}\n", cell(other)),
    }
}

fn table(rows: &[Value]) -> String {
    let Some(first) = rows.first().and_then(Value::as_object) else { return "None.\n".to_owned() };
    let names: Vec<&String> = first.keys().collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| names.iter().map(|name| cell(&row[name.as_str()])).collect()).collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|column| {
            let widest = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            widest.max(names[column].chars().count())
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let head = line(names.iter().map(|name| name.as_str()).collect());
    cells.iter().fold(head, |text, row| text + &line(row.iter().map(String::as_str).collect()))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_tables_and_one_thing_is_a_line_a_field() {
        let list = json!([{"id": 1, "name": "An"}, {"id": 22, "name": null}]);
        assert_eq!(render(&list), "id  name\n1   An\n22  -\n");
        assert_eq!(render(&json!([])), "None.\n");
        assert_eq!(render(&json!({"id": 1, "scopes": ["a", "b"]})), "id      1\nscopes  a,b\n");
    }
}
