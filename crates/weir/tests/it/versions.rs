//! `weir version compare` and `weir purl`, as a script uses them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn weir(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Weir may be done before it has read everything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

pub(crate) fn answers(ecosystem: &str, input: &str) -> String {
    let output = weir(&["version", "compare", "--ecosystem", ecosystem], input);
    assert_eq!(output.status.code(), Some(0), "{ecosystem}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().collect()
}

#[test]
fn each_line_of_two_versions_has_one_answer() {
    for (ecosystem, input, expected) in [
        ("pypi", "1.0\t1.0.0\n1.0rc1\t1.0\n2\t1!0\n2004d\t0.1\n", "=<<<"),
        ("npm", "1.0.0-rc.1\t1.0.0\n10.0.0\t9.0.0\n", "<>"),
        ("crates.io", "1.0.0\t1.0.1\r\n", "<"),
        ("Debian:12", "1.0~rc1\t1.0\n1:0\t2\n", "<>"),
        ("Red Hat", "1.0-1.el9\t1.0-2.el9\n", "<"),
        ("apk", "1.2_rc1\t1.2\n", "<"),
        ("Maven", "1.0-SNAPSHOT\t1.0\n1\t1.0.0\n", "<="),
        ("golang", "v1.0.0\tv1.0.1-0.20200101000000-abcdefabcdef\n", "<"),
        ("conda", "1.0.post1\t1.0\n", ">"),
        ("CRAN", "1.2-3\t1.2.3\n", "="),
        // What cannot be read, and a line that is none of two versions.
        ("NuGet", "x\t1.0\n1.0\n\n1.0\t1.0.0.0\n", "???="),
        ("gem", "", ""),
    ] {
        assert_eq!(answers(ecosystem, input), expected, "{ecosystem}");
    }
}

#[test]
fn an_ecosystem_that_nobody_knows_is_named_with_those_that_are() {
    let output = weir(&["version", "compare", "--ecosystem", "fortran"], "1\t2\n");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("no order of versions is known for `fortran`; known are pypi, npm,"), "{told}");
}

#[test]
fn a_line_without_end_is_refused_by_its_number() {
    let long = "1".repeat(64 * 1024);
    let output = weir(&["version", "compare", "--ecosystem", "pypi"], &format!("1\t2\n{long}"));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("line 2 of standard input is longer than 65536 bytes"), "{told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "<\n");
    assert_eq!(answers("pypi", &format!("{}\t2\n", &long[3..])), "?");
}

#[test]
fn purls_come_back_in_canonical_form_or_with_what_is_wrong() {
    let input = "pkg:PYPI/Django_package@1.11.1.dev1\npkg:npm/@acme/x\nnginx\npkg:swift/Alamofire@5.4.3\n";
    let output = weir(&["purl"], input);
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            "pkg:pypi/django-package@1.11.1.dev1",
            "pkg:npm/%40acme/x",
            "error: `nginx` is not a package URL: it does not begin with `pkg:`; expected pkg:type/name@version",
            "error: `pkg:swift/Alamofire@5.4.3` is not a package URL: its type needs a namespace before the name; expected \
             pkg:type/name@version",
        ]
    );
    assert_eq!(output.status.code(), Some(1), "a script sees that not all were purls");
    let output = weir(&["purl", "pkg:GOLANG/google.golang.org/genproto#/googleapis/"], "");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "pkg:golang/google.golang.org/genproto#googleapis\n");
    assert_eq!(output.status.code(), Some(0));
}
