//! `weir use` and `weir doctor`, in a home of their own and without any package manager.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::place::{Place, Ran};

const TOKEN: &str = "weir_0123456789ab_feed";

/// A home with settings in it, and a folder of programs that stand for package managers.
struct Home {
    place: Place,
    root: TempDir,
}

impl Home {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut place = Place::new().await;
        for (name, value) in [
            ("HOME", root.path().to_path_buf()),
            ("PATH", root.path().join("bin")),
            ("XDG_CONFIG_HOME", PathBuf::new()),
            ("XDG_DATA_HOME", PathBuf::new()),
            ("XDG_CACHE_HOME", PathBuf::new()),
            ("CARGO_HOME", PathBuf::new()),
            ("NPM_CONFIG_USERCONFIG", PathBuf::new()),
            ("npm_config_userconfig", PathBuf::new()),
            ("PIP_CONFIG_FILE", PathBuf::new()),
            ("PIP_INDEX_URL", PathBuf::new()),
            ("PIP_CERT", PathBuf::new()),
            ("REQUESTS_CA_BUNDLE", PathBuf::new()),
            ("CURL_CA_BUNDLE", PathBuf::new()),
            ("SSL_CERT_FILE", PathBuf::new()),
            ("NODE_EXTRA_CA_CERTS", PathBuf::new()),
            ("CARGO_HTTP_CAINFO", PathBuf::new()),
            ("UV_INDEX_URL", PathBuf::new()),
            ("UV_CACHE_DIR", PathBuf::new()),
            ("NETRC", PathBuf::new()),
        ] {
            place.environment(name, value.to_str().unwrap());
        }
        fs::create_dir(root.path().join("bin")).unwrap();
        Self { place, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A program that prints this whatever it is asked.
    fn program(&self, name: &str, prints: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n/bin/cat <<'END'\n{prints}\nEND\n")).unwrap();
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[track_caller]
    fn weir(&self, line: &str) -> Ran {
        self.place.weir(line.split_whitespace())
    }

    /// Every file of the home with its bytes and who may read it, the journal left out.
    fn all(&self) -> Vec<(String, Vec<u8>, u32)> {
        let mut found = Vec::new();
        walk(self.root.path(), self.root.path(), &mut found);
        found
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>, u32)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777;
        if name.starts_with(".local") {
            continue;
        }
        if path.is_dir() {
            found.push((name, Vec::new(), mode));
            walk(root, &path, found);
        } else {
            found.push((name, fs::read(&path).unwrap(), mode));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn settings_are_pointed_at_a_stage_and_everything_else_in_them_stays() {
    let home = Home::new().await;
    home.write(
        ".config/pip/pip.conf",
        "# ours\r\n[global]\r\ntimeout = 60\r\nextra-index-url = https://a.example/simple\r\n",
    );
    home.write(".npmrc", "; ours\nfund=false\n@acme:registry=https://npm.acme.example/\n");
    home.write(".cargo/config.toml", "[build] # ours\njobs = 1\n");
    let ran = home.weir("use prod --server https://weir.example --pip --uv --npm --yarn --cargo").expect(0);
    assert_eq!(
        home.read(".config/pip/pip.conf"),
        "# ours\r\n[global]\r\ntimeout = 60\r\nindex-url = https://weir.example/prod/pypi/simple/\r\n"
    );
    assert_eq!(home.read(".npmrc"), "; ours\nfund=false\nregistry=https://weir.example/prod/npm/\n");
    assert_eq!(
        home.read(".cargo/config.toml"),
        "[build] # ours\njobs = 1\n\n[source.crates-io]\nreplace-with = \"weir\"\n\n[source.weir]\nregistry = \
         \"sparse+https://weir.example/prod/cargo/\"\n"
    );
    assert!(home.read(".config/uv/uv.toml").contains("default = true"));
    assert_eq!(home.read(".yarnrc.yml"), "npmRegistryServer: \"https://weir.example/prod/npm/\"\n");
    ran.prints(&[
        "stage prod of https://weir.example",
        "taken out, because it goes around Weir:",
        "~/.npmrc: @acme:registry=https://npm.acme.example/",
    ]);
    // The same again changes nothing.
    let before = home.all();
    home.weir("use prod --server https://weir.example --pip --uv --npm --yarn --cargo")
        .expect(0)
        .prints(&["~/.npmrc  as before"]);
    assert_eq!(home.all(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_lies_where_each_client_keeps_it_and_nobody_else_may_read_it() {
    let mut home = Home::new().await;
    home.place.environment("WEIR_TOKEN", TOKEN);
    home.write(".netrc", "machine other login a password b\n");
    let clients = "--pip --uv --poetry --npm --yarn --cargo";
    let shown = home.weir(&format!("use prod --server https://weir.example --dry-run {clients}")).expect(0);
    assert!(!shown.out.contains(TOKEN) && shown.out.contains("+password ****"), "{}", shown.out);
    home.weir(&format!("use prod --server https://weir.example {clients}")).expect(0);
    for (file, line) in [
        (".netrc", format!("machine weir.example\nlogin weir\npassword {TOKEN}\n")),
        (".npmrc", format!("//weir.example/prod/npm/:_authToken={TOKEN}\n")),
        (".yarnrc.yml", format!("npmAuthToken: \"{TOKEN}\"\n")),
        (".cargo/credentials.toml", format!("[registries.weir]\ntoken = \"{TOKEN}\"\n")),
        (".config/pypoetry/auth.toml", format!("password = \"{TOKEN}\"\n")),
    ] {
        assert!(home.read(file).contains(&line), "{file}: {}", home.read(file));
        let mode = std::os::unix::fs::PermissionsExt::mode(&home.path(file).metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    for file in [".config/pip/pip.conf", ".config/uv/uv.toml", ".cargo/config.toml"] {
        assert!(!home.read(file).contains(TOKEN), "{file}");
    }
    // A token is not said on the command line.
    home.weir("use prod --server https://weir.example --token-from weir_secret --pip")
        .expect(2)
        .tells(&["--token-from takes env:NAME, file:PATH or -"]);
    home.weir("use prod --server https://u:p@weir.example --pip").expect(2).tells(&["--token-from"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn undo_brings_back_every_byte_and_removes_what_was_not_there() {
    let mut home = Home::new().await;
    home.write(".npmrc", "registry = https://a.example/\r\n\r\n; end");
    fs::set_permissions(home.path(".npmrc"), std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    home.write(".condarc", "");
    let before = home.all();
    home.weir("use --undo").expect(0).prints(&["there is nothing to take back"]);
    home.weir("use dev --server https://weir.example --npm --pip --cargo").expect(0);
    home.place.environment("WEIR_TOKEN", TOKEN);
    home.weir("use prod --server https://weir.example --npm --pip --cargo --uv").expect(0);
    assert_ne!(home.all(), before);
    home.weir("use --undo").expect(0).prints(&["~/.npmrc is as it was", "~/.cargo/config.toml is as it was"]);
    assert_eq!(home.all(), before);
    home.weir("use --undo").expect(0).prints(&["there is nothing to take back"]);
    // Nothing of what was kept stays behind: it may have had secrets in it.
    let left = fs::read_dir(home.path(".local/share/weir/use")).unwrap().count();
    assert_eq!(left, 2, "the journal and its lock");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn undo_leaves_what_somebody_changed_since_and_says_the_way_out() {
    let home = Home::new().await;
    home.write(".npmrc", "fund=false\n");
    home.weir("use dev --server https://weir.example --npm --uv").expect(0);
    home.write(".npmrc", "fund=true\n");
    let refused = home.weir("use --undo").expect(2);
    assert_eq!(home.read(".npmrc"), "fund=true\n");
    assert!(!home.path(".config").exists(), "the file that was new is gone with its folders");
    // What it names is what was there; with that in place there is nothing more to do.
    let kept = refused.err.split('`').find(|part| part.contains(".local")).unwrap().to_owned();
    refused.tells(&["~/.npmrc changed since", "weir use --undo --keep-changed"]);
    assert_eq!(fs::read_to_string(&kept).unwrap(), "fund=false\n");
    fs::copy(kept, home.path(".npmrc")).unwrap();
    home.weir("use --undo").expect(0);
    // A change on top of a change comes off in two steps.
    home.weir("use dev --server https://weir.example --npm").expect(0);
    home.write(".npmrc", "save-exact=true\n");
    home.weir("use dev --server https://weir.example --npm").expect(0);
    home.weir("use --undo").expect(2).prints(&["~/.npmrc is as it was"]).tells(&["changed since"]);
    assert_eq!(home.read(".npmrc"), "save-exact=true\n");
    home.weir("use --undo --keep-changed").expect(0).prints(&["~/.npmrc stays as it is"]);
    home.weir("use --undo").expect(0).prints(&["there is nothing to take back"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_file_that_cannot_be_edited_keeps_all_from_being_changed() {
    let home = Home::new().await;
    home.write(".cargo/config.toml", "[source\n");
    home.write(".yarnrc.yml", "{a: b}\n");
    let before = home.all();
    home.weir("use dev --server https://weir.example --npm --yarn --cargo").expect(2).tells(&[
        "nothing was changed",
        "~/.cargo/config.toml: it cannot be read as TOML",
        "~/.yarnrc.yml: it cannot be read as YAML: line 1",
    ]);
    assert_eq!(home.all(), before);
    home.weir("use dev --server https://weir.example").expect(2).tells(&["none of the programs", "--pip", "--all"]);
    home.weir("use Dev --server https://weir.example --npm").expect(2).tells(&["`Dev` is not the name of a stage"]);
    home.weir("use dev --server weir.example --npm").expect(2).tells(&["http://"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_is_written_through_and_stays_a_link() {
    let home = Home::new().await;
    home.write("dotfiles/npmrc", "fund=false\n");
    std::os::unix::fs::symlink("dotfiles/npmrc", home.path(".npmrc")).unwrap();
    home.weir("use dev --server https://weir.example --npm").expect(0);
    assert!(home.path(".npmrc").symlink_metadata().unwrap().is_symlink());
    assert!(home.read("dotfiles/npmrc").contains("weir.example/dev/npm"));
    home.weir("use --undo").expect(0);
    assert_eq!(home.read("dotfiles/npmrc"), "fund=false\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_project_gets_its_own_settings_and_tokens_stay_with_the_person() {
    let mut home = Home::new().await;
    home.place.environment("WEIR_TOKEN", TOKEN);
    let project = home.place.file("pyproject.toml", "[project]\nname = \"x\" # ours\n");
    home.weir("use dev --server https://weir.example --project --uv --npm --poetry --pip")
        .expect(0)
        .tells(&["pip: pip has no file"]);
    let text = fs::read_to_string(&project).unwrap();
    assert!(text.starts_with("[project]\nname = \"x\" # ours\n"), "{text}");
    assert!(text.contains("[[tool.uv.index]]") && text.contains("[[tool.poetry.source]]"), "{text}");
    assert!(!text.contains(TOKEN));
    assert_eq!(
        fs::read_to_string(project.with_file_name(".npmrc")).unwrap(),
        "registry=https://weir.example/dev/npm/\n"
    );
    assert!(home.read(".npmrc").contains("_authToken"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_format_of_settings_is_edited_and_comes_back() {
    let mut home = Home::new().await;
    home.place.environment("WEIR_TOKEN", TOKEN);
    home.write(".condarc", "# ours\nchannels:\n- defaults # all\n- https://a.example/x\nauto_activate_base: false\n");
    home.write(
        ".m2/settings.xml",
        "<settings>\r\n  <!-- ours -->\r\n  <mirrors>\r\n    <mirror><id>a</id><url>https://a.example/</url></mirror>\r\n  \
         </mirrors>\r\n</settings>\r\n",
    );
    home.write(".Rprofile", "options(digits = 3)\n");
    let before = home.all();
    home.weir("use prod --server https://weir.example --conda --mamba --pixi --r --maven --gradle").expect(0);
    assert_eq!(
        home.read(".condarc"),
        "# ours\nchannels:\n  - \"conda-forge\"\nauto_activate_base: false\nchannel_alias: \
         \"https://weir.example/prod/conda\"\ndefault_channels: []\n"
    );
    let pixi = home.read(".config/pixi/config.toml");
    assert!(pixi.contains("\"https://conda.anaconda.org\" = [\"https://weir.example/prod/conda\"]"), "{pixi}");
    let maven = home.read(".m2/settings.xml");
    assert!(maven.starts_with("<settings>\r\n  <!-- ours -->\r\n  <mirrors>\r\n"), "{maven}");
    assert!(
        maven.contains("<url>https://weir.example/prod/maven</url>\r\n") && !maven.contains("a.example"),
        "{maven}"
    );
    assert!(home.read(".Rprofile").starts_with("options(digits = 3)\n\n# >>> weir use >>>\n"));
    assert!(home.read(".gradle/init.d/weir.gradle").contains("def weir = 'https://weir.example/prod/maven'"));
    for file in [".Rprofile", ".condarc", ".gradle/init.d/weir.gradle"] {
        assert!(!home.read(file).contains(TOKEN), "{file}");
    }
    home.weir("use --undo").expect(0);
    assert_eq!(home.all(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pipeline_gets_variables_and_files_with_the_token_from_its_secrets() {
    let home = Home::new().await;
    let ran = home.weir("use prod --server https://weir.example --ci github --pip --npm --cargo").expect(0);
    ran.prints(&[
        "  PIP_INDEX_URL: \"https://weir:${{ secrets.WEIR_TOKEN }}@weir.example/prod/pypi/simple/\"",
        "  WEIR_TOKEN: \"${{ secrets.WEIR_TOKEN }}\"",
        "cat >\"$HOME/.npmrc\" <<WEIR_SETTINGS_END",
        "//weir.example/prod/npm/:_authToken=${WEIR_TOKEN}",
        "chmod 600 \"$HOME/.cargo/credentials.toml\"",
    ]);
    assert!(home.all().iter().all(|(name, ..)| name == "bin"), "nothing is written");
    home.weir("use prod --server https://weir.example --ci gitlab --uv --yarn").expect(0).prints(&[
        "variables:",
        "UV_DEFAULT_INDEX: \"https://weir:${WEIR_TOKEN}@weir.example/prod/pypi/simple/\"",
        "before_script:",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn doctor_finds_what_goes_around_and_says_what_mends_it() {
    let home = Home::new().await;
    let server = home.place.serve();
    let address = format!("http://{}", server.address);
    home.program("pip", &format!("global.extra-index-url='https://user:secret@a.example/simple'\nglobal.index-url='{address}/dev/pypi/simple/'"));
    let sick = home.weir(&format!("doctor --server {address} --format json")).expect(1).json();
    let found: Vec<(&str, &str)> = sick["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["code"].as_str().unwrap(), finding["level"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("reach", "ok"), ("reason", "ok"), ("other-index", "problem"), ("index", "ok")]);
    assert_eq!(sick["findings"][2]["mend"], "pip config unset global.extra-index-url");
    assert!(!sick.to_string().contains("secret"), "{sick}");
    home.weir(&format!("doctor --server {address}"))
        .expect(1)
        .prints(&["problem asks https://****@a.example/simple as well", "1 problem"]);

    // What `weir use` writes is what doctor wants to see.
    home.program("pip", &format!("global.index-url='{address}/prod/pypi/simple/'"));
    home.weir(&format!("use prod --server {address} --pip --uv --cargo")).expect(0);
    home.weir("doctor --pip --uv --cargo")
        .expect(0)
        .prints(&[&format!("Weir {address}, stage prod"), "nothing goes around Weir"]);
    home.place.file("requirements.txt", "--extra-index-url https://b.example/simple\nsix\n");
    home.place.file("uv.toml", "[[index]]\nname = \"torch\"\nurl = \"https://t.example/cpu\"\n");
    home.weir("doctor --pip --uv --cargo").expect(1).prints(&[
        "asks https://b.example/simple as well (requirements.txt:1)",
        "mend: take line 1 out of requirements.txt",
        "asks https://t.example/cpu as well",
        "2 problems",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn doctor_says_what_is_wrong_on_the_way_to_weir() {
    let home = Home::new().await;
    let server = home.place.serve();
    let address = format!("http://{}", server.address);
    home.weir(&format!("use dev --server {address} --cargo")).expect(0);
    home.weir("doctor --cargo --stage nowhere").expect(1).prints(&["has no stage `nowhere`"]);
    home.weir("doctor --cargo --server http://127.0.0.1:1").expect(1).prints(&["does not answer", "asks http"]);
    home.weir("use --undo").expect(0);
    home.weir(&format!("doctor --cargo --server {address}"))
        .expect(1)
        .prints(&["asks https://index.crates.io/ (nothing is set)", "mend: weir use dev --cargo"]);
    drop(server);
    home.weir(&format!("use dev --server {address} --cargo")).expect(0);
    home.weir("doctor --cargo").expect(2).prints(&["unknown does not answer", "1 unknown"]);
}
