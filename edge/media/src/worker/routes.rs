//! Who hears whom, worked out anew whenever something changes that it depends on.

use std::collections::HashMap;

use audio::Rate;

use super::Worker;
use crate::LegNo;
use crate::leg::Route;

impl Worker {
    /// Says whom a leg hears from now on.
    pub(super) fn hears(&mut self, session: u64, leg: LegNo, others: Vec<LegNo>, now: u64) {
        let Some(call) = self.sessions.get_mut(&session) else { return };
        let mut once = Vec::with_capacity(others.len());
        for other in others {
            if !once.contains(&other) {
                once.push(other);
            }
        }
        call.hears.insert(leg, once);
        self.route(session, now);
    }

    pub(super) fn connect(&mut self, session: u64, a: LegNo, b: LegNo, now: u64) {
        let Some(call) = self.sessions.get_mut(&session) else { return };
        if a == b || !call.legs.contains_key(&a) || !call.legs.contains_key(&b) {
            return;
        }
        for others in call.hears.values_mut() {
            others.retain(|other| *other != a && *other != b);
        }
        call.hears.insert(a, vec![b]);
        call.hears.insert(b, vec![a]);
        self.route(session, now);
    }

    /// Gives every leg of a session its place.
    pub(super) fn route(&mut self, session: u64, now: u64) {
        let Some(call) = self.sessions.get(&session) else { return };
        let mut routes: HashMap<usize, Route> = call.legs.values().map(|&index| (index, Route::default())).collect();
        let mut wide = false;
        for (listener, others) in &call.hears {
            let Some(&index) = call.legs.get(listener) else { continue };
            let listener = &self.legs[index];
            if listener.held {
                continue;
            }
            let others = others.iter().filter_map(|other| call.legs.get(other).copied());
            let sources: Vec<usize> = others.filter(|&other| !self.legs[other].held).collect();
            if let [one] = *sources {
                // Before both are known nothing is sent: what they speak decides later.
                let relays = match (self.legs[one].codec(), listener.codec()) {
                    (Some(from), Some(to)) => from.relays_to(to),
                    _ => true,
                };
                if relays {
                    routes.entry(one).or_default().audience.push(index);
                    continue;
                }
            }
            for source in &sources {
                let is_wide = |index: usize| self.legs[index].codec().is_some_and(|codec| codec.is_wide());
                wide |= *source != index && is_wide(*source) && is_wide(index);
                routes.entry(*source).or_default().mixers.push(index);
            }
            routes.entry(index).or_default().sources = sources;
        }
        // One rate for all mixes of a session: each leg is decoded once, for whoever hears it.
        let rate = if wide { Rate::Wide } else { Rate::Narrow };
        for (index, mut route) in routes {
            route.rate = rate;
            // The order of a map is by chance; routes are compared.
            route.audience.sort_unstable();
            route.mixers.sort_unstable();
            self.legs[index].set_route(route, now);
            self.attend_to(index);
        }
    }
}
