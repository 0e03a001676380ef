//! The document as one page of plain HTML: readable without scripts, searchable with the browser's own find.

use std::fmt::Write;

use serde_json::Value;

/// Most levels of a schema that are drawn inside each other.
const DEEPEST: usize = 6;

/// Returns the page.
pub(super) fn render(document: &Value) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Zorio API</title><link rel=stylesheet href=page.css></head><body><a class=skip href='#operations'>To the operations</a>",
    );
    let drawn = draw(&mut page, document);
    debug_assert!(drawn.is_ok(), "a String takes everything");
    page.push_str("</main></body></html>");
    page
}

fn draw(page: &mut String, document: &Value) -> std::fmt::Result {
    let tags: Vec<(&str, &str)> =
        list(&document["tags"]).map(|tag| (text(&tag["name"]), text(&tag["description"]))).collect();
    page.push_str("<nav aria-label=Operations><h1>Zorio API</h1>");
    page.push_str("<p><a class=document href=openapi.json>openapi.json</a></p>");
    for (tag, description) in &tags {
        let operations: Vec<_> = operations(document, tag).collect();
        if operations.is_empty() {
            continue;
        }
        write!(page, "<h2>{}</h2><ul>", marked(description))?;
        for (method, path, operation) in operations {
            let (id, method, path) = (escape(text(&operation["operationId"])), method, escape(path));
            write!(page, "<li><a href='#{id}'><b class={method}>{method}</b> {path}</a></li>")?;
        }
        page.push_str("</ul>");
    }
    page.push_str("</nav><main id=operations>");
    for paragraph in text(&document["info"]["description"]).split("\n\n") {
        write!(page, "<p>{}</p>", marked(paragraph))?;
    }
    for (tag, description) in &tags {
        let mut operations = operations(document, tag).peekable();
        if operations.peek().is_some() {
            write!(page, "<h2>{}</h2>", marked(description))?;
        }
        for (method, path, operation) in operations {
            draw_operation(page, document, method, path, operation)?;
        }
    }
    Ok(())
}

fn draw_operation(
    page: &mut String,
    document: &Value,
    method: &str,
    path: &str,
    operation: &Value,
) -> std::fmt::Result {
    let id = escape(text(&operation["operationId"]));
    let (summary, description) = (text(&operation["summary"]), text(&operation["description"]));
    write!(page, "<section id='{id}'><h3><b class={method}>{method}</b> <code>{}</code></h3>", escape(path))?;
    write!(page, "<p>{}</p>", marked(summary))?;
    if !description.is_empty() {
        write!(page, "<p>{}</p>", marked(description))?;
    }
    if operation["security"].is_array() {
        page.push_str("<p class=open>Needs no token.</p>");
    }
    let parameters: Vec<&Value> = list(&operation["parameters"]).collect();
    if !parameters.is_empty() {
        page.push_str("<h4>Parameters</h4><dl>");
        for parameter in parameters {
            let required = if parameter["required"] == true { ", required" } else { "" };
            let (name, place) = (escape(text(&parameter["name"])), escape(text(&parameter["in"])));
            let kind = kind(document, &parameter["schema"]);
            write!(page, "<dt><code>{name}</code> <i>{place}, {kind}{required}</i></dt>")?;
            write!(page, "<dd>{}</dd>", marked(text(&parameter["description"])))?;
        }
        page.push_str("</dl>");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if body.is_object() {
        page.push_str("<h4>Body</h4>");
        draw_schema(page, document, body, 0)?;
    }
    page.push_str("<h4>Answers</h4>");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let description = text(&answer["description"]);
        write!(page, "<details><summary><b>{}</b> {}</summary>", escape(status), marked(description))?;
        for (kind, content) in answer["content"].as_object().into_iter().flatten() {
            write!(page, "<p><i>{}</i></p>", escape(kind))?;
            draw_schema(page, document, &content["schema"], 0)?;
        }
        page.push_str("</details>");
    }
    page.push_str("</section>");
    Ok(())
}

fn draw_schema(page: &mut String, document: &Value, schema: &Value, depth: usize) -> std::fmt::Result {
    let schema = resolve(document, schema);
    let inner = if schema["items"].is_object() { resolve(document, &schema["items"]) } else { schema };
    let properties = inner["properties"].as_object();
    let Some(properties) = properties.filter(|_| depth < DEEPEST) else {
        return write!(page, "<p><i>{}</i></p>", kind(document, schema));
    };
    if schema["items"].is_object() {
        page.push_str("<p><i>list of</i></p>");
    }
    page.push_str("<dl>");
    for (name, property) in properties {
        let required = list(&inner["required"]).any(|required| required == name.as_str());
        let required = if required { ", required" } else { "" };
        write!(page, "<dt><code>{}</code> <i>{}{required}</i></dt><dd>", escape(name), kind(document, property))?;
        page.push_str(&marked(text(&property["description"])));
        let target = resolve(document, property);
        if target["properties"].is_object() || resolve(document, &target["items"])["properties"].is_object() {
            draw_schema(page, document, target, depth + 1)?;
        }
        page.push_str("</dd>");
    }
    page.push_str("</dl>");
    Ok(())
}

/// Follows `$ref`, and the one member of "this or null" that is not null.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEEPEST {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
            schema = &document["components"]["schemas"][name];
        } else if let Some(member) = list(&schema["oneOf"]).find(|member| member["type"] != "null") {
            schema = member;
        } else {
            break;
        }
    }
    schema
}

fn kind(document: &Value, schema: &Value) -> String {
    let nullable = list(&schema["oneOf"]).any(|member| member["type"] == "null");
    let schema = resolve(document, schema);
    let mut words = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        kind => text(kind).to_owned(),
    };
    if schema["items"].is_object() {
        words = format!("list of {}", kind(document, &schema["items"]));
    }
    if let Some(values) = schema["enum"].as_array() {
        words = values.iter().map(|value| text(value).to_owned()).collect::<Vec<_>>().join(", ");
    }
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(min), Some(max)) => words = format!("{words} {min}-{max}"),
        (Some(min), None) => words = format!("{words} from {min}"),
        _ => {}
    }
    if nullable {
        words.push_str(" or null");
    }
    escape(&words)
}

fn operations<'a>(document: &'a Value, tag: &str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        })
        .filter(move |(_, _, operation)| list(&operation["tags"]).any(|name| name == tag))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Escapes and shows `code` between backticks as such.
fn marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, part) in text.split('`').enumerate() {
        let code = number % 2 == 1;
        out.push_str(if code { "<code>" } else { "" });
        out.push_str(&escape(part));
        out.push_str(if code { "</code>" } else { "" });
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_the_document_cannot_become_markup() {
        let document = json!({
            "tags": [{"name": "a", "description": "<script>"}],
            "paths": {"/x": {"get": {
                "operationId": "x' onclick='y", "tags": ["a"], "summary": "<b>`<i>`",
                "responses": {"200": {"description": "<img>"}},
            }}},
        });
        let page = render(&document);
        for bad in ["<script", "<img", "' onclick"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(page.contains("<code>&lt;i&gt;</code>"));
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let document = json!({"components": {"schemas": {"A": {
            "type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}},
        }}}});
        let mut page = String::new();
        draw_schema(&mut page, &document, &json!({"$ref": "#/components/schemas/A"}), 0).unwrap();
        assert!(page.len() < 10_000);
    }
}
