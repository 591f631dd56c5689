//! All the ways in which one address can be written.

use std::fmt::Write as _;

/// A spelling of an address and the family of tricks that it belongs to.
#[derive(Clone, Debug)]
pub struct Spelled {
    pub family: &'static str,
    pub target: String,
}

/// As it is.
pub const PLAIN: &str = "as it is";

const CASE: &str = "upper and lower case";
const SEPARATORS: &str = "separators";
const ENCODED: &str = "percent-encoded once";
const TWICE: &str = "percent-encoded twice or more";
const BROKEN: &str = "broken and overlong encoding";
const LOOKALIKE: &str = "letters that look or fold alike";
const SLASHES: &str = "slashes and backslashes";
const DOTS: &str = "dot segments";
const CONTROL: &str = "control bytes";
const APPENDED: &str = "parameters, spaces, dots at the ends";
const VERSION: &str = "versions written otherwise";
const SUFFIX: &str = "`.metadata` and other suffixes";
const QUERY: &str = "query";
const FRAGMENT: &str = "fragment";
const STAGE: &str = "another stage, a day, no stage";
const PREFIX: &str = "the path of `public-url`";
const ABSOLUTE: &str = "absolute and authority form";

/// A text in a segment that is written otherwise.
const REPLACED: &[(&str, &str, &str)] = &[
    (SEPARATORS, "-", "_"),
    (SEPARATORS, "-", "."),
    (SEPARATORS, "_", "-"),
    (SEPARATORS, "_", "."),
    (SEPARATORS, ".", "-"),
    (SEPARATORS, ".", "_"),
    (SEPARATORS, "-", "--"),
    (SEPARATORS, "-", "-_."),
    (SEPARATORS, "_", "__"),
    (SEPARATORS, "-", ""),
    (SEPARATORS, "_", ""),
    (ENCODED, "-", "%2d"),
    (ENCODED, "-", "%2D"),
    (ENCODED, ".", "%2e"),
    (ENCODED, "_", "%5f"),
    (ENCODED, "@", "%40"),
    (ENCODED, "%2f", "%2F"),
    (TWICE, "-", "%252d"),
    (TWICE, ".", "%252e"),
    (TWICE, "@", "%2540"),
    (TWICE, "%2f", "%252f"),
    (TWICE, "%2f", "%25252F"),
    (SLASHES, "%2f", "/"),
    (SLASHES, "%2f", "%5c"),
    (SLASHES, "%2f", "\\"),
    (SLASHES, "%2f", "%2f%2f"),
    (BROKEN, "%2f", "%c0%af"),
    (BROKEN, "%2f", "%e0%80%af"),
    (BROKEN, ".", "%c0%ae"),
    (BROKEN, "-", "%c0%ad"),
    (LOOKALIKE, "i", "%c4%b1"),
    (LOOKALIKE, "k", "%e2%84%aa"),
    (LOOKALIKE, "s", "%c5%bf"),
    (LOOKALIKE, "e", "%ef%bd%85"),
    (LOOKALIKE, "e", "%d0%b5"),
    (LOOKALIKE, "-", "%e2%80%90"),
    (LOOKALIKE, "-", "%c2%ad"),
    (LOOKALIKE, "@", "%ef%bc%a0"),
    (LOOKALIKE, "%2f", "%ef%bc%8f"),
    (VERSION, "1.0", "v1.0"),
    (VERSION, "1.0", "1.0.0"),
    (VERSION, "1.0", "01.0"),
    (VERSION, "1.0", "0!1.0"),
    (VERSION, "1.0", "1.0+local"),
    (VERSION, "1.0", "1.0-0"),
    (VERSION, "1.0", "1"),
];

/// What is put before and after a segment.
const AROUND: &[(&str, &str, &str)] = &[
    (SLASHES, "/", ""),
    (SLASHES, "//", ""),
    (SLASHES, "", "\\"),
    (SLASHES, "", "%5c"),
    (SLASHES, "", "%2f"),
    (DOTS, "./", ""),
    (DOTS, "%2e/", ""),
    (DOTS, "x/../", ""),
    (DOTS, "x/%2e%2e/", ""),
    (DOTS, "x/.%2E/", ""),
    (DOTS, "x/%252e%252e/", ""),
    (DOTS, "x/..;/", ""),
    (DOTS, "x\\..\\", ""),
    (DOTS, "x/%c0%ae%c0%ae/", ""),
    (DOTS, ".../", ""),
    (APPENDED, "", ";a=b"),
    (APPENDED, "", ";"),
    (APPENDED, "", "%3b"),
    (APPENDED, "", "%20"),
    (APPENDED, "%20", ""),
    (APPENDED, "", "+"),
    (APPENDED, "", "."),
    (APPENDED, "", ".."),
    (APPENDED, ".", ""),
    (APPENDED, "", "%2e"),
    (APPENDED, "", "%3f"),
    (APPENDED, "", "%23"),
    (APPENDED, "", "%c2%a0"),
    (APPENDED, "", "*"),
    (APPENDED, "", ":"),
    (CONTROL, "", "%00"),
    (CONTROL, "", "%00.json"),
    (CONTROL, "%00", ""),
    (CONTROL, "", "%0a"),
    (CONTROL, "", "%0d%0aX:%20y"),
    (CONTROL, "", "%09"),
    (CONTROL, "", "%08"),
    (CONTROL, "", "%1f"),
    (CONTROL, "", "%7f"),
    (CONTROL, "", "%c2%85"),
    (BROKEN, "", "%ff"),
    (BROKEN, "", "%"),
    (BROKEN, "", "%2"),
    (BROKEN, "", "%zz"),
    (BROKEN, "", "%ed%a0%80"),
    (BROKEN, "", "%f4%90%80%80"),
];

/// What stands for the slash between two segments.
const SLASH: &[(&str, &str)] = &[
    (SLASHES, "%2f"),
    (SLASHES, "%2F"),
    (SLASHES, "\\"),
    (SLASHES, "%5c"),
    (TWICE, "%252f"),
    (BROKEN, "%c0%af"),
    (BROKEN, "%u2215"),
    (LOOKALIKE, "%e2%88%95"),
];

/// A segment percent-encoded: by what, in upper case, all of it.
const ENCODINGS: &[(&str, &str, bool, bool)] = &[
    (ENCODED, "%", false, false),
    (ENCODED, "%", false, true),
    (ENCODED, "%", true, true),
    (TWICE, "%25", false, false),
    (TWICE, "%25", false, true),
    (TWICE, "%2525", false, false),
    (BROKEN, "%u00", false, false),
];

/// All spellings of `/{stage}/{ecosystem}/…`. `other` is a stage with other rules.
pub fn spellings(path: &str, other: &str) -> Vec<Spelled> {
    let mut all = vec![Spelled { family: PLAIN, target: path.to_owned() }];
    let mut add = |family: &'static str, target: String| {
        if target != path {
            all.push(Spelled { family, target });
        }
    };
    let segments: Vec<&str> = path[1..].split('/').collect();
    let with = |at: usize, segment: &str| {
        let mut segments = segments.clone();
        segments[at] = segment;
        format!("/{}", segments.join("/"))
    };
    for (at, segment) in segments.iter().enumerate().filter(|(_, segment)| !segment.is_empty()) {
        add(CASE, with(at, &segment.to_uppercase()));
        add(CASE, with(at, &segment.to_lowercase()));
        add(CASE, with(at, &format!("{}{}", segment[..1].to_uppercase(), &segment[1..])));
        add(CASE, with(at, &segment.replace("%2f", "%2F")));
        for (family, from, to) in REPLACED {
            add(family, with(at, &segment.replace(from, to)));
        }
        for (family, percent, upper, whole) in ENCODINGS {
            add(family, with(at, &encoded(segment, percent, *upper, *whole)));
        }
        for (family, before, after) in AROUND {
            add(family, with(at, &format!("{before}{segment}{after}")));
        }
    }
    for at in 1..segments.len() {
        let (before, after) = (segments[..at].join("/"), segments[at..].join("/"));
        for (family, slash) in SLASH {
            add(family, format!("/{before}{slash}{after}"));
        }
    }
    for (family, target) in whole(path, &segments, other) {
        add(family, target);
    }
    all
}

/// What is done to an address as a whole.
fn whole(path: &str, segments: &[&str], other: &str) -> Vec<(&'static str, String)> {
    let (stage, rest) = (segments[0], segments[1..].join("/"));
    let ecosystem = segments[1];
    let after = segments[2..].join("/");
    vec![
        (CASE, path.to_uppercase()),
        (SLASHES, format!("/{path}")),
        (SLASHES, format!("//{path}")),
        (SLASHES, format!("\\{path}")),
        (SLASHES, format!("{path}/")),
        (SLASHES, format!("{path}//")),
        (SLASHES, path.trim_end_matches('/').to_owned()),
        (SLASHES, path.replace('/', "//")),
        (DOTS, format!("/.{path}")),
        (DOTS, format!("/..{path}")),
        (DOTS, format!("{path}/.")),
        (DOTS, format!("{path}/x/..")),
        (DOTS, format!("/{other}/..{path}")),
        (DOTS, format!("/{other}/%2e%2e{path}")),
        (DOTS, format!("/{other}/{ecosystem}/../..{path}")),
        (DOTS, format!("{path}/../../../{other}/{rest}")),
        (QUERY, format!("{path}?x=1")),
        (QUERY, format!("{path}?")),
        (QUERY, format!("{path}??")),
        (QUERY, format!("{path}?/../{other}/")),
        (QUERY, format!("{path}?stage={other}")),
        (QUERY, format!("{path}?format=application/vnd.pypi.simple.v1%2Bjson")),
        (QUERY, format!("{path}?format=text/html")),
        (QUERY, format!("{path}?format=application/octet-stream")),
        (QUERY, format!("{path}?write=true")),
        (QUERY, format!("{path}?%00")),
        (FRAGMENT, format!("{path}#x")),
        (FRAGMENT, format!("{path}#sha256=00")),
        (FRAGMENT, format!("{path}#/../{other}/")),
        (FRAGMENT, format!("{path}?x#y")),
        (SUFFIX, format!("{path}.metadata")),
        (SUFFIX, format!("{path}.METADATA")),
        (SUFFIX, format!("{path}.metadata.metadata")),
        (SUFFIX, format!("{path}%2emetadata")),
        (SUFFIX, format!("{path}/metadata")),
        (SUFFIX, format!("{path}.asc")),
        (SUFFIX, format!("{path}.sig")),
        (SUFFIX, format!("{path}.provenance")),
        (SUFFIX, format!("{path}.json")),
        (SUFFIX, format!("{path}.gz")),
        (STAGE, format!("/{stage}@2026-10-01/{rest}")),
        (STAGE, format!("/{stage}%402026-10-01/{rest}")),
        (STAGE, format!("/@2026-10-01/{rest}")),
        (STAGE, format!("/{rest}")),
        (STAGE, format!("//{rest}")),
        (STAGE, format!("/{other}/{stage}/{rest}")),
        (STAGE, format!("/{stage}/{other}/{rest}")),
        (STAGE, format!("/{other},{stage}/{rest}")),
        (STAGE, format!("/{stage}{other}/{rest}")),
        (STAGE, format!("/{stage}%20/{rest}")),
        (STAGE, format!("/{stage}/{ecosystem}/{other}/{after}")),
        (STAGE, format!("/{stage}/{ecosystem}/{ecosystem}/{after}")),
        (STAGE, format!("/api/{stage}/{rest}")),
        (STAGE, format!("/static/../{stage}/{rest}")),
        (STAGE, format!("/healthz/..{path}")),
        (STAGE, format!("/d/..{path}")),
        (PREFIX, format!("/base{path}")),
        (PREFIX, format!("/base/{path}")),
        (PREFIX, format!("//base{path}")),
        (PREFIX, format!("/base/base{path}")),
        (PREFIX, format!("/BASE{path}")),
        (PREFIX, format!("/%62ase{path}")),
        (PREFIX, format!("/base%2f{}", &path[1..])),
        (PREFIX, format!("/base/.{path}")),
        (PREFIX, format!("/base/..{path}")),
        (PREFIX, format!("/base/{other}/../..{path}")),
        (PREFIX, format!("/base{}", &path[1..])),
        (PREFIX, format!("/base;x{path}")),
        (PREFIX, format!("/base/{stage}/base/{rest}")),
        (PREFIX, format!("/{stage}/base/{rest}")),
        (PREFIX, format!("http://weir.example/base{path}")),
        (PREFIX, format!("/base{path}?x=1")),
        (ABSOLUTE, format!("http://weir.example{path}")),
        (ABSOLUTE, format!("http://{other}:x@weir.example{path}")),
        (ABSOLUTE, format!("HTTP://WEIR.EXAMPLE{path}")),
        (ABSOLUTE, format!("https://weir.example:443{path}")),
        (ABSOLUTE, format!("ftp://weir.example{path}")),
        (ABSOLUTE, format!("http://weir.example/{path}")),
        (ABSOLUTE, format!("http:{path}")),
        (ABSOLUTE, format!("http://{path}")),
        (ABSOLUTE, path[1..].to_owned()),
        (ABSOLUTE, String::from("weir.example:80")),
        (ABSOLUTE, String::from("*")),
        (CONTROL, format!("{path}\0")),
        (CONTROL, format!("{path}\t")),
        (CONTROL, format!("{path}\u{b}")),
        (CONTROL, format!("{path}\u{7f}")),
        (CONTROL, format!("\u{1}{path}")),
        (LOOKALIKE, format!("{path}\u{e9}")),
        (LOOKALIKE, format!("{path}\u{200b}")),
    ]
}

fn encoded(text: &str, percent: &str, upper: bool, whole: bool) -> String {
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        let hex = if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        match whole || at == 0 {
            true => write!(out, "{percent}{hex}").unwrap(),
            false => out.push(char::from(byte)),
        }
    }
    out
}
