//! Rules for SQL: where it may stand, how the functions around it look, and what the statements are.

use std::ops::Range;

use super::lexer::Source;
use super::macros::{self, Macros};
use super::{File, Finding, bracketed, split};

/// The calls that take statements, and which of their arguments are texts.
const CALLS: &[Call] = &[
    Call { words: "sql(", texts: &[0], kind: Kind::Whole },
    Call { words: "sql_for(", texts: &[0, 1], kind: Kind::PerEngine },
    Call { words: "insert_many(", texts: &[1, 2], kind: Kind::Rows },
    Call { words: "many(", texts: &[1, 2], kind: Kind::Rows },
];

#[derive(Clone, Copy)]
struct Call {
    words: &'static str,
    texts: &'static [usize],
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// One text for both databases.
    Whole,
    /// SQLite's text, then PostgreSQL's.
    PerEngine,
    /// What stands before and after a list of rows.
    Rows,
}

/// One statement as it stands in the code, as each database gets it.
#[cfg_attr(not(test), expect(dead_code, reason = "the statements are prepared by a test"))]
pub(super) struct Statement {
    pub(super) place: String,
    pub(super) sqlite: String,
    pub(super) postgres: String,
}

pub(super) fn check(file: &File, macros: &Macros) -> Vec<Finding> {
    let Some(source) = &file.source else { return Vec::new() };
    let mut findings = placement(file, source);
    findings.extend(literals(file, macros));
    findings.extend(tenant_first(file, source));
    findings
}

/// Returns every statement of a file that stands outside its tests.
#[cfg_attr(not(test), expect(dead_code, reason = "the statements are prepared by a test"))]
pub(super) fn statements(file: &File, macros: &Macros) -> Vec<Statement> {
    let mut found = Vec::new();
    for Use { line, kind, texts } in uses(file, macros) {
        let Some(texts) = texts else { continue };
        let [sqlite, postgres] = match kind {
            Kind::Whole => [texts[0].clone(), texts[0].clone()],
            Kind::PerEngine => [texts[0].clone(), texts[1].clone()],
            Kind::Rows => [one_row(&texts[0], &texts[1]), one_row(&texts[0], &texts[1])],
        };
        found.push(Statement { place: format!("{}:{line}", file.path), sqlite, postgres });
    }
    found
}

/// A call that takes statements, with those it is given; none if one of them is no literal.
struct Use {
    line: usize,
    kind: Kind,
    texts: Option<Vec<String>>,
}

/// Macros that stand within each other, at most.
const DEPTH: usize = 8;

/// Returns the calls of a file outside its tests, those that its macros stand for included.
fn uses(file: &File, macros: &Macros) -> Vec<Use> {
    let mut found = Vec::new();
    if is_test(file) || file.source.is_none() {
        return found;
    }
    let mut open = vec![(file.text.clone(), None, 0)];
    while let Some((text, line, depth)) = open.pop() {
        let source = Source::read(&text);
        let defined = macros::definitions(&source);
        let line_of = |at| line.unwrap_or_else(|| source.line(at));
        for (at, call) in calls(&source).filter(|(at, _)| !defined.iter().any(|range| range.contains(at))) {
            found.push(Use { line: line_of(at), kind: call.kind, texts: texts(&source, at, call) });
        }
        if depth < DEPTH {
            let expansions = macros.expand(&file.path, &text, &source).into_iter();
            let expansions = expansions.filter(|expansion| !source.in_tests(expansion.at));
            open.extend(expansions.map(|expansion| (expansion.text, Some(line_of(expansion.at)), depth + 1)));
        }
    }
    found.sort_by_key(|found| found.line);
    found
}

/// One row of parameters completes a statement over a list of rows.
fn one_row(head: &str, tail: &str) -> String {
    // `insert into t (a, b) values`, `… where (a, b) in (values`
    let named = |list: &str| list.rsplit_once('(').map_or(0, |(_, names)| names.split(',').count());
    let before = |end: &str| head.rsplit_once(end).map(|(list, _)| named(list));
    let named = before(") values").or_else(|| before(") in (values"));
    // Otherwise they are called column1, column2, …
    let is_used = |n: &usize| tail.contains(&format!("column{n}")) || head.contains(&format!("column{n}"));
    let columns = named.unwrap_or_else(|| (1..).take_while(is_used).count());
    let parameters: Vec<_> = (1..=columns).map(|n| format!("${n}")).collect();
    format!("{head} ({}) {tail}", parameters.join(", "))
}

fn calls(source: &Source) -> impl Iterator<Item = (usize, Call)> {
    let places = CALLS.iter().flat_map(|&call| source.places(call.words).map(move |at| (at, call)));
    // `fn sql(` is where the call is defined; `.sql(` is a method of something else.
    places.filter(|&(at, _)| {
        !source.code[..at].ends_with("fn ") && !source.code[..at].ends_with('.') && !source.in_tests(at)
    })
}

/// Returns the texts given to a call, `None` if one of them is not a literal nor a name for one.
fn texts(source: &Source, at: usize, call: Call) -> Option<Vec<String>> {
    let arguments = split(&source.code, bracketed(&source.code, at));
    let text = |range: Range<usize>| {
        let named = || named(source, at, source.code[range.clone()].trim());
        source.text_in(range.clone()).or_else(named)
    };
    call.texts.iter().map(|&index| text(arguments.get(index)?.clone())).collect()
}

/// Returns the literal that `let name = …;` last gave the name before the place, or else `const name: … = …;`.
fn named(source: &Source, at: usize, name: &str) -> Option<String> {
    let words = [format!("let {name} ="), format!("const {name}:")];
    let local = source.places(&words[0]).take_while(|&place| place < at).last();
    let place = local.or_else(|| source.places(&words[1]).next())?;
    let start = place + source.code[place..].find('=')? + 1;
    source.text_in(start..start + source.code[start..].find(';')?)
}

fn is_test(file: &File) -> bool {
    file.path.contains("/tests/")
        || file.path.ends_with("/tests.rs")
        || file.path.starts_with("testkit/")
        || file.path.starts_with("xtask/")
}

fn holds_statements(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    matches!(
        parts[..],
        ["edge", "store" | "bus", ..] | ["rooms", _, "src", "store.rs"] | ["rooms", _, "src", "store", ..]
    )
}

fn placement(file: &File, source: &Source) -> Vec<Finding> {
    if holds_statements(&file.path) || is_test(file) {
        return Vec::new();
    }
    calls(source)
        .map(|(at, _)| file.find(source.line(at), "SQL outside a room's store, edge/store and edge/bus"))
        .collect()
}

/// A statement that is put together at run time cannot be prepared beforehand, and may be put together wrongly.
fn literals(file: &File, macros: &Macros) -> Vec<Finding> {
    // edge/store hands statements on that others wrote.
    if !file.path.starts_with("rooms/") {
        return Vec::new();
    }
    let dynamic = uses(file, macros).into_iter().filter(|found| found.texts.is_none());
    dynamic.map(|found| file.find(found.line, "a statement is one string literal")).collect()
}

fn tenant_first(file: &File, source: &Source) -> Vec<Finding> {
    if !file.path.starts_with("rooms/") || !holds_statements(&file.path) || is_test(file) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for at in source.places("async fn ").filter(|&at| !source.in_tests(at)) {
        let signature = &source.code[at + "async fn ".len()..];
        let name: String = signature.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let arguments = arguments(&signature[name.len()..]);
        let tx = arguments.first().is_some_and(|first| first.starts_with("tx: &mut ") || first.starts_with("tx: &'"));
        let tenant = arguments.get(1).is_some_and(|second| second.starts_with("tenant: TenantId"));
        if !tx || !(tenant || name.starts_with("any_tenant_")) {
            let message = format!("`{name}` takes (tx, tenant, …) or is called any_tenant_…");
            findings.push(file.find(source.line(at), message));
        }
    }
    findings
}

/// Returns the arguments of a signature that begins with its generics or its parenthesis.
fn arguments(signature: &str) -> Vec<String> {
    let generics = if signature.starts_with('<') { enclosed(signature, '<', '>') } else { 0 };
    let signature = &signature[generics..];
    let list = signature.get(1..enclosed(signature, '(', ')').saturating_sub(1)).unwrap_or_default();
    let mut arguments = vec![String::new()];
    let (mut depth, mut before) = (0, ' ');
    for c in list.chars() {
        match c {
            '(' | '[' | '<' => depth += 1,
            ')' | ']' => depth -= 1,
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        match c {
            ',' if depth == 0 => arguments.push(String::new()),
            c => arguments.last_mut().expect("there is one from the beginning").push(c),
        }
        before = c;
    }
    arguments.iter().map(|argument| argument.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Returns the length of the text up to the bracket that closes its first one; 0 if none does.
fn enclosed(text: &str, open: char, close: char) -> usize {
    let mut depth = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close && before != '-' {
            depth -= 1;
            if depth == 0 {
                return at + c.len_utf8();
            }
        }
        before = c;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "rooms/pbx/src/store/calls.rs";

    fn statements(file: &File) -> Vec<Statement> {
        super::statements(file, &Macros::read([file]))
    }

    fn lines(file: &File) -> Vec<usize> {
        check(file, &Macros::read([file])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn sql_outside_a_store_is_refused() {
        let text = "fn a() {\n sql(\"select 1\");\n}";
        for path in ["rooms/pbx/src/ops.rs", "edge/web/src/limit.rs", "server/src/main.rs", "core/domain/src/call.rs"] {
            assert_eq!(lines(&File::new(path, text)), [2], "{path}");
        }
        for path in [STORE, "rooms/pbx/src/store.rs", "edge/store/src/jobs.rs", "server/tests/it/main.rs"] {
            assert!(lines(&File::new(path, text)).is_empty(), "{path}");
        }
    }

    #[test]
    fn statements_put_together_at_run_time_are_refused() {
        let text = "fn a() {\n sql(&format!(\"select {x}\"));\n insert_many(tx, head, \"\", rows);\n}";
        assert_eq!(lines(&File::new(STORE, text)), [2, 3]);
    }

    #[test]
    fn a_store_function_without_the_tenant_is_refused() {
        let bad = "pub(crate) async fn calls(tx: &mut Tx, id: CallId) -> Result<()> {}";
        assert_eq!(lines(&File::new(STORE, bad)), [1]);
        let bad = "pub(crate) async fn calls(tenant: TenantId, tx: &mut Tx) -> Result<()> {}";
        assert_eq!(lines(&File::new(STORE, bad)), [1]);
        let bad = "pub(crate) async fn any_tenant_calls(db: &Db) -> Result<()> {}";
        assert_eq!(lines(&File::new(STORE, bad)), [1]);
    }

    #[test]
    fn store_functions_of_the_right_shape_pass() {
        let good = "async fn calls<T: Into<(u8, u8)>>(\n    tx: &mut Tx,\n    tenant: TenantId,\n) {}\n\
                    async fn any_tenant_calls(tx: &mut store::Tx) {}\nfn row() {}\n\
                    #[cfg(test)]\nmod tests { async fn anything() {} }";
        assert!(lines(&File::new(STORE, good)).is_empty());
    }

    #[test]
    fn statements_are_collected_with_their_place() {
        let text = "fn sql(x: &str) {}\nfn a() {\n sql(\n  \"select 1 \\\n   as one\",\n ).all(tx);\n}";
        let found = statements(&File::new(STORE, text));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].place.as_str(), found[0].sqlite.as_str()),
            ("rooms/pbx/src/store/calls.rs:3", "select 1 as one")
        );
    }

    #[test]
    fn statements_over_many_rows_are_completed_by_one() {
        let text = "fn a() { insert_many(tx, \"insert into t (a, b) values\", \"on conflict do nothing\", rows) }";
        assert_eq!(
            statements(&File::new(STORE, text))[0].sqlite,
            "insert into t (a, b) values ($1, $2) on conflict do nothing"
        );
        let text =
            "fn a() { many(tx, \"update t set a = v.column2 from (values\", \") as v where id = v.column1\", rows) }";
        let expected = "update t set a = v.column2 from (values ($1, $2) ) as v where id = v.column1";
        assert_eq!(statements(&File::new(STORE, text))[0].postgres, expected);
        let text = "fn a() { many(tx, \"delete from t where (a, b) in (values\", \")\", rows) }";
        assert_eq!(statements(&File::new(STORE, text))[0].postgres, "delete from t where (a, b) in (values ($1, $2) )");
    }

    #[test]
    fn statements_from_shared_pieces_are_collected() {
        let text = "macro_rules! rows { ($($rest:literal),+) => { sql(concat!(\"select a \", $($rest),+)) }; }\n\
                    macro_rules! by { ($head:ident, $($tail:literal),+) => { $head!(\"from b \", $($tail),+) }; }\n\
                    fn f() {\n by!(rows, \"limit $1\").all(tx)\n}";
        let file = File::new(STORE, text);
        let found = statements(&file);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].place.as_str(), found[0].sqlite.as_str()),
            ("rooms/pbx/src/store/calls.rs:4", "select a from b limit $1")
        );
        assert!(lines(&file).is_empty());
    }

    #[test]
    fn a_statement_may_be_given_a_name_first() {
        let text = "const ONE: &str = \"select 1\";\nfn f() { let text = \"select 2\"; sql(text); }\n\
                    fn g() { let text = \"select 3\"; sql(text); sql(ONE); }";
        let file = File::new(STORE, text);
        assert!(lines(&file).is_empty());
        let texts: Vec<_> = statements(&file).into_iter().map(|found| found.sqlite).collect();
        assert_eq!(texts, ["select 2", "select 3", "select 1"]);
    }

    #[test]
    fn each_database_gets_its_own_text_where_they_differ() {
        let text = "fn a() { sql_for(\"select 1\", \"select 2\") }";
        let found = statements(&File::new("edge/store/src/jobs.rs", text));
        assert_eq!((found[0].sqlite.as_str(), found[0].postgres.as_str()), ("select 1", "select 2"));
    }
}
