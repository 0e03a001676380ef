//! Scripts that lead to scripts: never back to one that was heard.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::ScriptId;

/// Switches that may follow one another. More of them is no menu any more, and bounds what is prepared for a call.
pub const MOST_CHAIN: usize = 10;

/// What is wrong with where a script leads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SwitchFault {
    /// The scripts from the one that is come back to, to itself.
    #[error("leads in a circle: {}", path(.0))]
    Cycle(Vec<ScriptId>),
    #[error("leads to script {}, which does not exist", .0.0)]
    Unknown(ScriptId),
    #[error("leads through more than {MOST_CHAIN} scripts")]
    TooDeep,
}

fn path(scripts: &[ScriptId]) -> String {
    scripts.iter().map(|script| script.0.to_string()).collect::<Vec<_>>().join(" → ")
}

/// Checks every way that begins at `start`. `switches` holds, for each script of the account, where its keys lead; the
/// one that is being saved stands in it as it is to become.
///
/// # Errors
///
/// The first fault that is met; which one does not depend on chance.
pub fn check_switches(start: ScriptId, switches: &BTreeMap<ScriptId, Vec<ScriptId>>) -> Result<(), SwitchFault> {
    // The way to where we are: each script with those of its targets that are still to be looked at.
    let mut way: Vec<(ScriptId, &[ScriptId])> = Vec::new();
    let mut done = BTreeMap::new();
    let mut open = BTreeSet::new();
    let targets = |script| switches.get(&script).map(Vec::as_slice).ok_or(SwitchFault::Unknown(script));
    way.push((start, targets(start)?));
    open.insert(start);
    while let Some((script, rest)) = way.last_mut() {
        let Some((next, after)) = rest.split_first() else {
            let script = *script;
            let longest = targets(script)?.iter().filter_map(|target| done.get(target)).max();
            let depth = longest.map_or(0, |depth: &usize| depth + 1);
            if depth > MOST_CHAIN {
                return Err(SwitchFault::TooDeep);
            }
            done.insert(script, depth);
            open.remove(&script);
            way.pop();
            continue;
        };
        *rest = after;
        if open.contains(next) {
            let from = way.iter().position(|(script, _)| script == next).unwrap_or_default();
            let circle = way[from..].iter().map(|(script, _)| *script).chain([*next]);
            return Err(SwitchFault::Cycle(circle.collect()));
        }
        if !done.contains_key(next) {
            way.push((*next, targets(*next)?));
            open.insert(*next);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

    fn graph(edges: &[(i64, &[i64])]) -> BTreeMap<ScriptId, Vec<ScriptId>> {
        edges.iter().map(|(from, to)| (ScriptId(*from), to.iter().copied().map(ScriptId).collect())).collect()
    }

    fn check(edges: &[(i64, &[i64])]) -> Result<(), String> {
        check_switches(ScriptId(1), &graph(edges)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn circles_are_named() {
        assert_eq!(check(&[(1, &[1])]), Err("leads in a circle: 1 → 1".to_owned()));
        assert_eq!(check(&[(1, &[2]), (2, &[3]), (3, &[2])]), Err("leads in a circle: 2 → 3 → 2".to_owned()));
        assert_eq!(
            check(&[(1, &[2, 3]), (2, &[]), (3, &[4]), (4, &[1])]),
            Err("leads in a circle: 1 → 3 → 4 → 1".to_owned())
        );
    }

    #[test]
    fn two_ways_to_one_script_are_no_circle() {
        assert_eq!(check(&[(1, &[2, 3]), (2, &[4]), (3, &[4, 4]), (4, &[])]), Ok(()));
        assert_eq!(check(&[(1, &[]), (2, &[2])]), Ok(()), "a circle elsewhere is not our fault");
    }

    #[test]
    fn a_script_that_is_not_there_is_named() {
        assert_eq!(check(&[(1, &[7])]), Err("leads to script 7, which does not exist".to_owned()));
        assert_eq!(check(&[]), Err("leads to script 1, which does not exist".to_owned()));
    }

    #[test]
    fn a_chain_has_an_end() {
        let chain = |length: i64| -> BTreeMap<_, _> {
            (1..=length)
                .map(|at| (ScriptId(at), if at < length { vec![ScriptId(at + 1)] } else { Vec::new() }))
                .collect()
        };
        assert_eq!(check_switches(ScriptId(1), &chain(11)), Ok(()));
        assert_eq!(check_switches(ScriptId(1), &chain(12)), Err(SwitchFault::TooDeep));
        assert_eq!(check_switches(ScriptId(1), &chain(200_000)), Err(SwitchFault::TooDeep), "without a deep stack");
    }

    proptest! {
        /// What was passed can be walked by any keys and comes to an end.
        #[test]
        fn no_walk_through_what_was_passed_comes_back(
            edges in proptest::collection::vec(proptest::collection::vec(1_i64..8, 0..4), 7),
            keys in proptest::collection::vec(0_usize..4, 40),
        ) {
            let graph: BTreeMap<_, _> = (1..).map(ScriptId).zip(edges.into_iter().map(|to| to.into_iter().map(ScriptId).collect())).collect();
            let mut at = ScriptId(1);
            let mut seen = BTreeSet::from([at]);
            let passed = check_switches(at, &graph).is_ok();
            let mut comes_back = false;
            for key in keys {
                let targets: &Vec<_> = &graph[&at];
                let Some(next) = targets.get(key) else { continue };
                at = *next;
                comes_back |= !seen.insert(at);
            }
            prop_assert!(!(passed && comes_back));
        }
    }
}
