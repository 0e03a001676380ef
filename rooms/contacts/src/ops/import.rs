//! Many people at once, from a sheet. Every line is checked before the first is kept: a sheet with a mistake in it
//! changes nothing, and its mistakes are named by line and column. Lines are kept some hundreds at a time: there is one
//! writer, and callers wait for their answer behind it.

use ::store::{Tx, audit};
use domain::{Principal, number::Region};
use serde_json::json;
use web::{
    Fields, Rule, Text,
    csv::{self, Record, Sheet, Unreadable},
};

use super::{Checked, MOST_PHONES, NewContact, check, may_write};
use crate::{Contacts, Error, store};

/// Most lines of a sheet.
const MOST_LINES: usize = 10_000;
/// Numbers that one transaction looks up and writes: some milliseconds for those who wait.
const NUMBERS_AT_ONCE: usize = 250;
/// Longest cell in bytes.
const LONGEST_CELL: usize = 1_000;
/// The names of the columns: one of the last two has the numbers.
pub const COLUMNS: [&str; 4] = ["full_name", "customer_id", "phones", "phone"];

/// What becomes of a line one of whose numbers somebody has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// It is left out.
    #[default]
    Skip,
    /// Whoever has the number becomes what the line says.
    Update,
    /// It is kept beside the other.
    Add,
}

impl Duplicates {
    /// Reads `skip`, `update` or `add`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "skip" => Some(Self::Skip),
            "update" => Some(Self::Update),
            "add" => Some(Self::Add),
            _ => None,
        }
    }
}

/// What an import did, in lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub created: i64,
    pub updated: i64,
    /// Somebody had one of their numbers.
    pub skipped: i64,
}

/// Where in a line is what.
struct Places {
    full_name: usize,
    phones: Vec<usize>,
    customer_id: Option<usize>,
}

impl Contacts {
    /// Keeps everybody of a sheet, or nobody if there is a mistake in it. If the database fails on the way, the lines
    /// before stay.
    ///
    /// # Errors
    /// `Unreadable` for what is no CSV; `Invalid` names columns, or cells as `rows.LINE.COLUMN`.
    pub async fn import(&self, who: &Principal, sheet: &[u8], duplicates: Duplicates) -> Result<Imported, Error> {
        may_write(who)?;
        let mut tx = self.db.read(who.tenant).await?;
        let region = store::region(&mut tx, who.tenant).await?;
        drop(tx);
        let people = read(sheet, Region::of(&region))?;
        let mut done = Imported::default();
        let mut left = &people[..];
        while !left.is_empty() {
            let (some, others) = left.split_at(at_once(left));
            left = others;
            let mut tx = self.db.begin(who.tenant).await?;
            keep(&mut tx, who, some, duplicates, &mut done).await?;
            if left.is_empty() {
                let detail = json!({ "created": done.created, "updated": done.updated, "skipped": done.skipped });
                audit(&mut tx, who, "contact.import", "contacts", detail).await?;
            }
            tx.commit().await?;
        }
        Ok(done)
    }
}

/// Returns how many people are kept in one transaction: at least one.
fn at_once(people: &[Checked]) -> usize {
    let mut numbers = 0;
    let fits = people.iter().take_while(|person| {
        numbers += person.phones.len().max(1);
        numbers <= NUMBERS_AT_ONCE
    });
    fits.count().max(1)
}

async fn keep(
    tx: &mut Tx,
    who: &Principal,
    people: &[Checked],
    duplicates: Duplicates,
    done: &mut Imported,
) -> Result<(), Error> {
    for person in people {
        let known = match duplicates {
            Duplicates::Add => None,
            Duplicates::Skip | Duplicates::Update => {
                let mut found = None;
                for (e164, _) in &person.phones {
                    found = found.or(store::contact_by_number(tx, who.tenant, e164).await?);
                }
                found
            }
        };
        let id = match known {
            Some(_) if duplicates == Duplicates::Skip => {
                done.skipped += 1;
                continue;
            }
            Some(known) => {
                let customer_id = person.customer_id.or(known.customer_id);
                store::update_contact(tx, who.tenant, known.id, &person.full_name, customer_id).await?;
                store::delete_phones(tx, who.tenant, known.id).await?;
                done.updated += 1;
                known.id
            }
            None => {
                done.created += 1;
                store::insert_contact(tx, who.tenant, &person.full_name, person.customer_id).await?
            }
        };
        store::insert_phones(tx, who.tenant, id, &person.phones).await?;
    }
    Ok(())
}

/// Reads and checks every line.
fn read(bytes: &[u8], region: Region) -> Result<Vec<Checked>, Error> {
    let mut fields = Fields::new();
    let sheet = Sheet::open(bytes).map_err(|why| match why {
        Unreadable::NotText => Error::NotText,
        Unreadable::Empty => missing("full_name"),
        Unreadable::TooManyColumns => invalid("columns", Text::new("There are too many columns.", "Có quá nhiều cột.")),
        Unreadable::DuplicateColumn(name) => {
            invalid(&name, Text::new("This column is there twice.", "Cột này xuất hiện hai lần."))
        }
    })?;
    let places = places(&sheet, &mut fields);
    let Some(places) = places.filter(|_| fields.is_empty()) else { return Err(Error::Invalid(fields)) };
    let mut people = Vec::new();
    for (count, record) in sheet.enumerate() {
        if count == MOST_LINES {
            let many = Text::of(
                format!("A file may have {MOST_LINES} lines at most."),
                format!("Tệp không được quá {MOST_LINES} dòng."),
            );
            return Err(invalid("rows", many));
        }
        people.extend(person(&record, &places, region, &mut fields));
    }
    fields.check("rows", !people.is_empty() || !fields.is_empty(), Rule::Required);
    if fields.is_empty() { Ok(people) } else { Err(Error::Invalid(fields)) }
}

fn invalid(field: &str, text: Text) -> Error {
    let mut fields = Fields::new();
    fields.add(field, text);
    Error::Invalid(fields)
}

fn missing(column: &str) -> Error {
    let mut fields = Fields::new();
    fields.add(column, Rule::Required);
    Error::Invalid(fields)
}

/// Finds the columns; one that is not known is refused, because its content would be lost without a word.
fn places(sheet: &Sheet<'_>, fields: &mut Fields) -> Option<Places> {
    let mut phones = Vec::new();
    for (at, name) in sheet.head().iter().enumerate() {
        if name == "phone" || name == "phones" || name.strip_prefix("phone_").is_some_and(|n| n.parse::<u8>().is_ok()) {
            phones.push(at);
        } else if !name.is_empty() && !COLUMNS.contains(&name.as_str()) {
            let name: String = name.chars().take(50).collect();
            fields.add(name, Text::new("This column is not known.", "Không nhận ra cột này."));
        }
    }
    let full_name = sheet.column("full_name");
    fields.check("full_name", full_name.is_some(), Rule::Required);
    fields.check("phones", !phones.is_empty(), Rule::Required);
    Some(Places { full_name: full_name?, phones, customer_id: sheet.column("customer_id") })
}

/// Reads one line; its mistakes go to `fields`.
fn person(record: &Record, places: &Places, region: Region, fields: &mut Fields) -> Option<Checked> {
    let mut wrong = Fields::new();
    let cell = |at: usize| record.cells.get(at).map_or("", |cell| csv::bare(cell));
    let numbers = places.phones.iter().flat_map(|at| cell(*at).split([';', '|', '\n'])).map(str::trim);
    // Spreadsheets keep a leading zero by an apostrophe.
    let numbers = numbers.map(|number| number.strip_prefix('\'').unwrap_or(number)).filter(|number| !number.is_empty());
    let id = places.customer_id.map_or("", cell);
    let customer_id = id.parse().ok().filter(|id| *id > 0);
    wrong.check("customer_id", id.is_empty() || customer_id.is_some(), Rule::Format);
    wrong.check("line", !record.unclosed, Text::new("A quote is not closed.", "Thiếu dấu ngoặc kép đóng."));
    let short = record.cells.iter().all(|cell| cell.len() <= LONGEST_CELL);
    wrong.check("line", short, Text::new("A cell is too long.", "Một ô quá dài."));
    let new = NewContact {
        full_name: cell(places.full_name).to_owned(),
        phones: numbers.take(MOST_PHONES + 1).map(str::to_owned).collect(),
        customer_id,
    };
    let checked = check(&new, region, &mut wrong);
    for (field, rule) in wrong.into_rules() {
        fields.add(format!("rows.{}.{field}", record.line), rule);
    }
    checked
}

#[cfg(test)]
mod tests {
    use domain::{TenantId, Timestamp};
    use web::Language;

    use super::*;

    const VN: &str = "VN";

    fn names(sheet: &str) -> Result<Vec<(String, Vec<String>)>, Vec<String>> {
        match read(sheet.as_bytes(), Region::of(VN)) {
            Ok(people) => Ok(people
                .into_iter()
                .map(|person| (person.full_name, person.phones.into_iter().map(|(e164, _)| e164).collect()))
                .collect()),
            Err(Error::Invalid(fields)) => Err(fields.names().map(str::to_owned).collect()),
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    #[test]
    fn sheets_of_every_kind_are_read() {
        let expected = vec![
            ("Trần Lan".to_owned(), vec!["84912345678".to_owned()]),
            ("=cmd|' /C calc'!A0".to_owned(), vec!["84987654321".to_owned(), "842838221234".to_owned()]),
        ];
        for sheet in [
            "full_name,phone\nTrần Lan,0912345678\n=cmd|' /C calc'!A0,0987 654 321|+84 28 3822 1234\n",
            "\u{feff}Full_Name;Phones;customer_id\r\nTrần Lan;0912.345.678;\r\n'=cmd|' /C calc'!A0;\"+84987654321;(028) 3822-1234\";7\r\n",
            "phone\tfull_name\tphone_2\r'0912345678\tTrần Lan\t\r84987654321\t=cmd|' /C calc'!A0\t02838221234\r\u{1a}",
        ] {
            assert_eq!(names(sheet).as_ref(), Ok(&expected), "{sheet}");
        }
    }

    #[test]
    fn mistakes_are_named_by_line_and_column() {
        let many = format!("full_name,phones\nLan,{}", vec!["0912345678"; 21].join("|"));
        let long = format!("full_name,phones\n{},0912345678", "x".repeat(1_001));
        for (sheet, wrong) in [
            ("", &["full_name"][..]),
            ("full_name,phones", &["rows"]),
            ("Lan,0912345678", &["lan", "0912345678", "full_name", "phones"]),
            ("full_name,phones,campaign_id\nLan,0912345678,5", &["campaign_id"]),
            ("full_name,phones,__proto__\nLan,0912345678,5", &["__proto__"]),
            ("full_name,full_name,phones\nLan,Lan,0912345678", &["full_name"]),
            ("full_name,phones\nLan,9.12346E+08\n,\n,0912345678", &["rows.2.phones", "rows.4.full_name"]),
            ("full_name,phones\nfull_name,phones", &["rows.2.phones"]),
            (
                "full_name,phones\nLan,=+84912345678\nMinh,0912345678 x12\nHoa,",
                &["rows.2.phones", "rows.3.phones", "rows.4.phones"],
            ),
            ("full_name,phones,customer_id\nLan,0912345678,-4", &["rows.2.customer_id"]),
            ("full_name,phones\n\"Lan,0912345678", &["rows.2.line", "rows.2.phones"]),
            (&many, &["rows.2.phones"]),
            (&long, &["rows.2.line", "rows.2.full_name"]),
            ("<html>", &["the file is no CSV text in UTF-8"]),
        ] {
            assert_eq!(names(sheet), Err(wrong.iter().map(|name| (*name).to_owned()).collect()), "{sheet}");
        }
        let lines = (0..=MOST_LINES).map(|n| format!("P{n},09{n:08}")).collect::<Vec<_>>().join("\n");
        assert_eq!(names(&format!("full_name,phones\n{lines}")), Err(vec!["rows".to_owned()]));
    }

    #[tokio::test]
    async fn others_write_while_a_long_sheet_is_kept() {
        let db = ::store::testing::test_db().await;
        let mut tx = db.begin_any_tenant().await.unwrap();
        let tenant = store::testing::insert_tenant(&mut tx, "one", Timestamp(0)).await.unwrap();
        tx.commit().await.unwrap();
        let contacts = Contacts::open(db.clone());
        let who = Principal::system(TenantId(tenant.0));
        let lines = (0..2_000).map(|n| format!("P{n},09{n:08}")).collect::<Vec<_>>().join("\n");
        let sheet = format!("full_name,phones\n{lines}");
        let import = contacts.import(&who, sheet.as_bytes(), Duplicates::Skip);
        // Each look takes the writer's turn, as a call that is answered does.
        let looks = async {
            let mut between = 0;
            loop {
                let tx = db.begin(who.tenant).await.unwrap();
                let kept = contacts.list(&who, None, crate::Order::Newest, web::Page::default()).await.unwrap().total;
                tx.commit().await.unwrap();
                match kept {
                    2_000 => return between,
                    0 => {}
                    _ => between += 1,
                }
                tokio::task::yield_now().await;
            }
        };
        let (done, between) = tokio::join!(import, looks);
        assert_eq!(done.unwrap(), Imported { created: 2_000, updated: 0, skipped: 0 });
        assert!(between > 0, "nobody had a turn while the sheet was kept");
        let many = |phones: usize| Checked {
            full_name: "Lan".to_owned(),
            customer_id: None,
            phones: vec![("84912345678".to_owned(), "0912345678".to_owned()); phones],
        };
        let people = |phones: usize| (0..1_000).map(|_| many(phones)).collect::<Vec<_>>();
        assert_eq!([at_once(&people(1)), at_once(&people(20)), at_once(&people(300))], [250, 12, 1]);
    }

    #[tokio::test]
    async fn a_sheet_is_kept_whole_or_not_at_all() {
        let db = ::store::testing::test_db().await;
        let mut tx = db.begin_any_tenant().await.unwrap();
        let tenant = store::testing::insert_tenant(&mut tx, "one", Timestamp(0)).await.unwrap();
        tx.commit().await.unwrap();
        let contacts = Contacts::open(db.clone());
        let who = Principal::system(TenantId(tenant.0));
        let import = async |sheet: &str, duplicates| contacts.import(&who, sheet.as_bytes(), duplicates).await;
        let total = async || contacts.list(&who, None, crate::Order::Newest, web::Page::default()).await.unwrap().total;

        let bad = import("full_name,phones\nLan,0912345678\nMinh,front desk", Duplicates::Skip).await;
        let Err(Error::Invalid(fields)) = bad else { panic!("{bad:?}") };
        assert_eq!(fields.messages(Language::En).len(), 1);
        assert_eq!(total().await, 0, "nothing is half done");

        let sheet = "full_name,phones,customer_id\nLan,0912345678,7\nMinh,0987654321,\nLan again,+84912345678,";
        let done = import(sheet, Duplicates::Skip).await.unwrap();
        assert_eq!(done, Imported { created: 2, updated: 0, skipped: 1 });
        let done = import("full_name,phone\nLan Anh,0912 345 678", Duplicates::Update).await.unwrap();
        assert_eq!(done, Imported { created: 0, updated: 1, skipped: 0 });
        let lan = contacts.lookup(&who, "0912345678").await.unwrap().unwrap();
        assert_eq!((lan.full_name.as_str(), lan.customer_id), ("Lan Anh", Some(7)));
        let done = import("full_name,phone\nLan Two,0912345678", Duplicates::Add).await.unwrap();
        assert_eq!((done.created, total().await), (1, 3));
    }
}
