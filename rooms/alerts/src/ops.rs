//! What admins can do with alerts.

use ::store::audit;
use domain::{
    EventName, Principal,
    principal::{Actor, Role},
};
use serde_json::json;
use uuid::Uuid;
use web::{Fields, Language, Listing, Page, Rule as Broken};

use crate::{
    Alerts, Error,
    door::{Post, Secret},
    driver::event,
    model::{Incident, IncidentFilter, Kind, NewRule, Notice, Phase, Rule, Tested},
    store, text,
};

/// Recipients of one rule.
const RECIPIENTS: usize = 10;
/// Characters of a rule's signing secret.
const SECRET: usize = 32;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Alerts {
    /// Returns the account's rules, one for each kind that it may have.
    pub async fn list(&self, who: &Principal) -> Result<Vec<Rule>, Error> {
        admin(who)?;
        let kinds = self.kinds(who).await?;
        let mut tx = self.db.read(who.tenant).await?;
        let set = store::rules(&mut tx, who.tenant).await?;
        let rule = |kind| set.iter().find(|rule| rule.kind == kind).cloned().unwrap_or_else(|| Rule::unset(kind));
        Ok(kinds.into_iter().map(rule).collect())
    }

    /// Sets a rule. With a first webhook URL a signing secret is made and returned: it is shown this once.
    pub async fn set(&self, who: &Principal, kind: Kind, new: NewRule) -> Result<(Rule, Option<Secret>), Error> {
        admin(who)?;
        if !self.kinds(who).await?.contains(&kind) {
            return Err(Error::NotFound);
        }
        let rule = self.checked(kind, new)?;
        let mut tx = self.db.begin(who.tenant).await?;
        let before = store::rule(&mut tx, who.tenant, kind).await?;
        store::set_rule(&mut tx, who.tenant, &rule).await?;
        let mut shown = None;
        if rule.webhook_url.is_none() {
            store::set_secret(&mut tx, who.tenant, kind, None).await?;
        } else if store::secret(&mut tx, who.tenant, kind).await?.is_none() {
            let secret = generate();
            let sealed = self.secrets.seal(who.tenant, &secret_place(kind), secret.0.as_bytes());
            store::set_secret(&mut tx, who.tenant, kind, Some(sealed)).await?;
            shown = Some(secret);
        }
        let detail = json!({ "before": shown_rule(&before), "after": shown_rule(&rule) });
        audit(&mut tx, who, "alert.rule.set", &format!("alert_rule:{}", kind.as_str()), detail).await?;
        let rule = store::rule(&mut tx, who.tenant, kind).await?;
        tx.commit().await?;
        Ok((rule, shown))
    }

    /// Gives a rule's webhook another signing secret and returns it: it is shown this once.
    pub async fn rotate_secret(&self, who: &Principal, kind: Kind) -> Result<Secret, Error> {
        admin(who)?;
        let mut tx = self.db.begin(who.tenant).await?;
        if store::rule(&mut tx, who.tenant, kind).await?.webhook_url.is_none() {
            return Err(Error::NotFound);
        }
        let secret = generate();
        let sealed = self.secrets.seal(who.tenant, &secret_place(kind), secret.0.as_bytes());
        store::set_secret(&mut tx, who.tenant, kind, Some(sealed)).await?;
        audit(&mut tx, who, "alert.secret.rotate", &format!("alert_rule:{}", kind.as_str()), json!({})).await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// Sends a sample of the kind to everybody whom the rule names, now and once, and says what came of it.
    pub async fn test_rule(&self, who: &Principal, kind: Kind) -> Result<Vec<Tested>, Error> {
        admin(who)?;
        if !self.kinds(who).await?.contains(&kind) {
            return Err(Error::NotFound);
        }
        let mut tx = self.db.begin(who.tenant).await?;
        let rule = store::rule(&mut tx, who.tenant, kind).await?;
        let sealed = store::secret(&mut tx, who.tenant, kind).await?;
        let (account, timezone) = store::account(&mut tx, who.tenant).await?;
        audit(&mut tx, who, "alert.rule.test", &format!("alert_rule:{}", kind.as_str()), json!({})).await?;
        let now = tx.now();
        tx.commit().await?;
        let sample = text::sample(kind, now);
        let place = text::Place { account: &account, timezone: &timezone, url: &self.config.public_url };
        let mut tests = Vec::new();
        for target in &rule.recipients {
            let letter = text::test_letter(rule.language, &sample, target, &place);
            let error = self.mail.try_now(&letter).await.err().map(|error| error.to_string());
            tests.push(Tested { channel: "mail", target: target.clone(), error });
        }
        if let (Some(url), Some(sealed)) = (rule.webhook_url, sealed) {
            let error = match self.secrets.unseal(who.tenant, &secret_place(kind), &sealed) {
                Err(error) => Some(error.to_string()),
                Ok(secret) => {
                    let id = Uuid::new_v4();
                    let secret = Secret(String::from_utf8_lossy(&secret).into_owned());
                    let body = event(who.tenant, &sample, Phase::Raised, now, id).body();
                    let post = Post { id, url: url.clone(), secret, event: EventName::AlertRaised.as_str(), body };
                    (self.door.post)(post).await.err().map(|refusal| refusal.0)
                }
            };
            tests.push(Tested { channel: "webhook", target: url, error });
        }
        Ok(tests)
    }

    /// Returns a page of the account's incidents, newest first.
    pub async fn incidents(
        &self,
        who: &Principal,
        filter: IncidentFilter,
        page: Page,
    ) -> Result<Listing<Incident>, Error> {
        admin(who)?;
        let mut tx = self.db.read(who.tenant).await?;
        let total = store::count_incidents(&mut tx, who.tenant, filter).await?;
        let rows = store::incidents(&mut tx, who.tenant, filter, page).await?;
        Ok(Listing::new(page, rows, total))
    }

    /// Returns an incident with everybody who was told of it.
    pub async fn incident(&self, who: &Principal, id: i64) -> Result<(Incident, Vec<Notice>), Error> {
        admin(who)?;
        let mut tx = self.db.read(who.tenant).await?;
        let incident = store::incident(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound)?;
        let notices = store::notices(&mut tx, who.tenant, id).await?;
        Ok((incident, notices))
    }

    /// Returns how many incidents are open.
    pub async fn open_incidents(&self, who: &Principal) -> Result<i64, Error> {
        admin(who)?;
        let mut tx = self.db.read(who.tenant).await?;
        let filter = IncidentFilter { open_only: true, kind: None };
        Ok(store::count_incidents(&mut tx, who.tenant, filter).await?)
    }

    /// Returns the kinds that the account may have: those of the host belong to its operator alone.
    async fn kinds(&self, who: &Principal) -> Result<Vec<Kind>, Error> {
        let mut tx = self.db.read_any_tenant().await?;
        let host = store::any_tenant_account(&mut tx, &self.config.host_account).await?;
        let may = |kind: &Kind| !kind.is_of_host() || host == Some(who.tenant);
        Ok(Kind::ALL.into_iter().filter(may).collect())
    }

    fn checked(&self, kind: Kind, new: NewRule) -> Result<Rule, Error> {
        let mut fields = Fields::new();
        let mut recipients: Vec<String> = Vec::new();
        for (place, address) in new.recipients.iter().map(|address| address.trim()).enumerate() {
            if !mail::is_address(address) {
                fields.add(format!("recipients.{place}"), Broken::Format);
            } else if !recipients.iter().any(|other| other.eq_ignore_ascii_case(address)) {
                recipients.push(address.to_owned());
            }
        }
        fields.check("recipients", recipients.len() <= RECIPIENTS, Broken::Between(0, 10));
        let threshold = match (new.threshold, kind.threshold()) {
            (Some(value), Some(own)) => fields.number("threshold", Some(value), own.min, own.max),
            (Some(_), None) => {
                fields.add("threshold", Broken::Selected);
                None
            }
            (None, _) => None,
        };
        let url = new.webhook_url.as_deref().map(str::trim).filter(|url| !url.is_empty());
        let webhook_url = match url.map(|url| (self.door.check)(url)) {
            Some(Ok(url)) => Some(url),
            Some(Err(reason)) => {
                fields.add("webhook_url", reason);
                None
            }
            None => None,
        };
        if !fields.is_empty() {
            return Err(fields.into());
        }
        let NewRule { enabled, language, .. } = new;
        Ok(Rule { kind, enabled, recipients, language, threshold, webhook_url, updated_at: None })
    }
}

/// Where a rule's secret lies: it opens nowhere else.
pub(crate) fn secret_place(kind: Kind) -> String {
    format!("alert_rule.webhook_secret:{}", kind.as_str())
}

fn admin(who: &Principal) -> Result<(), Error> {
    match &who.actor {
        Actor::System | Actor::User { role: Role::Admin, .. } => Ok(()),
        Actor::User { .. } | Actor::Machine { .. } => Err(Error::Denied),
    }
}

fn generate() -> Secret {
    Secret((0..SECRET).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])).collect())
}

fn shown_rule(rule: &Rule) -> serde_json::Value {
    json!({
        "enabled": rule.enabled,
        "recipients": rule.recipients,
        "language": if rule.language == Language::Vi { "vi" } else { "en" },
        "threshold": rule.threshold,
        "webhook_url": rule.webhook_url,
    })
}
