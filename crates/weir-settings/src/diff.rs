//! Which lines differ, and how is that shown?

/// Lines around a change that are shown.
const AROUND: usize = 3;
/// Most pairs of lines that are compared to find those that stayed; above it the whole stretch counts as changed.
const MAX_PAIRS: usize = 4_000_000;

/// One step from old lines to new ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The line at these places of old and new is the same.
    Same(usize, usize),
    /// The line at this place of the old is gone.
    Old(usize),
    /// The line at this place of the new was added.
    New(usize),
}

/// The steps from `old` to `new`, with as many lines the same as can be.
pub fn steps(old: &[&str], new: &[&str]) -> Vec<Step> {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let end = end.min(old.len().min(new.len()) - start);
    let (old_end, new_end) = (old.len() - end, new.len() - end);
    let mut steps: Vec<Step> = (0..start).map(|at| Step::Same(at, at)).collect();
    let (a, b) = (old.get(start..old_end).unwrap_or_default(), new.get(start..new_end).unwrap_or_default());
    let (mut i, mut j) = (0, 0);
    if a.len().saturating_mul(b.len()) <= MAX_PAIRS {
        let common = common(a, b);
        let width = b.len() + 1;
        let at = |i: usize, j: usize| common.get(i * width + j).copied().unwrap_or_default();
        while i < a.len() && j < b.len() {
            if a.get(i) == b.get(j) {
                steps.push(Step::Same(start + i, start + j));
                (i, j) = (i + 1, j + 1);
            } else if at(i + 1, j) >= at(i, j + 1) {
                steps.push(Step::Old(start + i));
                i += 1;
            } else {
                steps.push(Step::New(start + j));
                j += 1;
            }
        }
    }
    steps.extend((i..a.len()).map(|i| Step::Old(start + i)));
    steps.extend((j..b.len()).map(|j| Step::New(start + j)));
    steps.extend((0..end).map(|at| Step::Same(old_end + at, new_end + at)));
    steps
}

/// For every pair of places, how many lines the rests from there have in common.
fn common(a: &[&str], b: &[&str]) -> Vec<u32> {
    let width = b.len() + 1;
    let mut table = vec![0_u32; (a.len() + 1) * width];
    for (i, line) in a.iter().enumerate().rev() {
        for (j, other) in b.iter().enumerate().rev() {
            let get = |at: usize| table.get(at).copied().unwrap_or_default();
            let best = if line == other {
                get((i + 1) * width + j + 1) + 1
            } else {
                get((i + 1) * width + j).max(get(i * width + j + 1))
            };
            if let Some(cell) = table.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    table
}

/// A unified diff of two texts under these names; empty if they are the same. Carriage returns show as `␍`.
pub fn unified(names: (&str, &str), old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let steps = steps(&a, &b);
    let changed: Vec<usize> =
        steps.iter().enumerate().filter(|(_, step)| !matches!(step, Step::Same(..))).map(|(at, _)| at).collect();
    let mut out = String::new();
    let mut rest = changed.as_slice();
    while let Some(&first) = rest.first() {
        let close = rest.windows(2).position(|pair| pair[1] - pair[0] > 2 * AROUND).map_or(rest.len(), |at| at + 1);
        let last = rest.get(close - 1).copied().unwrap_or(first);
        rest = rest.get(close..).unwrap_or_default();
        let hunk = steps.get(first.saturating_sub(AROUND)..(last + 1 + AROUND).min(steps.len())).unwrap_or_default();
        if out.is_empty() {
            out = format!("--- {}\n+++ {}\n", names.0, names.1);
        }
        // Lines are counted from 1; a side without lines says the one before it.
        let olds: Vec<usize> = hunk
            .iter()
            .filter_map(|step| match step {
                Step::Same(at, _) | Step::Old(at) => Some(*at),
                Step::New(_) => None,
            })
            .collect();
        let news: Vec<usize> = hunk
            .iter()
            .filter_map(|step| match step {
                Step::Same(_, at) | Step::New(at) => Some(*at),
                Step::Old(_) => None,
            })
            .collect();
        let range = |lines: &[usize]| match lines.first() {
            Some(first) if lines.len() == 1 => format!("{}", first + 1),
            Some(first) => format!("{},{}", first + 1, lines.len()),
            None => String::from("0,0"),
        };
        out.push_str(&format!("@@ -{} +{} @@\n", range(&olds), range(&news)));
        for step in hunk {
            let (sign, line) = match *step {
                Step::Same(at, _) => (' ', a.get(at)),
                Step::Old(at) => ('-', a.get(at)),
                Step::New(at) => ('+', b.get(at)),
            };
            let line = line.copied().unwrap_or_default();
            let (body, ended) = line.strip_suffix('\n').map_or((line, false), |body| (body, true));
            out.push(sign);
            out.push_str(&body.replace('\r', "␍"));
            out.push('\n');
            if !ended {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten";
        let shown = unified(("a", "b"), old, new);
        assert_eq!(
            shown,
            "--- a\n+++ b\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n\\ No newline at end of file\n"
        );
        assert_eq!(unified(("a", "b"), old, old), "");
        assert_eq!(unified(("a", "b"), "", "x\n"), "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
    }

    #[test]
    fn far_changes_are_hunks_of_their_own() {
        let old: String = (0..30).map(|line| format!("{line}\n")).collect();
        let new = old.replace("\n3\n", "\nthree\n").replace("\n25\n", "\n");
        assert_eq!(unified(("a", "b"), &old, &new).matches("@@ -").count(), 2);
    }
}
