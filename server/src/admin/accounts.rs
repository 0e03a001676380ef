//! `zorio admin account | user | token`.

use std::{net::IpAddr, time::Duration};

use ::accounts::{Account, NewAccount, NewToken, NewUser, Token, TokenFilter, User, UserFilter};
use anyhow::{Context, ensure};
use clap::Subcommand;
use domain::{Permission, Principal, UserId, ids::TokenId, principal::Role};
use ipnet::IpNet;
use serde_json::{Value, json};
use web::Page;

use crate::wire::Rooms;

/// Rows read at a time.
const PER_PAGE: i64 = 200;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Subcommand, Debug)]
pub(super) enum AccountCommand {
    /// Makes an account.
    Create {
        #[arg(long)]
        name: String,
        /// The domain whose requests belong to the account.
        #[arg(long)]
        host: Option<String>,
        /// An IANA time zone; Asia/Ho_Chi_Minh if absent.
        #[arg(long)]
        timezone: Option<String>,
        /// Two letters: where numbers without country code belong; VN if absent.
        #[arg(long)]
        region: Option<String>,
    },
    /// Lists all accounts.
    List,
}

#[derive(Subcommand, Debug)]
pub(super) enum UserCommand {
    /// Makes a user; without a password one is made and shown this once.
    Create {
        #[arg(long)]
        username: String,
        #[arg(long)]
        password: Option<String>,
        /// admin, supervisor, agent or read_only.
        #[arg(long, default_value = "agent", value_parser = role)]
        role: Role,
        #[arg(long)]
        team_id: Option<i64>,
        /// The extension that is the user's phone.
        #[arg(long)]
        extension: Option<String>,
        #[arg(long)]
        email: Option<String>,
    },
    /// Lists the account's users.
    List,
    /// Disables a user: sign-in and all tokens end.
    Disable {
        /// Number or username.
        user: String,
        /// Enables the user again instead.
        #[arg(long)]
        enable: bool,
    },
    /// Gives a user another password; without one, one is made and shown this once. Tokens stay.
    Password {
        /// Number or username.
        user: String,
        #[arg(long)]
        password: Option<String>,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum TokenCommand {
    /// Makes a token, shown this once: an application's, or with --user a person's.
    Create {
        #[arg(long)]
        name: String,
        /// What it may, such as pbx_api_access,view_all_cdr; `all` for everything. For a user's token: all that the user may.
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// Whose it is: number or username.
        #[arg(long)]
        user: Option<String>,
        /// Networks that it may be used from, such as 192.0.2.0/24; anywhere if absent.
        #[arg(long, value_delimiter = ',', value_parser = network)]
        ip_allow: Vec<IpNet>,
        /// Days until it ends; never if absent.
        #[arg(long)]
        expires_in_days: Option<u32>,
    },
    /// Lists the account's tokens.
    List,
    /// Ends a token.
    Revoke { id: i64 },
}

pub(super) async fn account(rooms: &Rooms, command: &AccountCommand) -> anyhow::Result<Value> {
    match command {
        AccountCommand::Create { name, host, timezone, region } => {
            let new = NewAccount {
                name: name.clone(),
                host: host.clone(),
                timezone: timezone.clone(),
                region: region.clone(),
            };
            Ok(account_body(&rooms.accounts.create_account(&new).await?))
        }
        AccountCommand::List => Ok(rooms.accounts.accounts().await?.iter().map(account_body).collect()),
    }
}

pub(super) async fn user(rooms: &Rooms, who: &Principal, command: &UserCommand) -> anyhow::Result<Value> {
    match command {
        UserCommand::Create { username, password, role, team_id, extension, email } => {
            let new = NewUser {
                username: username.clone(),
                password: password.clone(),
                role: *role,
                team_id: *team_id,
                extension: extension.clone(),
                email: email.clone(),
                language: None,
            };
            let (user, made) = rooms.accounts.create_user(who, new).await?;
            let mut body = user_body(&user);
            if let Some(password) = made {
                body["password"] = json!(password);
            }
            Ok(body)
        }
        UserCommand::List => {
            let mut users = Vec::new();
            for page in 1.. {
                let page = Page { page, per_page: PER_PAGE };
                let listing = rooms.accounts.list_users(who, page, &UserFilter::default()).await?;
                users.extend(listing.data.iter().map(user_body));
                if page.page >= listing.last_page {
                    break;
                }
            }
            Ok(Value::Array(users))
        }
        UserCommand::Disable { user, enable } => {
            let id = find_user(rooms, who, user).await?;
            Ok(user_body(&rooms.accounts.set_user_disabled(who, id, !enable).await?))
        }
        UserCommand::Password { user, password } => {
            let id = find_user(rooms, who, user).await?;
            let made = rooms.accounts.set_password(who, id, password.clone()).await?;
            Ok(made.map_or_else(|| json!({"id": id}), |password| json!({"id": id, "password": password})))
        }
    }
}

pub(super) async fn token(rooms: &Rooms, who: &Principal, command: &TokenCommand) -> anyhow::Result<Value> {
    match command {
        TokenCommand::Create { name, scopes, user, ip_allow, expires_in_days } => {
            let user = match user {
                Some(user) => Some(find_user(rooms, who, user).await?),
                None => None,
            };
            let new = NewToken {
                name: name.clone(),
                user,
                scopes: permissions(scopes)?,
                ip_allow: (!ip_allow.is_empty()).then(|| ip_allow.clone()),
                expires_at: expires_in_days.map(|days| rooms.db.now().after(DAY * days)),
            };
            let (token, text) = rooms.accounts.create_token(who, new).await?;
            let mut body = token_body(&token);
            body["token"] = json!(text);
            Ok(body)
        }
        TokenCommand::List => {
            let mut tokens = Vec::new();
            for page in 1.. {
                let page = Page { page, per_page: PER_PAGE };
                let listing = rooms.accounts.list_tokens(who, page, &TokenFilter::default()).await?;
                tokens.extend(listing.data.iter().map(|line| token_body(&line.token)));
                if page.page >= listing.last_page {
                    break;
                }
            }
            Ok(Value::Array(tokens))
        }
        TokenCommand::Revoke { id } => {
            rooms.accounts.revoke_token(who, TokenId(*id)).await?;
            Ok(json!({"id": id, "revoked": true}))
        }
    }
}

async fn find_user(rooms: &Rooms, who: &Principal, text: &str) -> anyhow::Result<UserId> {
    let named = rooms.accounts.user_named(who, text).await;
    let found = match (named, text.parse()) {
        (Err(::accounts::Error::NotFound(_)), Ok(id)) => rooms.accounts.user(who, UserId(id)).await,
        (found, _) => found,
    };
    Ok(found.with_context(|| format!("there is no user {text:?}"))?.id)
}

fn permissions(names: &[String]) -> anyhow::Result<Option<Vec<Permission>>> {
    match names {
        [] => Ok(None),
        [all] if all == "all" => Ok(Some(Permission::ALL.to_vec())),
        names => {
            let known = || Permission::ALL.iter().map(|permission| permission.as_str()).collect::<Vec<_>>().join(", ");
            let list: Vec<_> = names.iter().filter_map(|name| Permission::parse(name)).collect();
            ensure!(list.len() == names.len(), "unknown scope; there are: {}", known());
            Ok(Some(list))
        }
    }
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "admin, supervisor, agent or read_only".to_owned())
}

/// Reads a network, or a single address as the network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "neither a network nor an address".to_owned())
}

fn account_body(account: &Account) -> Value {
    json!({
        "id": account.id,
        "name": account.name,
        "client_id": account.client_id,
        "host": account.host,
        "timezone": account.timezone,
        "region": account.region,
        "created_at": account.created_at.rfc3339(),
    })
}

fn user_body(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "role": user.role().as_str(),
        "team_id": user.team_id,
        "extension": user.extension,
        "email": user.email,
        "disabled": user.disabled,
        "created_at": user.created_at.rfc3339(),
    })
}

fn token_body(token: &Token) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "kind": token.kind.as_str(),
        "user_id": token.user_id,
        "scopes": token.scopes.as_ref().map(::accounts::Scopes::names),
        "expires_at": token.expires_at.map(|at| at.rfc3339()),
        "last_used_at": token.last_used_at.map(|at| at.rfc3339()),
        "revoked_at": token.revoked_at.map(|at| at.rfc3339()),
        "created_at": token.created_at.rfc3339(),
    })
}
