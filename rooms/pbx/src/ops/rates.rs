//! Rates: what calls cost, by prefix.

use domain::{
    Principal,
    guard::{self, read_money},
    ids::TrunkId,
};
use serde_json::json;
use web::{Fields, Listing, Page, Rule, Text, csv::records};

use super::{Desk, Done, may_manage, may_read, refuse};
use crate::{changes::Changed, error::Result, model::Rate, store as rows};

/// Most rates of one import; an account may have as many for each trunk.
pub const MOST_RATES: usize = 50_000;
/// Longest name in characters.
const LONGEST_NAME: usize = 100;

pub async fn list(desk: &Desk, who: &Principal, prefix: &str, page: Page) -> Result<Listing<Rate>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (rates, total) = rows::rates::list(&mut tx, tenant, prefix, slice).await?;
    Ok(Listing::new(page, rates, total))
}

/// Puts the rates of a CSV text in the place of those of one trunk, or of those of any trunk. Each line is
/// `prefix,name,per_minute[,connection[,first_seconds[,next_seconds]]]`; a first line of names is passed over.
/// All lines are taken or none. Returns how many there are.
pub async fn import(desk: &Desk, who: &Principal, trunk: Option<TrunkId>, text: &str) -> Result<usize> {
    let tenant = may_manage(who)?;
    let rates = read(trunk, text)?;
    let mut tx = desk.write(who).await?;
    if let Some(trunk) = trunk {
        let mut fields = Fields::new();
        fields.check("trunk_id", rows::trunks::find(&mut tx, tenant, trunk).await?.is_some(), Rule::Selected);
        refuse(fields)?;
    }
    rows::rates::clear(&mut tx, tenant, trunk).await?;
    rows::rates::put(&mut tx, tenant, &rates).await?;
    rows::rates::bump(&mut tx, tenant).await?;
    let detail = json!({ "trunk_id": trunk, "rates": rates.len() });
    let done = Done { action: "rates.import", target: "rates".into(), detail, changed: Changed::Routes(tenant) };
    desk.commit(tx, who, done).await?;
    Ok(rates.len())
}

/// Reads the lines; the first bad one is named.
fn read(trunk: Option<TrunkId>, text: &str) -> Result<Vec<Rate>> {
    let mut rates: Vec<Rate> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (at, record) in records(text).enumerate() {
        match rate(trunk, &record.cells) {
            Some(rate) if known.insert(rate.prefix.clone()) && rates.len() < MOST_RATES => rates.push(rate),
            None if at == 0 => {}
            _ => return Err(bad_line(record.line)),
        }
    }
    if rates.is_empty() {
        return Err(Fields::from_iter([("rows", Rule::Required)]).into());
    }
    Ok(rates)
}

fn bad_line(line: usize) -> crate::Error {
    let text = Text::of(
        format!("Line {line} is no rate, or its prefix stands there twice."),
        format!("Dòng {line} không phải là giá cước, hoặc đầu số bị lặp lại."),
    );
    Fields::from_iter([("rows", Rule::from(text))]).into()
}

fn rate(trunk: Option<TrunkId>, cells: &[String]) -> Option<Rate> {
    let field = |at: usize| cells.get(at).map(|cell| cell.trim()).filter(|text| !text.is_empty());
    let prefix = field(0)?.trim_start_matches('+');
    let is_prefix = (1..=15).contains(&prefix.len()) && prefix.bytes().all(|digit| digit.is_ascii_digit());
    let step = |at: usize| match field(at) {
        None => Some(60),
        Some(text) => text.parse::<u32>().ok().filter(|seconds| (1..=3_600).contains(seconds)),
    };
    let price = guard::Rate {
        per_minute: read_money(field(2)?)?,
        connection: field(3).map_or(Some(0), read_money)?,
        first: step(4)?,
        next: step(5)?,
    };
    let name = field(1).unwrap_or_default().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    is_prefix.then(|| Rate { trunk, prefix: prefix.to_owned(), name, price })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rates_with_or_without_names_above_them() {
        let text = "prefix,name,per_minute,connection,first,next\n84,Vietnam,700\n+8490,Mobifone,900.5,50,6,1\n1,,1\n";
        let rates = read(None, text).unwrap();
        assert_eq!(rates.iter().map(|rate| rate.prefix.as_str()).collect::<Vec<_>>(), ["84", "8490", "1"]);
        let dear = &rates[1];
        assert_eq!((dear.name.as_str(), dear.price.per_minute), ("Mobifone", 900_500_000));
        assert_eq!((dear.price.connection, dear.price.first, dear.price.next), (50_000_000, 6, 1));
        assert_eq!((rates[0].price.first, rates[0].price.next), (60, 60));
    }

    #[test]
    fn a_line_that_is_no_rate_is_named() {
        for (text, line) in [("84,a,1\nx,b,1\n", 2), ("84,a,1\n84,b,2\n", 2), ("84,a,1\n85,b,-1\n", 2)] {
            let Err(crate::Error::Invalid(fields)) = read(None, text) else { panic!("{text}") };
            let messages = fields.messages(web::Language::En);
            assert!(messages[0].1.contains(&format!("Line {line} ")), "{messages:?}");
        }
        assert!(read(None, "").is_err() && read(None, "prefix,name,price\n").is_err());
    }
}
