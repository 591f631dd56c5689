//! How often was what asked, and what came of it?

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::packages::{self, Of, POLICY};
use super::routes::{Kind, Route, elsewhere, routes};
use super::shapes::{allowed, shapes};
use super::verdict::{given_away, is_success, offers};
use super::wire::{Line, converse};
use super::{spellings, ways};
use crate::http::Answer;
use crate::place::{Place, SIMPLE_JSON, Server};

/// Connections at the same time.
const CONNECTIONS: usize = 2;
/// The address of a stage that allows it, asked with the token of the stage in question.
const TOKENS_STAGE: &str = "the token's stage at another stage's address";
/// Addresses that are none of Weir's.
const ELSEWHERE: &str = "addresses of upstreams and of other packages";

/// Where is asked, and in how many ways: in the stage that refuses, or, as a control, in the one that allows everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Weir holds nothing: every spelling with GET.
    Cold,
    /// Weir holds nothing back but by its decision: every spelling with GET, HEAD and Range.
    Warm,
    /// Every spelling with GET.
    Control,
}

impl Phase {
    const fn stages(self) -> (&'static str, &'static str) {
        match self {
            Self::Cold | Self::Warm => ("prod", "open"),
            Self::Control => ("open", "prod"),
        }
    }
}

/// A server in front of everything that there is to get at.
pub struct Around {
    of: Of,
    place: Place,
    server: Server,
    /// Tokens that are bound to a stage, by its name.
    tokens: BTreeMap<&'static str, String>,
    /// What the straight way gets where it is allowed, by route: its tag and its bytes.
    straight: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
    /// An artifact that anybody may have.
    allowed: Vec<u8>,
    /// The page at `/`, by its length: an address without a path leads there.
    welcome: usize,
}

/// What came of asking.
#[derive(Default)]
pub struct Asked {
    pub rows: BTreeMap<&'static str, Row>,
    pub problems: Vec<String>,
}

/// What came of one family.
#[derive(Default, Clone)]
pub struct Row {
    pub asked: BTreeMap<Kind, usize>,
    /// How often each status was answered.
    pub answered: BTreeMap<u16, usize>,
    /// The same, of what is asked in every phase.
    pub compared: BTreeMap<u16, usize>,
    /// Requests that were answered with what they asked for.
    pub served: usize,
    /// Requests to upstreams that told a private name, or asked for a refused file.
    pub told: usize,
    pub example: String,
}

/// The rows of one page, with their controls.
pub struct Table {
    pub of: Of,
    pub rows: BTreeMap<&'static str, (Row, Row)>,
}

/// One request, or several on one connection.
struct Task<'a> {
    route: &'a Route,
    example: String,
    bytes: Bytes,
    /// It is asked in every phase.
    always: bool,
}

enum Bytes {
    /// One request, over a connection that is kept.
    One(Vec<u8>),
    /// Whatever it is, over a connection of its own.
    Raw(Vec<u8>),
}

impl Around {
    pub async fn start(of: Of) -> Self {
        let mut place = Place::new().await;
        // One line for each of many thousand requests tells nothing here.
        place.environment("WEIR_LOG", "error");
        place.policy(POLICY);
        place.configure(packages::CONFIG);
        packages::publish(&place.fake);
        let tokens = ["open", "prod"].map(|stage| {
            let made = place.weir(["admin", "token", "create", stage, "--stage", stage]).expect(0);
            (stage, made.out.trim().to_owned())
        });
        let server = place.serve_with(["--public-url", packages::PUBLIC_URL]);
        let allowed = server.get(&allowed("open")).expect(200).body;
        let welcome = server.get("/").expect(200).body.len();
        Self { of, place, server, tokens: tokens.into(), straight: Mutex::default(), allowed, welcome }
    }

    /// Asks for everything in every way, one family after the other.
    pub async fn ask(&self, phase: Phase) -> Asked {
        let (stage, _) = phase.stages();
        let (known, unknown) = (routes(self.of), elsewhere(self.of));
        let mut tasks: BTreeMap<&'static str, Vec<Task<'_>>> = BTreeMap::new();
        for route in &known {
            if phase == Phase::Control {
                self.remember(route);
            }
            for (family, task) in self.tasks(phase, route) {
                tasks.entry(family).or_default().push(task);
            }
        }
        for route in &unknown {
            let target = format!("/{stage}/{}", route.path);
            tasks.entry(ELSEWHERE).or_default().extend(self.everywhere(phase, route, &target));
        }
        let mut asked = Asked::default();
        for (family, tasks) in tasks {
            self.place.fake.forget();
            let row = self.family(phase, family, tasks, &mut asked.problems);
            asked.rows.insert(family, row);
        }
        asked
    }

    /// The straight way where all is allowed must lead there: otherwise the table asks past what there is.
    fn remember(&self, route: &Route) {
        let answer = self.server.ask("GET", &format!("/open/{}", route.path), &[("Accept", SIMPLE_JSON)]);
        assert!(answer.status == 200 && !answer.cut, "{} is not there: {}", route.path, answer.text());
        let straight = (answer.header("etag").to_owned(), answer.body);
        self.straight.lock().unwrap().insert(route.path.clone(), straight);
    }

    fn tasks<'a>(&self, phase: Phase, route: &'a Route) -> Vec<(&'static str, Task<'a>)> {
        let (stage, other) = phase.stages();
        let target = format!("/{stage}/{}", route.path);
        let mut tasks = Vec::new();
        for spelled in spellings::spellings(&target, other) {
            let asked = self.everywhere(phase, route, &spelled.target);
            tasks.extend(asked.into_iter().map(|task| (spelled.family, task)));
        }
        for way in ways::PLAIN {
            let headers = self.filled(way.headers, route, stage, other);
            let example = format!("{} … {}", way.method, way.headers.trim_end().replace("\r\n", ", "));
            let bytes = Bytes::One(self.request(way.method, &target, &headers));
            tasks.push((way.family, Task { route, example, bytes, always: true }));
        }
        let elsewhere = format!("/open/{}", route.path);
        for (method, headers) in ways::EVERYWHERE {
            let headers = format!("Authorization: Bearer {}\r\n{headers}", self.tokens[stage]);
            let bytes = Bytes::One(self.request(method, &elsewhere, &headers));
            tasks.push((TOKENS_STAGE, Task { route, example: elsewhere.clone(), bytes, always: true }));
        }
        for shape in shapes(&target, stage, other) {
            let example = shape.text.replace(&target, "…");
            let bytes = Bytes::Raw(shape.bytes());
            tasks.push((shape.family, Task { route, example, bytes, always: true }));
        }
        tasks
    }

    /// The usual ways of asking for a target.
    fn everywhere<'a>(&self, phase: Phase, route: &'a Route, target: &str) -> Vec<Task<'a>> {
        let ways = if phase == Phase::Warm { &ways::EVERYWHERE[..] } else { &ways::EVERYWHERE[..1] };
        let task = |(at, (method, headers)): (usize, &(&str, &str))| {
            let bytes = Bytes::One(self.request(method, target, headers));
            Task { route, example: target.to_owned(), bytes, always: at == 0 }
        };
        ways.iter().enumerate().map(task).collect()
    }

    fn filled(&self, headers: &str, route: &Route, stage: &str, other: &str) -> String {
        // Before anything was served there is no tag to know, and any will do.
        let straight = self.straight.lock().unwrap();
        let tag = straight.get(&route.path).map_or("\"guess\"", |(tag, _)| tag.as_str());
        headers.replace("TOKEN", &self.tokens[stage]).replace("OTHER", &self.tokens[other]).replace("TAG", tag)
    }

    fn request(&self, method: &str, target: &str, headers: &str) -> Vec<u8> {
        let accept = if headers.contains("Accept:") { String::new() } else { format!("Accept: {SIMPLE_JSON}\r\n") };
        format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{accept}{headers}\r\n", self.server.address).into_bytes()
    }

    fn family(&self, phase: Phase, family: &str, tasks: Vec<Task<'_>>, problems: &mut Vec<String>) -> Row {
        let telling = tasks.iter().find(|task| task.route.path.ends_with(".whl")).or(tasks.first());
        let example = telling.map(|task| task.example.clone()).unwrap_or_default();
        let seen = Mutex::new((Row { example, ..Row::default() }, Vec::new()));
        let tasks = Mutex::new(tasks);
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let mut line = Line::to(&self.server.address);
                    loop {
                        let Some(task) = tasks.lock().unwrap().pop() else { break };
                        let mut answers = match &task.bytes {
                            Bytes::One(request) => vec![line.ask(request)],
                            Bytes::Raw(bytes) => converse(&self.server.address, bytes),
                        };
                        answers.retain(|answer| !self.is_anybodys(answer));
                        let (row, wrong) = &mut *seen.lock().unwrap();
                        self.count(phase, &task, &answers, row, wrong);
                    }
                });
            }
        });
        let (mut row, wrong) = seen.into_inner().unwrap();
        problems.extend(wrong.iter().map(|wrong| format!("{family}: {wrong}")));
        if phase != Phase::Control {
            let seen = self.place.fake.requests();
            let told: Vec<_> = seen.iter().filter(|seen| self.of.is_told_by(&seen.path)).collect();
            row.told = told.len();
            problems.extend(told.iter().map(|seen| format!("{family}: upstream was told {}", seen.path)));
        }
        row
    }

    fn count(&self, phase: Phase, task: &Task<'_>, answers: &[Answer], row: &mut Row, wrong: &mut Vec<String>) {
        *row.asked.entry(task.route.kind).or_default() += 1;
        let mut served = false;
        for answer in answers {
            *row.answered.entry(answer.status).or_default() += 1;
            *row.compared.entry(answer.status).or_default() += usize::from(task.always);
            let what = if self.is_welcome(answer) {
                None
            } else if phase == Phase::Control {
                served |= self.reaches(task, answer);
                self.mistaken(task, answer)
            } else {
                let what = given_away(self.of, task.route, answer);
                served |= what.is_some();
                what
            };
            wrong.extend(what.map(|what| format!("{} → {what}", task.example)));
        }
        row.served += usize::from(served);
    }

    /// What stands before or after the request in question on its connection.
    fn is_anybodys(&self, answer: &Answer) -> bool {
        answer.status == 200 && (answer.body == b"ok\n" || answer.body == self.allowed)
    }

    fn is_welcome(&self, answer: &Answer) -> bool {
        let is_page = answer.header("content-type").starts_with("text/html");
        answer.status == 200 && is_page && answer.header("content-length") == self.welcome.to_string()
    }

    /// True if a control got what it asked for.
    fn reaches(&self, task: &Task<'_>, answer: &Answer) -> bool {
        is_success(answer) && (!task.route.kind.is_index() || offers(task.route, answer) || answer.body.is_empty())
    }

    /// What a control got in the place of what it asked for: something of another package, or nobody knows what.
    fn mistaken(&self, task: &Task<'_>, answer: &Answer) -> Option<String> {
        let is_readable = answer.header("content-encoding").is_empty() && !answer.body.is_empty();
        if answer.status >= 500 {
            return Some(format!("{} {}", answer.status, answer.phrase));
        }
        if !is_success(answer) || !is_readable {
            return None;
        }
        let names = self.of.names();
        let package = names.package(self.of, &task.route.path);
        let straight = self.straight.lock().unwrap();
        let is_straight = || straight.values().any(|(_, body)| *body == answer.body);
        // An index of all packages is everybody's, and differs by stage; a list of versions has no name in it.
        if task.route.kind == Kind::Catalogue || (task.route.kind == Kind::Page && is_straight()) {
            return None;
        }
        if task.route.kind == Kind::Page {
            let is_own = answer.text().contains(package) || answer.header("content-type").contains("json");
            return (!is_own).then(|| format!("a page without `{package}`: {}", answer.text()));
        }
        let mut own =
            straight.iter().filter(|(path, _)| names.package(self.of, path) == package).map(|(_, (_, body))| body);
        let is_own = own.any(|body| match answer.status {
            206 => body.windows(answer.body.len()).any(|part| part == answer.body),
            _ => *body == answer.body,
        });
        (!is_own).then(|| format!("{} with {} bytes that are not of `{package}`", answer.status, answer.body.len()))
    }
}

impl Table {
    pub fn new(of: Of, gate: &[&Asked], control: &Asked) -> Self {
        let mut rows = BTreeMap::new();
        for asked in gate {
            for (family, row) in &asked.rows {
                let (sum, _): &mut (Row, Row) = rows.entry(*family).or_default();
                for (kind, count) in &row.asked {
                    *sum.asked.entry(*kind).or_default() += count;
                }
                for (status, count) in &row.answered {
                    *sum.answered.entry(*status).or_default() += count;
                }
                sum.served += row.served;
                sum.told += row.told;
                sum.example.clone_from(&row.example);
            }
        }
        for (family, row) in &control.rows {
            rows.entry(*family).or_default().1 = row.clone();
        }
        Self { of, rows }
    }
}
