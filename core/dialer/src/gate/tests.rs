use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// Monday, 23 November 2026, that hour and minute in Viet Nam.
fn monday(time: &str) -> Timestamp {
    at(&format!("2026-11-23T{time}+07:00"))
}

fn campaign(purpose: Purpose) -> Campaign {
    Campaign {
        id: 1,
        purpose,
        zone: Zone::named("Asia/Ho_Chi_Minh").unwrap(),
        hours: None,
        holidays: Vec::new(),
        starts: None,
        ends: None,
        caps: Vec::new(),
        least_gap: Duration::ZERO,
        enforces_law: true,
    }
}

fn consent() -> Consent {
    let given = at("2026-01-01T00:00:00Z");
    Consent { purposes: vec![Purpose::Advertising], given, expires: None, withdrawn: None, frequency: None }
}

fn question<'a>(consent: &'a Consent) -> Question<'a> {
    Question {
        number: "84912345678",
        region: Region::of("VN"),
        zone: None,
        lists: &[],
        list_as_of: None,
        consent: Some(consent),
        past: &[],
        caller_id: CallerId::Brand,
    }
}

fn past(at: Timestamp) -> Past {
    Past { at, campaign: 2, purpose: Purpose::Advertising }
}

fn rules(question: &Question<'_>, campaign: &Campaign, now: Timestamp) -> Vec<String> {
    refusals(question, campaign, LAWS, now).into_iter().map(|refusal| refusal.rule.into_owned()).collect()
}

fn until(question: &Question<'_>, campaign: &Campaign, now: Timestamp) -> (String, Option<Timestamp>) {
    let refusal = check(question, campaign, LAWS, now).unwrap_err();
    (refusal.rule.into_owned(), refusal.until)
}

#[test]
fn advertising_in_viet_nam_begins_at_eight_and_a_call_at_the_last_second_before_five_is_legal() {
    let (service, campaign) = (campaign(Purpose::Service), campaign(Purpose::Advertising));
    let consent = consent();
    let question = question(&consent);
    for (time, allowed) in
        [("07:59:59", false), ("08:00:00", true), ("16:59:59", true), ("17:00:00", false), ("23:00:00", false)]
    {
        assert_eq!(check(&question, &campaign, LAWS, monday(time)).is_ok(), allowed, "{time}");
    }
    let refused = until(&question, &campaign, monday("17:00:00"));
    assert_eq!(refused, ("vn.decree91.hours".to_owned(), Some(at("2026-11-24T08:00:00+07:00"))));
    assert!(rules(&question, &service, monday("17:00:00")).is_empty());
}

#[test]
fn one_advertising_call_in_24_hours_whatever_campaign_made_it() {
    let (consent, campaign) = (consent(), campaign(Purpose::Advertising));
    let yesterday = [past(at("2026-11-22T15:30:00+07:00"))];
    let question = Question { past: &yesterday, ..question(&consent) };
    let refused = until(&question, &campaign, monday("10:00:00"));
    assert_eq!(refused, ("vn.decree91.cap".to_owned(), Some(monday("15:30:00"))));
    assert!(check(&question, &campaign, LAWS, monday("15:29:59")).is_err());
    assert!(check(&question, &campaign, LAWS, monday("15:30:00")).is_ok());
    let service = [Past { purpose: Purpose::Service, ..yesterday[0] }];
    assert!(check(&Question { past: &service, ..question }, &campaign, LAWS, monday("10:00:00")).is_ok());
}

#[test]
fn whoever_agreed_to_more_may_be_called_more_and_whoever_agreed_to_less_less() {
    let campaign = campaign(Purpose::Advertising);
    let today = [past(monday("09:00:00"))];
    let often = Consent { frequency: Some(Cap::a_day(3)), ..consent() };
    assert!(check(&Question { past: &today, ..question(&often) }, &campaign, LAWS, monday("10:00:00")).is_ok());
    let week = Cap { calls: 1, within: Duration::from_secs(7 * 86_400) };
    let seldom = Consent { frequency: Some(week), ..consent() };
    let refused = until(&Question { past: &today, ..question(&seldom) }, &campaign, at("2026-11-27T10:00:00+07:00"));
    assert_eq!(refused, ("consent.frequency".to_owned(), Some(at("2026-11-30T09:00:00+07:00"))));
}

#[test]
fn a_refusal_names_the_time_at_which_all_rules_agree() {
    let consent = consent();
    let mut campaign = campaign(Purpose::Advertising);
    // Mondays and Tuesdays from 15:00 to 20:00; Tuesday the 24th is a holiday.
    campaign.hours = Some(vec![Span { day: 1, from: 900, to: 1_200 }, Span { day: 2, from: 900, to: 1_200 }]);
    let holiday = Holiday { name: "founding day".to_owned(), year: Some(2026), month: 11, day: 24, open: None };
    campaign.holidays = vec![holiday];
    let question = question(&consent);
    assert_eq!(
        until(&question, &campaign, monday("10:00:00")),
        ("campaign.hours".to_owned(), Some(monday("15:00:00")))
    );
    let next = Some(at("2026-11-30T15:00:00+07:00"));
    assert_eq!(until(&question, &campaign, monday("18:00:00")), ("vn.decree91.hours".to_owned(), next));
    let tuesday = at("2026-11-24T16:00:00+07:00");
    assert_eq!(until(&question, &campaign, tuesday), ("holiday".to_owned(), next));
    assert_eq!(rules(&question, &campaign, tuesday), ["holiday"]);
    campaign.ends = Some(at("2026-11-28T00:00:00+07:00"));
    assert_eq!(until(&question, &campaign, tuesday), ("holiday".to_owned(), None), "it ends before that");
    campaign.hours = Some(vec![Span { day: 1, from: 1_200, to: 1_300 }]);
    campaign.ends = None;
    assert_eq!(until(&question, &campaign, tuesday).1, None, "law and campaign have no hour in common");
}

#[test]
fn an_american_number_is_called_by_its_own_clock_and_an_unknown_one_by_all_of_them() {
    let (consent, campaign) = (consent(), campaign(Purpose::Advertising));
    let ask = |number| Question { number, list_as_of: Some(at("2026-11-20T00:00:00Z")), ..question(&consent) };
    for (number, time, allowed) in [
        // New York keeps UTC-5 in November, Los Angeles UTC-8, Honolulu UTC-10, St. John's UTC-3:30.
        ("12125552671", "2026-11-23T12:59:59Z", false),
        ("12125552671", "2026-11-23T13:00:00Z", true),
        ("14155552671", "2026-11-23T15:59:59Z", false),
        ("14155552671", "2026-11-23T16:00:00Z", true),
        ("19995552671", "2026-11-23T17:59:59Z", false),
        ("19995552671", "2026-11-23T18:00:00Z", true),
        ("19995552671", "2026-11-24T00:30:00Z", false),
        // Florida ends an hour earlier than the rest.
        ("13055552671", "2026-11-24T00:59:59Z", true),
        ("13055552671", "2026-11-24T01:00:00Z", false),
        ("12125552671", "2026-11-24T01:00:00Z", true),
    ] {
        assert_eq!(check(&ask(number), &campaign, LAWS, at(time)).is_ok(), allowed, "{number} {time}");
    }
    let moved = Zone::named("Asia/Ho_Chi_Minh").unwrap();
    let question = Question { zone: Some(&moved), ..ask("12125552671") };
    assert!(check(&question, &campaign, LAWS, monday("09:00:00")).is_ok(), "the lead says where they live");
    let question = Question { list_as_of: Some(at("2026-10-01T00:00:00Z")), ..ask("12125552671") };
    assert_eq!(until(&question, &campaign, at("2026-11-23T15:00:00Z")), ("us.tsr.list_age".to_owned(), None));
}

#[test]
fn rules_are_asked_in_their_order() {
    let none = Consent { withdrawn: Some(monday("09:00:00")), ..consent() };
    let mut campaign = campaign(Purpose::Advertising);
    campaign.least_gap = Duration::from_secs(3_600);
    campaign.caps = vec![OwnCap { name: "weekly".to_owned(), cap: Cap::a_day(1), of_campaign: false }];
    campaign.hours = Some(vec![Span { day: 1, from: 600, to: 660 }]);
    let lists = [List::National, List::Account, List::Campaign];
    let past = [past(monday("20:00:00"))];
    let caller_id = CallerId::None { until: None };
    let question = Question { number: "841900", lists: &lists, past: &past, caller_id, ..question(&none) };
    let expected = [
        "number.invalid",
        "dnc.account",
        "dnc.campaign",
        "dnc.national",
        "consent.withdrawn",
        "vn.decree91.consent",
        "vn.decree91.hours",
        "campaign.hours",
        "vn.decree91.cap",
        "cap.weekly",
        "gap",
        "caller_id.none",
    ];
    assert_eq!(rules(&question, &campaign, monday("20:30:00")), expected);
}

#[test]
fn without_the_laws_hours_lists_and_withdrawals_still_count() {
    let withdrawn = Consent { withdrawn: Some(monday("09:00:00")), ..consent() };
    let campaign = Campaign { enforces_law: false, ..campaign(Purpose::Advertising) };
    let night = monday("23:00:00");
    assert!(check(&Question { consent: None, ..question(&withdrawn) }, &campaign, LAWS, night).is_ok());
    assert_eq!(rules(&question(&withdrawn), &campaign, night), ["consent.withdrawn"]);
    for (list, rule) in
        [(List::Account, "dnc.account"), (List::Campaign, "dnc.campaign"), (List::National, "dnc.national")]
    {
        let question = Question { lists: &[list], consent: None, ..question(&withdrawn) };
        assert_eq!(rules(&question, &campaign, night), [rule]);
    }
}

#[test]
fn advertising_needs_consent_and_a_registered_name() {
    let (consent, campaign) = (consent(), campaign(Purpose::Advertising));
    let now = monday("10:00:00");
    let asked = |changed: Consent| rules(&question(&changed), &campaign, now);
    assert_eq!(rules(&Question { consent: None, ..question(&consent) }, &campaign, now), ["vn.decree91.consent"]);
    let no = ["vn.decree91.consent"];
    assert_eq!(asked(Consent { purposes: vec![Purpose::Care], ..consent.clone() }), no);
    assert_eq!(asked(Consent { expires: Some(now), ..consent.clone() }), no);
    assert_eq!(asked(Consent { given: monday("10:00:01"), ..consent.clone() }), no);
    let number = Question { caller_id: CallerId::Number, ..question(&consent) };
    assert_eq!(rules(&number, &campaign, now), ["vn.decree91.brand"]);
    let cooling = CallerId::None { until: Some(monday("10:05:00")) };
    let refused = until(&Question { caller_id: cooling, ..question(&consent) }, &campaign, now);
    assert_eq!(refused, ("caller_id.none".to_owned(), Some(monday("10:05:00"))));
}

#[test]
fn what_is_no_subscribers_number_is_nobodys_lead() {
    let (consent, campaign) = (consent(), campaign(Purpose::Service));
    for (number, valid) in [
        ("84912345678", true),
        ("442079460000", true),
        ("0912345678", false),
        ("+84912345678", false),
        ("113", false),
        ("", false),
        ("8491234567890123", false),
        ("84912 45678", false),
        ("979123456789", false),
        ("８４９１２３４５６", false),
    ] {
        assert_eq!(
            check(&Question { number, ..question(&consent) }, &campaign, LAWS, monday("10:00:00")).is_ok(),
            valid,
            "{number}"
        );
    }
}

const NUMBERS: &[&str] = &["84912345678", "12125552671", "19995552671", "442079460000", "881612345678", "abc", ""];
const LISTS: &[List] = &[List::Account, List::Campaign, List::National];

#[derive(Clone, Debug)]
struct Case {
    number: &'static str,
    lists: Vec<List>,
    consent: Option<Consent>,
    past: Vec<Past>,
    caller_id: CallerId,
    campaign: Campaign,
    now: Timestamp,
}

impl Case {
    fn question(&self) -> Question<'_> {
        Question {
            number: self.number,
            region: Region::of("VN"),
            zone: None,
            lists: &self.lists,
            list_as_of: Some(self.now),
            consent: self.consent.as_ref(),
            past: &self.past,
            caller_id: self.caller_id,
        }
    }

    fn refusals(&self, now: Timestamp) -> Vec<Refusal> {
        refusals(&self.question(), &self.campaign, LAWS, now)
    }
}

fn times() -> impl Strategy<Value = Timestamp> {
    // 2026 and 2027, to the minute.
    (0_i64..2 * 365 * 24 * 60).prop_map(|minute| Timestamp(at("2026-01-01T00:00:00Z").millis() + minute * 60_000))
}

prop_compose! {
    fn spans()(day in 1_u8..=7, from in 0_u16..1_440, length in 1_u16..1_440) -> Span {
        Span { day, from, to: (from + length).min(1_440) }
    }
}

prop_compose! {
    fn consents()(
        purposes in prop::sample::subsequence(Purpose::ALL, 0..=4), given in times(),
        withdrawn in prop::option::weighted(0.2, times()), calls in prop::option::weighted(0.3, 0_u32..4),
    ) -> Consent {
        Consent { purposes, given, expires: None, withdrawn, frequency: calls.map(Cap::a_day) }
    }
}

prop_compose! {
    fn campaigns()(
        purpose in prop::sample::select(Purpose::ALL), hours in prop::option::of(prop::collection::vec(spans(), 0..8)),
        closed in prop::collection::vec((1_u8..=12, 1_u8..=28), 0..5), starts in prop::option::weighted(0.2, times()),
        ends in prop::option::weighted(0.2, times()), cap in prop::option::of((0_u32..5, 0_u64..200)),
        gap in 0_u64..100_000, enforces_law: bool,
    ) -> Campaign {
        let holiday = |(month, day)| Holiday { name: String::new(), year: None, month, day, open: None };
        let own = |(calls, hours)| {
            let cap = Cap { calls, within: Duration::from_secs(hours * 3_600) };
            OwnCap { name: "own".to_owned(), cap, of_campaign: false }
        };
        Campaign {
            hours, starts, ends, enforces_law,
            holidays: closed.into_iter().map(holiday).collect(),
            caps: cap.map(own).into_iter().collect(),
            least_gap: Duration::from_secs(gap),
            ..campaign(purpose)
        }
    }
}

prop_compose! {
    fn cases()(
        number in prop::sample::select(NUMBERS), lists in prop::sample::subsequence(LISTS, 0..=1),
        consent in prop::option::weighted(0.8, consents()), ago in prop::collection::vec(0_i64..200, 0..6),
        caller_id in prop::sample::select(&[CallerId::Brand, CallerId::Number, CallerId::None { until: None }][..]),
        campaign in campaigns(), now in times(),
    ) -> Case {
        let purpose = campaign.purpose;
        let past = ago.into_iter().map(|ago| Past { at: Timestamp(now.millis() - ago * HOUR), campaign: 1, purpose });
        Case { number, lists, consent, past: past.collect(), caller_id, campaign, now }
    }
}

proptest! {
    #[test]
    fn an_opt_out_always_wins(case in cases(), which in 0_usize..3, enforces_law: bool) {
        let mut case = case;
        case.campaign.enforces_law = enforces_law;
        match which {
            0 => case.lists = vec![List::Account],
            1 => case.lists = vec![List::Campaign],
            _ => {
                let consent = case.consent.get_or_insert_with(consent);
                consent.withdrawn = Some(case.now);
                consent.purposes = vec![case.campaign.purpose];
            }
        }
        let found = case.refusals(case.now);
        prop_assert!(found.iter().any(|refusal| ["dnc.account", "dnc.campaign", "consent.withdrawn"].contains(&&*refusal.rule)));
        prop_assert!(found.iter().all(|refusal| refusal.until.is_none()), "time does not mend it");
    }

    /// Whatever is added to what stands against a call, one that was refused is refused still.
    #[test]
    fn the_gate_is_monotone(case in cases(), how in 0_usize..8, more in spans(), hours in 1_i64..100) {
        let before = case.refusals(case.now);
        let mut case = case;
        match how {
            0 => case.lists.push(List::Account),
            1 => case.past.push(Past { at: Timestamp(case.now.millis() - hours * HOUR), campaign: 1, purpose: case.campaign.purpose }),
            2 => case.campaign.holidays.push(Holiday { name: String::new(), year: None, month: 6, day: 1, open: None }),
            3 => case.campaign.hours = match case.campaign.hours.take() {
                Some(mut week) => {
                    week.pop();
                    Some(week)
                }
                None => Some(vec![more]),
            },
            4 => case.campaign.caps.push(OwnCap { name: "more".to_owned(), cap: Cap::a_day(1), of_campaign: false }),
            5 => case.campaign.least_gap = case.campaign.least_gap.saturating_mul(2),
            6 => case.caller_id = CallerId::None { until: None },
            _ => case.campaign.enforces_law = true,
        }
        let after = case.refusals(case.now);
        prop_assert!(before.is_empty() || !after.is_empty());
        for refusal in &before {
            let brand = refusal.rule.ends_with(".brand");
            prop_assert!(brand || after.iter().any(|other| other.rule == refusal.rule), "{refusal:?} is gone");
        }
    }

    /// Nothing is allowed before the time that a refusal names, and nothing that time mends is refused at it.
    #[test]
    fn a_refusal_holds_until_it_says_and_not_longer(case in cases(), share in 0.0..1.0_f64) {
        if let Some(until) = case.refusals(case.now).first().and_then(|refusal| refusal.until) {
            prop_assert!(until > case.now);
            let between = case.now.millis() + ((until.millis() - case.now.millis() - 1) as f64 * share) as i64;
            prop_assert!(!case.refusals(Timestamp(between)).is_empty());
            // What depends on when somebody agreed or withdrew is another matter than time alone.
            let changes = case.consent.as_ref().and_then(|consent| consent.withdrawn).is_some();
            // And the state's list grows old meanwhile.
            let mut later = case.refusals(until);
            later.retain(|refusal| !refusal.rule.ends_with(".list_age"));
            prop_assert!(changes || later.is_empty(), "{later:?}");
        }
    }

    #[test]
    fn no_figure_is_too_hostile(case in cases(), now: i64, at: i64, calls: u32, within in any::<Duration>()) {
        let mut case = case;
        case.past.push(Past { at: Timestamp(at), campaign: i64::MIN, purpose: case.campaign.purpose });
        case.campaign.caps.push(OwnCap { name: "x".to_owned(), cap: Cap { calls, within }, of_campaign: false });
        case.campaign.starts = Some(Timestamp(at));
        case.campaign.least_gap = within;
        case.refusals(Timestamp(now));
    }
}
