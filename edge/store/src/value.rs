//! What can be bound to a `$n`.

use std::net::IpAddr;

use domain::{
    CallId, LegId, TenantId, Timestamp, UserId,
    ids::{TokenId, TrunkId, WebhookId},
};
use uuid::Uuid;

/// The types both databases share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Float,
    Bool,
    Text,
    Bytes,
}

/// A bound value. A null keeps its type, because PostgreSQL asks for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null(Kind),
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// A type that can be bound. Rooms implement it for their enums: `Text`, by `as_str`.
pub trait Bind {
    const KIND: Kind;

    fn into_value(self) -> Value;
}

impl<T: Bind> Bind for Option<T> {
    const KIND: Kind = T::KIND;

    fn into_value(self) -> Value {
        self.map_or(Value::Null(T::KIND), T::into_value)
    }
}

macro_rules! bind {
    ($($type:ty => $kind:ident, |$value:ident| $into:expr;)*) => {$(
        impl Bind for $type {
            const KIND: Kind = Kind::$kind;

            fn into_value(self) -> Value {
                let $value = self;
                Value::$kind($into)
            }
        }
    )*};
}

// A macro, because the impls differ in one expression each.
bind! {
    i64 => Int, |v| v;
    i32 => Int, |v| v.into();
    i16 => Int, |v| v.into();
    u8 => Int, |v| v.into();
    u16 => Int, |v| v.into();
    u32 => Int, |v| v.into();
    f64 => Float, |v| v;
    bool => Bool, |v| v;
    &str => Text, |v| v.to_owned();
    String => Text, |v| v;
    &String => Text, |v| v.clone();
    &[u8] => Bytes, |v| v.to_vec();
    Vec<u8> => Bytes, |v| v;
    Uuid => Text, |v| v.to_string();
    IpAddr => Text, |v| v.to_string();
    Timestamp => Int, |v| v.millis();
    TenantId => Int, |v| v.0;
    UserId => Int, |v| v.0;
    TokenId => Int, |v| v.0;
    TrunkId => Int, |v| v.0;
    WebhookId => Int, |v| v.0;
    CallId => Text, |v| v.to_string();
    LegId => Text, |v| v.to_string();
}

impl<T: Bind> From<T> for Value {
    fn from(value: T) -> Self {
        value.into_value()
    }
}
