//! Reports against figures that were added up by hand.

use ::store::testing::test_db;

use super::*;
use crate::{
    model::{CallPurpose, CampaignStatus, RetryWhen},
    store::attempts::testing::{Over, insert, insert_tenant},
};

/// 2026-02-02, a Monday, 09:00 in Ho Chi Minh City.
const MONDAY: i64 = 1_769_997_600_000;
const HOUR: i64 = 3_600_000;

fn campaign() -> Campaign {
    let now = Timestamp::from_millis(MONDAY);
    Campaign {
        id: 0,
        name: "May".to_owned(),
        description: None,
        script_id: 1,
        status: CampaignStatus::Running,
        archived_from: None,
        caller_id_group_id: None,
        max_retries: 3,
        retry_interval_minutes: 60,
        retry_only_when: RetryWhen::NoAnswer,
        max_concurrent: 10,
        originate_timeout: 40,
        write_to_main_cdr: false,
        call_purpose: CallPurpose::Service,
        pdpl_enforce: true,
        record_calls: false,
        tts_fallback: false,
        amd_enabled: false,
        start_at: None,
        end_at: None,
        started_at: Some(now),
        paused_at: None,
        finished_at: None,
        created_at: now,
        updated_at: now,
    }
}

#[tokio::test]
async fn every_report_is_what_the_ledger_adds_up_to() {
    use AttemptResult as R;
    let db = test_db().await;
    let mut tx = db.begin_any_tenant().await.unwrap();
    let (tenant, other) = (insert_tenant(&mut tx, "one").await.unwrap(), insert_tenant(&mut tx, "two").await.unwrap());
    let id = store::campaigns::insert(&mut tx, tenant, &campaign()).await.unwrap();
    let over = |lead, number, hours: i64, result, cause, billsec, digits, transferred, connected| Over {
        lead,
        number,
        at: Timestamp::from_millis(MONDAY + hours * HOUR),
        result,
        cause,
        billsec,
        digits,
        transferred,
        connected,
    };
    let attempts = [
        over(1, 1, 0, Some(R::NoAnswer), "NO_ANSWER", 0, "", false, false),
        over(1, 2, 1, Some(R::Answered), "NORMAL_CLEARING", 40, "12", true, true),
        over(2, 1, 0, Some(R::Answered), "NORMAL_CLEARING", 21, "", false, false),
        over(3, 1, 0, Some(R::Busy), "USER_BUSY", 0, "", false, false),
        over(4, 1, 24, Some(R::Abandoned), "ORIGINATOR_CANCEL", 30, "1", true, false),
        over(5, 1, 24, Some(R::Unallocated), "UNALLOCATED_NUMBER", 0, "", false, false),
        over(6, 1, 24, Some(R::Machine), "NORMAL_CLEARING", 10, "", false, false),
        over(7, 1, 25, None, "", 0, "", false, false),
    ];
    for attempt in attempts {
        insert(&mut tx, tenant, id, attempt).await.unwrap();
        insert(&mut tx, other, id, attempt).await.unwrap();
        insert(&mut tx, tenant, id + 1, Over { lead: attempt.lead + 100, ..attempt }).await.unwrap();
    }
    tx.commit().await.unwrap();
    let report = async |from: Option<&str>, to: Option<&str>| {
        let tx = db.read(tenant).await.unwrap();
        let asked = Asked { from: from.map(str::to_owned), to: to.map(str::to_owned), timezone: None };
        let campaign = Campaign { id, ..campaign() };
        let time = time_of(&campaign, &asked, Timestamp::from_millis(MONDAY + 48 * HOUR)).unwrap();
        Report { tx, tenant, campaign, time }
    };
    let mut all = report(None, None).await;
    let kpis = all.kpis().await.unwrap();
    let whole = Figures {
        dialed: 7,
        answered: 3,
        no_answer: 1,
        busy: 1,
        failed: 1,
        abandoned: 1,
        talk: 71,
        transferred: 2,
        transfer_answered: 1,
    };
    assert_eq!(
        (kpis.figures, kpis.figures.answer_rate(), kpis.figures.average_talk()),
        (whole, "42.86".to_owned(), 24)
    );
    assert_eq!(kpis.figures.transfer_success(), "50.00");
    assert_eq!(kpis.keys, [(String::new(), 2), ("1".to_owned(), 2)]);

    let days: Vec<_> =
        all.trend(Granularity::Day).await.unwrap().into_iter().map(|b| (b.name, b.figures.dialed)).collect();
    assert_eq!(days, [("2026-02-02".to_owned(), 4), ("2026-02-03".to_owned(), 3)]);
    let hours = all.trend(Granularity::Hour).await.unwrap();
    let names: Vec<_> = hours.iter().map(|bucket| (bucket.name.as_str(), bucket.figures.answered)).collect();
    assert_eq!(
        names,
        [("2026-02-02T09:00:00+07:00", 1), ("2026-02-02T10:00:00+07:00", 1), ("2026-02-03T09:00:00+07:00", 1)]
    );
    let heat: Vec<_> = all.heatmap().await.unwrap().into_iter().map(|(hour, figures)| (hour, figures.dialed)).collect();
    assert_eq!(heat, [((1, 9), 3), ((1, 10), 1), ((2, 9), 3)]);
    let causes = all.causes().await.unwrap();
    assert_eq!(
        (causes[0].hangup_cause.as_deref(), causes[0].result, causes[0].count, causes.len()),
        (Some("NORMAL_CLEARING"), R::Answered, 2, 6)
    );
    let funnel = all.funnel().await.unwrap();
    let Reached { dialed, answered, pressed, transferred, connected } = funnel.reached;
    assert_eq!([dialed, answered, pressed, transferred, connected], [6, 4, 2, 2, 1]);
    let keys: Vec<_> = all.keys().await.unwrap().into_iter().map(|key| (key.digit, key.count)).collect();
    assert_eq!(keys, [(Some("1".to_owned()), 2), (None, 2)]);

    let mut monday = report(Some("2026-02-02"), Some("2026-02-02")).await;
    assert_eq!(monday.kpis().await.unwrap().figures.dialed, 4, "both ends of a day belong to it");
    let mut tuesday = report(Some("2026-02-03T09:00:00"), Some("2026-02-03T09:00:00.001")).await;
    let comparison = tuesday.comparison(&[]).await.unwrap();
    assert_eq!((comparison.current.1.dialed, comparison.previous.1.dialed), (3, 0));
}
