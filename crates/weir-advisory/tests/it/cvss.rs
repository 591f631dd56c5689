use weir_advisory::cvss::score;

use crate::shared;

/// Rows that the score disagrees with, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

#[test]
fn scores_are_those_of_the_reference_tables() {
    let Some(folder) = shared::folder("conformance/cvss") else { return };
    let mut rows = 0;
    let mut wrong = Vec::new();
    let mut tables: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("vectors_"))
        .collect();
    tables.sort();
    assert!(tables.len() >= 10, "{tables:?}");
    for table in tables {
        let name = table.file_name().unwrap().to_str().unwrap().to_owned();
        let entries: Vec<(String, Vec<Option<f64>>)> = serde_json::from_slice(&std::fs::read(&table).unwrap()).unwrap();
        let before = wrong.len();
        let count = entries.len();
        for (vector, scores) in entries {
            rows += 1;
            // What the vector gives counts: the temporal score where it has temporal metrics.
            let temporal = !vector.starts_with("CVSS:4")
                && vector.split('/').any(|metric| ["E:", "RL:", "RC:"].iter().any(|name| metric.starts_with(name)));
            let expected = if temporal { scores[1].or(scores[0]) } else { scores[0] }.unwrap();
            let expected = (expected * 10.0).round() as u8;
            let found = score(&vector).map(|score| score.tenths());
            if found != Some(expected) && !EXCEPTIONS.iter().any(|(row, _)| *row == vector) {
                wrong.push(format!("{name}: {vector}: expected {expected}, found {found:?} tenths"));
            }
        }
        println!("{name}: {count} rows, {} wrong", wrong.len() - before);
    }
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
}
