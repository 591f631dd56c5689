//! Files, archives and directories.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use weir_advisory::osv::MAX_RECORD;
use weir_advisory::read::{ReadReport, What, read};
use weir_core::Digest;

const CVE: &str =
    r#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2026-0001","state":"PUBLISHED"},"containers":{"cna":{}}}"#;
const KEV: &str = r#"{"catalogVersion":"1","vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-01-01"}]}"#;
const EPSS: &str =
    "#model_version:v1,score_date:2026-01-01T00:00:00+0000\ncve,epss,percentile\nCVE-2026-0001,0.5,0.9\n";

fn record(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2026-01-01T00:00:00Z","affected":[{{"package":{{"ecosystem":"PyPI","name":"a"}},"versions":["1"]}}]}}"#
    )
}

/// Reads a path into words, and the report.
fn words(path: &Path) -> (Vec<String>, ReadReport) {
    let mut out = Vec::new();
    let report = read(path, &mut |item| {
        assert_eq!(Digest::of(item.raw), item.what.digest(), "{}", item.place);
        out.push(match item.what {
            What::Osv(record) => record.id,
            What::Cve(record) => record.id,
            What::Kev(catalogue) => format!("kev {}", catalogue.added.len()),
            What::Epss(scores) => format!("epss {}", scores.scores.len()),
        });
        ControlFlow::Continue(())
    })
    .unwrap();
    (out, report)
}

fn put(directory: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_form_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let lines = format!("{}\n\n  {CVE}  \r\n{}", record("L-1"), record("L-2"));
    let pretty = "{\n  \"id\": \"P-1\",\n  \"affected\": []\n}\n";
    for (name, bytes, expected) in [
        ("one.json", record("A-1").into_bytes(), "A-1"),
        ("pretty.json", pretty.into(), "P-1"),
        ("bom.json", format!("\u{feff}{pretty}").into_bytes(), "P-1"),
        ("array.json", format!("[{}, {CVE} ,{}]", record("A-1"), record("A-2")).into_bytes(), "A-1 CVE-2026-0001 A-2"),
        ("one.json.gz", gzip(pretty), "P-1"),
        ("one.json.zst", zstd(pretty), "P-1"),
        ("lines.jsonl", lines.clone().into_bytes(), "L-1 CVE-2026-0001 L-2"),
        ("lines.jsonl.zst", zstd(&lines), "L-1 CVE-2026-0001 L-2"),
        ("LINES.JSONL.GZ", gzip(&lines), "L-1 CVE-2026-0001 L-2"),
        ("all.zip", zip(&[("b/Z-2.json", &record("Z-2")), ("README", "x"), ("Z-1.json", pretty)]), "Z-2 P-1"),
        ("cve.json", CVE.into(), "CVE-2026-0001"),
        ("kev.json", KEV.into(), "kev 1"),
        ("kev.json.zst", zstd(KEV), "kev 1"),
        ("epss.csv", EPSS.into(), "epss 1"),
        ("epss.csv.gz", gzip(EPSS), "epss 1"),
        ("epss.csv.zst", zstd(EPSS), "epss 1"),
    ] {
        let (found, report) = words(&put(root, name, bytes));
        assert_eq!(found.join(" "), expected, "{name}");
        assert_eq!(report.error_count, 0, "{name}: {:?}", report.errors);
    }
}

#[test]
fn a_bad_record_is_named_with_its_place_and_the_rest_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put(root, "a.jsonl", format!("{}\n{{\"id\":\"B-2\",\n{}\n{{\"x\":1}}\n", record("B-1"), record("B-3")));
    put(root, "b.json", format!("[{},{{\"id\":\"x y\",\"affected\":[]}},{}]", record("C-1"), record("C-2")));
    put(root, "c.zip", zip(&[("bad.json", "{"), ("good.json", &record("D-1"))]));
    put(root, "d.json", "{\"id\":\"E-1\",\"affected\":[{\"versions\":[1]}]}");
    put(root, "e.csv", "#model_version:v1\nwrong,header\n");
    put(root, "f.jsonl.zst", &zstd(&record("F-1"))[..20]);
    let (found, report) = words(root);
    assert_eq!(found, ["B-1", "B-3", "C-1", "C-2", "D-1"]);
    assert_eq!((report.osv, report.ecosystems["PyPI"]), (5, 5));
    let told: Vec<String> =
        report.errors.iter().map(|problem| problem.to_string().replace(&format!("{}/", root.display()), "")).collect();
    let begins = [
        "a.jsonl:2: ",
        "a.jsonl:4: it is neither an OSV nor a CVE record",
        "b.json, element 2: `x y` is not an id",
        "c.zip: bad.json: ",
        "d.json: invalid type: integer `1`, expected a string at line 1",
        "e.csv: line 2: `wrong,header` is not the header",
        "f.jsonl.zst: ",
    ];
    assert_eq!(told.len(), begins.len(), "{told:#?}");
    for (told, begin) in told.iter().zip(begins) {
        assert!(told.starts_with(begin), "`{told}` does not begin with `{begin}`");
    }
}

#[test]
fn what_is_not_ours_is_passed_over_in_a_directory_and_an_error_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put(root, "README.md", "x");
    put(root, "LICENSE", "x");
    put(root, "names.csv", "name,count\na,1\n");
    put(root, "list.json", "{\"id\":7,\"licenses\":[]}");
    put(root, "array.json", "[1,2]");
    put(root, "lines.jsonl", "{\"a\":1}\n{\"b\":2}\n");
    put(root, "schema.json", "{\"$schema\":\"x\",\"properties\":{}}");
    put(root, ".hidden/one.json", record("H-1"));
    put(root, "deep/er/one.json", record("A-1"));
    #[cfg(unix)]
    std::os::unix::fs::symlink("deep", root.join("link")).unwrap();
    let (found, report) = words(root);
    assert_eq!(found, ["A-1"]);
    assert_eq!(report.errors, [], "nothing is wrong with what is not ours");
    assert_eq!(report.skipped_count, 7 + 1 + u64::from(cfg!(unix)));
    for name in ["README.md", "list.json", "array.json", "lines.jsonl", "schema.json"] {
        let error = read(&root.join(name), &mut |_| ControlFlow::Continue(())).map(|report| report.errors);
        match error {
            Err(error) => assert!(error.to_string().contains(name), "{error}"),
            Ok(errors) => assert!(!errors.is_empty(), "{name}"),
        }
    }
    let (_, report) = words(&root.join("names.csv"));
    assert!(report.errors[0].to_string().contains("not the header of EPSS scores"));
    let error = read(&root.join("nothing"), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().starts_with("cannot read `"), "{error}");
}

#[test]
fn a_record_at_the_limit_is_read_and_one_past_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let of = |length: usize| {
        let frame = record("A-1").replace("\"modified\"", "\"details\":\"\",\"modified\"");
        let padding = "x".repeat(length - frame.len());
        frame.replace("\"details\":\"\"", &format!("\"details\":\"{padding}\""))
    };
    let lines = format!("{}\n{}\n{}", of(MAX_RECORD), of(MAX_RECORD + 1), record("B-1"));
    let (found, report) = words(&put(directory.path(), "a.jsonl", lines));
    assert_eq!(found, ["A-1", "B-1"]);
    assert_eq!(report.errors[0].place.line, Some(2));
    let (found, report) =
        words(&put(directory.path(), "b.zip", zip(&[("a.json", &of(MAX_RECORD + 1)), ("b.json", &of(MAX_RECORD))])));
    assert_eq!(found, ["A-1"]);
    assert!(report.errors[0].to_string().contains("a.json"));
}

#[test]
fn a_file_that_grows_without_end_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let text = format!("{}\n{}", record("A-1"), format!("{}\n", "x".repeat(10 << 20)).repeat(8));
    let (found, report) = words(&put(directory.path(), "a.jsonl.zst", zstd(&text)));
    assert_eq!(found, ["A-1"]);
    let last = report.errors.last().unwrap();
    assert!(last.message.contains("grows too large"), "{last}");
}

#[test]
fn the_receiver_may_stop() {
    let directory = tempfile::tempdir().unwrap();
    let lines = format!("{}\n{}\n", record("A-1"), record("A-2"));
    let path = put(directory.path(), "a.jsonl", lines);
    let mut count = 0;
    let report = read(&path, &mut |_| {
        count += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert!(report.stopped);
    assert_eq!(count, 1);
}
