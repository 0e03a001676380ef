//! The pure part: what follows from what is seen.

use ::store::testing::START;
use domain::{TenantId, Timestamp};

use super::*;
use crate::{
    driver::{Change, decide},
    store::{Limit, Open},
};

const SETTLE: Duration = Duration::from_secs(60);

fn reading(subject: &str, value: i64) -> Reading {
    Reading { tenant: Some(TENANT), subject: subject.to_owned(), name: subject.to_owned(), value }
}

fn is_open(id: i64, subject: &str, well_since: Option<Timestamp>) -> Open {
    let remind_at = START.after(Duration::from_secs(86_400));
    Open { id, tenant_id: TENANT, subject: subject.to_owned(), well_since, remind_at }
}

fn decided(kind: Kind, limits: &[Limit], open: &[Open], readings: Vec<Reading>) -> Vec<Change> {
    decide(kind, limits, open, readings, Some(TenantId(9)), START, SETTLE)
}

#[test]
fn a_reading_fires_at_its_threshold() {
    for (kind, value, threshold, fires) in [
        (Kind::DeliveriesLate, 299, None, false),
        (Kind::DeliveriesLate, 300, None, true),
        (Kind::DeliveriesLate, 60, Some(60), true),
        (Kind::CertificateExpiring, 15, None, false),
        (Kind::CertificateExpiring, 14, None, true),
        (Kind::CertificateExpiring, -3, None, true),
        (Kind::DiskLow, 11, None, false),
        (Kind::DiskLow, 11, Some(20), true),
        (Kind::TrunkDown, 0, None, true),
    ] {
        let limit = Limit { tenant_id: TENANT, enabled: true, threshold };
        let host = Limit { tenant_id: TenantId(9), ..limit.clone() };
        let changes = decided(kind, &[limit, host], &[], vec![reading("a", value)]);
        assert_eq!(changes.len(), usize::from(fires), "{kind:?} {value} {threshold:?}");
    }
}

#[test]
fn one_subject_opens_one_incident() {
    let changes = decided(
        Kind::TrunkDown,
        &[],
        &[is_open(1, "a", None)],
        vec![reading("a", 0), reading("b", 0), reading("b", 0)],
    );
    assert_eq!(changes, [Change::Open { tenant: TENANT, reading: reading("b", 0), threshold: None }]);
}

#[test]
fn an_incident_ends_after_it_was_well_for_a_while() {
    let tenant = TENANT;
    let before = |seconds: i64| Some(Timestamp::from_millis(START.millis() - seconds * 1_000));
    for (well_since, ill, expected) in [
        (None, true, vec![]),
        (None, false, vec![Change::Well { tenant, id: 1, since: Some(START) }]),
        (before(59), false, vec![]),
        (before(60), false, vec![Change::Resolve { tenant, id: 1 }]),
        (before(59), true, vec![Change::Well { tenant, id: 1, since: None }]),
    ] {
        let readings = if ill { vec![reading("a", 0)] } else { Vec::new() };
        assert_eq!(decided(Kind::TrunkDown, &[], &[is_open(1, "a", well_since)], readings), expected);
    }
}

#[test]
fn a_rule_that_is_off_opens_nothing_and_closes_what_is_open() {
    let off = Limit { tenant_id: TENANT, enabled: false, threshold: None };
    let changes = decided(Kind::TrunkDown, &[off], &[is_open(1, "a", None)], vec![reading("a", 0), reading("b", 0)]);
    assert_eq!(changes, [Change::Close { tenant: TENANT, id: 1 }]);
}

#[test]
fn the_host_belongs_to_its_operators_account() {
    let of_host = Reading { tenant: None, ..reading("/var/lib/zorio", 3) };
    let changes = decided(Kind::DiskLow, &[], &[], vec![of_host.clone()]);
    assert_eq!(changes, [Change::Open { tenant: TenantId(9), reading: of_host.clone(), threshold: Some(10) }]);
    assert_eq!(decide(Kind::DiskLow, &[], &[], vec![of_host], None, START, SETTLE), []);
}

#[test]
fn what_lasts_a_day_is_told_again() {
    let due = START;
    let open = Open { remind_at: due, ..is_open(1, "a", None) };
    let changes = decided(Kind::TrunkDown, &[], &[open], vec![reading("a", 0)]);
    assert_eq!(changes, [Change::Remind { tenant: TENANT, id: 1, due }]);
}

#[test]
fn a_flood_of_subjects_is_bounded() {
    let readings = (0..1_000).map(|number| reading(&number.to_string(), 0)).collect();
    assert_eq!(decided(Kind::WebhookSuspended, &[], &[], readings).len(), 100);
}
