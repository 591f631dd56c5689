//! Which advisories are one vulnerability, and what is it called?
//!
//! `aliases` is symmetric and transitive, so records that name one another, or the same third id, are one cluster.
//! `related` and `upstream` are neither and never merge. One careless record can tie hundreds together, so records with
//! many aliases tie nothing, and a cluster that grows too large falls apart into its records.

use std::collections::HashMap;

/// Most aliases of a record that may tie it to others.
pub const MAX_TYING_ALIASES: usize = 16;
/// Most ids in a cluster.
pub const MAX_CLUSTER: usize = 32;

/// Databases that an ecosystem keeps itself: id prefix, and the ecosystem's name in OSV records. Facts of the OSV schema's
/// list of id prefixes; what is not here has no preference.
const HOMES: &[(&str, &str)] = &[
    ("PYSEC-", "PyPI"),
    ("RUSTSEC-", "crates.io"),
    ("GO-", "Go"),
    ("HSEC-", "Hackage"),
    ("RSEC-", "CRAN"),
    ("JLSEC-", "Julia"),
    ("OSEC-", "opam"),
    ("EEF-", "Hex"),
    ("BIT-", "Bitnami"),
    ("DRUPAL-", "Packagist"),
];

/// Which of a cluster's ids is shown for a package of `ecosystem` (its OSV name): the lowest rank, then the lowest id.
pub fn rank(id: &str, ecosystem: &str) -> u8 {
    if id.starts_with("MAL-") {
        0
    } else if HOMES.iter().any(|(prefix, home)| *home == ecosystem && id.starts_with(prefix)) {
        1
    } else if id.starts_with("GHSA-") {
        2
    } else if id.starts_with("CVE-") {
        3
    } else {
        4
    }
}

/// A record to be clustered.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its aliases.
    pub aliases: &'a [Box<str>],
}

/// A cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Numbers of the records in it, ascending.
    pub members: Vec<u32>,
    /// Ids that its records name and that no record has, sorted.
    pub names: Vec<String>,
}

/// How records were tied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clusters {
    /// All clusters, by their first member; every record is in exactly one.
    pub clusters: Vec<Cluster>,
    /// Records with more than [`MAX_TYING_ALIASES`].
    pub many_aliases: usize,
    /// Clusters that would have had more than [`MAX_CLUSTER`] ids.
    pub too_large: usize,
}

/// Ties records. `ignored` ids (of withdrawn records) tie nothing and are nobody's alias.
pub fn clusters(members: &[Member<'_>], ignored: &dyn Fn(&str) -> bool) -> Clusters {
    let mut numbers: HashMap<&str, u32> = HashMap::with_capacity(members.len() * 2);
    for (number, member) in members.iter().enumerate() {
        numbers.insert(member.id, number as u32);
    }
    let mut ids: Vec<&str> = members.iter().map(|member| member.id).collect();
    let mut sets = Sets { parents: (0..members.len() as u32).collect() };
    let many = |member: &Member<'_>| member.aliases.len() > MAX_TYING_ALIASES;
    let mut many_aliases = 0;
    for (number, member) in members.iter().enumerate() {
        if many(member) {
            many_aliases += 1;
            continue;
        }
        for alias in member.aliases.iter().map(AsRef::as_ref).filter(|alias| !ignored(alias)) {
            let other = *numbers.entry(alias).or_insert_with(|| {
                ids.push(alias);
                sets.parents.push(ids.len() as u32 - 1);
                ids.len() as u32 - 1
            });
            // An edge to a record that ties nothing would tie by the back door.
            if members.get(other as usize).is_none_or(|other| !many(other)) {
                sets.unite(number as u32, other);
            }
        }
    }
    let mut groups: HashMap<u32, Vec<u32>> = HashMap::new();
    for id in 0..ids.len() as u32 {
        groups.entry(sets.root(id)).or_default().push(id);
    }
    let mut out = Vec::with_capacity(groups.len());
    let mut too_large = 0;
    let count = members.len() as u32;
    for group in groups.into_values() {
        let records: Vec<u32> = group.iter().copied().filter(|id| *id < count).collect();
        let single = match records.as_slice() {
            [] => continue,
            // Alone, it is what it says itself, also when it says too much to tie others.
            [only] => Some(*only),
            _ => None,
        };
        let alone = |record: u32| {
            let aliases = members.get(record as usize).map_or(&[][..], |member| member.aliases);
            let mut names: Vec<String> =
                aliases.iter().filter(|alias| !ignored(alias)).map(|alias| alias.to_string()).collect();
            names.retain(|name| members.get(record as usize).is_none_or(|member| member.id != name));
            names.sort();
            names.dedup();
            Cluster { members: vec![record], names }
        };
        if let Some(only) = single {
            out.push(alone(only));
        } else if group.len() > MAX_CLUSTER {
            too_large += 1;
            out.extend(records.into_iter().map(alone));
        } else {
            let mut names: Vec<String> = group
                .iter()
                .filter(|id| **id >= count)
                .filter_map(|id| ids.get(*id as usize).map(|id| (*id).to_owned()))
                .collect();
            names.sort();
            out.push(Cluster { members: records, names });
        }
    }
    out.sort_by(|a, b| a.members.cmp(&b.members));
    Clusters { clusters: out, many_aliases, too_large }
}

/// Disjoint sets.
struct Sets {
    parents: Vec<u32>,
}

impl Sets {
    fn root(&mut self, mut id: u32) -> u32 {
        while let Some(&parent) = self.parents.get(id as usize) {
            if parent == id {
                break;
            }
            let grandparent = self.parents.get(parent as usize).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(id as usize) {
                *slot = grandparent;
            }
            id = grandparent;
        }
        id
    }

    fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        // The lower number becomes the root, so that nothing depends on the order of the edges.
        if let Some(slot) = self.parents.get_mut(a.max(b) as usize) {
            *slot = a.min(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(records: &[(&str, &[&str])]) -> (Vec<String>, Clusters) {
        let aliases: Vec<Vec<Box<str>>> =
            records.iter().map(|(_, aliases)| aliases.iter().map(|alias| Box::from(*alias)).collect()).collect();
        let members: Vec<_> = records.iter().zip(&aliases).map(|((id, _), aliases)| Member { id, aliases }).collect();
        let clusters = clusters(&members, &|id| id.starts_with("GONE"));
        let shown = clusters
            .clusters
            .iter()
            .map(|cluster| {
                let members: Vec<_> = cluster.members.iter().map(|number| records[*number as usize].0).collect();
                format!("{} | {}", members.join(" "), cluster.names.join(" "))
            })
            .collect();
        (shown, clusters)
    }

    #[test]
    fn aliases_tie_in_both_directions_and_over_third_ids() {
        let (shown, _) =
            tie(&[("A", &["B"]), ("B", &[]), ("C", &["CVE-1"]), ("D", &["CVE-1", "E"]), ("E", &[]), ("F", &["F"])]);
        assert_eq!(shown, ["A B | ", "C D E | CVE-1", "F | "]);
    }

    #[test]
    fn a_withdrawn_id_ties_nothing() {
        let (shown, _) = tie(&[("A", &["GONE-1", "CVE-1"]), ("B", &["GONE-1"])]);
        assert_eq!(shown, ["A | CVE-1", "B | "]);
    }

    #[test]
    fn a_record_with_many_aliases_ties_nothing_in_either_direction() {
        let many: Vec<String> = (0..=MAX_TYING_ALIASES).map(|number| format!("CVE-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (shown, clusters) = tie(&[("BIG", &many), ("B", &["CVE-1"]), ("C", &["BIG"])]);
        assert_eq!(clusters.many_aliases, 1);
        assert_eq!(clusters.clusters[0].names.len(), many.len(), "its own aliases are still its own");
        assert_eq!(shown[1..], ["B | CVE-1", "C | BIG"]);
    }

    #[test]
    fn a_cluster_at_the_limit_holds_and_one_past_it_falls_apart() {
        let ids: Vec<String> = (0..=MAX_CLUSTER).map(|number| format!("X-{number:02}")).collect();
        let chain = |count: usize| {
            let edges: Vec<Vec<&str>> = (0..count)
                .map(|number| if number + 1 < count { vec![ids[number + 1].as_str()] } else { vec![] })
                .collect();
            let records: Vec<(&str, &[&str])> =
                (0..count).map(|number| (ids[number].as_str(), edges[number].as_slice())).collect();
            let (_, clusters) = tie(&records);
            (clusters.clusters.len(), clusters.too_large)
        };
        assert_eq!(chain(MAX_CLUSTER), (1, 0));
        assert_eq!(chain(MAX_CLUSTER + 1), (MAX_CLUSTER + 1, 1));
    }

    #[test]
    fn the_shown_id_is_malware_then_home_then_ghsa_then_cve() {
        let mut ids = ["CVE-1", "GHSA-1", "X-1", "PYSEC-1", "MAL-1", "RUSTSEC-1"];
        ids.sort_by_key(|id| (rank(id, "PyPI"), *id));
        assert_eq!(ids, ["MAL-1", "PYSEC-1", "GHSA-1", "CVE-1", "RUSTSEC-1", "X-1"]);
    }
}
