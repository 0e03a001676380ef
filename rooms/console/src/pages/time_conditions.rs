//! `/time-conditions`: when the account is open, with holidays and a decision by hand.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use domain::hours::{Calendar, Holiday, Override, Span};
use pbx::{
    model::TimeCondition,
    ops::time_conditions::{self, NewTimeCondition, TimeConditionState},
};

use super::{extensions::may_manage, trunks::SEES};
use crate::{Answer, Console, Failure, form::Form, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/time-conditions", get(list).post(create))
        .route("/time-conditions/new", get(new))
        .route("/time-conditions/{id}", get(show).post(change))
        .route("/time-conditions/{id}/decide", post(decide))
        .route("/time-conditions/{id}/delete", post(delete))
}

/// The days of the week, Monday first, as their fields and texts are named.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Template)]
#[template(path = "time_conditions/list.html")]
struct List<'a> {
    v: &'a View,
    conditions: &'a [TimeConditionState],
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "time_conditions/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    condition: Option<&'a TimeConditionState>,
    may_manage: bool,
    days: [&'static str; 7],
    code: String,
}

async fn list(State(console): State<Console>, view: View) -> Answer {
    let conditions = time_conditions::list(&console.pbx.desk(), view.needs(SEES)?).await?;
    view.page(&List { v: &view, conditions: &conditions, may_manage: may_manage(&view) })
}

async fn new(State(console): State<Console>, view: View) -> Answer {
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    let form = DAYS[..5].iter().fold(Form::default(), |form, day| form.with(day, "08:00-17:00"));
    draw(&console, &view, &form.with("by_hand", "automatic"), None).await
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let state = time_conditions::show(&console.pbx.desk(), view.needs(SEES)?, id).await?;
    let TimeCondition { name, calendar, by_hand, .. } = &state.condition;
    let mut form = Form::default().with("name", name).with("by_hand", by_hand.as_str());
    for (day, field) in (1..).zip(DAYS) {
        let spans = calendar.week.iter().filter(|span| span.day == day);
        let text = spans.map(|span| hours(span.from, span.to)).collect::<Vec<_>>().join(", ");
        form = form.with(field, text);
    }
    let holidays = calendar.holidays.iter().map(holiday_text).collect::<Vec<_>>().join("\n");
    draw(&console, &view, &form.with("holidays", holidays), Some(&state)).await
}

async fn draw(console: &Console, view: &View, form: &Form, condition: Option<&TimeConditionState>) -> Answer {
    let (codes, _) = pbx::ops::toll::dialling(&console.pbx.desk(), view.who()?).await?;
    let code = match condition {
        Some(state) if !codes.time_condition.is_empty() => format!("{}{}", codes.time_condition, state.condition.id),
        _ => String::new(),
    };
    let page = Page { v: view, form, condition, may_manage: may_manage(view), days: DAYS, code };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(SEES)?;
    let new = read(&view, &mut form);
    if !form.is_wrong() {
        match time_conditions::create(&console.pbx.desk(), who, new).await {
            Ok(_) => return view.go_with("/time-conditions", "time_conditions.created"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, None).await
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let state = time_conditions::show(&desk, who, id).await?;
    let new = read(&view, &mut form);
    if !form.is_wrong() {
        match time_conditions::replace(&desk, who, id, new).await {
            Ok(_) => return view.go_with("/time-conditions", "time_conditions.saved"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, Some(&state)).await
}

async fn decide(State(console): State<Console>, view: View, Path(id): Path<i64>, form: Form) -> Answer {
    let by_hand = Override::parse(form.text("by_hand")).unwrap_or_default();
    time_conditions::decide(&console.pbx.desk(), view.needs(SEES)?, id, by_hand).await?;
    view.go_with("/time-conditions", "time_conditions.saved")
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    match time_conditions::delete(&console.pbx.desk(), view.needs(SEES)?, id).await {
        Ok(()) => view.go_with("/time-conditions", "time_conditions.deleted"),
        Err(pbx::Error::InUse { count, .. }) => Err(Failure::in_use(view.count("time_conditions.in_use", count))),
        Err(error) => Err(error.into()),
    }
}

fn refused(view: &View, mut form: Form, error: pbx::Error) -> Result<Form, Failure> {
    if let pbx::Error::Taken(field) = error {
        form.wrong(field, view.t("time_conditions.taken"));
        return Ok(form);
    }
    form.refused(view, error)
}

fn read(view: &View, form: &mut Form) -> NewTimeCondition {
    let mut calendar = Calendar::default();
    for (day, field) in (1..).zip(DAYS) {
        let text = form.text(field).to_owned();
        for part in text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            match read_hours(part) {
                Some((from, to)) => calendar.week.push(Span { day, from, to }),
                None => form.wrong(field, view.t1("time_conditions.bad_hours", part)),
            }
        }
    }
    let lines: Vec<String> = form.value("holidays").lines().map(|line| line.trim().to_owned()).collect();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        match read_holiday(line) {
            Some(holiday) => calendar.holidays.push(holiday),
            None => form.wrong("holidays", view.t1("time_conditions.bad_holiday", line)),
        }
    }
    let by_hand = Override::parse(form.text("by_hand")).unwrap_or_default();
    NewTimeCondition { name: form.text("name").to_owned(), calendar, by_hand }
}

fn hours(from: u16, to: u16) -> String {
    format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
}

/// Reads `08:00-17:00` into minutes since midnight; `24:00` is the end of the day.
fn read_hours(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once(['-', '–'])?;
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once([':', 'h'])?;
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (hour <= 24 && minute < 60 && hour * 60 + minute <= domain::hours::DAY).then_some(hour * 60 + minute)
    };
    let (from, to) = (minute(from)?, minute(to)?);
    (from < to).then_some((from, to))
}

fn holiday_text(holiday: &Holiday) -> String {
    let year = holiday.year.map_or_else(String::new, |year| format!("{year:04}-"));
    let open = holiday.open.map_or_else(String::new, |(from, to)| format!(" {}", hours(from, to)));
    format!("{year}{:02}-{:02}{open} {}", holiday.month, holiday.day, holiday.name).trim_end().to_owned()
}

/// Reads `2027-02-06 Tết` for one year, `09-02 National day` for every year, `12-24 08:00-12:00 Christmas Eve` with the
/// hours of that day.
fn read_holiday(line: &str) -> Option<Holiday> {
    let (date, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let parts: Vec<&str> = date.split('-').collect();
    let (year, month, day) = match parts.as_slice() {
        [year, month, day] if year.len() == 4 => (Some(year.parse::<i16>().ok()?), month, day),
        [month, day] => (None, month, day),
        _ => return None,
    };
    let rest = rest.trim();
    let (first, name) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (open, name) = match read_hours(first) {
        Some(open) => (Some(open), name.trim()),
        None => (None, rest),
    };
    Some(Holiday { name: name.to_owned(), year, month: month.parse().ok()?, day: day.parse().ok()?, open })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_holidays_are_read_as_they_are_written() {
        for line in ["2027-02-06 Tết Nguyên đán", "09-02 Quốc khánh", "12-24 08:00-12:00 Christmas Eve", "01-01"]
        {
            assert_eq!(holiday_text(&read_holiday(line).unwrap()), line);
        }
        for bad in ["", "2027-02", "x-y name", "02/03 name", "2027-2-3-4 name"] {
            assert!(read_holiday(bad).is_none_or(|holiday| holiday.month > 12), "{bad}");
        }
        for (text, minutes) in [
            ("08:00-17:30", Some((480, 1_050))),
            ("8h00 – 17h30", Some((480, 1_050))),
            ("00:00-24:00", Some((0, 1_440))),
            ("17:00-08:00", None),
            ("08:00", None),
            ("08:60-09:00", None),
            ("99:00-99:10", None),
        ] {
            assert_eq!(read_hours(text), minutes, "{text}");
        }
    }
}
