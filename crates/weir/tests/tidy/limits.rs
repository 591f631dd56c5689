//! `docs/reference/limits.md`, made from the constants themselves: name, value, and the comment above each.
//!
//! A constant is a limit if it is a number or a duration, and is called `MAX_…`, stands in a file `limits.rs`, or has a
//! comment that begins with one of [`BEGINS`] or says "at most". A struct that is listed in [`STRUCTS`] has one limit per
//! field, with the value of its default.

use std::collections::BTreeMap;

use crate::workspace::{File, generated, sources};

/// How the comment of a limit begins.
const BEGINS: &[&str] = &["Most ", "Longest ", "Largest ", "Deepest ", "How long", "How often", "How many", "Up to "];

/// Limits that are fields: file, struct, and what begins the block with their values.
const STRUCTS: &[(&str, &str, &str)] = &[
    ("crates/weir-upstream/src/config.rs", "Limits", "impl Default for Limits {"),
    ("crates/weir-archive/src/lib.rs", "Limits", "pub const DEFAULT: Self = Self {"),
    ("crates/weir-gateway/src/documents.rs", "Lifetimes", "impl Default for Lifetimes {"),
];

/// What can be set, and where.
const SETTABLE: &str = "\
| Setting | Default | What it bounds |
|---|---|---|
| `server.memory-mib` in `weir.toml` | 96 | Memory for pages, facts and small artifacts, in MiB (8 to 65,536). |
| `server.max-connections` in `weir.toml` | 2,048 | Connections at once (16 to 65,536); more wait. |
| `cache.limit-mib` in `weir.toml` | none | Artifacts that are kept, in MiB. |
| `feeds.interval-hours` in `weir.toml` | 1 | Hours between two syncs of advisories. |
| `retention.documents-days` in `weir.toml` | 365 | Days for which upstream documents that are no longer current are kept. |
| `vulnerability.max-feed-age-days` in `policy.toml` | 7 | Days after which advisory data is too old to say that something is clean. |
| `minimum-age.days` in `policy.toml` | 3 in `dev`, 7 in `prod` (as written at the first start) | Days that a new artifact waits. |
";

struct Limit {
    name: String,
    value: String,
    comment: String,
}

#[test]
fn the_page_of_limits_is_what_the_constants_say() {
    let mut crates: BTreeMap<String, Vec<Limit>> = BTreeMap::new();
    let sources: Vec<_> = sources().into_iter().filter(|file| !file.path.contains("weir-testing/")).collect();
    let constants: Vec<_> = sources.iter().flat_map(constants).collect();
    for file in &sources {
        crates.entry(crate_of(&file.path)).or_default().extend(limits(file, &constants));
    }
    let mut page = String::from(
        "<!-- Generated from the constants themselves: WEIR_UPDATE=1 cargo test -p weir --test tidy -->\n\n# Limits\n\n\
         Everything that comes from outside is bounded: in size, depth, count and time. What goes beyond is refused with a \
         message\nthat names the limit, or cut where the text says so. Nothing is bounded by memory running out.\n\n\
         ## What can be set\n\n",
    );
    page.push_str(SETTABLE);
    page.push_str("\n## What is fixed\n\nThese are constants of this version, by crate.\n");
    for (name, limits) in crates.iter().filter(|(_, limits)| !limits.is_empty()) {
        page.push_str(&format!("\n### {name}\n\n| Limit | Value | What it bounds |\n|---|---|---|\n"));
        for Limit { name, value, comment } in limits {
            page.push_str(&format!("| `{name}` | {value} | {comment} |\n"));
        }
    }
    assert!(crates.values().map(Vec::len).sum::<usize>() > 60, "too few limits were found:\n{page}");
    generated("docs/reference/limits.md", &page);
}

fn crate_of(path: &str) -> String {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["ecosystems", name, ..] => format!("weir-{name}"),
        [_, name, ..] => (*name).to_owned(),
        _ => path.to_owned(),
    }
}

/// The module of a file in its crate: `osv` for `crates/weir-advisory/src/osv.rs`.
fn module(path: &str) -> String {
    let inner = path.split_once("/src/").map_or(path, |(_, inner)| inner).trim_end_matches(".rs");
    if inner == "lib" { String::new() } else { inner.replace('/', "::") + "::" }
}

fn limits(file: &File, all: &[Constant]) -> Vec<Limit> {
    let named = all.iter().filter(|constant| constant.path == file.path && constant.bounds()).cloned();
    let listed = STRUCTS.iter().filter(|(path, ..)| *path == file.path);
    let fields = listed.flat_map(|(_, name, block)| fields(file, name, block));
    let limit = |constant: Constant| Limit {
        name: module(&file.path) + &constant.name,
        value: shown(&constant, all),
        comment: plain(&constant.comment),
    };
    named.chain(fields).map(limit).collect()
}

/// A constant, or a field with its default.
#[derive(Clone)]
struct Constant {
    path: String,
    name: String,
    kind: String,
    value: String,
    comment: String,
}

impl Constant {
    fn bounds(&self) -> bool {
        matches!(self.kind.as_str(), "usize" | "u8" | "u16" | "u32" | "u64" | "i32" | "i64" | "Duration")
            && (self.name.starts_with("MAX_")
                || self.path.ends_with("/limits.rs")
                || self.comment.contains("at most")
                || BEGINS.iter().any(|begin| self.comment.starts_with(begin)))
    }
}

fn constants(file: &File) -> Vec<Constant> {
    let (mut found, mut comment) = (Vec::new(), String::new());
    for line in file.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            comment.push_str(more);
            continue;
        }
        let after = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        if let Some((name, rest)) = after.strip_prefix("const ").and_then(|rest| rest.split_once(": "))
            && let Some((kind, value)) = rest.split_once(" = ")
        {
            found.push(Constant {
                path: file.path.clone(),
                name: name.to_owned(),
                kind: kind.to_owned(),
                value: value.trim_end_matches(';').to_owned(),
                comment: comment.trim().to_owned(),
            });
        }
        comment.clear();
    }
    found
}

/// The fields of a struct with their comments, and the values in `block`.
fn fields(file: &File, name: &str, block: &str) -> Vec<Constant> {
    let body = |start: &str| {
        let begin = file.text.find(start).unwrap_or_else(|| panic!("`{start}` is not in {}", file.path));
        let rest = &file.text[begin + start.len()..];
        &rest[..rest.find("\n}").unwrap_or(rest.len())]
    };
    let values = body(block);
    let value = |field: &str| {
        let place = [format!("\n        {field}: "), format!("\n            {field}: "), format!(" {field}: ")];
        let start = place.iter().find_map(|key| values.find(key.as_str()).map(|at| at + key.len()));
        let rest = start.map_or("", |start| &values[start..]);
        // A value ends at the comma that is in no brackets, or at the end of the block.
        let mut open = 0_i32;
        let end = rest.find(|c: char| {
            open += i32::from(c == '(') - i32::from(c == ')');
            open == 0 && matches!(c, ',' | '}' | '\n')
        });
        assert!(!rest.is_empty(), "`{field}` of {name} has no value in {}", file.path);
        rest[..end.unwrap_or(rest.len())].trim().to_owned()
    };
    let (mut found, mut comment) = (Vec::new(), String::new());
    for line in body(&format!("pub struct {name} {{")).lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            comment.push_str(more);
        } else if let Some((field, kind)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": ")) {
            found.push(Constant {
                path: file.path.clone(),
                name: format!("{name}::{field}"),
                kind: kind.trim_end_matches(',').to_owned(),
                value: value(field),
                comment: comment.trim().to_owned(),
            });
            comment.clear();
        }
    }
    found
}

/// A value as people read it.
fn shown(constant: &Constant, all: &[Constant]) -> String {
    let Constant { path, name, kind, value, comment } = constant;
    let plain = format!("`{value}`");
    let call = |function: &str| value.strip_prefix(function)?.strip_suffix(')');
    if let Some(inner) = call("Duration::from_secs(") {
        return evaluate(inner, path, all).map_or(plain, |seconds| duration(seconds * 1000));
    }
    if let Some(inner) = call("Duration::from_millis(") {
        return evaluate(inner, path, all).map_or(plain, duration);
    }
    let Some(number) = evaluate(value, path, all) else { return plain };
    if name.starts_with("Lifetimes::") || comment.contains("in milliseconds") {
        return duration(number);
    }
    let said = comment.to_lowercase().contains("byte") || name.to_lowercase().contains("bytes");
    let bytes = said || (number.is_multiple_of(1 << 20) && (kind == "u64" || path.ends_with("/limits.rs")));
    for (size, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes && number >= size && number.is_multiple_of(size) {
            return format!("{} {unit}", number / size);
        }
    }
    grouped(number)
}

fn duration(millis: u64) -> String {
    match millis {
        millis if millis >= 3_600_000 && millis.is_multiple_of(3_600_000) => format!("{} h", millis / 3_600_000),
        millis if millis >= 120_000 && millis.is_multiple_of(60_000) => format!("{} min", millis / 60_000),
        millis if millis.is_multiple_of(1000) => format!("{} s", millis / 1000),
        millis => format!("{millis} ms"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// As much arithmetic as the constants have, with Rust's precedence.
fn evaluate(expression: &str, path: &str, all: &[Constant]) -> Option<u64> {
    let expression = expression.trim().trim_end_matches(" as u64");
    let shift = |left: u64, right: u64| left.checked_shl(u32::try_from(right).ok()?);
    type Apply<'a> = &'a dyn Fn(u64, u64) -> Option<u64>;
    let loosest_first: [(&str, Apply<'_>); 4] =
        [(" << ", &shift), (" - ", &u64::checked_sub), (" + ", &u64::checked_add), (" * ", &u64::checked_mul)];
    for (sign, apply) in loosest_first {
        if let Some((left, right)) = split(expression, sign) {
            return apply(evaluate(left, path, all)?, evaluate(right, path, all)?);
        }
    }
    if let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return evaluate(inner, path, all);
    }
    expression.replace('_', "").parse().ok().or_else(|| {
        let (file, name) = match expression.split_once("::") {
            Some((module, name)) => (format!("{}/{module}.rs", path.rsplit_once('/')?.0), name),
            None => (path.to_owned(), expression),
        };
        let constant = all.iter().find(|constant| constant.path == file && constant.name == name)?;
        evaluate(&constant.value, &constant.path, all)
    })
}

/// Splits at the last `sign` that is in no parentheses.
fn split<'e>(expression: &'e str, sign: &str) -> Option<(&'e str, &'e str)> {
    let outside = |at: usize| {
        let before = &expression[..at];
        before.matches('(').count() == before.matches(')').count()
    };
    let (at, _) = expression.rmatch_indices(sign).find(|(at, _)| outside(*at))?;
    Some((&expression[..at], &expression[at + sign.len()..]))
}

/// A comment as a cell of a table: without rustdoc's links, on one line, with a full stop.
fn plain(comment: &str) -> String {
    let text = comment.replace("[`", "`").replace("`]", "`").replace('|', "\\|");
    if text.ends_with('.') || text.ends_with('…') { text } else { text + "." }
}
