//! What is shown when some versions are refused: by example, and against every other choice there is.

use std::collections::HashMap;

use proptest::prelude::*;
use weir_cran::dependency::{Requirement, requirements};
use weir_cran::substitute::{Candidate, Cause, Package, Solution, solve};
use weir_cran::{Record, Version};

/// A catalogue in a few words, one package a line: its versions, newest first and the first of them current, each with what
/// it needs. `!` before a version: it is refused. `?` in the place of needs: nobody has looked yet.
struct Catalogue(Vec<(String, Vec<Written>)>);

struct Written {
    version: String,
    allowed: bool,
    needs: Option<Vec<Requirement>>,
}

impl Catalogue {
    fn new(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let package = |line: &str| {
            let (name, versions) = line.split_once(':').unwrap();
            let written = versions.split(';').map(|written| {
                let (version, needs) = written.trim().split_once(' ').unwrap_or((written.trim(), ""));
                let needs = (needs != "?").then(|| format!("Imports: {needs}\n"));
                Written {
                    version: version.trim_start_matches('!').to_owned(),
                    allowed: !version.starts_with('!'),
                    needs: needs.map(|needs| requirements(Record::first(needs.as_bytes()).unwrap())),
                }
            });
            (name.to_owned(), written.collect())
        };
        Self(lines.map(package).collect())
    }

    fn packages(&self) -> Vec<Package<'_>> {
        let mut packages = Vec::new();
        for (name, versions) in &self.0 {
            let candidates = versions.iter().enumerate().map(|(at, written)| Candidate {
                version: Version::parse(&written.version).unwrap(),
                allowed: written.allowed,
                current: at == 0,
                needs: written.needs.as_deref(),
            });
            packages.push(Package { name, candidates: candidates.collect() });
        }
        packages
    }

    /// What is shown, as `name version` in the order of the catalogue; `-` for what is hidden.
    fn shown(&self) -> String {
        let solution = solve(&self.packages());
        let shown = self.0.iter().zip(&solution.shown).map(|((name, versions), shown)| {
            format!("{name} {}", shown.map_or("-", |at| versions[at].version.as_str()))
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

fn check(catalogue: &str, shown: &str) {
    assert_eq!(Catalogue::new(catalogue).shown(), shown);
}

#[test]
fn what_is_allowed_stays_as_upstream_shows_it() {
    check("a: 2.0 b (>= 1.0); 1.0\nb: 1.0", "a 2.0, b 1.0");
}

#[test]
fn a_refused_version_gives_way_to_the_newest_allowed_one() {
    check("a: !3.0; !2.0; 1.9; 1.0", "a 1.9");
}

#[test]
fn a_package_without_an_allowed_version_is_hidden_with_all_that_needs_it() {
    check("a: !2.0; !1.0\nb: 1.0 a\nc: 1.0 b (>= 1.0)\nd: 1.0", "a -, b -, c -, d 1.0");
}

#[test]
fn what_needs_the_refused_version_goes_down_with_it() {
    check("a: !2.0; 1.0\nb: 5.0 a (>= 2.0); 4.0 a (>= 1.0)\nc: 1.0 b (>= 5.0)\nd: 1.0 a", "a 1.0, b 4.0, c -, d 1.0");
}

#[test]
fn an_older_version_must_find_what_it_needs() {
    // 1.9 needs what only elsewhere could be, and 1.8 a newer b than there is.
    check("a: !2.0; 1.9 gone; 1.8 b (>= 2.0); 1.7 b\nb: 1.0", "a 1.7, b 1.0");
}

#[test]
fn what_upstream_itself_does_not_meet_changes_nothing() {
    check("a: 1.0 b (>= 9.0), elsewhere\nb: !2.0; 1.0", "a 1.0, b 1.0");
}

#[test]
fn what_current_packages_need_and_upstream_lacks_is_elsewhere_for_old_ones_too() {
    check("a: !2.0 methods; 1.0 methods, gone\nb: 1.0 methods\nc: !2.0; 1.0 methods", "a -, b 1.0, c 1.0");
}

#[test]
fn packages_that_need_one_another_stand_or_fall_together() {
    check("a: 1.0 b\nb: 1.0 a", "a 1.0, b 1.0");
    check("a: 1.0 b\nb: 1.0 a, c\nc: !1.0", "a -, b -, c -");
}

#[test]
fn an_upper_bound_is_held_too() {
    check("a: !2.0; 1.0 b (< 2.0)\nb: 2.0", "a -, b 2.0");
    check("a: 2.0 b (== 3.0); 1.0 b (<= 2.0)\nb: !3.0; 2.0", "a 1.0, b 2.0");
}

#[test]
fn what_nobody_has_looked_into_is_asked_for_before_the_answer_is_final() {
    let catalogue = Catalogue::new("a: !2.0; 1.0 ?\nb: !2.0; 1.0 ?; 0.9\nc: 1.0 a (>= 2.0); 0.1 ?");
    let solution = solve(&catalogue.packages());
    assert_eq!(solution.unknown, [(0, 1), (1, 1), (2, 1)]);
}

#[test]
fn the_cause_is_told_with_the_package_that_it_came_from() {
    let catalogue = Catalogue::new("a: !2.0; 1.0\nb: 1.0 a (>= 2.0)");
    let solution = solve(&catalogue.packages());
    assert_eq!(solution.causes[&0], Cause::Refused);
    let Cause::Unmet { need, of } = &solution.causes[&1] else { unreachable!() };
    assert_eq!((need.name.as_str(), *of), ("a", Some(0)));
}

const NAMES: [&str; 4] = ["aa", "bb", "cc", "dd"];

/// Whether a version is refused, and what it needs: of which package, how, in which version.
type Drawn = (bool, Vec<(usize, usize, u32)>);

/// Small catalogues: four packages of three versions, each with up to two needs among them, in which upstream's own versions
/// find what they need.
fn catalogues(upper: bool) -> impl Strategy<Value = String> {
    let sign = if upper { 4usize } else { 1 };
    let need = (0..4usize, 0..sign, 1..4u32);
    let version = (any::<bool>(), prop::collection::vec(need, 0..2));
    prop::collection::vec(prop::collection::vec(version, 3), 4).prop_map(|packages| {
        let package = |(at, versions): (usize, &Vec<Drawn>)| {
            let version = |(age, (refused, needs)): (usize, &Drawn)| {
                let needs = needs.iter().map(|(of, sign, version)| {
                    format!("{} ({} {version})", NAMES[*of], [">=", "<=", "==", "<"][*sign])
                });
                let needs = needs.collect::<Vec<_>>().join(", ");
                format!("{}{} {needs}", if *refused { "!" } else { "" }, 3 - age)
            };
            let versions: Vec<_> = versions.iter().enumerate().map(version).collect();
            format!("{}: {}", NAMES[at], versions.join("; "))
        };
        packages.iter().enumerate().map(package).collect::<Vec<_>>().join("\n")
    })
}

/// True if a choice is coherent, said in the plainest way.
fn is_coherent(packages: &[Package<'_>], choice: &[Option<usize>]) -> bool {
    let places: HashMap<&str, usize> = packages.iter().enumerate().map(|(at, package)| (package.name, at)).collect();
    packages.iter().zip(choice).all(|(package, at)| {
        let Some(at) = at else { return true };
        let candidate = &package.candidates[*at];
        candidate.allowed
            && candidate.needs.unwrap().iter().all(|need| {
                let of = places[need.name.as_str()];
                let within = |at: usize| need.bound.as_ref().unwrap().holds(&packages[of].candidates[at].version);
                choice[of].is_some_and(within) || (candidate.current && !within(0))
            })
    })
}

fn places(solution: &Solution) -> Vec<usize> {
    solution.shown.iter().map(|shown| shown.unwrap_or(3)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever the bounds, nothing refused is shown, and all that is shown finds what it needs.
    #[test]
    fn what_is_shown_is_coherent(text in catalogues(true)) {
        let catalogue = Catalogue::new(&text);
        let packages = catalogue.packages();
        let solution = solve(&packages);
        prop_assert!(is_coherent(&packages, &solution.shown), "{text}\n{solution:?}");
        prop_assert!(solution.unknown.is_empty());
        for (at, shown) in solution.shown.iter().enumerate() {
            prop_assert_eq!(*shown != Some(0), solution.causes.contains_key(&at));
        }
    }

    /// With lower bounds no other coherent choice shows any package newer.
    #[test]
    fn nothing_is_older_than_it_has_to_be(text in catalogues(false)) {
        let catalogue = Catalogue::new(&text);
        let packages = catalogue.packages();
        let found = places(&solve(&packages));
        for code in 0..256usize {
            let choice: Vec<_> = (0..4).map(|at| Some((code >> (2 * at)) & 3).filter(|at| *at < 3)).collect();
            if is_coherent(&packages, &choice) {
                for (found, other) in found.iter().zip(&choice) {
                    prop_assert!(*found <= other.unwrap_or(3), "{text}\n{choice:?}");
                }
            }
        }
    }

    /// With lower bounds the order in which upstream lists packages changes nothing.
    #[test]
    fn the_order_of_the_catalogue_does_not_count(text in catalogues(false)) {
        let reversed = text.lines().rev().collect::<Vec<_>>().join("\n");
        let mut found = places(&solve(&Catalogue::new(&reversed).packages()));
        found.reverse();
        prop_assert_eq!(places(&solve(&Catalogue::new(&text).packages())), found);
    }

    /// With lower bounds, refusing one version more makes nothing newer.
    #[test]
    fn a_stricter_policy_shows_nothing_newer(text in catalogues(false), package in 0..4usize, version in 0..3usize) {
        let mut catalogue = Catalogue::new(&text);
        let before = places(&solve(&catalogue.packages()));
        catalogue.0[package].1[version].allowed = false;
        let after = places(&solve(&catalogue.packages()));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after), "{text}");
    }
}
