//! Settings of the room.

use std::{path::PathBuf, time::Duration};

use domain::EventName;
use ipnet::IpNet;

use crate::Error;

/// Settings of the room.
#[derive(Clone, Debug)]
pub struct Config {
    /// Networks that may be reached although they are not public.
    pub allow_networks: Vec<IpNet>,
    /// Networks that may not be reached although they are public: the host's own addresses.
    pub deny_networks: Vec<IpNet>,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// The limit of a whole attempt, the answer's body included.
    pub timeout: Duration,
    /// What the retry schedule is multiplied with: 1, or less to try things out.
    pub retry_scale: f64,
    /// Attempts under way at once.
    pub slots: usize,
    /// Attempts a second of a webhook that has no limit of its own; `None` is no limit.
    pub pace: Option<u32>,
    /// How old an event may be at its first attempt; later it is recorded as expired.
    pub max_age: Vec<(EventName, Duration)>,
    /// Whether URLs may be `http://`: for receivers behind a network of one's own, and to try things out.
    pub allow_http: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            deny_networks: Vec::new(),
            ca_file: None,
            timeout: Duration::from_secs(5),
            retry_scale: 1.0,
            slots: 512,
            pace: None,
            max_age: vec![(EventName::CallRinging, Duration::from_secs(600))],
            allow_http: false,
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.timeout.is_zero() || !(self.retry_scale > 0.0 && self.retry_scale <= 100.0) {
            return Err(Error::Config("timeout and retry_scale must be positive".to_owned()));
        }
        if self.pace == Some(0) {
            return Err(Error::Config("pace must be positive".to_owned()));
        }
        Ok(())
    }
}
