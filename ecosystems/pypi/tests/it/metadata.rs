use weir_core::registry::{Container, Declared, Entry, Expected};
use weir_pypi::ECOSYSTEM;

use crate::package;

const WHEEL: &str = "zope.interface-5.0-py3-none-any.whl";
const METADATA: &str = "zope.interface-5.0.dist-info/METADATA";

fn declared(file: &str, entries: &[(&str, &str)]) -> Declared {
    let entries =
        entries.iter().map(|(path, text)| Entry { path: (*path).to_owned(), bytes: text.as_bytes().to_vec() });
    let package = package("zope.interface");
    let expected = Expected { package: &package, version: "5.0" };
    ECOSYSTEM.registry.declared(file, &entries.collect::<Vec<_>>(), &expected)
}

fn codes(declared: &Declared) -> Vec<&str> {
    declared.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn license(headers: &str) -> String {
    declared(WHEEL, &[(METADATA, headers)]).license.unwrap().0
}

#[test]
fn a_wheel_declares_what_its_metadata_says() {
    let metadata = "Metadata-Version: 2.4\nName: Zope.Interface\nVersion: 5.0.0\nLicense-Expression: ZPL-2.1\n\
         Requires-Dist: setuptools\nRequires-Dist: x>1; extra == 'y'\nRequires-Python: >=3.8\nAuthor: Someone\n\
         Project-URL: Source, https://example.org/src\nLicense: UNKNOWN\n\nRequires-Dist: not-a-header\n";
    let points = "; comment\n[console_scripts]\nzi = zope.interface:main [x]\n\n[zope]\na = b\n";
    let declared = declared(
        WHEEL,
        &[
            (METADATA, metadata),
            ("zope.interface-5.0.dist-info/entry_points.txt", points),
            ("zope.interface-5.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: flit 3.9\n"),
        ],
    );
    assert_eq!(codes(&declared), Vec::<&str>::new());
    let source = format!("METADATA in {WHEEL}");
    assert_eq!(declared.license, Some((String::from("ZPL-2.1"), source)));
    assert_eq!(declared.metadata.as_deref(), Some(metadata.as_bytes()));
    let said = serde_json::Value::Object(declared.said);
    assert_eq!(said["requires_dist"], serde_json::json!(["setuptools", "x>1; extra == 'y'"]));
    assert_eq!(said["project_urls"][0], "Source, https://example.org/src");
    assert_eq!(said["entry_points"]["console_scripts"][0], "zi = zope.interface:main [x]");
    assert_eq!((&said["generator"], &said["author"]), (&"flit 3.9".into(), &"Someone".into()));
    assert_eq!(said.get("license"), None);
}

#[test]
fn an_sdist_tells_whether_its_own_code_runs() {
    let sdist = "zope.interface-5.0.tar.gz";
    let plain = declared(sdist, &[("zi-5/PKG-INFO", "Name: zope.interface\nVersion: 5.0\nLicense: ZPL 2.1\n")]);
    assert_eq!(plain.license, Some((String::from("ZPL 2.1"), format!("PKG-INFO in {sdist}"))));
    assert_eq!((plain.metadata, &plain.said["setup_py"]), (None, &false.into()));
    let own = declared(
        sdist,
        &[
            ("zi-5/setup.py", "exit()"),
            ("zi-5/pyproject.toml", "[build-system]\nrequires = ['x']\nbuild-backend = 'own'\nbackend-path = ['.']\n"),
        ],
    );
    assert_eq!(own.license, None);
    assert_eq!(own.said["setup_py"], true);
    assert_eq!(
        own.said["build_system"],
        serde_json::json!({"requires": ["x"], "build_backend": "own", "backend_path": ["."]})
    );
    assert!(declared(sdist, &[("zi-5/pyproject.toml", "not toml [")]).said.get("build_system").is_none());
}

#[test]
fn a_licence_is_the_expression_else_the_field_else_the_classifiers() {
    let classifiers =
        "Classifier: Programming Language :: Python\nClassifier: License :: OSI Approved :: MIT License\n";
    let text = "License: Permission is granted\n        to everyone\n";
    assert_eq!(license("License: BSD\nLicense-Expression: MIT\n"), "MIT");
    assert_eq!(license(&format!("License: BSD\n{classifiers}")), "BSD");
    assert_eq!(license(&format!("License: UNKNOWN\n{classifiers}")), "License :: OSI Approved :: MIT License");
    assert_eq!(license(&format!("{text}{classifiers}")), "License :: OSI Approved :: MIT License");
    assert_eq!(license(text), "Permission is granted\nto everyone");
    assert_eq!(license("Name: zope.interface\n"), "");
}

#[test]
fn another_name_or_version_inside_is_a_finding() {
    for (entry, text, expected) in [
        (METADATA, "Name: zope.interface\nVersion: 5.0\n", vec![]),
        (METADATA, "Name: other\nVersion: 5\n", vec!["name-mismatch"]),
        (METADATA, "Name: zope.interface\nVersion: 5.1\n", vec!["version-mismatch"]),
        (METADATA, "Name: other\nVersion: 6\n", vec!["name-mismatch", "version-mismatch"]),
        (METADATA, "Name: zope-interface\nName: other\nVersion: 5.0\n", vec!["name-mismatch"]),
        ("other-5.0.dist-info/METADATA", "Name: zope.interface\nVersion: 5.0\n", vec!["name-mismatch"]),
        ("zope_interface-6.dist-info/METADATA", "Name: zope.interface\nVersion: 5.0\n", vec!["version-mismatch"]),
        ("Zope_Interface-5.dist-info/METADATA", "Name: zope.interface\nVersion: 5.0\n", vec![]),
    ] {
        let declared = declared(WHEEL, &[(entry, text)]);
        assert_eq!(codes(&declared), expected, "{entry} {text}");
        assert_eq!(declared.metadata.is_some(), expected.is_empty());
    }
}

#[test]
fn two_readings_of_one_archive_are_a_finding() {
    let metadata = "Name: zope.interface\nVersion: 5.0\nLicense: MIT\n";
    let two = declared(WHEEL, &[(METADATA, metadata), ("other-1.dist-info/METADATA", "Name: other\nLicense: BSD\n")]);
    assert_eq!(codes(&two), ["ambiguous-archive"]);
    assert_eq!(two.license.unwrap().0, "MIT");
    assert_eq!(two.metadata, None);
    assert_eq!(
        two.findings[0].text,
        "2 directories tell about it: `other-1.dist-info`, `zope.interface-5.0.dist-info`"
    );
    let same = declared(WHEEL, &[(METADATA, metadata), ("zope_interface-5.dist-info/METADATA", metadata)]);
    assert_eq!((codes(&same), &same.license), (vec!["ambiguous-archive"], &None));
    let twice = declared(WHEEL, &[(METADATA, metadata), (METADATA, "Name: zope.interface\n")]);
    assert_eq!((codes(&twice), &twice.license), (vec!["ambiguous-archive"], &None));
    let sdist = declared("zope.interface-5.0.zip", &[("a/PKG-INFO", metadata), ("b/PKG-INFO", metadata)]);
    assert_eq!((codes(&sdist), &sdist.license), (vec!["ambiguous-archive"], &None));
}

#[test]
fn nothing_inside_means_nothing_declared() {
    for file in [WHEEL, "zope.interface-5.0.tar.gz", "zope.interface-5.0-py3.8.egg"] {
        let declared = declared(file, &[]);
        assert!(declared.license.is_none() && declared.findings.is_empty() && declared.said.is_empty());
    }
}

#[test]
fn each_container_is_opened_as_what_it_is() {
    let container = |file: &str| ECOSYSTEM.registry.inspection(file).map(|inspection| inspection.container);
    for (file, expected) in [
        (WHEEL, Some(Container::Zip)),
        ("x-1.egg", Some(Container::Zip)),
        ("x-1.zip", Some(Container::Zip)),
        ("x-1.tar.gz", Some(Container::TarGz)),
        ("x-1.TGZ", Some(Container::TarGz)),
        ("x-1.tar.bz2", Some(Container::TarBz2)),
        ("x-1.tar.xz", None),
        ("x-1.exe", None),
        ("../x-1.zip", None),
    ] {
        assert_eq!(container(file), expected, "{file}");
    }
}

proptest::proptest! {
    #[test]
    fn no_metadata_is_too_odd(text in "[a-zA-Z:\\- \n\t\\[\\]=\".]{0,300}") {
        let toml = "zope.interface-5.0/pyproject.toml";
        let _ = declared(WHEEL, &[(METADATA, &text), ("zope.interface-5.0.dist-info/entry_points.txt", &text)]);
        let _ = declared("zope.interface-5.0.tar.gz", &[("zope.interface-5.0/PKG-INFO", &text), (toml, &text)]);
    }
}
