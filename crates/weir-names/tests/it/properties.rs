use proptest::prelude::*;
use weir_core::facts::Slip;
use weir_names::Names;

const WELL_KNOWN: [&str; 5] = ["requests", "numpydoc", "left-padding", "typescript", "beautifulsoup"];

proptest! {
    #[test]
    fn every_swap_and_every_missing_letter_within_a_long_name_is_found(
        which in 0..WELL_KNOWN.len(), at in 1_usize..7, kind in 0..3
    ) {
        let name = WELL_KNOWN[which];
        let mut letters: Vec<char> = name.chars().collect();
        match kind {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            _ => letters.insert(at, letters[at]),
        }
        let written: String = letters.into_iter().collect();
        let names = Names::new(WELL_KNOWN);
        let same_letters = written.replace('-', "") == name.replace('-', "");
        match names.lookalike(&written) {
            Some(found) => prop_assert_eq!((&*found.name, found.slip), (name, Slip::Edit)),
            None => prop_assert!(same_letters || written == name, "{}", written),
        }
    }

    #[test]
    fn no_name_makes_it_fail_or_be_its_own_lookalike(name in ".{0,80}") {
        let names = Names::new([name.as_str(), "requests"]);
        prop_assert!(names.lookalike(&name).is_none());
        if let Some(found) = Names::new(["requests", "react"]).lookalike(&name) {
            prop_assert_ne!(&*found.name, name.as_str());
        }
    }
}
