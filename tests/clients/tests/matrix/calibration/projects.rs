//! The projects: what people begin with, of different kinds. What they ask for is pinned; what that asks for is not.

use crate::gate::Stage;
use crate::sandbox::Sandbox;

/// A project.
pub struct Project {
    pub name: &'static str,
    pub kind: &'static str,
    pub client: Client,
    /// What it asks for, as its client writes it.
    pub tops: &'static [&'static str],
    pub small: Small,
}

/// Whether it is installed at every run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Small {
    Yes,
    No,
}

/// What installs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Client {
    Pip,
    Uv,
    Npm,
    Cargo,
}

const fn project(
    name: &'static str,
    kind: &'static str,
    client: Client,
    small: Small,
    tops: &'static [&'static str],
) -> Project {
    Project { name, kind, client, tops, small }
}

pub const ALL: [Project; 12] = [
    project(
        "analysis",
        "data science",
        Client::Uv,
        Small::No,
        &["pandas==3.1.1", "scikit-learn==1.9.1", "matplotlib==3.11.2", "seaborn==0.13.2", "statsmodels==0.15.0"],
    ),
    project("notebooks", "data science", Client::Pip, Small::No, &["jupyterlab==4.6.6"]),
    project(
        "site",
        "web",
        Client::Pip,
        Small::No,
        &[
            "django==5.2.19",
            "djangorestframework==3.18.3",
            "celery==5.7.0",
            "redis==8.1.0",
            "gunicorn==27.0.1",
            "psycopg==3.3.9",
            "django-allauth==65.21.1",
            "wagtail==8.0.1",
        ],
    ),
    project(
        "api",
        "service",
        Client::Pip,
        Small::Yes,
        &[
            "fastapi==0.165.0",
            "uvicorn[standard]==0.54.0",
            "sqlalchemy==2.1.9",
            "alembic==1.20.1",
            "httpx==0.28.1",
            "pydantic-settings==2.16.3",
            "boto3==1.44.5",
            "opentelemetry-sdk==1.45.2",
            "sentry-sdk==2.75.0",
            "grpcio==1.85.1",
        ],
    ),
    project(
        "commands",
        "CLI",
        Client::Uv,
        Small::No,
        &[
            "typer==0.29.2",
            "httpie==3.2.4",
            "pre-commit==4.7.0",
            "tox==4.67.15",
            "nox==2026.10.20",
            "cookiecutter==2.7.1",
            "ansible-core==2.19.14",
            "mkdocs-material==9.8.1",
            "twine==7.0.0",
            "poetry==2.5.1",
        ],
    ),
    project(
        "front-end",
        "web",
        Client::Npm,
        Small::No,
        &[
            "react@19.3.1",
            "react-dom@19.3.1",
            "vite@8.3.8",
            "@vitejs/plugin-react@6.3.0",
            "typescript@7.0.2",
            "tailwindcss@4.3.5",
            "eslint@10.15.0",
            "vitest@4.1.12",
        ],
    ),
    project(
        "back-end",
        "service",
        Client::Npm,
        Small::No,
        &[
            "@nestjs/core@12.5.1",
            "@nestjs/common@12.5.1",
            "@nestjs/platform-express@12.5.1",
            "express@5.3.0",
            "prisma@7.10.1",
            "pino@10.4.0",
            "zod@4.6.7",
            "jest@30.5.2",
        ],
    ),
    project(
        "command",
        "CLI",
        Client::Npm,
        Small::Yes,
        &["commander@14.0.3", "chalk@5.6.2", "inquirer@14.2.5", "ora@9.4.1", "esbuild@0.28.2", "mocha@12.0.3"],
    ),
    project(
        "bundle",
        "web",
        Client::Npm,
        Small::No,
        &[
            "webpack@5.112.2",
            "webpack-cli@7.3.1",
            "@babel/core@7.29.13",
            "@babel/preset-env@7.29.14",
            "babel-loader@10.1.1",
            "sass@1.108.2",
            "less@4.9.1",
        ],
    ),
    project(
        "server",
        "service",
        Client::Cargo,
        Small::No,
        &[
            "axum = \"=0.8.9\"",
            "tokio = { version = \"=1.54.1\", features = [\"full\"] }",
            "sqlx = { version = \"=0.9.0\", features = [\"runtime-tokio\", \"sqlite\"] }",
            "tracing-subscriber = \"=0.3.23\"",
            "reqwest = \"=0.13.5\"",
            "serde_json = \"=1.0.154\"",
            "tower-http = \"=0.7.1\"",
        ],
    ),
    project(
        "terminal",
        "CLI",
        Client::Cargo,
        Small::No,
        &[
            "clap = { version = \"=4.6.7\", features = [\"derive\"] }",
            "ratatui = \"=0.30.2\"",
            "anyhow = \"=1.0.104\"",
            "ignore = \"=0.4.34\"",
            "regex = \"=1.13.1\"",
            "indicatif = \"=0.18.6\"",
            "insta = \"=1.49.0\"",
        ],
    ),
    project(
        "columns",
        "data science",
        Client::Cargo,
        Small::No,
        &[
            "arrow = \"=60.1.0\"",
            "parquet = \"=60.1.0\"",
            "rayon = \"=1.12.0\"",
            "ndarray = \"=0.17.2\"",
            "criterion = \"=0.8.2\"",
            "proptest = \"=1.12.0\"",
        ],
    ),
];

impl Client {
    /// Its name on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Uv => "uv",
            Self::Npm => "npm",
            Self::Cargo => "cargo",
        }
    }
}

impl Project {
    /// Installs it, and counts the packages that are there then.
    pub fn install(&self, sandbox: &Sandbox, stage: &Stage) -> usize {
        let tools = sandbox.tools();
        let seen = match self.client {
            Client::Pip | Client::Uv => {
                sandbox.write("requirements.txt", &(self.tops.join("\n") + "\n"));
                let common = ["--target", "site", "--index-url", &stage.pypi(), "--requirement", "requirements.txt"];
                match self.client {
                    Client::Pip => {
                        let install = ["install", "--quiet", "--no-compile", "--only-binary", ":all:"];
                        sandbox.run(&tools.python("pip"), &[&install[..], &common].concat())
                    }
                    _ => {
                        let install = ["pip", "install", "--quiet", "--only-binary", ":all:"];
                        sandbox.run(&tools.python("uv"), &[&install[..], &common].concat())
                    }
                }
            }
            Client::Npm => {
                sandbox.write("package.json", "{\"name\":\"sample\",\"version\":\"1.0.0\",\"private\":true}\n");
                let registry = format!("--registry={}", stage.npm());
                let install = ["install", "--silent", "--no-audit", "--save-exact", registry.as_str()];
                sandbox.node(&tools.node("npm/bin/npm-cli.js"), &[&install[..], self.tops].concat())
            }
            Client::Cargo => {
                let config = "[source.crates-io]\nreplace-with = \"weir\"\n\n[source.weir]\nregistry = ";
                sandbox.write_home(".cargo/config.toml", &format!("{config}\"{}\"\n", stage.cargo()));
                let head = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
                sandbox.write("Cargo.toml", &format!("{head}\n[dependencies]\n{}\n", self.tops.join("\n")));
                sandbox.write("src/lib.rs", "");
                sandbox.run(tools.cargo(), &["fetch", "--quiet"])
            }
        };
        assert!(seen.succeeded(), "{}: {}", self.name, seen.transcript());
        match self.client {
            Client::Pip | Client::Uv => {
                let site = std::fs::read_dir(sandbox.project().join("site")).unwrap().filter_map(Result::ok);
                site.filter(|entry| entry.path().extension().is_some_and(|it| it == "dist-info")).count()
            }
            Client::Npm => {
                let lock: serde_json::Value = serde_json::from_str(&sandbox.read("package-lock.json")).unwrap();
                lock["packages"].as_object().unwrap().len() - 1
            }
            Client::Cargo => sandbox.read("Cargo.lock").lines().filter(|line| *line == "[[package]]").count() - 1,
        }
    }
}
