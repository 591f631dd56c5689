//! `/d/ID`: why was this refused, and what now? As HTML for people, text for terminals, JSON for programs.

use serde_json::Value;
use weir_core::{Ecosystems, PackageName};
use weir_store::DecisionRow;

use crate::page::{Text, page};

/// A recorded decision, ready to be shown.
pub struct Shown {
    row: DecisionRow,
    /// As it was recorded.
    record: Value,
    /// The same for people: strangers' texts in it are plain.
    body: Value,
    install: Option<String>,
    title: String,
}

/// The media types that a decision is shown in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For browsers.
    Html,
    /// For terminals: also the answer to `curl`.
    Text,
    /// For programs.
    Json,
}

impl Form {
    /// The form that `Accept` asks for: the first of the known types that it lists, text if none.
    pub fn of(accept: Option<&str>) -> Self {
        accept
            .unwrap_or_default()
            .split(',')
            .filter_map(|item| match item.split(';').next().unwrap_or_default().trim() {
                "text/html" | "application/xhtml+xml" => Some(Self::Html),
                "application/json" | "application/problem+json" => Some(Self::Json),
                "text/plain" => Some(Self::Text),
                _ => None,
            })
            .next()
            .unwrap_or(Self::Text)
    }

    /// The media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// One reason as it was recorded.
struct Reason<'a> {
    rule: &'a str,
    outcome: &'a str,
    message: &'a str,
    facts: &'a Value,
    waived: Option<&'a Value>,
}

impl Reason<'_> {
    /// True if it is one for which the release is refused.
    fn refuses(&self) -> bool {
        self.waived.is_none() && matches!(self.outcome, "block" | "quarantine")
    }
}

impl Shown {
    /// Reads a recorded decision.
    pub fn new(mut row: DecisionRow, ecosystems: Ecosystems) -> Self {
        let record: Value = serde_json::from_str(&row.body).unwrap_or(Value::Null);
        let body = plain_value(&record);
        let ecosystem = ecosystems.by_id(&row.ecosystem);
        let nearest = body.get("nearest_allowed").and_then(Value::as_str);
        (row.package, row.version) = (plain(&row.package), plain(&row.version));
        row.file = row.file.as_deref().map(plain);
        let install = ecosystem.zip(nearest).map(|(ecosystem, version)| {
            ecosystem.registry.install_command(&PackageName::from_normalized(&row.package), version)
        });
        let name = format!("{} {}", row.package, row.version);
        let name = name.trim_end();
        let verb = match row.effective.as_str() {
            "block" => "is blocked",
            "quarantine" => "is held for review",
            "warn" => "is allowed, with a warning,",
            _ => "is allowed",
        };
        let title =
            format!("{name} ({}) {verb} in stage {}", ecosystem.map_or(row.ecosystem.as_str(), |e| e.title), row.stage);
        Self { row, record, body, install, title }
    }

    /// The stage that may be read by whoever may read this.
    pub fn stage(&self) -> &str {
        &self.row.stage
    }

    /// The decision in `form`.
    pub fn render(&self, form: Form, public_url: &str) -> String {
        match form {
            Form::Html => self.html(public_url),
            Form::Text => self.text(),
            Form::Json => self.json(),
        }
    }

    fn reasons(&self) -> Vec<Reason<'_>> {
        self.body
            .get("reasons")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|reason| Reason {
                rule: reason.get("rule").and_then(Value::as_str).unwrap_or_default(),
                outcome: reason.get("outcome").and_then(Value::as_str).unwrap_or_default(),
                message: reason.get("message").and_then(Value::as_str).unwrap_or_default(),
                facts: reason.get("facts").unwrap_or(&Value::Null),
                waived: reason.get("waived").filter(|waived| !waived.is_null()),
            })
            .collect()
    }

    fn nearest(&self) -> Option<&str> {
        self.body.get("nearest_allowed").and_then(Value::as_str)
    }

    fn refused(&self) -> bool {
        matches!(self.row.effective.as_str(), "block" | "quarantine")
    }

    fn json(&self) -> String {
        let mut body = self.record.clone();
        if let Value::Object(object) = &mut body {
            object.insert(String::from("install"), self.install.clone().map_or(Value::Null, Value::String));
            object.insert(String::from("recorded"), Value::String(self.row.at.to_string()));
        }
        serde_json::to_string_pretty(&body).unwrap_or_default() + "\n"
    }

    fn text(&self) -> String {
        let mut out = format!("{}\n\n", self.title);
        let reasons = self.reasons();
        let refused = reasons.iter().any(Reason::refuses);
        for reason in &reasons {
            out.push_str(&format!("  {:<10} {}: {}\n", reason.outcome, reason.rule, reason.message));
            if let Some(waived) = reason.waived {
                out.push_str(&format!("             waived: {}\n", waived_text(waived)));
            }
            if refused && !reason.refuses() {
                continue;
            }
            for (key, value) in facts(reason.facts) {
                out.push_str(&format!("             {key}: {value}\n"));
            }
        }
        out.push('\n');
        if self.refused() {
            match (&self.install, self.nearest()) {
                (Some(install), Some(version)) => {
                    out.push_str(&format!("Nearest allowed version: {version}\n\n  {install}\n\n"));
                }
                _ => out.push_str("No version of it is allowed in this stage.\n\n"),
            }
        }
        out.push_str(&format!("decision {} of {}\n", self.row.id, self.row.at));
        out
    }

    fn html(&self, public_url: &str) -> String {
        let mut out = format!(
            "<p class=\"verdict {class}\"><span>{class}</span></p>\n<h1>{}</h1>\n",
            Text(&self.title),
            class = Text(&self.row.effective),
        );
        if self.refused() {
            match (&self.install, self.nearest()) {
                (Some(install), Some(version)) => out.push_str(&format!(
                    "<h2>What to use instead</h2>\n<p>The nearest allowed version is <strong>{}</strong>.</p>\n\
                     <pre>{}</pre>\n",
                    Text(version),
                    Text(install)
                )),
                _ => out.push_str("<h2>What to use instead</h2>\n<p>No version of it is allowed in this stage.</p>\n"),
            }
            out.push_str(
                "<p class=\"dim\">If it has to be this version, show this page to whoever keeps the policy.</p>\n",
            );
        }
        let reasons = self.reasons();
        let (refusing, other): (Vec<_>, Vec<_>) = reasons.iter().partition(|reason| reason.refuses());
        // What decided comes first; a release can have dozens of reasons that would not have refused it.
        let (why, also) = if refusing.is_empty() { (other, refusing) } else { (refusing, other) };
        out.push_str("<h2>Why</h2>\n");
        if why.is_empty() {
            out.push_str("<p>No rule of this stage objects.</p>\n");
        }
        list(&why, true, &mut out);
        if !also.is_empty() {
            out.push_str("<h2>What else is known</h2>\n");
            list(&also, false, &mut out);
        }
        out.push_str(&format!(
            "<h2>Record</h2>\n<table>\n<tr><th scope=\"row\">package</th><td><code>{}</code></td></tr>\n",
            Text(self.body.get("purl").and_then(Value::as_str).unwrap_or(&self.row.package)),
        ));
        if let Some(file) = &self.row.file {
            out.push_str(&format!("<tr><th scope=\"row\">file</th><td><code>{}</code></td></tr>\n", Text(file)));
        }
        out.push_str(&format!(
            "<tr><th scope=\"row\">decision</th><td><code>{}</code></td></tr>\n\
             <tr><th scope=\"row\">first made</th><td><time datetime=\"{at}\">{}</time></td></tr>\n</table>\n",
            Text(&self.row.id),
            moment(&self.row.at.to_string()),
            at = self.row.at,
        ));
        page(&self.title, &out, public_url)
    }
}

/// Reasons as HTML. The facts of the first may be open, those of the others are a click away.
fn list(reasons: &[&Reason<'_>], open_first: bool, out: &mut String) {
    if reasons.is_empty() {
        return;
    }
    out.push_str("<ul class=\"reasons\">\n");
    for (at, reason) in reasons.iter().enumerate() {
        out.push_str(&format!(
            "<li class=\"{}\"><span class=\"word {class}\">{class}</span> by rule <code>{}</code><p>{}</p>\n",
            Text(if reason.waived.is_some() { "waived" } else { reason.outcome }),
            Text(reason.rule),
            Text(reason.message),
            class = Text(reason.outcome),
        ));
        if let Some(waived) = reason.waived {
            out.push_str(&format!("<p class=\"allow\">Waived: {}</p>\n", Text(&waived_text(waived))));
        }
        let facts = facts(reason.facts);
        if !facts.is_empty() {
            out.push_str(if open_first && at == 0 { "<details open>" } else { "<details>" });
            out.push_str("<summary>Facts</summary>\n<table>\n");
            for (key, value) in facts {
                out.push_str(&format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", Text(&key), cell(&value)));
            }
            out.push_str("</table>\n</details>\n");
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}

/// A value in a table: in a fixed-width face where it is one long word, as digests, purls and vectors are.
fn cell(value: &str) -> String {
    if value.len() >= 28 && !value.contains(char::is_whitespace) {
        format!("<code>{}</code>", Text(value))
    } else {
        Text(value).to_string()
    }
}

/// RFC 3339 as people read it: no `T`, no fractions, `UTC` for `Z`.
fn moment(at: &str) -> String {
    match at.trim_end_matches('Z').split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.split('.').next().unwrap_or(time)),
        None => at.to_owned(),
    }
}

/// A text that a terminal or a browser shows and does not obey: no control characters, so no line of its own either, and
/// nothing that turns the direction of what follows.
fn plain(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { ' ' } else { c }).collect()
}

fn plain_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain(text)),
        Value::Array(items) => items.iter().map(plain_value).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (plain(key), plain_value(value))).collect(),
        other => other.clone(),
    }
}

fn waived_text(waived: &Value) -> String {
    let part = |key: &str| waived.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} (until {})", part("reason"), part("until"))
}

/// The facts of a reason as lines. They are whatever the rule looked at, so they are shown as they are.
fn facts(facts: &Value) -> Vec<(String, String)> {
    let Value::Object(object) = facts else { return Vec::new() };
    object
        .iter()
        .filter_map(|(key, value)| {
            let text = flat(value);
            (!text.is_empty()).then(|| (key.replace(['_', '-'], " "), text))
        })
        .collect()
}

fn flat(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(flat).filter(|item| !item.is_empty()).collect::<Vec<_>>().join(", "),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key, flat(value)))
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| format!("{key} {text}"))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_people_read_it() {
        assert_eq!(moment("2026-11-21T03:34:50.431Z"), "2026-11-21 03:34:50 UTC");
        assert_eq!(moment("2026-11-21T03:34:50Z"), "2026-11-21 03:34:50 UTC");
        assert_eq!(moment("17 ms"), "17 ms");
    }

    #[test]
    fn a_long_word_is_code_and_a_sentence_is_not() {
        assert_eq!(cell("CVSS:3.1/AV:N/AC:L/PR:N/UI:N"), "<code>CVSS:3.1/AV:N/AC:L/PR:N/UI:N</code>");
        assert_eq!(
            cell("a sentence with <b> in it, longer than that"),
            "a sentence with &lt;b&gt; in it, longer than that"
        );
    }

    #[test]
    fn a_browser_gets_html_a_terminal_text_and_a_program_json() {
        assert_eq!(Form::of(Some("text/html,application/xhtml+xml,*/*;q=0.8")), Form::Html);
        assert_eq!(Form::of(Some("*/*")), Form::Text);
        assert_eq!(Form::of(None), Form::Text);
        assert_eq!(Form::of(Some("application/json")), Form::Json);
    }
}
