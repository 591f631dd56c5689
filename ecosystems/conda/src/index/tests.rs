use super::*;

/// What was cut: `F` and frame, or `P`, key, name, statement and bytes.
#[derive(Default)]
struct Taken(Vec<String>);

impl Cuts for Taken {
    fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.push(format!("F {}", String::from_utf8_lossy(bytes)));
        Ok(())
    }

    fn piece(&mut self, piece: Piece<'_>) -> io::Result<()> {
        let bytes = String::from_utf8_lossy(piece.bytes);
        self.0.push(format!("P {} {} {} {bytes}", piece.key, piece.name, piece.stated));
        Ok(())
    }
}

const ADDRESS: &str = "https://conda.example/conda-forge/linux-64/repodata.json.zst";

fn taken(document: &str) -> Result<(Vec<String>, String), CutError> {
    let mut taken = Taken::default();
    // Small reads: every place is one at which a buffer may end.
    let mut reader = io::BufReader::with_capacity(3, document.as_bytes());
    let cut = cut(ADDRESS, &mut reader, &mut taken)?;
    Ok((taken.0, cut.base))
}

fn record(name: &str, version: &str, build: &str, more: &str) -> String {
    format!(r#"{{"name":"{name}","version":"{version}","build":"{build}"{more}}}"#)
}

#[test]
fn an_index_is_cut_into_records_and_what_stands_around_them() {
    let sha = "a".repeat(64);
    let a = record("a", "1", "0", &format!(r#","sha256":"{sha}""#));
    let document = format!(
        r#" {{ "info" : {{"subdir":"linux-64"}}, "packages" : {{ "a-1-0.tar.bz2" : {a}, "x" : {{}}, "b-1-0.tar.bz2":{{"n":"\"}}"}} }}, "packages.conda": {{}}, "removed": ["c-1-0.conda"], "other": 1 }} "#
    );
    let (cuts, base) = taken(&document).unwrap();
    assert_eq!(
        cuts,
        [
            String::from(r#"F {"info":{"subdir":"linux-64"},"packages":{"#),
            format!(r#"P a a-1-0.tar.bz2 sha256:{sha} "a-1-0.tar.bz2":{a}"#),
            String::from(r#"P b b-1-0.tar.bz2  "b-1-0.tar.bz2":{"n":"\"}"}"#),
            String::from(r#"F },"packages.conda":{"#),
            String::from(r#"F },"removed":["c-1-0.conda"],"other":1}"#),
        ]
    );
    assert_eq!(base, ADDRESS);
}

#[test]
fn an_index_that_points_elsewhere_points_at_weir_and_is_followed() {
    for (moved, expected) in [
        ("https://files.example/x", "https://files.example/x/"),
        ("../files/", "https://conda.example/conda-forge/files/"),
        ("", ADDRESS),
    ] {
        let (cuts, base) =
            taken(&format!(r#"{{"info":{{"subdir":"noarch","base_url":"{moved}"}},"repodata_version":2}}"#)).unwrap();
        assert_eq!(cuts, [r#"F {"info":{"subdir":"noarch"},"repodata_version":2}"#]);
        assert_eq!(base, expected);
    }
}

#[test]
fn what_is_no_index_is_refused_with_the_place() {
    for document in [
        "",
        "[]",
        "{",
        r#"{"packages":[]}"#,
        r#"{"packages":{"a-1-0.conda":{}"#,
        r#"{"a":1}x"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{"info":{"base_url"}}"#,
    ] {
        assert!(matches!(taken(document), Err(CutError::Invalid(_))), "{document}");
    }
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(101), "]".repeat(101));
    assert!(taken(&deep).unwrap_err().to_string().contains("nested too deep"));
    assert!(taken(&format!(r#"{{"a":{}{}}}"#, "[".repeat(100), "]".repeat(100))).is_ok());
}

#[test]
fn a_record_over_several_lines_becomes_one_and_a_long_one_is_left_out() {
    let long = record("a", "2", "0", &format!(r#","x":"{}""#, "x".repeat(MAX_RECORD)));
    let document =
        format!("{{\"packages.conda\":{{\"a-1-0.conda\":{{\n  \"name\": \"a\"\n}},\"a-2-0.conda\":{long},\"v\":1}}}}");
    let (cuts, _) = taken(&document).unwrap();
    assert_eq!(cuts[1], "P a a-1-0.conda  \"a-1-0.conda\":{\"name\":\"a\"}");
    assert_eq!(cuts.len(), 3);
}

#[test]
fn records_that_are_not_read_are_not_handed_on() {
    let (cuts, _) = taken(r#"{"v3":{"whl":{"a":{}}},"packages":{}}"#).unwrap();
    assert_eq!(cuts, [r#"F {"packages":{"#, r#"F }}"#]);
}

#[test]
fn the_statement_is_that_of_the_record_itself() {
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let nested = format!(r#"{{"x":{{"sha256":"{a}"}},"sha256":"{b}"}}"#);
    assert_eq!(stated(nested.as_bytes()), format!("sha256:{b}"));
    assert_eq!(stated(format!(r#"{{"md5":"{}"}}"#, "C".repeat(32)).as_bytes()), format!("md5:{}", "c".repeat(32)));
    assert_eq!(stated(b"{}"), "");
}

fn index(lines: &[String]) -> Index {
    let package = PackageName::from_normalized("conda-forge/linux-64/a");
    let body = lines.join("\n");
    parse(&package, &[Document { url: ADDRESS, content_type: "", body: body.as_bytes() }]).unwrap()
}

#[test]
fn the_records_of_a_package_are_its_releases() {
    let index = index(&[
        format!(
            "\"a-1-0.tar.bz2\":{}",
            record("a", "1", "0", r#","license":"MIT","timestamp":1,"indexed_timestamp":1700000000000"#)
        ),
        format!(
            "\"a-1-1.conda\":{}",
            record("a", "1", "1", r#","license":"BSD-3-Clause","indexed_timestamp":1600000000000"#)
        ),
        format!("\"a-1!2+b-0.conda\":{}", record("a", "1!2+b", "0", r#","timestamp":1"#)),
    ]);
    let versions: Vec<_> =
        index.releases.iter().map(|release| (release.version.as_str(), release.artifacts.len())).collect();
    assert_eq!(versions, [("1", 2), ("1!2+b", 1)]);
    let first = &index.releases[0];
    assert_eq!(first.published, Some(Timestamp::from_millis(1_600_000_000_000)));
    assert_eq!(first.license.as_deref(), Some("(MIT) AND (BSD-3-Clause)"));
    assert_eq!(first.artifacts[0].url, "https://conda.example/conda-forge/linux-64/a-1-0.tar.bz2");
    // The builder's date is none.
    assert_eq!(index.releases[1].published, None);
    assert_eq!(index.releases[1].artifacts[0].url, "https://conda.example/conda-forge/linux-64/a-1%212%2Bb-0.conda");
}

#[test]
fn what_contradicts_its_file_name_or_stands_twice_is_not_there() {
    let index = index(&[
        format!("\"a-1-0.conda\":{}", record("b", "1", "0", "")),
        format!("\"a-2-0.conda\":{}", record("a", "3", "0", "")),
        format!("\"a-4-0.conda\":{}", record("a", "4", "1", "")),
        format!("\"a-5-0.conda\":{}", record("a", "5", "0", "")),
        format!("\"a-5-0.conda\":{}", record("a", "5", "0", "")),
        String::from("\"a-6-0.conda\":[]"),
        format!("\"a-7-0.conda\":{}", record("a", "7", "0", r#","name":"a""#)),
    ]);
    assert_eq!(index, Index::default());
}

#[test]
fn a_record_with_md5_alone_is_checked_by_it_and_one_may_say_what_it_is_elsewhere() {
    let package = PackageName::from_normalized("conda-forge/linux-64/a");
    let read = |more: &str| {
        let piece = format!("\"a-1-0.conda\":{}\n", record("a", "1", "0", more));
        let document = Document { url: ADDRESS, content_type: "", body: piece.as_bytes() };
        parse(&package, &[document]).unwrap().releases.remove(0)
    };
    let (sha, md5) = ("a".repeat(64), "0F".repeat(16));
    let digests = |more: &str| read(more).artifacts.remove(0).digests;
    assert_eq!(digests(&format!(r#","md5":"{md5}""#)).md5, Some(vec![15; 16]));
    let both = digests(&format!(r#","md5":"{md5}","sha256":"{sha}""#));
    assert_eq!((both.md5, both.sha256.is_some()), (None, true));
    for broken in [r#","md5":"0f""#, r#","md5":"zz""#, r#","md5":null"#, ""] {
        assert!(digests(broken).is_empty(), "{broken}");
    }
    let known_as = read(r#","purls":["pkg:pypi/a","pkg:pypi/b@2","junk"]"#).known_as.unwrap();
    assert_eq!(known_as.purls, ["pkg:pypi/a@1", "pkg:pypi/b@2"]);
    assert_eq!(read(r#","purls":null"#).known_as, None);
    assert_eq!(read(r#","purls":["junk"]"#).known_as, None);
}
