//! What does the log say of a request?
//!
//! One line each, written when the last byte of the answer has gone. The line is made here rather than by the subscriber
//! that makes all other lines: at tens of thousands of requests a second that would cost as much as the request itself.
//! Level and format are the subscriber's all the same.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use weir_core::Timestamp;
use weir_store::RequestRow;

use crate::phases::{Phase, Phases};

/// The target of these lines, for `log.level`: `info,weir::request=off`.
pub const TARGET: &str = "weir::request";

/// Longest path in the log, in characters; the rest is cut.
pub const MAX_PATH: usize = 512;

/// Longest method in the log, in characters; the rest is cut. A client may invent one as long as a request's head.
pub const MAX_METHOD: usize = 16;

/// How lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `key="value"`, for people and for logfmt.
    Text,
    /// One object a line.
    Json,
}

/// A key of the line.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub key: &'static str,
    /// True for a whole number, false for a text.
    pub number: bool,
    /// What it tells.
    pub meaning: &'static str,
}

const fn text(key: &'static str, meaning: &'static str) -> Field {
    Field { key, number: false, meaning }
}

const fn number(key: &'static str, meaning: &'static str) -> Field {
    Field { key, number: true, meaning }
}

const fn phase(phase: Phase) -> Field {
    Field { key: phase.key(), number: true, meaning: phase.meaning() }
}

/// All keys, in the order in which they are written. What a request does not have is left out.
pub const FIELDS: [Field; 26] = [
    text("request_id", "its id, which the client has as `X-Request-Id`; other lines about it have it, too"),
    text("peer", "address of the client: the other end of the connection, or whom a trusted proxy names"),
    text("method", "HTTP method, cut after 16 characters"),
    text("path", "path as sent, without the query; printable ASCII, other bytes as `%XX`, cut after 512 characters"),
    number("status", "HTTP status; 0 if the client went away before there was one"),
    text("outcome", "what became of it: [metrics.md](metrics.md#outcomes)"),
    text("stage", "stage"),
    text("ecosystem", "ecosystem"),
    text("package", "package, by its canonical name"),
    text("version", "release, as its registry spells it"),
    text("file", "artifact, or the one that the metadata asked for belongs to"),
    text("decision", "id of the decision that let it out or refused it; `/d/ID` explains it"),
    text("principal", "name of the token, or `anonymous`; left out for those who were not let in"),
    text("client", "the client's family, from its `User-Agent`: `pip`, `uv`, `npm`, `cargo` …"),
    number("size_bytes", "bytes of the body that were sent"),
    number("head_us", "microseconds from the head of the request to the head of the answer"),
    number("duration_us", "microseconds from the head of the request to the last byte of the answer"),
    phase(Phase::Access),
    phase(Phase::Upstream),
    phase(Phase::Store),
    phase(Phase::Facts),
    phase(Phase::Judge),
    phase(Phase::Render),
    phase(Phase::Inspect),
    phase(Phase::Body),
    text("stale", "why what was served may be out of date"),
];

/// What the line of one request is made of.
#[derive(Debug)]
pub struct Line<'a> {
    /// When it ended.
    pub at: Timestamp,
    /// Its id.
    pub id: &'a str,
    /// The client: the other end of the connection, or whom a trusted proxy names.
    pub peer: Option<IpAddr>,
    /// Its method, as [`shown_method`] makes it.
    pub method: &'a str,
    /// Its path, as [`shown_path`] makes it.
    pub path: &'a str,
    /// What its record tells.
    pub record: &'a RequestRow,
    /// To the head of the answer.
    pub head: Duration,
    /// To its last byte.
    pub total: Duration,
    /// What it spent its time on.
    pub phases: &'a Phases,
    /// Why the answer may be out of date.
    pub stale: Option<&'a str>,
}

enum Value<'a> {
    Text(&'a str),
    Number(u64),
    Address(IpAddr),
}

impl Line<'_> {
    /// Appends the line, without its end.
    pub fn render(&self, format: Format, line: &mut String) {
        const LEVEL: [&str; 3] = ["  INFO ", TARGET, ": request"];
        const MESSAGE: [&str; 3] = ["\",\"level\":\"INFO\",\"target\":\"", TARGET, "\",\"message\":\"request\""];
        if format == Format::Json {
            line.push_str("{\"timestamp\":\"");
        }
        moment(line, self.at);
        line.extend(if format == Format::Json { MESSAGE } else { LEVEL });
        self.each(|key, value| {
            if matches!(value, Value::Text("")) {
                return;
            }
            match format {
                Format::Text => line.extend([" ", key, "="]),
                Format::Json => line.extend([",\"", key, "\":"]),
            }
            match value {
                Value::Text(text) => quoted(line, text),
                Value::Number(number) => digits(line, number),
                Value::Address(peer) => {
                    // Writing to a string cannot fail. An address has nothing that is to be escaped.
                    let _ = write!(line, "\"{peer}\"");
                }
            }
        });
        if format == Format::Json {
            line.push('}');
        }
    }

    /// Every key that this request has, in the order of [`FIELDS`].
    fn each(&self, mut put: impl FnMut(&'static str, Value<'_>)) {
        let record = self.record;
        put("request_id", Value::Text(self.id));
        if let Some(peer) = self.peer {
            put("peer", Value::Address(peer));
        }
        put("method", Value::Text(self.method));
        put("path", Value::Text(self.path));
        put("status", Value::Number(record.status.into()));
        put("outcome", Value::Text(&record.outcome));
        put("stage", Value::Text(&record.stage));
        put("ecosystem", Value::Text(&record.ecosystem));
        put("package", Value::Text(&record.package));
        put("version", Value::Text(record.version.as_deref().unwrap_or_default()));
        put("file", Value::Text(record.file.as_deref().unwrap_or_default()));
        put("decision", Value::Text(record.decision.as_deref().unwrap_or_default()));
        put("principal", Value::Text(&record.principal));
        put("client", Value::Text(&record.client));
        put("size_bytes", Value::Number(record.bytes));
        put("head_us", Value::Number(micros(self.head)));
        put("duration_us", Value::Number(micros(self.total)));
        for (phase, spent) in self.phases.passed() {
            put(phase.key(), Value::Number(micros(spent)));
        }
        put("stale", Value::Text(self.stale.unwrap_or_default()));
    }
}

/// A moment, made into a text once for all lines of a thread that have it: at a flood those are many.
fn moment(line: &mut String, at: Timestamp) {
    thread_local! {
        static LAST: RefCell<Option<(Timestamp, String)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| match last {
        Some((of, text)) if *of == at => line.push_str(text),
        _ => line.push_str(&last.insert((at, at.to_string())).1),
    });
}

/// A number in decimal.
fn digits(line: &mut String, mut number: u64) {
    // As many as the largest has.
    let mut text = [b'0'; 20];
    let mut first = text.len();
    for (at, digit) in text.iter_mut().enumerate().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        (first, number) = (at, number / 10);
        if number == 0 {
            break;
        }
    }
    line.push_str(text.get(first..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default());
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A path as the log has it: printable ASCII, bounded.
pub fn shown_path(path: &str) -> String {
    if path.len() <= MAX_PATH && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return path.to_owned();
    }
    let mut shown = String::new();
    for byte in path.bytes() {
        if shown.len() >= MAX_PATH {
            shown.push('…');
            break;
        }
        if byte.is_ascii_graphic() {
            shown.push(char::from(byte));
        } else {
            let _ = write!(shown, "%{byte:02X}");
        }
    }
    shown
}

/// A method as the log has it: bounded. Methods are ASCII (RFC 9110, section 9.1).
pub fn shown_method(method: &str) -> &str {
    method.get(..MAX_METHOD).unwrap_or(method)
}

/// A text as JSON has it, with all that a terminal could take for a command or that could hide what is there written as
/// `\uXXXX`: controls, line separators, and marks that turn the direction of what follows.
fn quoted(line: &mut String, text: &str) {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    line.push('"');
    if text.bytes().all(plain) {
        line.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' | '\\' => line.extend(['\\', c]),
                c if c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
                {
                    // None of these is beyond the basic plane, so that one escape is enough.
                    let _ = write!(line, "\\u{:04x}", u32::from(c));
                }
                c => line.push(c),
            }
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> RequestRow {
        RequestRow {
            at: Timestamp::from_millis(0),
            principal: String::from("alice"),
            client: String::from("pip"),
            stage: String::from("dev"),
            ecosystem: String::from("pypi"),
            package: String::from("example"),
            version: Some(String::from("1.0.0")),
            file: Some(String::from("a\"\\\u{1b}[2J\n\u{202e}é.whl")),
            artifact: None,
            index_state: None,
            decision: Some(String::from("abcdefghijklmnop")),
            outcome: String::from("served"),
            status: 200,
            bytes: 12,
            duration_ms: 1,
        }
    }

    fn rendered(line: &Line<'_>, format: Format) -> String {
        let mut text = String::new();
        line.render(format, &mut text);
        text
    }

    fn with_line<T>(look: impl FnOnce(&Line<'_>) -> T) -> T {
        let (record, phases) = (record(), Phases::default());
        for phase in Phase::ALL {
            phases.add(phase, Duration::from_micros(phase as u64 + 1));
        }
        look(&Line {
            at: Timestamp::from_millis(1_793_534_400_123),
            id: "ab-1",
            peer: Some(IpAddr::from([192, 0, 2, 1])),
            method: "GET",
            path: "/dev/pypi/simple/example/",
            record: &record,
            head: Duration::from_micros(40),
            total: Duration::from_millis(2),
            phases: &phases,
            stale: Some("upstream is silent"),
        })
    }

    #[test]
    fn a_line_of_json_has_every_key_in_order_and_is_one_line() {
        let line = with_line(|line| rendered(line, Format::Json));
        let value: serde_json::Map<_, _> = serde_json::from_str(&line).unwrap();
        let keys: Vec<_> = value.keys().map(String::as_str).collect();
        let fields: Vec<_> =
            ["timestamp", "level", "target", "message"].into_iter().chain(FIELDS.map(|f| f.key)).collect();
        assert_eq!(keys, fields);
        for field in FIELDS {
            assert_eq!(value[field.key].is_u64(), field.number, "{}", field.key);
        }
        assert_eq!(value["file"], record().file.unwrap());
        assert_eq!(value["duration_us"], 2000);
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }

    #[test]
    fn a_line_of_text_shows_no_control_character_and_no_turn_of_direction() {
        let line = with_line(|line| rendered(line, Format::Text));
        assert!(
            line.starts_with("2026-11-01T12:00:00.123Z  INFO weir::request: request request_id=\"ab-1\""),
            "{line}"
        );
        assert!(line.contains(r#" file="a\"\\\u001b[2J\u000a\u202eé.whl" "#), "{line}");
        assert!(line.contains(" status=200 ") && line.contains(" access_us=1 "), "{line}");
    }

    #[test]
    fn what_a_request_does_not_have_is_left_out() {
        let (mut record, phases) = (record(), Phases::default());
        (record.package, record.decision) = (String::new(), None);
        let at = Timestamp::from_millis(0);
        let (head, total) = (Duration::ZERO, Duration::ZERO);
        let line = Line {
            at,
            id: "x",
            peer: None,
            method: "GET",
            path: "/",
            record: &record,
            head,
            total,
            phases: &phases,
            stale: None,
        };
        let line = rendered(&line, Format::Text);
        for key in [" peer=", " package=", " decision=", " stale=", " body_us="] {
            assert!(!line.contains(key), "{key} in {line}");
        }
    }

    #[test]
    fn numbers_are_written_as_they_are() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX - 1, u64::MAX] {
            let mut line = String::new();
            digits(&mut line, number);
            assert_eq!(line, number.to_string());
        }
    }

    #[test]
    fn each_line_has_its_own_moment() {
        for millis in [0, 0, 1, 1_793_534_400_123, 0] {
            let (mut line, at) = (String::new(), Timestamp::from_millis(millis));
            moment(&mut line, at);
            assert_eq!(line, at.to_string());
        }
    }

    #[test]
    fn a_method_is_cut() {
        assert_eq!(shown_method("OPTIONS"), "OPTIONS");
        let at = "X".repeat(MAX_METHOD);
        assert_eq!(shown_method(&at), at);
        assert_eq!(shown_method(&format!("{at}Y")), at);
    }

    #[test]
    fn a_path_is_cut_and_printable() {
        assert_eq!(shown_path("/a/b"), "/a/b");
        assert_eq!(shown_path("/\u{7f}é \n"), "/%7F%C3%A9%20%0A");
        let at = "x".repeat(MAX_PATH);
        assert_eq!(shown_path(&at), at);
        assert_eq!(shown_path(&format!("{at}y")), format!("{at}…"));
    }
}
