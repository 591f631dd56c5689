//! The pages about the log and the metrics, made from what the code writes and registers.

use weir_gateway::line::FIELDS;
use weir_gateway::metrics::Metrics;
use weir_gateway::phases::Phase;

use crate::workspace::{generated, read};

const MARK: &str = "<!-- Generated from the code itself: WEIR_UPDATE=1 cargo test -p weir --test tidy -->";

#[test]
fn the_page_of_the_log_is_what_the_lines_have() {
    let mut page = format!(
        "{MARK}\n\n# The log\n\n\
         Logs go to standard error. `log.format` is `text` or `json`, `log.level` says how much: [config.md](config.md#log).\n\
         Secrets are never in them: no token, no password, no query of an address.\n\n\
         ## One line a request\n\n\
         Every request has one, also those for pages of Weir itself, those that are not let in, and those that lead nowhere.\n\
         It is written when the last byte of the answer has gone, or when either side has given up. Its level is `INFO`, its\n\
         target `weir::request`: `log.level = \"info,weir::request=off\"` leaves these lines out.\n\n\
         Text:\n\n```text\n\
         2026-11-02T09:15:04.117Z  INFO weir::request: request request_id=\"8c1f09b2-2a\" peer=\"192.0.2.17\" method=\"GET\" …\n\
         ```\n\n\
         JSON, one object a line:\n\n```json\n\
         {{\"timestamp\":\"2026-11-02T09:15:04.117Z\",\"level\":\"INFO\",\"target\":\"weir::request\",\"message\":\"request\",\
         \"request_id\":\"8c1f09b2-2a\", …}}\n```\n\n\
         In both, texts are quoted as in JSON, and control characters and marks that turn the direction of text are written as\n\
         `\\uXXXX`. What a request does not have is left out. In this order:\n\n\
         | Key | Kind | Meaning |\n|---|---|---|\n",
    );
    for field in FIELDS {
        let kind = if field.number { "number" } else { "text" };
        let phase = Phase::ALL.iter().any(|phase| phase.key() == field.key);
        let meaning = if phase { format!("phase: {}", field.meaning) } else { field.meaning.to_owned() };
        page.push_str(&format!("| `{}` | {kind} | {meaning}. |\n", field.key));
    }
    page.push_str(
        "\nThe phases are where a request waits, in microseconds. Requests that wait for one piece of shared work, such as a \
         document\nthat is being fetched, each count the whole of their own wait. What is ready in memory is not counted, so \
         that the phases\ntogether are a little less than `duration_us`, and a warm page has hardly more than `body_us`.\n\n\
         ## Other lines\n\n\
         Everything else is told as it happens: at `ERROR` what Weir could not do, at `WARN` what somebody should look at, at\n\
         `INFO` what has changed. Those that belong to a request have its id: `http{request_id=\"…\"}` in text, \
         `span.request_id` in\nJSON.\n",
    );
    generated("docs/reference/log.md", &page);
}

#[test]
fn the_page_of_metrics_is_what_is_registered() {
    let metrics = Metrics::default();
    let mut table = String::from("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n");
    for metric in metrics.described() {
        let labels: Vec<_> =
            metric.labels.split(", ").filter(|label| !label.is_empty()).map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { String::from("–") } else { labels.join(", ") };
        table.push_str(&format!("| `{}` | {} | {labels} | {}. |\n", metric.name(), metric.kind, metric.meaning));
    }
    let phases: String =
        Phase::ALL.iter().map(|phase| format!("| `{}` | {}. |\n", phase.word(), phase.meaning())).collect();
    let page = "docs/reference/metrics.md";
    let made = replaced(&read(page), "metrics", &table);
    let made = replaced(&made, "phases", &format!("| Phase | Time for |\n|---|---|\n{phases}"));
    generated(page, &made);
}

/// The page with the part between `<!-- begin NAME … -->` and `<!-- end NAME -->` replaced.
fn replaced(page: &str, name: &str, with: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name}: "), format!("<!-- end {name} -->"));
    let place = page.find(&begin).and_then(|at| {
        let start = at + page[at..].find("-->\n")? + "-->\n".len();
        Some((start, start + page[start..].find(&end)?))
    });
    let Some((start, end)) = place else { panic!("the page has no part `{name}`") };
    format!("{}{with}{}", &page[..start], &page[end..])
}

/// What OpenMetrics and Prometheus ask of names (https://prometheus.io/docs/practices/naming/).
#[test]
fn metrics_are_called_as_prometheus_asks() {
    let metrics = Metrics::default();
    let mut seen = std::collections::BTreeSet::new();
    for metric in metrics.described() {
        let name = metric.name();
        assert!(seen.insert(name.clone()), "{name} is there twice");
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        assert!(plain(&name) && !name.contains("__"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == "counter", "{name} is a {}", metric.kind);
        assert_eq!(name.ends_with("_info"), metric.kind == "info", "{name} is a {}", metric.kind);
        for unit in ["_ms", "_millis", "_us", "_kb", "_mb", "_mib", "_minutes", "_percent"] {
            assert!(!name.ends_with(unit), "{name}: base units are seconds, bytes and ratios");
        }
        if metric.kind == "histogram" {
            assert!(name.ends_with("_seconds") || name.ends_with("_bytes"), "{name} has no unit");
        }
        for label in metric.labels.split(", ").filter(|label| !label.is_empty()) {
            assert!(plain(label), "{name}: {label}");
        }
        assert!(!metric.meaning.ends_with('.'), "{name}: the full stop is added");
    }
    let text = metrics.render();
    // Families without labels are there from the start; each has its type, its help, and its unit if it has one.
    for metric in
        metrics.described().iter().filter(|metric| metric.labels.is_empty() && metric.name().starts_with("weir_"))
    {
        assert!(
            text.lines().any(|line| line.split([' ', '{']).next() == Some(&metric.name())),
            "{}\n{text}",
            metric.name()
        );
    }
}
