//! Settings: what each mistake says, where each value comes from, and what is never shown.

use std::fs;
use std::net::TcpListener;

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_unknown_key_is_told_with_file_line_and_the_known_ones() {
    let place = Place::new().await;
    place.configure("[log]\nlevle = \"debug\"");
    let file = place.config_file();
    let ran = place.weir(["serve"]).expect(2);
    ran.tells(&[file.to_str().unwrap(), ":11:1: unknown field `levle`", "`level`", "11 | levle", "^^^^^"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wrong_value_is_told_with_its_line() {
    let place = Place::new().await;
    place.configure("[retention]\ndocuments-days = \"many\"");
    place.weir(["serve"]).expect(2).tells(&["weir.toml:11:18:", "invalid type: string \"many\"", "expected i64"]);
    place.configure("[log]\nformat = \"xml\"");
    place.weir(["serve"]).expect(2).tells(&["weir.toml", "[log] format is `xml`", "`text` or `json`"]);
    place.configure("[log]\nlevel = \"loud=shouting\"");
    place.weir(["serve"]).expect(2).tells(&["[log] level", "loud=shouting"]);
    place.configure("feeds.interval-hours = 0");
    place.weir(["serve"]).expect(2).tells(&["weir.toml", "[feeds] interval-hours is 0", "sync = false"]);
    place.configure("this is no toml");
    place.weir(["serve"]).expect(2).tells(&["weir.toml:10:", "10 | this is no toml"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_configuration_that_is_not_there_is_told() {
    let place = Place::new().await;
    place.weir(["serve", "--config", "elsewhere.toml"]).expect(2).tells(&["`elsewhere.toml` cannot be read"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_bad_upstream_section_names_what_is_wrong_with_it() {
    let place = Place::new().await;
    place.configure("[upstream.pipy]\nurl = \"https://pypi.example/simple/\"");
    place.weir(["serve"]).expect(2).tells(&["weir.toml", "[upstream.pipy]", "pypi, npm, cargo"]);
    place.configure("upstream.pypi.hosts = [\"https://files.example/\"]");
    place.weir(["serve"]).expect(2).tells(&["[upstream.pypi]", "https://files.example/", "`hosts`", "host:port"]);
    place.configure("upstream.pypi.username = \"me\"\nupstream.pypi.password = \"a\"\nupstream.pypi.token = \"b\"");
    place.weir(["serve"]).expect(2).tells(&["[upstream.pypi]", "credentials"]);
    place.configure("");
    let text = fs::read_to_string(place.config_file()).unwrap();
    let text: String =
        text.lines().filter(|line| !line.starts_with("upstream.npm")).map(|l| format!("{l}\n")).collect();
    fs::write(place.config_file(), format!("{text}upstream.npm.url = \"ftp://npm.example/\"\n")).unwrap();
    place.weir(["serve"]).expect(2).tells(&["[upstream.npm]", "ftp://npm.example/"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_unreadable_ca_bundle_is_told_with_its_key_and_file() {
    let place = Place::new().await;
    let missing = place.directory.path().join("roots.pem");
    place.configure(&format!("upstream.pypi.ca-bundle = \"{}\"", missing.display()));
    place.weir(["serve"]).expect(2).tells(&["[upstream.pypi]", "ca-bundle", "roots.pem"]);
    fs::write(&missing, "no certificate at all").unwrap();
    place.weir(["serve"]).expect(2).tells(&["[upstream.pypi]", "ca-bundle", "roots.pem"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_address_that_cannot_be_listened_on_is_told_with_the_way_out() {
    let place = Place::new().await;
    place.weir(["serve", "--listen", "nonsense"]).expect(2).tells(&["--listen `nonsense`", "127.0.0.1:8484"]);
    place.weir(["serve", "--listen", "203.0.113.7:0"]).expect(2).tells(&["203.0.113.7:0", "no such address"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.weir(["serve", "--listen", &address]).expect(2).tells(&[&address, "another program listens there", "port 0"]);
    let text = fs::read_to_string(place.config_file()).unwrap().replace("127.0.0.1:0", &address);
    fs::write(place.config_file(), text).unwrap();
    place.weir(["serve"]).expect(2).tells(&["[server] listen", &address, "another program listens there"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_public_address_that_cannot_be_one_is_told() {
    let place = Place::new().await;
    for bad in ["weir.example", "ftp://weir.example", "https://weir.example/?x=1"] {
        place.weir(["serve", "--public-url", bad]).expect(2).tells(&[
            "--public-url",
            bad.split('?').next().unwrap(),
            "expected https://HOST",
        ]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_public_address_is_part_of_every_page() {
    let place = Place::with_an_advisory().await;
    let server = place.serve_with(["--public-url", "https://weir.example/"]);
    assert!(server.out().contains("weir use dev --server https://weir.example\n"), "{}", server.out());
    let page = server.simple("dev", "example");
    let files = page["files"].as_array().unwrap();
    assert!(files.iter().all(|file| file["url"].as_str().unwrap().starts_with("https://weir.example/dev/pypi/")));
    let refused = server.get(&place.wheel(&server, "dev", "example", "1.0.0")).expect(403);
    assert!(refused.phrase.contains("https://weir.example/d/"), "{}", refused.phrase);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_setting_is_shown_with_its_origin() {
    let mut place = Place::new().await;
    place.configure("[log]\nlevel = \"warn\"");
    place.environment("WEIR_UPSTREAM__PYPI__URL", "https://pypi.example/simple/");
    let ran = place.weir(["config", "show"]).expect(0);
    let file = place.config_file();
    ran.prints(&[
        "upstream.pypi.url = \"https://pypi.example/simple/\"  # $WEIR_UPSTREAM__PYPI__URL",
        &format!("log.level = \"warn\"  # {}", file.display()),
        "server.memory-mib = 96  # default",
        "policy = ",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_variable_overrides_the_file() {
    let mut place = Place::new().await;
    place.fake.pypi().release("example", "1.0.0").add();
    let url = place.fake.pypi().url();
    let text = fs::read_to_string(place.config_file()).unwrap().replace(&url, "http://127.0.0.1:9/simple/");
    fs::write(place.config_file(), text).unwrap();
    place.environment("WEIR_UPSTREAM__PYPI__URL", &url);
    let server = place.serve();
    assert_eq!(server.simple("dev", "example")["files"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_variable_that_fits_nowhere_is_told_by_name() {
    let mut place = Place::new().await;
    place.environment("WEIR_UPSTREAM__PYPI__ADDRESS", "https://pypi.example/");
    place.weir(["config", "show"]).expect(2).tells(&["WEIR_UPSTREAM__PYPI__ADDRESS", "`address`", "`url`"]);
    let mut place = Place::new().await;
    place.environment("WEIR_SERVER__MEMORY_MIB", "lots");
    place.weir(["serve"]).expect(2).tells(&["WEIR_SERVER__MEMORY_MIB", "server.memory-mib"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_password_of_digits_and_a_list_of_hosts_fit_into_variables() {
    let mut place = Place::new().await;
    place.environment("WEIR_UPSTREAM__PYPI__USERNAME", "me");
    place.environment("WEIR_UPSTREAM__PYPI__PASSWORD", "31415926");
    place.environment("WEIR_UPSTREAM__PYPI__HOSTS", "files.example, cdn.example:8443");
    let ran = place.weir(["config", "show"]).expect(0);
    let ran = ran.prints(&["upstream.pypi.password = \"****\"", "[\"files.example\", \"cdn.example:8443\"]"]);
    assert!(!ran.out.contains("31415926"), "{}", ran.out);
    place.fake.pypi().release("example", "1.0.0").add();
    let server = place.serve();
    server.simple("dev", "example");
    let basic = place.fake.requests()[0].header("authorization").unwrap().to_owned();
    assert_eq!(basic, "Basic bWU6MzE0MTU5MjY=");
}

/// A text that must appear nowhere.
const HUNTER2: &str = "hunter2-very-secret";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn secrets_reach_upstream_and_nobody_else() {
    for (shown, kind) in [("env:PYPI_PASSWORD", "env"), ("file:", "file"), ("****", "inline")] {
        let mut place = Place::new().await;
        place.fake.pypi().release("example", "1.0.0").add();
        let secret = match kind {
            "env" => {
                place.environment("PYPI_PASSWORD", HUNTER2);
                String::from("env:PYPI_PASSWORD")
            }
            "file" => format!("file:{}", place.file("password", format!("{HUNTER2}\n")).display()),
            _ => String::from(HUNTER2),
        };
        place.configure(&format!(
            "upstream.pypi.username = \"me\"\nupstream.pypi.password = \"{secret}\"\n[log]\nlevel = \"trace\""
        ));
        let ran = place.weir(["config", "show"]).expect(0);
        assert!(!ran.out.contains(HUNTER2) && ran.out.contains(shown), "{kind}: {}", ran.out);
        let server = place.serve();
        server.simple("dev", "example");
        place.fake.unavailable(true);
        server.get("/dev/pypi/simple/other/").expect(502);
        let sent = place.fake.requests()[0].header("authorization").unwrap().to_owned();
        use base64::Engine;
        let expected = base64::engine::general_purpose::STANDARD.encode(format!("me:{HUNTER2}"));
        assert_eq!(sent, format!("Basic {expected}"), "{kind}");
        for (place, text) in [("log", server.err()), ("output", server.out()), ("readyz", server.get("/readyz").text())]
        {
            assert!(!text.contains(HUNTER2), "{kind} is in the {place}");
            assert!(!text.contains(&expected), "{kind} is in the {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_password_in_an_address_is_not_shown_either() {
    let mut place = Place::new().await;
    let url = place.fake.pypi().url().replace("http://", &format!("http://me:{HUNTER2}@"));
    place.environment("WEIR_UPSTREAM__PYPI__URL", &url);
    place.environment("WEIR_STORE__URL", &format!("postgres://weir:{HUNTER2}@127.0.0.1:9/weir?password={HUNTER2}"));
    place.environment("WEIR_LOG__LEVEL", "trace");
    let shown = place.weir(["config", "show"]).expect(0);
    assert!(!shown.out.contains(HUNTER2), "{}", shown.out);
    let ran = place.weir(["serve"]).expect(2);
    let ran = ran.tells(&["[store] url", "127.0.0.1:9"]);
    assert!(!ran.err.contains(HUNTER2), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_misspelt_secret_is_not_shown_with_its_mistake() {
    let place = Place::new().await;
    place.configure(&format!("upstream.npm.passwort = \"{HUNTER2}\""));
    let ran = place.weir(["serve"]).expect(2).tells(&["passwort", "`password`"]);
    assert!(!ran.err.contains(HUNTER2), "{}", ran.err);
    place.configure("upstream.npm.token = 2718281828");
    let ran = place.weir(["serve"]).expect(2);
    assert!(!ran.err.contains("2718281828"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_secret_that_cannot_be_read_is_told_by_where_it_should_be() {
    let place = Place::new().await;
    place.configure("upstream.npm.token = \"env:NO_SUCH_VARIABLE\"");
    place.weir(["serve"]).expect(2).tells(&["[upstream.npm] token", "env:NO_SUCH_VARIABLE"]);
    place.configure("upstream.npm.token = \"file:/no/such/file\"");
    place.weir(["serve"]).expect(2).tells(&["[upstream.npm] token", "file:/no/such/file"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_store_that_is_no_database_is_told() {
    let mut place = Place::new().await;
    place.environment("WEIR_STORE__URL", "mysql://db.example/weir");
    place.weir(["serve"]).expect(2).tells(&["[store] url", "postgres://"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn logs_are_json_where_that_is_wanted() {
    let place = Place::with_an_advisory().await;
    place.configure("[log]\nformat = \"json\"");
    let server = place.serve();
    let answer = server.get("/dev/pypi/simple/example/").expect(200);
    let id = answer.header("x-request-id").to_owned();
    server.stop_and(|err| {
        let lines: Vec<serde_json::Value> = err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let request = lines.iter().find(|line| line["message"] == "request").unwrap();
        assert_eq!(request["package"], "example");
        assert_eq!(request["status"], 200);
        assert_eq!(request["request_id"], id.as_str(), "{request}");
    });
}
