//! `notices.json`: what a channel tells its users, which conda prints after it has changed an environment.
//!
//! Specification: CEP 6. The one notice says how many files the stage leaves out and by which rules, so that a package that
//! cannot be found is not taken for one that does not exist.

use serde_json::json;
use weir_core::Digest;
use weir_core::catalogue::LeftOut;

/// Files that are named.
const NAMED: usize = 5;

/// The notices about what pages leave out.
pub fn render(left_out: &LeftOut<'_>) -> Vec<u8> {
    let total: u64 = left_out.rules.iter().map(|(_, count)| count).sum();
    if total == 0 {
        return json!({ "notices": [] }).to_string().into_bytes();
    }
    let rules: Vec<String> = left_out.rules.iter().map(|(rule, count)| format!("{count} by {rule}")).collect();
    let named: Vec<String> =
        left_out.examples.iter().take(NAMED).map(|(file, line)| format!("  {file}: {line}")).collect();
    let files = if total == 1 { "file is" } else { "files are" };
    let message = format!(
        "{total} {files} left out of this channel by policy: {}.\n{}\n`weir explain` says why of each.",
        rules.join(", "),
        named.join("\n")
    );
    // conda shows a notice once by its id: another text is another notice.
    let id = Digest::of(message.as_bytes()).short();
    let notice = json!({
        "id": id,
        "message": message,
        "level": "info",
        "created_at": left_out.at,
        "interval": 1,
    });
    json!({ "notices": [notice] }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_some_of_it_named() {
        let rules = [(String::from("minimum-age"), 3), (String::from("denied"), 1)];
        let examples = [(String::from("conda-forge/noarch/a a-1-0.conda"), String::from("denied a"))];
        let left_out = LeftOut { parts: &[], rules: &rules, examples: &examples, at: "2026-11-01T12:00:00Z" };
        let body: serde_json::Value = serde_json::from_slice(&render(&left_out)).unwrap();
        let message = body["notices"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("4 files are left out of this channel by policy: 3 by minimum-age, 1 by denied."));
        assert!(message.contains("a-1-0.conda: denied a"), "{message}");
        let nothing = LeftOut { rules: &[], ..left_out };
        assert_eq!(render(&nothing), b"{\"notices\":[]}");
    }
}
