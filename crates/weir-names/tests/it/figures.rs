//! How often honest names are flagged, and how many malicious ones are found, on real lists.

use std::collections::BTreeSet;

use weir_core::Ecosystem;
use weir_names::{MOST_USED, Names, list};
use weir_testing::skip::shared;

/// Names from which on a well-known name stands for one that nobody has heard of.
const STRANGERS: usize = 5000;
/// Largest share of honest names that may be flagged by their spelling alone.
const MOST_FLAGGED: f64 = 0.005;

fn popular(ecosystem: &'static Ecosystem, file: &str) -> Option<Vec<String>> {
    let body = std::fs::read(shared("data/top-names")?.join(file)).unwrap();
    Some(list::parse(ecosystem, file, &body).unwrap().names)
}

#[test]
fn few_honest_names_are_flagged_by_their_spelling() {
    for (ecosystem, file) in [(&weir_pypi::ECOSYSTEM, "pypi.txt"), (&weir_npm::ECOSYSTEM, "npm.txt")] {
        let Some(all) = popular(ecosystem, file) else { return };
        let names = Names::new(all.iter().map(String::as_str));
        let strangers = &all[STRANGERS..];
        let flagged: Vec<_> = strangers.iter().filter_map(|name| Some((name, names.like(name)?))).collect();
        let share = flagged.len() as f64 / strangers.len() as f64;
        println!(
            "{}: of {} names that are used less, {} ({:.2} %) look like one of the {MOST_USED} most used",
            ecosystem.title,
            strangers.len(),
            flagged.len(),
            share * 100.0
        );
        for (name, like) in flagged.iter().take(12) {
            println!("  {name} like {} (rank {}, {})", like.name, like.rank, like.slip.word());
        }
        assert!(share <= MOST_FLAGGED, "{share}");
    }
}

#[test]
fn malicious_names_are_found_ten_times_as_often_as_honest_ones() {
    let Some(all) = popular(&weir_pypi::ECOSYSTEM, "pypi.txt") else { return };
    let Some(directory) = shared("data/malicious-names") else { return };
    let packed = std::fs::read(directory.join("pypi-malregistry.tsv.zst")).unwrap();
    let text = String::from_utf8(zstd::stream::decode_all(packed.as_slice()).unwrap()).unwrap();
    let names = Names::new(all.iter().map(String::as_str));
    let parse = |line: &str| weir_pypi::ECOSYSTEM.names.parse(line.split('\t').next()?).ok();
    let malicious: BTreeSet<_> =
        text.lines().filter_map(parse).filter(|name| !names.is_listed(name.as_str())).collect();
    let found = malicious.iter().filter(|name| names.lookalike(name.as_str()).is_some()).count();
    let share = found as f64 / malicious.len() as f64;
    println!(
        "PyPI: of {} malicious names, {found} ({:.1} %) look like one of the {MOST_USED} most used",
        malicious.len(),
        share * 100.0
    );
    assert!(share >= 10.0 * MOST_FLAGGED, "{share}");
}
