//! Answers for people: a table for a list, a line a field for one thing.

use serde_json::{Map, Value};

/// Returns the answer as lines of text.
pub(super) fn render(answer: &Value) -> String {
    match answer {
        Value::Array(rows) => table(rows),
        Value::Object(fields) => {
            let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            names(fields).map(|name| format!("{name:<width$}  {}\n", cell(&fields[name]))).collect()
        }
        other => format!("{}\n", cell(other)),
    }
}

fn table(rows: &[Value]) -> String {
    let Some(first) = rows.first().and_then(Value::as_object) else { return "None.\n".to_owned() };
    let names: Vec<&str> = names(first).collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|row| names.iter().map(|name| cell(&row[*name])).collect()).collect();
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
    let head = line(names);
    cells.iter().fold(head, |text, row| text + &line(row.iter().map(String::as_str).collect()))
}

/// Returns the fields' names: what identifies the thing first, its times last, the rest by name.
fn names(fields: &Map<String, Value>) -> impl Iterator<Item = &str> {
    const FIRST: [&str; 6] = ["id", "name", "username", "number", "kind", "status"];
    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
    names.sort_by_key(|name| {
        let place = FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len());
        (place, name.ends_with("_at"))
    });
    names.into_iter()
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
        let list =
            json!([{"a_at": "x", "id": 1, "b": true, "name": "An"}, {"a_at": "y", "id": 22, "b": 1, "name": null}]);
        assert_eq!(render(&list), "id  name  b     a_at\n1   An    true  x\n22  -     1     y\n");
        assert_eq!(render(&json!([])), "None.\n");
        assert_eq!(render(&json!({"id": 1, "scopes": ["a", "b"]})), "id      1\nscopes  a,b\n");
    }
}
