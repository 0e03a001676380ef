//! Authenticator apps and recovery codes.

use std::time::Duration;

use domain::principal::Role;

use super::{OTHER, Rig, visit};
use crate::{Error, RecoveryCodes, Session, SignedIn, Stage, totp};

const STEP: Duration = Duration::from_secs(30);

/// What an app does with the secret that it was shown.
fn code(secret: &str, seconds: i64) -> String {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for c in secret.chars().filter(char::is_ascii_alphanumeric) {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap() as u32;
        buffer = (buffer << 5) | value;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
        }
    }
    totp::code(&bytes, seconds / 30)
}

/// A user with a second factor.
struct Armed {
    rig: Rig,
    secret: String,
    codes: RecoveryCodes,
    session: Session,
}

impl Armed {
    async fn start() -> Self {
        let rig = Rig::start().await;
        rig.user("an", Role::Agent).await;
        let (cookie, session) = rig.inside("an").await;
        let secret = rig.accounts.totp_begin(&session).await.unwrap().secret;
        let shown = code(&secret, rig.db.now().secs());
        let (new, codes) = rig.accounts.totp_confirm(&session, &shown).await.unwrap();
        assert!(rig.session(&cookie).await.is_none(), "the cookie is another one now");
        let session = rig.session(&new.cookie).await.unwrap();
        assert!(session.has_second_factor);
        // The code of this step is used up.
        rig.db.clock.advance(STEP);
        Self { rig, secret, codes, session }
    }

    fn code(&self) -> String {
        code(&self.secret, self.rig.db.now().secs())
    }

    /// Gives the password and returns the cookie that waits for a code.
    async fn halfway(&self) -> String {
        let SignedIn::SecondFactor(new) = self.rig.sign_in("an", OTHER).await.unwrap() else {
            panic!("a code is asked")
        };
        assert_eq!(new.stage, Stage::SecondFactor);
        new.cookie
    }
}

#[tokio::test]
async fn the_code_opens_the_session_under_another_cookie() {
    let armed = Armed::start().await;
    let halfway = armed.halfway().await;
    let session = armed.rig.session(&halfway).await.unwrap();
    assert_eq!(session.stage, Stage::SecondFactor);
    assert!(session.principal.permissions.is_empty());
    assert!(matches!(armed.rig.accounts.sessions(&session).await, Err(Error::Denied)));
    assert!(matches!(armed.rig.accounts.change_password(&session, OTHER, "x").await, Err(Error::Denied)));

    let spaced = armed.code();
    let spaced = format!(" {} {}", &spaced[..3], &spaced[3..]);
    let new = armed.rig.accounts.second_factor(&halfway, &spaced, &visit()).await.unwrap();
    assert_eq!(new.stage, Stage::Open);
    assert!(armed.rig.session(&halfway).await.is_none());
    assert_eq!(armed.rig.session(&new.cookie).await.unwrap().stage, Stage::Open);
    let again = armed.rig.accounts.second_factor(&new.cookie, &armed.code(), &visit()).await;
    assert!(matches!(again, Err(Error::NotFound(_))), "an open session asks for no code");
}

#[tokio::test]
async fn a_code_opens_once_even_for_two_at_the_same_time() {
    let armed = Armed::start().await;
    let (one, two) = (armed.halfway().await, armed.halfway().await);
    let shown = armed.code();
    let visit = visit();
    let (first, second) = tokio::join!(
        armed.rig.accounts.second_factor(&one, &shown, &visit),
        armed.rig.accounts.second_factor(&two, &shown, &visit),
    );
    assert_ne!(first.is_ok(), second.is_ok());
    armed.rig.db.clock.advance(STEP);
    let third = armed.halfway().await;
    let older = armed.rig.accounts.second_factor(&third, &shown, &visit).await;
    assert!(matches!(older, Err(Error::Code)), "nor is it good a step later");
}

#[tokio::test]
async fn a_recovery_code_opens_once_however_it_is_typed() {
    let armed = Armed::start().await;
    assert_eq!(armed.codes.len(), 10);
    assert_eq!(armed.rig.accounts.recovery_codes_left(&armed.session).await.unwrap(), Some(10));
    let typed = armed.codes[3].to_lowercase().replace('-', " ");
    let halfway = armed.halfway().await;
    armed.rig.accounts.second_factor(&halfway, &typed, &visit()).await.unwrap();
    let halfway = armed.halfway().await;
    let again = armed.rig.accounts.second_factor(&halfway, &armed.codes[3], &visit()).await;
    assert!(matches!(again, Err(Error::Code)));
    assert_eq!(armed.rig.accounts.recovery_codes_left(&armed.session).await.unwrap(), Some(9));
    let renewed = armed.rig.accounts.renew_recovery_codes(&armed.session).await.unwrap();
    let old = armed.rig.accounts.second_factor(&halfway, &armed.codes[4], &visit()).await;
    assert!(matches!(old, Err(Error::Code)), "new codes replace the old");
    armed.rig.accounts.second_factor(&halfway, &renewed[0], &visit()).await.unwrap();
}

#[tokio::test]
async fn wrong_codes_end_the_session_and_then_close_codes_for_a_while() {
    let armed = Armed::start().await;
    for _ in 0..2 {
        let halfway = armed.halfway().await;
        let mut tries = 0;
        while armed.rig.session(&halfway).await.is_some() {
            let refused = armed.rig.accounts.second_factor(&halfway, "000000", &visit()).await;
            assert!(matches!(refused, Err(Error::Code)));
            tries += 1;
        }
        assert!(tries <= 5, "{tries}");
        if tries < 5 {
            break;
        }
        // The count goes on: the second session ends with its first wrong code.
        armed.rig.db.clock.advance(STEP);
    }
    for _ in 0..4 {
        let halfway = armed.halfway().await;
        armed.rig.accounts.second_factor(&halfway, "000000", &visit()).await.unwrap_err();
    }
    let halfway = armed.halfway().await;
    let right = armed.rig.accounts.second_factor(&halfway, &armed.code(), &visit()).await;
    assert!(matches!(right, Err(Error::Code)), "none is looked at");
    let halfway = armed.halfway().await;
    armed.rig.accounts.second_factor(&halfway, &armed.codes[0], &visit()).await.unwrap();
    armed.rig.db.clock.advance(Duration::from_secs(30 * 60));
    let halfway = armed.halfway().await;
    armed.rig.accounts.second_factor(&halfway, &armed.code(), &visit()).await.unwrap();
}

#[tokio::test]
async fn whoever_waits_too_long_with_the_code_begins_anew() {
    let armed = Armed::start().await;
    let halfway = armed.halfway().await;
    armed.rig.db.clock.advance(Duration::from_secs(10 * 60));
    let late = armed.rig.accounts.second_factor(&halfway, &armed.code(), &visit()).await;
    assert!(matches!(late, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_second_factor_changes_only_for_a_confirmed_password() {
    let armed = Armed::start().await;
    armed.rig.db.clock.advance(Duration::from_secs(5 * 60));
    assert!(matches!(armed.rig.accounts.totp_begin(&armed.session).await, Err(Error::Stale)));
    assert!(matches!(armed.rig.accounts.totp_disable(&armed.session).await, Err(Error::Stale)));
    assert!(matches!(armed.rig.accounts.renew_recovery_codes(&armed.session).await, Err(Error::Stale)));
}

#[tokio::test]
async fn an_offer_is_nothing_until_a_code_of_it_was_typed() {
    let rig = Rig::start().await;
    rig.user("an", Role::Agent).await;
    let (_, session) = rig.inside("an").await;
    let first = rig.accounts.totp_begin(&session).await.unwrap();
    assert!(first.url.starts_with("otpauth://totp/Zorio:an%40default?secret="), "{}", first.url);
    assert!(!format!("{first:?}").contains(&first.secret));
    let second = rig.accounts.totp_begin(&session).await.unwrap();
    let now = rig.db.now().secs();
    for wrong in [code(&first.secret, now), "000000".to_owned(), String::new()] {
        assert!(matches!(rig.accounts.totp_confirm(&session, &wrong).await, Err(Error::Code)), "{wrong}");
    }
    assert!(matches!(rig.sign_in("an", OTHER).await.unwrap(), SignedIn::Complete(_)));
    rig.accounts.totp_confirm(&session, &code(&second.secret, now)).await.unwrap();
    assert!(matches!(rig.sign_in("an", OTHER).await.unwrap(), SignedIn::SecondFactor(_)));
}

#[tokio::test]
async fn an_admin_takes_the_factor_of_somebody_who_lost_it() {
    let armed = Armed::start().await;
    let agent = armed.session.principal.clone();
    let id = armed.session.user;
    assert!(matches!(armed.rig.accounts.reset_second_factor(&agent, id).await, Err(Error::Denied)));
    armed.rig.accounts.reset_second_factor(&armed.rig.host, id).await.unwrap();
    assert!(matches!(armed.rig.sign_in("an", OTHER).await.unwrap(), SignedIn::Complete(_)));
}

#[tokio::test]
async fn the_secret_is_sealed_and_the_codes_are_hashes() {
    let armed = Armed::start().await;
    let mut tx = armed.rig.db.read_any_tenant().await.unwrap();
    let (sealed,): (Vec<u8>,) =
        ::store::sql("select totp_secret from users where login = 'an'").one(&mut tx).await.unwrap();
    assert!(sealed.len() > 20 + 16);
    let hashes: Vec<(Vec<u8>,)> = ::store::sql("select hash from recovery_code").all(&mut tx).await.unwrap();
    assert_eq!(hashes.len(), 10);
    assert!(hashes.iter().all(|(hash,)| hash.len() == 32));
}
