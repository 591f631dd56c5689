//! Maven and Gradle: where their settings are, and whom they ask.

use std::path::PathBuf;

use weir_core::client::{Cache, Change, Client, Edit, Edits, Format, Gate, Machine, Role, Scope, Told, Trust, Value};

/// What Maven asks that was told nothing else.
const PUBLIC: &str = "https://repo.maven.apache.org/maven2/";
/// Gradle's script that runs before every build.
const SCRIPT: &str = include_str!("weir.gradle");
/// Most bytes of a line of a build file that are repeated.
const MAX_SHOWN: usize = 120;

pub(crate) static CLIENTS: &[Client] = &[
    Client {
        id: "maven",
        programs: &["mvn"],
        settings: maven,
        // Maven has no variable for a repository.
        variables: |_| Vec::new(),
        told: maven_told,
        cache: |machine| {
            let directory = machine.home().join(".m2").join("repository");
            Some(Cache { directory, empty: String::from("rm -rf ~/.m2/repository") })
        },
        trust: Trust {
            variables: &[],
            system: false,
            setting: "keytool -importcert -cacerts -alias weir -file {file}",
        },
    },
    Client {
        id: "gradle",
        programs: &["gradle"],
        settings: gradle,
        variables: |_| Vec::new(),
        told: gradle_told,
        cache: |machine| {
            let directory = gradle_home(machine).join("caches").join("modules-2").join("files-2.1");
            Some(Cache { directory, empty: String::from("rm -rf ~/.gradle/caches/modules-2") })
        },
        trust: Trust {
            variables: &[],
            system: false,
            setting: "keytool -importcert -cacerts -alias weir -file {file}",
        },
    },
];

fn settings_file(machine: &dyn Machine) -> PathBuf {
    machine.home().join(".m2").join("settings.xml")
}

fn maven(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    if scope == Scope::Project {
        return Err("Maven reads mirrors from the user's settings alone: leave --project out");
    }
    let mirror = Value::table([
        ("id", String::from("weir")),
        // Whatever repository a POM names, Weir is asked.
        ("mirrorOf", String::from("*")),
        ("url", gate.base()),
    ]);
    let mut changes = vec![Change::set(["settings", "mirrors", "mirror"], mirror)];
    if let Some(token) = &gate.token {
        let server = Value::table([
            ("id", String::from("weir")),
            ("username", Gate::USER.to_owned()),
            ("password", token.expose().to_owned()),
        ]);
        changes.push(Change::set(["settings", "servers", "server[weir]"], server));
    }
    Ok(vec![Edit { secret: gate.token.is_some(), ..Edit::new(settings_file(machine), Format::Xml, changes) }])
}

fn maven_told(machine: &dyn Machine) -> Vec<Told> {
    let file = settings_file(machine);
    let place = file.display().to_string();
    let mirrors = machine.elements(&file, &["settings", "mirrors", "mirror"]);
    let of = machine.elements(&file, &["settings", "mirrors", "mirror", "mirrorOf"]);
    let urls = machine.elements(&file, &["settings", "mirrors", "mirror", "url"]);
    let mut told = Vec::new();
    // A mirror of everything is asked in the place of what projects name.
    let mut covered = false;
    if of.len() == mirrors.len() && urls.len() == mirrors.len() {
        for (of, url) in of.iter().zip(urls) {
            let all = of.split(',').any(|part| part.trim() == "*");
            covered |= all;
            let role = if all { Role::Index } else { Role::Besides };
            told.push(Told::new(role, url, format_args!("{place}, the mirror of `{of}`"), ""));
            // What a mirror leaves out is asked at its own address.
            for left_out in of.split(',').filter_map(|part| part.trim().strip_prefix('!')).filter(|_| all) {
                let text = format!("asks the repository `{left_out}` itself");
                told.push(Told::new(Role::Loose, text, format_args!("{place}, mirrorOf"), ""));
            }
        }
    }
    if covered {
        return told;
    }
    told.push(Told::default(PUBLIC));
    let pom = machine.project().join("pom.xml");
    for path in
        [["project", "repositories", "repository", "url"], ["project", "pluginRepositories", "pluginRepository", "url"]]
    {
        for url in machine.elements(&pom, &path) {
            told.push(Told::new(Role::Besides, url, format_args!("pom.xml, {}", path[1]), ""));
        }
    }
    told
}

fn gradle_home(machine: &dyn Machine) -> PathBuf {
    machine.variable("GRADLE_USER_HOME").map_or_else(|| machine.home().join(".gradle"), PathBuf::from)
}

fn gradle(gate: &Gate, machine: &dyn Machine, scope: Scope) -> Edits {
    if scope == Scope::Project {
        return Err(
            "a project of Gradle's names its repositories in its build: leave --project out, and the user's script puts Weir in their place",
        );
    }
    let home = gradle_home(machine);
    let script = SCRIPT
        .replace("{base}", &gate.base())
        .replace("{plain}", if gate.is_plain() { "true" } else { "false" })
        .replace("{login}", if gate.token.is_some() { LOGIN } else { "" });
    let script = Change::Set(Vec::new(), Value::Text(script));
    let mut edits = vec![Edit::new(home.join("init.d").join("weir.gradle"), Format::Whole, vec![script])];
    if let Some(token) = &gate.token {
        let changes = vec![Change::set(["weirToken"], Value::text(token.expose()))];
        edits.push(Edit { secret: true, ..Edit::new(home.join("gradle.properties"), Format::Pairs, changes) });
    }
    Ok(edits)
}

/// The part of the script that shows the token, which is in `gradle.properties`.
const LOGIN: &str = "\n    credentials {\n        username = 'weir'\n        password = token\n    }";

fn gradle_told(machine: &dyn Machine) -> Vec<Told> {
    let file = gradle_home(machine).join("init.d").join("weir.gradle");
    let script = machine.read(&file).unwrap_or_default();
    let base = script.lines().find_map(|line| line.trim().strip_prefix("def weir = '")?.strip_suffix('\''));
    let mut told = Vec::new();
    match base {
        // It takes the place of what builds name.
        Some(base) => told.push(Told::new(Role::Index, base, file.display(), "")),
        None => {
            told.push(Told::default(PUBLIC));
            for name in ["settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"] {
                let text = machine.read(&machine.project().join(name)).unwrap_or_default();
                for (at, line) in text.lines().enumerate() {
                    let public = ["mavenCentral()", "google()", "jcenter()", "gradlePluginPortal()"];
                    if public.iter().any(|call| line.contains(call)) {
                        let shown: String = line.trim().chars().take(MAX_SHOWN).collect();
                        told.push(Told::new(
                            Role::Loose,
                            format!("names a public repository: {shown}"),
                            format_args!("{name}:{}", at + 1),
                            "",
                        ));
                    }
                }
            }
        }
    }
    told
}
