//! Any text at all: it is edited or refused, never a panic, and doing it twice changes nothing more.

use proptest::prelude::*;
use weir_core::client::{Change, Format, Value};
use weir_settings::apply;

fn changes(format: Format) -> Vec<Change> {
    let text = || Value::text("http://w/");
    match format {
        Format::Ini => vec![Change::set(["g", "k"], text()), Change::remove(["*", "x"]), Change::remove(["!g", "k"])],
        Format::Pairs | Format::Words => vec![Change::set(["k"], text()), Change::remove(["@*:r"])],
        Format::Toml => vec![Change::set(["a", "k"], text()), Change::remove(["x"])],
        Format::Yaml => vec![Change::set(["k"], text()), Change::remove(["x"])],
        Format::Xml => vec![Change::set(["s", "m", "k"], Value::table([("id", "w".to_owned())]))],
        Format::Netrc => vec![Change::set(["w"], Value::table([("login", "w".to_owned())]))],
        Format::Block => vec![Change::Set(Vec::new(), text())],
        Format::Whole => vec![Change::Set(Vec::new(), Value::text("# Written by `weir use`\n"))],
    }
}

const ALL: [Format; 9] = [
    Format::Ini,
    Format::Pairs,
    Format::Words,
    Format::Toml,
    Format::Yaml,
    Format::Xml,
    Format::Netrc,
    Format::Block,
    Format::Whole,
];

proptest! {
    #[test]
    fn editing_twice_is_editing_once(text in "([ \\t\\r\\n]|[kxgsm:=<>/\"'#;\\[\\]{}-]|machine |login |w |<s>|</s>|<m>|</m>|k: 1\n|k = \"a\"\n|\\[g\\]\n|é){0,40}") {
        for format in ALL {
            if let Ok(once) = apply(&text, format, &changes(format)) {
                let twice = apply(&once, format, &changes(format));
                prop_assert_eq!(Ok(once), twice, "{:?}", format);
            }
        }
    }
}
