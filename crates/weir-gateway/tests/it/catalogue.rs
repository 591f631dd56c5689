//! One document that lists many packages: a shop whose list has a line for each file.

use std::io::BufRead;
use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use weir_advisory::Index;
use weir_blob::Blobs;
use weir_core::catalogue::{Brief, Catalogue, Cut, CutError, Cuts, Fate, LeftOut, Packing, Piece, Place, Source};
use weir_core::digest::StatedDigests;
use weir_core::ecosystem::{DefaultUpstream, Names};
use weir_core::purl::types::{self, Namespace, Rules};
use weir_core::registry::{
    Artifact, Ask, Declared, Document, Entry, Expected, Form, Index as Read, Inspection, InvalidDocument, Page, Part,
    Problem, Registry, Release, Rendered, Reply, RouteError, Wanted, Which,
};
use weir_core::{Clock, Digest, Ecosystem, Ecosystems, InvalidName, PackageName, Timestamp};
use weir_gateway::members::Member;
use weir_gateway::{Gateway, Parts, Principal, Settings};
use weir_policy::Policy;
use weir_store::Store;
use weir_testing::{FakeResponse, FakeUpstream, FixedClock};
use weir_upstream::{Upstream, UpstreamConfig};

const NOW: &str = "2026-11-01T12:00:00Z";

static SHOP: Ecosystem = Ecosystem {
    id: "shop",
    title: "the shop",
    osv: "Shop",
    purl_type: "shop",
    purl_rules: Rules::new(Namespace::Optional, types::AS_IS),
    names: &ShopNames,
    versions: weir_cargo::ECOSYSTEM.versions,
    registry: &Shop,
    upstream: DefaultUpstream { name: "shop", url: "http://127.0.0.1/", hosts: &[] },
    lockfiles: &[],
};

struct ShopNames;

impl Names for ShopNames {
    fn parse(&self, text: &str) -> Result<PackageName, InvalidName> {
        Ok(PackageName::from_normalized(text))
    }

    fn shorter(&self, folded: &str) -> Vec<String> {
        folded.split_once('/').map(|(_, name)| name.to_owned()).into_iter().collect()
    }

    fn from_purl(&self, namespace: Option<&str>, name: &str) -> Result<PackageName, InvalidName> {
        Ok(PackageName::from_normalized(&namespace.map_or_else(|| name.to_owned(), |shelf| format!("{shelf}/{name}"))))
    }
}

/// A shelf has a list: lines `file NAME-VERSION.box SHA256`, perhaps with `license=…` and `at=…`, and others. Of a shelf that is
/// called `brief-…`, that is all that there is to be read.
struct Shop;

/// What a line says behind file and digest.
fn stated(line: &str) -> (Option<&str>, Option<Timestamp>) {
    let value = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key));
    (value("license="), value("at=").and_then(Timestamp::parse))
}

fn version_of(file: &str) -> &str {
    file.split_once('-').map_or("", |(_, version)| version.trim_end_matches(".box"))
}

fn name_of(file: &str) -> &str {
    file.split_once('-').map_or(file, |(name, _)| name)
}

impl Registry for Shop {
    fn route(&self, request: &weir_core::registry::Request<'_>) -> Result<Ask, RouteError> {
        let (shelf, file) = request.path.split_once('/').unwrap_or_default();
        Ok(match file {
            "list" => Ask::Catalogue { part: shelf.to_owned(), packing: Packing::Plain },
            "list.zst" => Ask::Catalogue { part: shelf.to_owned(), packing: Packing::Zstd },
            "list.gz" => Ask::Catalogue { part: shelf.to_owned(), packing: Packing::Gzip },
            "left-out" => Ask::LeftOut { parts: vec![shelf.to_owned()], form: Form::whole("left-out") },
            file => Ask::Artifact {
                package: PackageName::from_normalized(&format!("{shelf}/{}", name_of(file))),
                which: Which::File(file.to_owned()),
                part: Part::Whole,
            },
        })
    }

    fn documents(&self, _package: &PackageName) -> Vec<Wanted> {
        Vec::new()
    }

    fn catalogue(&self) -> Option<&dyn Catalogue> {
        Some(self)
    }

    fn parse(&self, _package: &PackageName, documents: &[Document<'_>]) -> Result<Read, InvalidDocument> {
        let Some(document) = documents.first() else { return Ok(Read::default()) };
        let text = std::str::from_utf8(document.body).unwrap();
        let releases = text.lines().map(|line| {
            let mut words = line.split(' ').skip(1);
            let (file, digest) = (words.next().unwrap(), words.next().unwrap());
            let (license, published) = stated(line);
            let artifact = Artifact {
                file: file.to_owned(),
                url: format!("{}{file}", document.url),
                digests: StatedDigests { sha256: digest.parse().ok(), ..StatedDigests::default() },
                published,
                ..Artifact::default()
            };
            Release {
                version: version_of(file).to_owned(),
                license: license.map(str::to_owned),
                published,
                artifacts: vec![artifact],
                ..Release::default()
            }
        });
        Ok(Read { releases: releases.collect(), status: None })
    }

    fn said(&self, _documents: &[Document<'_>], _index: &Read, _version: &str) -> serde_json::Value {
        serde_json::json!({})
    }

    fn render(&self, _page: &Page<'_>, _form: &Form) -> Result<Rendered, InvalidDocument> {
        unreachable!("the shop has lists alone")
    }

    fn problem(&self, problem: &Problem) -> Reply {
        Reply::text(problem.status, format!("{}\n", problem.line))
    }

    fn inspection(&self, _file: &str) -> Option<Inspection> {
        None
    }

    fn declared(&self, _file: &str, _entries: &[Entry], _expected: &Expected<'_>) -> Declared {
        Declared::default()
    }

    fn setup(&self, _base: &str) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        format!("buy {package} {version}")
    }
}

impl Catalogue for Shop {
    fn place(&self, package: &PackageName) -> Option<Place> {
        let (part, key) = package.as_str().split_once('/')?;
        Some(Place { part: part.to_owned(), key: key.to_owned() })
    }

    fn package(&self, place: &Place) -> Option<PackageName> {
        Some(PackageName::from_normalized(&format!("{}/{}", place.part, place.key)))
    }

    fn sources(&self, part: &str) -> Vec<Source> {
        let source = |path: String, packing| Source { wanted: Wanted { path, accept: "*/*", shared: false }, packing };
        vec![
            source(format!("{part}/list.zst"), Packing::Zstd),
            source(format!("{part}/list.gz"), Packing::Gzip),
            source(format!("{part}/list"), Packing::Plain),
        ]
    }

    fn cut(&self, address: &str, document: &mut dyn BufRead, cuts: &mut dyn Cuts) -> Result<Cut, CutError> {
        let mut line = String::new();
        while document.read_line(&mut line)? > 0 {
            let mut words = line.trim_end().split(' ');
            match words.next() {
                Some("file") => {
                    let file = words.next().unwrap_or_default();
                    let digest = format!("sha256:{}", words.next().unwrap_or_default());
                    let bytes = line.trim_end().as_bytes();
                    let piece = Piece { key: name_of(file), name: file, stated: &digest, bytes };
                    let (license, published) = stated(line.trim_end());
                    match address.contains("/brief-") {
                        true => cuts.plain(piece, Brief { version: version_of(file), license, published })?,
                        false => cuts.piece(piece)?,
                    }
                }
                Some("broken") => {
                    let problem = String::from("a line is broken");
                    return Err(InvalidDocument { url: address.to_owned(), expected: "a list", problem }.into());
                }
                _ => cuts.frame(line.as_bytes())?,
            }
            line.clear();
        }
        Ok(Cut { base: address.rsplit_once('/').map_or(address, |(base, _)| base).to_owned() + "/" })
    }

    fn separator(&self) -> &'static [u8] {
        b"\n"
    }

    fn fates(&self, page: &Page<'_>, pieces: &[&[u8]]) -> Vec<Fate> {
        let served = page.index.releases.iter().zip(page.releases);
        let refused: Vec<&str> = served
            .filter(|(_, served)| served.refused.is_some())
            .flat_map(|(release, _)| release.artifacts.iter().map(|artifact| artifact.file.as_str()))
            .collect();
        let fate = |piece: &&[u8]| {
            let is_refused = refused.iter().any(|file| String::from_utf8_lossy(piece).contains(file));
            if is_refused { Fate::Hidden } else { Fate::Shown }
        };
        pieces.iter().map(fate).collect()
    }

    fn content_type(&self) -> &'static str {
        "text/plain"
    }

    fn told(&self, _kind: &str, left_out: &LeftOut<'_>) -> Option<Vec<u8>> {
        Some(format!("{:?} {:?}", left_out.rules, left_out.examples).into_bytes())
    }
}

struct TestShop {
    upstream: FakeUpstream,
    gateway: Arc<Gateway>,
    clock: Arc<FixedClock>,
    directory: tempfile::TempDir,
    blobs: Option<Arc<Blobs>>,
    store: Store,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl TestShop {
    async fn new(policy: &str) -> Self {
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        let directory = tempfile::tempdir().unwrap();
        let upstream = FakeUpstream::start().await;
        let gateway = Self::gateway(policy, &upstream, &clock, directory.path(), None).await;
        let store = gateway.store().clone();
        Self { upstream, gateway, clock, directory, blobs: None, store }
    }

    async fn gateway(
        policy: &str,
        upstream: &FakeUpstream,
        clock: &Arc<FixedClock>,
        directory: &std::path::Path,
        blobs: Option<Arc<Blobs>>,
    ) -> Arc<Gateway> {
        const ALL: Ecosystems = Ecosystems(&[&SHOP]);
        let mut config = UpstreamConfig { url: upstream.url(), ..UpstreamConfig::default() };
        config.limits.retries = 0;
        let member = Member::new(&SHOP, "shop", Arc::new(Upstream::new(&config).unwrap()));
        Gateway::new(Parts {
            ecosystems: ALL,
            members: [member].into_iter().collect(),
            store: Store::sqlite(&directory.join("weir.sqlite")).await.unwrap(),
            blobs: blobs.unwrap_or_else(|| Arc::new(Blobs::local(&directory.join("blobs")).unwrap())),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            policy: Arc::new(Policy::parse(policy, ALL).unwrap()),
            advisories: Arc::new(Index::empty()),
            // Facts of a small package are kept in memory, its document is not.
            settings: Settings { memory: 64 * 1024, ..Settings::default() },
        })
    }

    /// The same data after a restart.
    async fn restart(&mut self, policy: &str) {
        let path = self.directory.path().to_owned();
        self.gateway = Self::gateway(policy, &self.upstream, &self.clock, &path, self.blobs.clone()).await;
    }

    fn days(&self, days: i64) {
        self.clock.set(self.clock.now().plus_days(days));
    }

    fn stock(&self, files: &[(&str, &str)]) {
        let mut list = String::from("# what there is\n");
        for (file, content) in files {
            list += &format!("file {file} {}\n", Digest::of(content.as_bytes()));
            self.upstream.put(&format!("/tools/{file}"), FakeResponse::ok((*content).to_owned()));
        }
        list += "# that is all\n";
        let tag = format!("\"{}\"", Digest::of(list.as_bytes()));
        self.upstream.put("/tools/list", FakeResponse::ok(list).etag(&tag));
    }

    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let principal = Principal { name: String::from("anonymous"), stage: None, publish: Arc::default() };
        let response = self.gateway.handle(request.body(Body::empty()).unwrap(), &principal).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn list(&self) -> Vec<String> {
        let answer = self.ask("/dev/shop/tools/list", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        text.lines()
            .filter_map(|line| line.strip_prefix("file "))
            .map(|it| it.split(' ').next().unwrap().to_owned())
            .collect()
    }
}

const STOCK: [(&str, &str); 4] =
    [("saw-1.0.0.box", "saw 1"), ("saw-2.0.0.box", "saw 2"), ("axe-1.0.0.box", "axe"), ("saw-3.0.0.box", "saw 3")];

#[tokio::test]
async fn a_list_is_handed_on_without_what_is_refused() {
    let shop = TestShop::new("[stage.dev]\ndenied = [\"pkg:shop/saw@2.0.0\"]\n").await;
    shop.stock(&STOCK);
    let answer = shop.ask("/dev/shop/tools/list", &[]).await;
    let expected: String = [("saw-1.0.0.box", "saw 1"), ("axe-1.0.0.box", "axe"), ("saw-3.0.0.box", "saw 3")]
        .map(|(file, content)| format!("file {file} {}", Digest::of(content.as_bytes())))
        .join("\n");
    assert_eq!(answer.text(), format!("# what there is\n{expected}# that is all\n"));
    // The same from the file, by the same decision.
    let refused = shop.ask("/dev/shop/tools/saw-2.0.0.box", &[]).await;
    assert_eq!((refused.status, refused.text().contains("denied")), (403, true), "{}", refused.text());
    let allowed = shop.ask("/dev/shop/tools/saw-3.0.0.box", &[]).await;
    assert_eq!((allowed.status, allowed.text().as_str()), (200, "saw 3"));
    let told = shop.ask("/dev/shop/tools/left-out", &[]).await;
    assert!(told.text().contains("(\"denied\", 1)") && told.text().contains("saw-2.0.0.box"), "{}", told.text());
}

#[tokio::test]
async fn a_list_is_the_same_in_every_packing() {
    let shop = TestShop::new("[stage.dev]\ndenied = [\"pkg:shop/axe\"]\n").await;
    shop.stock(&STOCK);
    let plain = shop.ask("/dev/shop/tools/list", &[]).await;
    let coded = shop.ask("/dev/shop/tools/list", &[("Accept-Encoding", "zstd")]).await;
    let zstd = shop.ask("/dev/shop/tools/list.zst", &[]).await;
    let gzip = shop.ask("/dev/shop/tools/list.gz", &[]).await;
    assert_eq!(coded.headers["content-encoding"], "zstd");
    assert_eq!(zstd::decode_all(&*coded.body).unwrap(), plain.body);
    assert_eq!(zstd::decode_all(&*zstd.body).unwrap(), plain.body);
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*gzip.body), &mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    for answer in [&plain, &coded, &zstd, &gzip] {
        assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
        assert_eq!(answer.headers["cache-control"], "private, no-cache");
        let tag = answer.headers["etag"].to_str().unwrap();
        let again = shop.ask("/dev/shop/tools/list", &[("If-None-Match", tag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn what_is_new_waits_and_what_was_there_does_not_wait_again() {
    let mut shop = TestShop::new("[stage.dev]\nminimum-age = { days = 3 }\n").await;
    shop.stock(&STOCK[..2]);
    assert_eq!(shop.list().await, [""; 0]);
    shop.days(4);
    assert_eq!(shop.list().await, ["saw-1.0.0.box", "saw-2.0.0.box"]);
    shop.stock(&STOCK);
    shop.days(1);
    assert_eq!(shop.list().await, ["saw-1.0.0.box", "saw-2.0.0.box"]);
    assert_eq!(shop.ask("/dev/shop/tools/axe-1.0.0.box", &[]).await.status, 403);
    assert_eq!(shop.ask("/dev/shop/tools/saw-1.0.0.box", &[]).await.status, 200);
    shop.days(2);
    // A restart forgets no first sight.
    shop.restart("[stage.dev]\nminimum-age = { days = 3 }\n").await;
    assert_eq!(shop.list().await, ["saw-1.0.0.box", "saw-2.0.0.box"]);
    shop.days(2);
    assert_eq!(shop.list().await.len(), 4);
    assert_eq!(shop.ask("/dev/shop/tools/axe-1.0.0.box", &[]).await.status, 200);
}

#[tokio::test]
async fn a_file_that_is_stated_with_another_digest_hides_its_release_for_good() {
    let mut shop = TestShop::new("[stage.dev]\n").await;
    shop.stock(&STOCK);
    assert_eq!(shop.list().await.len(), 4);
    let mut changed = STOCK;
    changed[1].1 = "another saw 2";
    shop.stock(&changed);
    shop.days(1);
    assert_eq!(shop.list().await, ["saw-1.0.0.box", "axe-1.0.0.box", "saw-3.0.0.box"]);
    let refused = shop.ask("/dev/shop/tools/saw-2.0.0.box", &[]).await;
    assert_eq!((refused.status, refused.text().contains("changed")), (403, true), "{}", refused.text());
    shop.stock(&STOCK);
    shop.days(1);
    shop.restart("[stage.dev]\n").await;
    assert_eq!(shop.list().await.len(), 3);
}

#[tokio::test]
async fn a_list_that_cannot_be_renewed_is_served_as_it_was() {
    let mut shop = TestShop::new("[stage.dev]\n").await;
    shop.stock(&STOCK);
    assert_eq!(shop.list().await.len(), 4);
    shop.upstream.put("/tools/list", FakeResponse::ok("file saw-1.0.0.box 00\nbroken\n"));
    shop.days(1);
    let stale = shop.ask("/dev/shop/tools/list", &[]).await;
    assert_eq!(stale.status, 200);
    assert!(stale.headers["weir-stale"].to_str().unwrap().contains("a line is broken"), "{:?}", stale.headers);
    shop.upstream.down().await;
    shop.days(1);
    shop.restart("[stage.dev]\n").await;
    assert_eq!(shop.list().await.len(), 4);
    assert_eq!(shop.ask("/dev/shop/tools/none-1.0.0.box", &[]).await.status, 404);
}

#[tokio::test]
async fn what_is_packed_is_preferred_and_a_shelf_that_is_not_there_is_404() {
    let shop = TestShop::new("[stage.dev]\n").await;
    shop.stock(&STOCK);
    let list = format!("file axe-2.0.0.box {}\n", Digest::of(b"axe 2"));
    shop.upstream.put("/tools/list.zst", FakeResponse::ok(zstd::encode_all(list.as_bytes(), 3).unwrap()));
    assert_eq!(shop.list().await, ["axe-2.0.0.box"]);
    assert_eq!(shop.ask("/dev/shop/none/list", &[]).await.status, 404);
}

#[tokio::test]
async fn a_private_name_is_on_no_list_and_never_asked_for() {
    let shop = TestShop::new("[stage.dev]\nprivate-name = [\"axe\"]\n").await;
    shop.stock(&STOCK);
    assert_eq!(shop.list().await, ["saw-1.0.0.box", "saw-2.0.0.box", "saw-3.0.0.box"]);
    assert_eq!(shop.ask("/dev/shop/tools/axe-1.0.0.box", &[]).await.status, 403);
    assert_eq!(shop.upstream.hits("/tools/axe-1.0.0.box"), 0);
}

#[tokio::test]
async fn a_list_of_many_blocks_is_the_same_but_for_what_is_refused() {
    let shop = TestShop::new("[stage.dev]\ndenied = [\"pkg:shop/tool7\"]\n").await;
    // More than a megabyte, in lines that differ in length, so that no block is as long as the one before.
    let file = |at: usize| format!("tool{}-1.0.0+{}.box", at % 997, "x".repeat(at * at % 61));
    let line = |at: usize| format!("file {} {}", file(at), Digest::of(at.to_string().as_bytes()));
    let list: Vec<String> = (0..12_000).map(line).collect();
    shop.upstream.put("/tools/list", FakeResponse::ok(list.join("\n") + "\n"));
    let answer = shop.ask("/dev/shop/tools/list", &[]).await;
    let expected: Vec<&String> = list.iter().filter(|line| !line.contains("tool7-")).collect();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.text().lines().collect::<Vec<_>>(), expected);
}

/// What a stage of this policy shows of a shelf, as files.
async fn shown(shop: &TestShop, shelf: &str) -> Vec<String> {
    let answer = shop.ask(&format!("/dev/shop/{shelf}/list"), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let files = text.lines().filter_map(|line| line.strip_prefix("file ")?.split(' ').next());
    files.map(str::to_owned).collect()
}

/// A shelf with packages of many licences and ages; those of some files are stated, of others not.
fn mixed() -> String {
    let licenses = ["license=MIT", "license=AGPL-3.0-only", "license=no-such-thing", ""];
    let dates = ["at=2020-01-01", "at=2026-10-31T06:00:00Z", "at=2026-10-20", "at=2027-03-01", ""];
    let mut list = String::from("# what there is\n");
    for at in 0..400 {
        // Some packages are old altogether, some have one young file.
        let (package, number) = (at / 8, at % 8);
        let date = if package % 3 == 0 || number < 7 { dates[0] } else { dates[package % dates.len()] };
        let license = licenses[if package % 2 == 0 { 0 } else { (at / 3) % licenses.len() }];
        let digest = Digest::of(at.to_string().as_bytes());
        list += &format!("file tool{package}-1.{number}.0.box {digest} {license} {date}\n");
    }
    // The same file twice, and a version with two licences.
    for line in ["twice-1.0.0.box", "twice-1.0.0.box", "both-1.0.0+a.box", "both-1.0.0+b.box"] {
        list += &format!("file {line} {} license=MIT at=2020-01-01\n", Digest::of(line.as_bytes()));
    }
    list
}

#[tokio::test]
async fn what_is_said_of_one_release_for_all_that_are_like_it_is_what_is_said_of_each() {
    let policies = [
        "[stage.dev]\n",
        "[stage.dev]\nlicense = { deny = [\"AGPL-3.0-only\"] }\n",
        "[stage.dev]\nlicense = { allow = [\"MIT\"], unknown = \"block\" }\nminimum-age = { days = 3 }\n",
        "[stage.dev]\nminimum-age = { days = 30 }\ndenied = [\"pkg:shop/tool4\", \"pkg:shop/tool9@1.3.0\"]\n",
        "[stage.dev]\nallow-only = [\"pkg:shop/tool1*\"]\n",
        "[stage.dev]\nnot-after = { at = \"2026-10-25T00:00:00Z\", except = [\"pkg:shop/tool7\"] }\n",
        "[stage.dev]\nvulnerability = { block-cvss = 7.0 }\nunassessed = \"block\"\n",
        "[stage.dev]\nmode = \"observe\"\nlicense = { deny = [\"MIT\"] }\n",
        "[stage.dev]\nlicense = { deny = [\"AGPL-3.0-only\"] }\nprivate-name = [\"tool3*\"]\n[[waiver]]\npackage = \"pkg:shop/tool5\"\n\
         rule = \"license\"\nreason = \"tests\"\nuntil = \"2026-12-31\"\n",
    ];
    for policy in policies {
        let mut shop = TestShop::new(policy).await;
        shop.upstream.put("/tools/list", FakeResponse::ok(mixed()));
        shop.upstream.put("/brief-tools/list", FakeResponse::ok(mixed()));
        assert_eq!(shown(&shop, "brief-tools").await, shown(&shop, "tools").await, "{policy}");
        let told = shop.ask("/dev/shop/tools/left-out", &[]).await.text();
        let brief = shop.ask("/dev/shop/brief-tools/left-out", &[]).await.text();
        let rules = |told: &str| told.split_once(']').map(|(rules, _)| rules.to_owned());
        assert_eq!(rules(&brief), rules(&told), "{policy}");
        // Also once time has passed, with files that are new, after a restart.
        shop.days(4);
        let more = mixed() + &format!("file tool3-9.0.0.box {} license=MIT\n", Digest::of(b"new"));
        shop.upstream.put("/tools/list", FakeResponse::ok(more.clone()));
        shop.upstream.put("/brief-tools/list", FakeResponse::ok(more));
        shop.restart(policy).await;
        assert_eq!(shown(&shop, "brief-tools").await, shown(&shop, "tools").await, "{policy}, later");
        // And when a digest has changed.
        let changed = mixed().replacen(&Digest::of(b"17").to_string(), &Digest::of(b"other").to_string(), 1);
        shop.upstream.put("/tools/list", FakeResponse::ok(changed.clone()));
        shop.upstream.put("/brief-tools/list", FakeResponse::ok(changed));
        shop.days(1);
        let brief = shown(&shop, "brief-tools").await;
        assert_eq!(brief, shown(&shop, "tools").await, "{policy}, changed");
        assert!(!brief.contains(&String::from("tool2-1.1.0.box")) || policy.contains("observe"), "{policy}");
    }
}

impl TestShop {
    /// How many blobs are kept.
    fn kept(&self) -> usize {
        fn files(directory: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
            entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
        }
        files(&self.directory.path().join("blobs"))
    }

    /// How many lists are kept that are not current any more.
    async fn past(&self) -> usize {
        let base = format!("{}/", self.upstream.url().trim_end_matches('/'));
        self.store.past_documents(&base, "tools/list").await.unwrap().len()
    }

    fn hours(&self, hours: i64) {
        self.clock.set(self.clock.now().plus_millis(hours * 60 * 60 * 1000));
    }
}

/// A shelf whose list differs from hour to hour, but for the saws.
fn at_hour(hour: usize) -> String {
    let long = "x".repeat(100_000);
    let saw = |number: u32| {
        format!("file saw-{number}.0.0.box {} license={long}\n", Digest::of(format!("saw {number}").as_bytes()))
    };
    format!("{}{}file axe-{hour}.0.0.box {}\n", saw(1), saw(2), Digest::of(b"axe"))
}

#[tokio::test]
async fn lists_that_were_superseded_are_given_up_and_what_was_read_from_them_stays_readable() {
    let shop = TestShop::new("[stage.dev]\n").await;
    for file in ["saw-1.0.0.box", "saw-2.0.0.box"] {
        shop.upstream.put(&format!("/tools/{file}"), FakeResponse::ok(file.replace("-", " ").replace(".0.0.box", "")));
    }
    let mut kept = Vec::new();
    for hour in 0..8 {
        shop.upstream.put("/tools/list", FakeResponse::ok(at_hour(hour)));
        assert!(shop.list().await.contains(&format!("axe-{hour}.0.0.box")));
        if hour == 0 {
            // What is known of the saws is kept from here on: nothing of them changes.
            assert_eq!(shop.ask("/dev/shop/tools/saw-1.0.0.box", &[]).await.status, 200);
        }
        kept.push(shop.kept());
        shop.hours(1);
    }
    assert_eq!(kept[3], kept[7], "disk does not grow with each list: {kept:?}");
    assert_eq!(shop.past().await, 1);
    // The document of the saws lies in a list that is gone.
    let second = shop.ask("/dev/shop/tools/saw-2.0.0.box", &[]).await;
    assert_eq!((second.status, second.text().as_str()), (200, "saw 2"));
}

#[tokio::test]
async fn a_list_that_was_superseded_a_moment_ago_is_kept_for_who_still_reads_it() {
    let shop = TestShop::new("[stage.dev]\n").await;
    for minutes in 0..3 {
        shop.upstream.put("/tools/list", FakeResponse::ok(at_hour(minutes)));
        shop.list().await;
        shop.clock.set(shop.clock.now().plus_millis(10 * 60 * 1000));
    }
    assert_eq!(shop.past().await, 2);
    shop.hours(1);
    // Also where no other list comes.
    assert_eq!(shop.gateway.expire_documents(shop.clock.now().plus_days(-365)).await.unwrap(), 4);
    assert_eq!(shop.past().await, 0);
    assert_eq!(shop.list().await.len(), 3);
}

#[tokio::test]
async fn a_file_that_is_stated_with_another_digest_is_an_event_once() {
    let shop = TestShop::new("[stage.dev]\n").await;
    shop.stock(&STOCK);
    shop.list().await;
    let mut changed = STOCK;
    changed[1].1 = "another saw 2";
    for days in 1..3 {
        shop.stock(&changed);
        shop.days(days);
        shop.list().await;
        changed[0].1 = "another saw 1";
    }
    let events = shop.store.events(0, 100).await.unwrap();
    let changed: Vec<_> = events.iter().filter(|event| event.kind == "changed-bytes").collect();
    let subjects: Vec<&str> = changed.iter().map(|event| event.subject.as_str()).collect();
    assert_eq!(subjects, ["shop/tools/saw/saw-2.0.0.box", "shop/tools/saw/saw-1.0.0.box"]);
    assert!(changed[0].body.contains(&Digest::of(b"another saw 2").to_string()), "{}", changed[0].body);
}

#[tokio::test]
async fn what_is_damaged_or_absurd_is_told_and_the_last_good_list_is_served() {
    let shop = TestShop::new("[stage.dev]\n").await;
    shop.stock(&STOCK);
    assert_eq!(shop.list().await.len(), 4);
    let list = |at: usize| format!("file new{at}-1.0.0.box {}\n", Digest::of(at.to_string().as_bytes()));
    let good = packed((0..2_000).map(list).collect::<String>().as_bytes());
    let mut garbled = good.clone();
    let middle = garbled.len() / 2;
    garbled[middle..].reverse();
    let endless = format!("# {}\n", "x".repeat(weir_gateway::catalogues::cutting::MAX_PIECE + 1));
    let damaged = [
        (good[..good.len() - 20].to_vec(), "list.zst"),
        (garbled, "list.zst"),
        (b"this is no zstd".to_vec(), "list.zst"),
        (vec![0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "list.zst"),
        (packed(format!("file {endless}").as_bytes()), "pieces of"),
        (packed(b"broken\n"), "a line is broken"),
    ];
    for (at, (bytes, told)) in damaged.into_iter().enumerate() {
        shop.upstream.put("/tools/list.zst", FakeResponse::ok(bytes));
        shop.days(1);
        let answer = shop.ask("/dev/shop/tools/list", &[]).await;
        assert_eq!(answer.status, 200, "{at}: {}", answer.text());
        assert_eq!(answer.text().matches("file ").count(), 4, "{at}");
        let stale = answer.headers["weir-stale"].to_str().unwrap();
        assert!(stale.contains(told), "{at}: {stale}");
    }
    // What comes after is taken again.
    shop.upstream.put("/tools/list.zst", FakeResponse::ok(good));
    shop.days(1);
    assert_eq!(shop.list().await.len(), 2_000);
}

/// As a file with a checksum, like those of the zstd command.
fn packed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_is_damaged_is_no_list_where_none_was_kept() {
    let shop = TestShop::new("[stage.dev]\n").await;
    shop.upstream.put("/tools/list.zst", FakeResponse::ok("this is no zstd"));
    let answer = shop.ask("/dev/shop/tools/list", &[]).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains("cannot be cut"), "{}", answer.text());
}
