//! nginx in front of Weir, as docs/guides/network.md has it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use weir_testing::{Identity, skip};

/// The path under which nginx serves Weir.
pub const PREFIX: &str = "/weir";
/// How long nginx may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running nginx. It ends when this is dropped.
pub struct Proxy {
    child: Child,
    root: TempDir,
    port: u16,
}

/// A port that nobody listens on, and the program; `None`, said loudly, where there is no nginx.
pub struct Planned {
    program: PathBuf,
    port: u16,
}

impl Planned {
    pub fn new() -> Option<Self> {
        let places = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].map(PathBuf::from);
        let Some(program) = places.into_iter().find(|place| place.is_file()) else {
            skip::skip("nginx", "there is no nginx; `.ci/run tools` installs it");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { program, port })
    }

    /// What clients are told.
    pub fn url(&self) -> String {
        format!("https://localhost:{}{PREFIX}", self.port)
    }

    /// Starts it in front of a server.
    pub fn start(self, weir: &str, identity: &Identity) -> Proxy {
        let root = tempfile::tempdir().unwrap();
        let at = root.path().display();
        std::fs::write(root.path().join("certificate.pem"), &identity.chain).unwrap();
        std::fs::write(root.path().join("key.pem"), &identity.key).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {at}/{kind};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log;\n\
             events {{ worker_connections 256; }}\nhttp {{\n  access_log off;\n{temporary}\
             \x20 server {{\n    listen 127.0.0.1:{port} ssl;\n    ssl_certificate {at}/certificate.pem;\n\
             \x20   ssl_certificate_key {at}/key.pem;\n    location {PREFIX}/ {{\n      proxy_pass {weir};\n\
             \x20     proxy_http_version 1.1;\n      proxy_set_header Host $http_host;\n\
             \x20     proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n      proxy_buffering off;\n\
             \x20     proxy_read_timeout 300s;\n    }}\n  }}\n}}\n",
            port = self.port,
        );
        std::fs::write(root.path().join("nginx.conf"), config).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-p").arg(root.path()).arg("-c").arg(root.path().join("nginx.conf"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut proxy = Proxy { child, root, port: self.port };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", proxy.port)).is_err() {
            let ended = proxy.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "nginx does not start:\n{}", proxy.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy
    }
}

impl Proxy {
    fn log(&self) -> String {
        std::fs::read_to_string(self.root.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
