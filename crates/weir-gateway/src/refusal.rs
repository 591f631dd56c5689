//! What a person reads when something is refused.

use weir_core::Purl;
use weir_core::registry::{Note, Problem};
use weir_policy::{Decision, Outcome};

/// Longest line that is put where clients print it (reason phrase, yank reason), in characters.
pub const MAX_LINE: usize = 200;

/// The line for `decision`: rule and advisory, nearest allowed version, address. Cut from the middle, so that the rule
/// and the address always stay. The stage is named where it is another than `asked`, the one in the client's address.
pub fn line(decision: &Decision, asked: &str, public_url: &str) -> String {
    let address = address(decision, public_url);
    let head = decision
        .reasons
        .iter()
        // Strictest first, so the first that counts is the one to tell.
        .find(|reason| reason.waived.is_none() && reason.outcome > Outcome::Warn)
        .map_or_else(|| String::from("refused by policy"), |reason| reason.line.clone());
    let more =
        decision.reasons.iter().filter(|reason| reason.waived.is_none() && reason.outcome > Outcome::Warn).count();
    let mut middle = String::new();
    if more > 1 {
        middle.push_str(&format!(" and {} more", more - 1));
    }
    if decision.stage != asked {
        middle.push_str(&format!(" in the token's stage {}", decision.stage));
    }
    match &decision.nearest_allowed {
        Some(version) => middle.push_str(&format!("; nearest allowed {version}")),
        None => middle.push_str("; no version is allowed"),
    }
    fit(&head, &middle, &format!("; see {address}"))
}

/// Joins three parts into one printable ASCII line of at most [`MAX_LINE`] characters, cutting the end of `head` first,
/// then the end of `middle`.
fn fit(head: &str, middle: &str, tail: &str) -> String {
    let (mut head, mut middle, tail) = (ascii(head), ascii(middle), ascii(tail));
    let over = (head.len() + middle.len() + tail.len()).saturating_sub(MAX_LINE);
    if over > 0 {
        let keep = head.len().saturating_sub(over + 3).max(40).min(head.len());
        if keep < head.len() {
            head.truncate(keep);
            head.push_str("...");
        }
    }
    let over = (head.len() + middle.len() + tail.len()).saturating_sub(MAX_LINE);
    middle.truncate(middle.len().saturating_sub(over));
    let mut line = head + &middle + &tail;
    line.truncate(MAX_LINE);
    line
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// The address that explains `decision`.
pub fn address(decision: &Decision, public_url: &str) -> String {
    format!("{public_url}/d/{}", decision.id)
}

/// The note that an index page carries for a refused or warned release.
pub fn note(decision: &Decision, asked: &str, public_url: &str) -> Note {
    let worst = decision.reasons.iter().find(|reason| reason.waived.is_none());
    let rule = worst.map_or_else(|| String::from("policy"), |reason| reason.rule.clone());
    let text = match worst {
        Some(reason) if decision.effective <= Outcome::Warn => {
            fit(&format!("warning: {}", reason.line), "", &format!("; see {}", address(decision, public_url)))
        }
        _ => line(decision, asked, public_url),
    };
    Note { rule, text }
}

/// The refusal that `decision` is, before it takes a client's form. `install` is the command for the nearest allowed
/// version.
pub fn problem(decision: &Decision, asked: &str, public_url: &str, install: Option<&str>) -> Problem {
    let address = address(decision, public_url);
    let subject = Purl::parse(&decision.purl).ok().map_or_else(
        || decision.purl.clone(),
        |purl| match &purl.version {
            Some(version) => format!("{} {version}", display_name(&purl)),
            None => display_name(&purl),
        },
    );
    let word = match decision.effective {
        Outcome::Quarantine => "held for review",
        _ => "blocked",
    };
    let mut detail = format!("{subject} is {word} in stage {}\n", decision.stage);
    for reason in
        decision.reasons.iter().filter(|reason| reason.waived.is_none() && reason.outcome > Outcome::Warn).take(3)
    {
        detail.push_str(&format!("rule {}: {}\n", reason.rule, reason.message));
    }
    match (&decision.nearest_allowed, install) {
        (Some(_), Some(install)) => detail.push_str(&format!("allowed: {install}\n")),
        (Some(version), None) => detail.push_str(&format!("allowed: {version}\n")),
        (None, _) => detail.push_str("no version of it is allowed in this stage\n"),
    }
    detail.push_str(&format!("why: {address}\n"));
    Problem {
        status: 403,
        line: line(decision, asked, public_url),
        title: format!("{word} by policy"),
        detail,
        decision: Some((decision.id.clone(), address)),
    }
}

fn display_name(purl: &Purl) -> String {
    match &purl.namespace {
        Some(namespace) => format!("{namespace}/{}", purl.name),
        None => purl.name.clone(),
    }
}

/// An error that is no refusal: absent, upstream trouble, Weir's own trouble.
pub fn trouble(status: u16, title: &str, message: &str) -> Problem {
    Problem {
        status,
        line: fit(message, "", ""),
        title: title.to_owned(),
        detail: format!("{message}\n"),
        decision: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_in_the_middle_and_keeps_its_rule_and_its_address() {
        let line = fit(&format!("vulnerability {}", "x".repeat(300)), "; nearest allowed 1.0", "; see http://h/d/abc");
        assert_eq!(line.len(), MAX_LINE);
        assert!(line.starts_with("vulnerability xxx"));
        assert!(line.ends_with("...; nearest allowed 1.0; see http://h/d/abc"));
    }

    #[test]
    fn a_line_is_printable_ascii_whatever_goes_in() {
        let line = fit("r\u{e8}gle\r\nX: y", "\u{0}", "\u{1f980}");
        assert!(line.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{line}");
    }
}
