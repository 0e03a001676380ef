//! Where calls end up, on a real database. That it sounds right is tested with telephones.

use std::time::Duration;

use domain::{
    CallId, Principal, TenantId,
    app::{AppFact, AppInput, Opened, Question, Recording},
    cause::Cause,
    routing::{Destination, Setting},
};
use store::testing::{TENANT, TestDb, test_db};
use uuid::Uuid;
use web::Fields;

use super::{
    apps,
    resolve::{Caller, Found, MOST_HOPS, Resolved, resolve},
    voicemail,
};
use crate::{
    Config, Deps, Error, Pbx,
    model::{Direction, Forwarding, MessageState, Waiting},
    ops::{self, extensions::NewExtension, places::Named},
    store as rows,
};

pub(super) struct House {
    db: TestDb,
    pub(super) pbx: Pbx,
    pub(super) who: Principal,
}

pub(super) async fn house() -> House {
    house_with(Config::default()).await
}

async fn house_with(config: Config) -> House {
    let db = test_db().await;
    let mut tx = db.begin_any_tenant().await.unwrap();
    rows::accounts::any_tenant_add(&mut tx, "one").await.unwrap();
    tx.commit().await.unwrap();
    let (sip, sip_events) = sip::Sip::open(sip::Config {
        realm: sip::Realm::Fixed(config.realm.clone()),
        ..sip::Config::on(([127, 0, 0, 1], 0).into())
    })
    .await
    .unwrap();
    let media = media::Media::open(media::Config { bind: [127, 0, 0, 1].into(), ..media::Config::default() }).unwrap();
    let config = Config {
        recordings_dir: db.folder().to_owned(),
        voicemail_dir: db.folder().join("voicemail"),
        prompts_dir: db.folder().join("prompts"),
        ..config
    };
    let (bus, secrets) = (bus::Bus::new((*db).clone()), db.secrets.clone());
    let mail = mail::Mail::open((*db).clone(), secrets.clone(), &mail::Config::default()).unwrap();
    let pbx = Pbx::open(Deps { db: (*db).clone(), bus, secrets, sip, sip_events, media, mail, config }).await.unwrap();
    let house = House { db, pbx, who: Principal::system(TENANT) };
    for number in ["1001", "1002", "1003"] {
        house.extension(number, false).await;
    }
    house
}

impl House {
    async fn extension(&self, number: &str, voicemail: bool) {
        let fill = ops::extensions::Fill { voicemail_enabled: Some(voicemail), ..ops::extensions::Fill::default() };
        let new = NewExtension { number: Some(number.to_owned()), sip_password: None, fill };
        ops::extensions::create(&self.pbx.desk(), &self.who, new, Fields::new()).await.unwrap();
        self.follow().await;
    }

    async fn follow(&self) {
        self.pbx.directory.reload(&self.pbx.db, &self.pbx.secrets).await.unwrap();
    }

    async fn wish(&self, extension: &str, wish: Forwarding) {
        ops::forwarding::put(&self.pbx.desk(), &self.who, extension, wish, Fields::new()).await.unwrap();
        self.follow().await;
    }

    fn caller(&self, extension: Option<&str>) -> Caller {
        Caller {
            call: CallId(Uuid::now_v7()),
            direction: Direction::Internal,
            number: extension.unwrap_or("0912345678").to_owned(),
            name: None,
            extension: extension.map(str::to_owned),
            acting: extension.and_then(|number| self.pbx.directory.line(TENANT, number)),
            dialled: String::new(),
            anonymous: false,
            asked: None,
            encrypted: false,
        }
    }

    fn resolve(&self, caller: Option<&str>, to: Destination) -> Result<Resolved, Cause> {
        let account = self.pbx.directory.account(TENANT).unwrap();
        resolve(&self.pbx, TENANT, &account, &self.caller(caller), to, 0)
    }

    /// Names what a caller is led to.
    fn leads(&self, caller: Option<&str>, to: Destination) -> Result<&'static str, Cause> {
        self.resolve(caller, to).map(|resolved| match resolved.step {
            Found::Ring { .. } => "ring",
            Found::App(app) => app.name(),
            Found::Queue(_) => "queue",
            Found::Robot => "robot",
            Found::Pickup(_) => "pickup",
            Found::Retrieve(_) => "retrieve",
        })
    }

    /// Leaves a message of two seconds.
    async fn message(&self, extension: &str) {
        let caller = self.caller(None);
        let what = Recording::Message(extension.to_owned());
        let take = apps::begin_recording(&self.pbx, TENANT, &caller, &what).await.unwrap();
        tokio::fs::write(take.file(&self.pbx), audio::wav::mono(8_000, &[1; 16_000])).await.unwrap();
        let left = AppFact::MessageLeft { extension: extension.to_owned(), millis: 2_000 };
        apps::keep(&self.pbx, TENANT, left, Some(&take)).await;
    }

    fn waiting(&self, extension: &str) -> (u32, u32) {
        let Waiting { new, old } = self.pbx.apps.mailboxes.waiting(TENANT, extension);
        (new, old)
    }

    async fn open(&self, caller: Option<&str>, extension: &str, pin: Option<&str>) -> Opened {
        let question = Question::Open { extension: extension.to_owned(), pin: pin.map(str::to_owned) };
        match apps::answer(&self.pbx, TENANT, &self.caller(caller), question).await {
            AppInput::Opened(opened) => opened,
            other => panic!("{other:?}"),
        }
    }
}

fn extension(number: &str) -> Destination {
    Destination::Extension(number.to_owned())
}

fn forwards(to: &str) -> Forwarding {
    Forwarding { always: Some(to.to_owned()), ..Forwarding::default() }
}

#[tokio::test]
async fn nobody_is_rung_without_a_phone_and_the_mailbox_takes_over() {
    let house = house().await;
    house.extension("1004", true).await;
    assert_eq!(house.leads(Some("1001"), extension("1002")), Err(Cause::NoUserResponse));
    assert_eq!(house.leads(Some("1001"), extension("1004")), Ok("voicemail"));
    assert_eq!(house.leads(Some("1001"), extension("1999")), Err(Cause::UnallocatedNumber));
    house.wish("1002", Forwarding { do_not_disturb: true, ..Forwarding::default() }).await;
    assert_eq!(house.leads(Some("1001"), extension("1002")), Err(Cause::UserBusy));
    house.wish("1004", Forwarding { do_not_disturb: true, ..Forwarding::default() }).await;
    assert_eq!(house.leads(Some("1001"), extension("1004")), Ok("voicemail"));
}

#[tokio::test]
async fn forwards_are_followed_and_circles_end() {
    let house = house().await;
    house.extension("1004", true).await;
    house.wish("1002", forwards("1004")).await;
    assert_eq!(house.leads(Some("1001"), extension("1002")), Ok("voicemail"));
    house.wish("1002", forwards("1003")).await;
    house.wish("1003", forwards("1002")).await;
    assert_eq!(house.leads(Some("1001"), extension("1002")), Err(Cause::ExchangeRoutingError));
    assert_eq!(
        house.leads(Some("1003"), extension("1002")),
        Err(Cause::NoUserResponse),
        "the target reaches who forwards"
    );
    const { assert!(MOST_HOPS <= 5) };
}

#[tokio::test]
async fn nothing_leads_outside_without_an_extensions_right() {
    let house = house().await;
    let out = Destination::Outbound(vec![domain::ids::TrunkId(1)]);
    assert_eq!(house.leads(None, out), Err(Cause::BearerCapabilityNotAuth));
    for (code, cause) in [
        (Destination::Park, Cause::BearerCapabilityNotAuth),
        (Destination::Retrieve(701), Cause::BearerCapabilityNotAuth),
    ] {
        assert_eq!(house.leads(None, code), Err(cause), "a stranger parks nothing and takes nothing");
    }
}

#[tokio::test]
async fn a_feature_code_does_nothing_unless_it_was_dialled() {
    let house = house().await;
    let account = house.pbx.directory.account(TENANT).unwrap();
    for code in ["*78", "*720987654321", "*73", "*81002", "*8", "701"] {
        let way = account.way(code);
        assert!(!matches!(way, Destination::Reject(_)), "{code}");
        // Whoever else names it, in a forward, a transfer or a redirection, leads nobody there.
        assert_eq!(account.onward(code), Destination::Reject(Cause::FacilityRejected), "{code}");
        if let Destination::Setting(_) = way {
            assert_eq!(
                house.leads(Some("1001"), way),
                Err(Cause::FacilityRejected),
                "{code}: to find out does nothing"
            );
        }
    }
    assert_eq!((account.onward("1002"), account.onward("*700")), (extension("1002"), Destination::Park));
    let set =
        |caller| super::resolve::set(&house.pbx, TENANT, &account, &house.caller(caller), Setting::DoNotDisturb(true));
    assert!(matches!(set(None), Err(Cause::BearerCapabilityNotAuth)), "only a phone of the account sets something");
    assert!(matches!(set(Some("1001")), Ok(Resolved { step: Found::App(_), .. })));
    let followed = async {
        while !house.pbx.directory.account(TENANT).unwrap().places.wish("1001").do_not_disturb {
            house.follow().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), followed).await.unwrap();
}

#[tokio::test]
async fn groups_and_menus_are_dialled_by_their_numbers() {
    let house = house().await;
    house.extension("1004", true).await;
    let desk = house.pbx.desk();
    let fill = ops::ring_groups::Fill {
        name: Some("sales".to_owned()),
        number: Some("600".to_owned()),
        members: vec!["1002".to_owned(), "1003".to_owned()],
        fallback: Named { kind: "voicemail".to_owned(), target: "1004".to_owned() },
        ..ops::ring_groups::Fill::default()
    };
    let group = ops::ring_groups::create(&desk, &house.who, fill, Fields::new()).await.unwrap();
    let fill = ops::menus::Fill {
        name: Some("front".to_owned()),
        number: Some("700".to_owned()),
        otherwise: Named { kind: "ring_group".to_owned(), target: group.id.to_string() },
        keys: vec![('1', Named { kind: "again".to_owned(), target: String::new() })],
        ..ops::menus::Fill::default()
    };
    let menu = ops::menus::create(&desk, &house.who, fill.clone(), Fields::new()).await.unwrap();
    house.follow().await;
    let account = house.pbx.directory.account(TENANT).unwrap();
    assert_eq!(account.way("600"), Destination::RingGroup(group.id));
    assert_eq!(account.way("700"), Destination::Menu(menu.id));
    assert_eq!(house.leads(Some("1001"), Destination::Menu(menu.id)), Ok("menu"));
    assert_eq!(house.leads(Some("1001"), Destination::RingGroup(group.id)), Ok("voicemail"), "nobody can be rung");
    // In a menu a caller dials what is inside of the account, and nothing else.
    let found = |dialled: &str| {
        let question = Question::Number(dialled.to_owned());
        let (pbx, caller) = (house.pbx.clone(), house.caller(None));
        async move { apps::answer(&pbx, TENANT, &caller, question).await }
    };
    assert_eq!(found("1001").await, AppInput::Found(Some(extension("1001"))));
    assert_eq!(found("600").await, AppInput::Found(Some(Destination::RingGroup(group.id))));
    assert_eq!(found("0912345678").await, AppInput::Found(None));
    assert_eq!(found("*78").await, AppInput::Found(None));
    // What others lead to stays; a number is somebody's alone.
    let used = ops::ring_groups::delete(&desk, &house.who, group.id).await;
    assert!(matches!(used, Err(Error::InUse { .. })), "{used:?}");
    for number in ["600", "1001", "700"] {
        let twice =
            ops::menus::Fill { name: Some("other".to_owned()), number: Some(number.to_owned()), ..fill.clone() };
        let refused = ops::menus::create(&desk, &house.who, twice, Fields::new()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{number}: {refused:?}");
    }
    let foreign = Principal::system(TenantId(99));
    assert!(matches!(ops::menus::show(&desk, &foreign, menu.id).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_message_is_counted_heard_and_deleted_with_its_sound() {
    let house = house().await;
    house.extension("1004", true).await;
    let mut news = house.pbx.apps.mailboxes.listen();
    house.message("1004").await;
    assert_eq!(house.waiting("1004"), (1, 0));
    assert_eq!(news.try_recv().unwrap(), (TENANT, "1004".to_owned()));
    let Opened::Messages(cards) = house.open(Some("1004"), "1004", None).await else { panic!("it has no PIN") };
    assert_eq!((cards.len(), cards[0].is_new, cards[0].caller.as_str()), (1, true, "0912345678"));
    let (message, owner) = (cards[0].id, || "1004".to_owned());
    apps::keep(&house.pbx, TENANT, AppFact::Heard { extension: owner(), message }, None).await;
    assert_eq!(house.waiting("1004"), (0, 1));
    let path = house.pbx.config.voicemail_dir.join(voicemail::message_path(&house.pbx, TENANT, message).await.unwrap());
    assert!(path.exists());
    // Another's mailbox does not delete it.
    apps::keep(&house.pbx, TENANT, AppFact::Deleted { extension: "1002".to_owned(), message }, None).await;
    assert_eq!(house.waiting("1004"), (0, 1));
    apps::keep(&house.pbx, TENANT, AppFact::Deleted { extension: owner(), message }, None).await;
    assert_eq!(house.waiting("1004"), (0, 0));
    assert!(!path.exists());
}

#[tokio::test]
async fn an_accounts_mailboxes_are_full_together_and_have_room_again_when_one_is_gone() {
    // A message of two seconds has 32,044 bytes.
    let house = house_with(Config { voicemail_storage: Some(60_000), ..Config::default() }).await;
    house.extension("1004", true).await;
    house.extension("1005", true).await;
    let is_full = |extension: &str| {
        let Ok(Resolved { step: Found::App(mut app), .. }) =
            house.resolve(None, Destination::Voicemail(extension.to_owned()))
        else {
            panic!("there is a mailbox");
        };
        app.handle(AppInput::Started, tokio::time::Instant::now().into_std());
        let said = format!("{:?}", std::iter::from_fn(|| app.poll()).collect::<Vec<_>>());
        said.contains("mailbox-full")
    };
    house.message("1004").await;
    assert!(!is_full("1004") && !is_full("1005"));
    house.message("1004").await;
    assert!(is_full("1004") && is_full("1005"), "one account's mailboxes share the disk");
    house.pbx.apps.mailboxes.load(&house.pbx).await.unwrap();
    assert!(is_full("1005"), "a restart knows it too");
    ops::extensions::delete(&house.pbx.desk(), &house.who, "1004", false).await.unwrap();
    super::refresh(&house.pbx).await;
    assert!(!is_full("1005"));
}

#[tokio::test]
async fn the_console_marks_and_deletes_messages_and_agents_see_their_own() {
    let house = house().await;
    house.extension("1004", true).await;
    house.message("1004").await;
    let (pbx, who) = (&house.pbx, &house.who);
    let listing =
        ops::voicemail::messages(&pbx.desk(), who, "1004", web::Page { page: 1, per_page: 50 }).await.unwrap();
    let message = &listing.data[0];
    assert_eq!((message.duration_ms, message.state), (2_000, MessageState::New));
    ops::voicemail::mark(pbx, who, "1004", message.id, MessageState::Old).await.unwrap();
    assert_eq!(house.waiting("1004"), (0, 1));
    let agent =
        crate::api::tests::user(domain::principal::Role::Agent, &[domain::Permission::PbxApiAccess], Some("1002"));
    let foreign = ops::voicemail::delete(pbx, &agent, "1004", message.id).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))), "{foreign:?}");
    ops::voicemail::delete(pbx, who, "1004", message.id).await.unwrap();
    assert_eq!(house.waiting("1004"), (0, 0));
}

#[tokio::test]
async fn guesses_at_the_same_moment_are_counted_one_by_one() {
    let house = house().await;
    house.extension("1004", true).await;
    let set = Question::SetPin { extension: "1004".to_owned(), pin: "4711".to_owned() };
    assert_eq!(apps::answer(&house.pbx, TENANT, &house.caller(Some("1004")), set).await, AppInput::PinSet(true));
    let all = futures_util::future::join_all((0..20).map(|_| house.open(None, "1004", Some("0000")))).await;
    let looked_at = all.iter().filter(|opened| **opened == Opened::WrongPin).count();
    assert_eq!(looked_at, 4, "{all:?}");
    assert_eq!(house.open(None, "1004", Some("4711")).await, Opened::Refused);
}

#[tokio::test]
async fn a_message_that_could_not_be_written_down_is_completed_later() {
    let house = house().await;
    house.extension("1004", true).await;
    let caller = house.caller(None);
    let what = Recording::Message("1004".to_owned());
    let take = apps::begin_recording(&house.pbx, TENANT, &caller, &what).await.unwrap();
    tokio::fs::write(take.file(&house.pbx), audio::wav::mono(8_000, &[1; 16_000])).await.unwrap();
    assert_eq!(house.waiting("1004"), (0, 0), "the database was away when the caller hung up");
    assert!(voicemail::complete_begun(&house.pbx).await.unwrap());
    assert_eq!(house.waiting("1004"), (1, 0));
}

#[tokio::test]
async fn wrong_pins_lock_a_mailbox_for_a_quarter_of_an_hour() {
    let house = house().await;
    house.extension("1004", true).await;
    assert_eq!(house.open(Some("1001"), "1004", None).await, Opened::PinWanted, "not the own phone");
    assert_eq!(house.open(Some("1001"), "1004", Some("1234")).await, Opened::WrongPin, "it has none");
    assert_eq!(house.open(Some("1001"), "1999", Some("1234")).await, Opened::WrongPin, "no such mailbox");
    let set = Question::SetPin { extension: "1004".to_owned(), pin: "4711".to_owned() };
    assert_eq!(apps::answer(&house.pbx, TENANT, &house.caller(Some("1004")), set).await, AppInput::PinSet(true));
    assert_eq!(house.open(Some("1004"), "1004", None).await, Opened::PinWanted);
    assert_eq!(house.open(Some("1001"), "1004", Some("4711")).await, Opened::Messages(Vec::new()));
    for guess in 1..=4 {
        assert_eq!(house.open(None, "1004", Some("0000")).await, Opened::WrongPin, "{guess}");
    }
    assert_eq!(house.open(None, "1004", Some("0000")).await, Opened::Refused);
    assert_eq!(house.open(None, "1004", Some("4711")).await, Opened::Refused, "the right one comes too late");
    house.db.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(house.open(None, "1004", Some("4711")).await, Opened::Messages(Vec::new()));
}

#[tokio::test]
async fn a_message_that_was_cut_off_is_saved_by_the_next_run_if_there_is_anything_in_it() {
    let house = house().await;
    house.extension("1004", true).await;
    let what = Recording::Message("1004".to_owned());
    for samples in [100, 24_000] {
        let take = apps::begin_recording(&house.pbx, TENANT, &house.caller(None), &what).await.unwrap();
        tokio::fs::write(take.file(&house.pbx), audio::wav::mono(8_000, &vec![1; samples])).await.unwrap();
    }
    let mut next = house.pbx.clone();
    let boot = crate::model::Boot { id: Uuid::now_v7().to_string(), node: house.pbx.boot.node.clone() };
    next.boot = std::sync::Arc::new(boot);
    assert_eq!(voicemail::recover(&next).await.unwrap(), 1);
    assert_eq!(voicemail::recover(&next).await.unwrap(), 0, "once is enough");
    assert_eq!(house.waiting("1004"), (1, 0));
}

#[tokio::test]
async fn prompts_are_kept_at_eight_kilohertz_and_only_what_is_free_is_deleted() {
    let house = house().await;
    let (pbx, who) = (&house.pbx, &house.who);
    let file = audio::wav::mono(16_000, &audio::tone::sine(300.0, 8_000.0, 32_000));
    let prompt = ops::prompts::create(pbx, who, Some("welcome"), &file).await.unwrap();
    assert_eq!(prompt.duration_ms, 2_000);
    let sound = ops::prompts::open(pbx, who, prompt.id).await.unwrap();
    assert_eq!(sound.bytes, 44 + 32_000);
    assert!(matches!(ops::prompts::create(pbx, who, Some("welcome"), &file).await, Err(Error::Taken(_))));
    assert!(matches!(ops::prompts::create(pbx, who, Some("noise"), b"mp3").await, Err(Error::Invalid(_))));
    let fill = ops::menus::Fill {
        name: Some("front".to_owned()),
        greeting: Some(prompt.id),
        otherwise: Named { kind: "hangup".to_owned(), target: String::new() },
        ..ops::menus::Fill::default()
    };
    let menu = ops::menus::create(&pbx.desk(), who, fill, Fields::new()).await.unwrap();
    assert!(matches!(ops::prompts::delete(pbx, who, prompt.id).await, Err(Error::InUse { .. })));
    ops::menus::delete(&pbx.desk(), who, menu.id).await.unwrap();
    ops::prompts::delete(pbx, who, prompt.id).await.unwrap();
    let left = std::fs::read_dir(pbx.config.prompts_dir.join(TENANT.to_string())).unwrap().count();
    assert_eq!(left, 0, "its file is gone, and no refused one stayed");
}

#[tokio::test]
async fn an_extension_that_is_deleted_leaves_its_groups_and_its_mailbox() {
    let house = house().await;
    house.extension("1004", true).await;
    house.message("1004").await;
    let desk = house.pbx.desk();
    let fill = ops::ring_groups::Fill {
        name: Some("sales".to_owned()),
        members: vec!["1002".to_owned(), "1004".to_owned()],
        ..ops::ring_groups::Fill::default()
    };
    let group = ops::ring_groups::create(&desk, &house.who, fill, Fields::new()).await.unwrap();
    ops::extensions::delete(&desk, &house.who, "1004", false).await.unwrap();
    assert_eq!(ops::ring_groups::show(&desk, &house.who, group.id).await.unwrap().members, ["1002"]);
    house.extension("1004", true).await;
    let page = web::Page { page: 1, per_page: 50 };
    let messages = ops::voicemail::messages(&desk, &house.who, "1004", page).await.unwrap();
    assert_eq!(messages.total, 0, "whoever gets the number next hears nothing of it");
}
