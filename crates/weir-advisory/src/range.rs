//! Which versions does a list of events mean?
//!
//! OSV's evaluation (<https://ossf.github.io/osv-schema/#evaluation>): a version below every limit, if there are limits,
//! is walked through the events in order; `introduced` turns it affected at and above the bound, `fixed` turns it back at
//! and above, `last_affected` above. A package's versions are affected if any range says so, or the list of versions does.
//!
//! Here bounds are numbers: the bounds of all of a package's ranges are sorted once, and a version's [`Position`] among
//! them is all that is compared afterwards.

use crate::osv::EventKind;

/// A place among `n` sorted bounds: `2 i + 1` is the bound `i` itself, `2 i` lies just below it, `2 n` above all.
pub type Position = u32;

/// Where a bound is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bound {
    /// `0` in `introduced`: below every version.
    Start,
    /// The bound with this number among the sorted.
    At(u32),
    /// `*` in `limit`: above every version.
    End,
}

/// Places that are affected: from (inclusive) to (exclusive).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Interval {
    /// First place inside.
    pub from: Position,
    /// First place after it; [`Position::MAX`] if it has no end.
    pub to: Position,
}

impl Interval {
    /// True if `place` is inside.
    pub fn contains(self, place: Position) -> bool {
        self.from <= place && place < self.to
    }

    /// True if every version is inside, also one that cannot be read.
    pub fn is_everything(self) -> bool {
        self.from == 0 && self.to == Position::MAX
    }
}

/// The places that a range's events mean: ascending, disjoint.
///
/// Events are taken in the order of their bounds, whatever order they are written in. Where several stand at one bound,
/// a run that is open is ended before the next begins (`fixed 2.0`, `introduced 2.0`: affected on), and one that begins
/// and ends at the same bound is what its end says (`introduced 1.0`, `fixed 1.0`: nothing; `last_affected 1.0`: just 1.0).
pub fn intervals(events: &[(EventKind, Bound)]) -> Vec<Interval> {
    let ceiling = ceiling(events);
    let mut sorted: Vec<(Bound, EventKind)> =
        events.iter().filter(|(kind, _)| *kind != EventKind::Limit).map(|(kind, bound)| (*bound, *kind)).collect();
    sorted.sort();
    let mut out = Vec::new();
    let mut open: Option<Position> = None;
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        let Some((bound, _)) = group.first() else { continue };
        let (at, after) = match bound {
            Bound::Start => (0, 0),
            Bound::At(number) => (number * 2 + 1, number * 2 + 2),
            Bound::End => (Position::MAX, Position::MAX),
        };
        let has = |kind| group.iter().any(|(_, found)| *found == kind);
        let end = if has(EventKind::Fixed) {
            Some(at)
        } else if has(EventKind::LastAffected) {
            Some(after)
        } else {
            None
        };
        let introduced = has(EventKind::Introduced);
        match (open, end) {
            (Some(from), Some(to)) => {
                out.push(Interval { from, to });
                open = introduced.then_some(if to == at { at } else { after });
            }
            (None, Some(to)) if introduced => out.push(Interval { from: at, to }),
            (None, None) if introduced => open = Some(at),
            _ => {}
        }
    }
    out.extend(open.map(|from| Interval { from, to: Position::MAX }));
    for interval in &mut out {
        interval.to = interval.to.min(ceiling);
    }
    out.retain(|interval| interval.from < interval.to);
    merged(out)
}

/// Below which place a range speaks at all: the highest of its limits.
fn ceiling(events: &[(EventKind, Bound)]) -> Position {
    let limits = events.iter().filter(|(kind, _)| *kind == EventKind::Limit).map(|(_, bound)| match bound {
        Bound::Start => 0,
        Bound::At(number) => number * 2 + 1,
        Bound::End => Position::MAX,
    });
    limits.max().unwrap_or(Position::MAX)
}

/// The same places as ascending intervals that do not touch.
pub fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort();
    let mut out: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match out.last_mut() {
            Some(last) if interval.from <= last.to => last.to = last.to.max(interval.to),
            _ => out.push(interval),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use EventKind::{Fixed, Introduced, LastAffected, Limit};

    /// Which of the whole numbers 0 to 9 are affected, by events at whole numbers; -1 is `0`, 99 is `*`.
    fn affected(events: &[(EventKind, i32)]) -> Vec<u32> {
        let events: Vec<_> = events
            .iter()
            .map(|(kind, at)| {
                let bound = match at {
                    -1 => Bound::Start,
                    99 => Bound::End,
                    at => Bound::At(*at as u32),
                };
                (*kind, bound)
            })
            .collect();
        let intervals = intervals(&events);
        (0..10).filter(|at| intervals.iter().any(|interval| interval.contains(at * 2 + 1))).collect()
    }

    #[test]
    fn introduced_zero_is_before_everything() {
        assert_eq!(affected(&[(Introduced, -1), (Fixed, 2)]), [0, 1]);
        assert!(intervals(&[(Introduced, Bound::Start)])[0].is_everything());
    }

    #[test]
    fn fixed_is_outside_and_last_affected_is_inside() {
        assert_eq!(affected(&[(Introduced, 2), (Fixed, 4)]), [2, 3]);
        assert_eq!(affected(&[(Introduced, 2), (LastAffected, 4)]), [2, 3, 4]);
    }

    #[test]
    fn events_are_sorted_before_they_are_walked() {
        assert_eq!(affected(&[(Fixed, 7), (Introduced, 5), (Fixed, 3), (Introduced, 1)]), [1, 2, 5, 6]);
    }

    #[test]
    fn a_second_introduced_does_not_begin_anew_and_a_second_fixed_does_not_matter() {
        assert_eq!(affected(&[(Introduced, 1), (Introduced, 3), (Fixed, 5), (Fixed, 7)]), [1, 2, 3, 4]);
    }

    #[test]
    fn a_limit_cuts_off_and_the_highest_counts() {
        assert_eq!(affected(&[(Introduced, 1), (Limit, 4)]), [1, 2, 3]);
        assert_eq!(affected(&[(Introduced, 1), (Limit, 4), (Limit, 2)]), [1, 2, 3]);
        assert_eq!(affected(&[(Introduced, 7), (Limit, 4)]), [0; 0]);
        assert_eq!(affected(&[(Introduced, 7), (Limit, 4), (Limit, 99)]), [7, 8, 9]);
    }

    #[test]
    fn events_at_one_bound_mean_the_same_in_any_order() {
        for events in [[(Fixed, 4), (Introduced, 4)], [(Introduced, 4), (Fixed, 4)]] {
            let mut all = vec![(Introduced, 2), (Fixed, 6)];
            all.extend(events);
            assert_eq!(affected(&all), [2, 3, 4, 5], "fixed and introduced again");
            assert_eq!(affected(&events), [0; 0], "fixed where it began");
        }
        assert_eq!(affected(&[(LastAffected, 4), (Introduced, 4)]), [4]);
        assert_eq!(affected(&[(Introduced, 2), (LastAffected, 4), (Introduced, 4), (Fixed, 6)]), [2, 3, 4, 5]);
    }

    #[test]
    fn no_introduced_means_nothing() {
        assert_eq!(affected(&[(Fixed, 4)]), [0; 0]);
        assert_eq!(affected(&[]), [0; 0]);
    }

    /// The schema's pseudocode, word by word, for events at distinct bounds.
    fn by_the_book(events: &[(EventKind, i32)], version: i32) -> bool {
        let mut limits = events.iter().filter(|(kind, _)| *kind == Limit).peekable();
        if limits.peek().is_some() && !limits.any(|(_, at)| version < *at) {
            return false;
        }
        let mut sorted = events.to_vec();
        sorted.sort_by_key(|(_, at)| *at);
        let mut vulnerable = false;
        for (kind, at) in sorted {
            match kind {
                Introduced if version >= at => vulnerable = true,
                Fixed if version >= at => vulnerable = false,
                LastAffected if version > at => vulnerable = false,
                _ => {}
            }
        }
        vulnerable
    }

    proptest! {
        #[test]
        fn intervals_say_what_the_schema_says(
            kinds in proptest::collection::btree_map(-1i32..10, 0usize..3, 0..8),
            limits in proptest::collection::vec(0i32..10, 0..3),
        ) {
            let mut events: Vec<_> = kinds
                .into_iter()
                .map(|(at, kind)| (if at < 0 { Introduced } else { [Introduced, Fixed, LastAffected][kind] }, at))
                .collect();
            events.extend(limits.into_iter().map(|at| (Limit, at)));
            let expected: Vec<u32> = (0..10).filter(|at| by_the_book(&events, *at as i32)).collect();
            prop_assert_eq!(affected(&events), expected);
        }
    }
}
