//! Which ecosystems are there: the one list.

use weir_core::Ecosystems;

/// All ecosystems of this Weir. An eighth is one folder and one line here.
pub const ALL: Ecosystems = Ecosystems(&[
    &weir_pypi::ECOSYSTEM,
    &weir_npm::ECOSYSTEM,
    &weir_cargo::ECOSYSTEM,
    &weir_conda::ECOSYSTEM,
    &weir_cran::ECOSYSTEM,
    &weir_maven::ECOSYSTEM,
    &weir_go::ECOSYSTEM,
]);
