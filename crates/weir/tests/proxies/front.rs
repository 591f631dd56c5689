//! A proxy that speaks https, in front of a server that it speaks plain HTTP with.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use weir_testing::{Authority, Fault};

use crate::http::{self, Answer};
use crate::place::{PATIENCE, Place, Server};

/// The name that the configurations are written for.
const HOST: &str = "packages.example.org";
/// Where clients come from: a loopback address that is no proxy's.
pub const CLIENT: &str = "127.0.0.2";

/// A kind of proxy.
pub struct Kind {
    pub name: &'static str,
    /// Its configuration in `docs/guides/proxies`.
    pub file: &'static str,
    /// Its word in `WEIR_REQUIRE`.
    word: &'static str,
    program: &'static str,
    version: &'static [&'static str],
    /// How it is started, with `CONF` and `HOME` for the configuration and its directory.
    start: &'static [&'static str],
}

pub const KINDS: &[Kind] = &[
    Kind {
        name: "nginx",
        file: "nginx.conf",
        word: "nginx",
        program: "nginx",
        version: &["-v"],
        start: &["-p", "HOME", "-c", "CONF", "-e", "stderr", "-g", "daemon off; pid HOME/pid;"],
    },
    Kind {
        name: "HAProxy",
        file: "haproxy.cfg",
        word: "haproxy",
        program: "haproxy",
        version: &["-v"],
        start: &["-db", "-f", "CONF"],
    },
    Kind {
        name: "Envoy",
        file: "envoy.yaml",
        word: "envoy",
        program: "envoy",
        version: &["--version"],
        start: &["--disable-hot-restart", "--concurrency", "1", "-c", "CONF"],
    },
    Kind {
        name: "Apache httpd",
        file: "httpd.conf",
        word: "httpd",
        program: "apache2",
        version: &["-v"],
        start: &[
            "-DFOREGROUND",
            "-d",
            "HOME",
            "-f",
            "CONF",
            "-C",
            "PidFile HOME/pid",
            "-C",
            "DefaultRuntimeDir HOME",
            "-C",
            "ErrorLog /dev/stderr",
        ],
    },
    Kind {
        name: "Caddy",
        file: "Caddyfile",
        word: "caddy",
        program: "caddy",
        version: &["version"],
        start: &["run", "--adapter", "caddyfile", "--config", "CONF"],
    },
];

impl Kind {
    /// Where it is; `None`, said loudly, where it is not.
    pub fn program(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let found = places.map(|place| place.join(self.program)).find(|file| file.is_file());
        if found.is_none() {
            weir_testing::skip::skip(self.word, &format!("there is no `{}` in PATH", self.program));
        }
        found
    }

    fn version(&self, program: &Path) -> String {
        let output = Command::new(program).args(self.version).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let is_version = |word: &&str| word.chars().next().is_some_and(|c| c.is_ascii_digit()) && word.contains('.');
        let words = text.split([' ', '/', '-', '\n', '+', '~']);
        words.filter(|word| word.len() < 12).find(is_version).unwrap_or_default().to_owned()
    }
}

/// What a server behind a proxy has to offer. Addresses are paths at the proxy.
pub struct Packages {
    place: Place,
    server: Server,
    pub token: String,
    pub refused: String,
    pub allowed: String,
    pub large: String,
    pub wrong: String,
}

/// A proxy that runs. Killed, by its own process id, when it is dropped.
pub struct Front {
    child: Child,
    home: tempfile::TempDir,
    address: SocketAddr,
    authority: Authority,
    pub version: String,
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

impl Packages {
    pub async fn behind(kind: &Kind, program: &Path) -> (Self, Front) {
        Self::behind_edited(kind, program, |text| text).await
    }

    /// With another configuration than the one in the guide.
    pub async fn behind_edited(kind: &Kind, program: &Path, edit: impl Fn(String) -> String) -> (Self, Front) {
        let place = Place::with_an_advisory().await;
        for name in ["large", "wrong"] {
            place.fake.pypi().release(name, "1.0.0").size(9 * 1024 * 1024).add();
        }
        place.fake.npm().release("@scope/example", "1.0.0").add();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        place.configure("server.trusted-proxies = [\"127.0.0.1\"]");
        let token = place.weir(["admin", "token", "create", "alice"]).expect(0).out.trim().to_owned();
        let server = place.serve_with(["--public-url", &format!("https://{HOST}:{port}/weir")]);
        let front = Front::start(kind, program, port, &server.address, edit);
        let at = |name: &str, version: &str| format!("/weir/dev/pypi/files/{name}/{name}-{version}-py3-none-any.whl");
        let packages = Self {
            place,
            server,
            token,
            refused: at("example", "1.0.0"),
            allowed: at("example", "1.1.0"),
            large: at("large", "1.0.0"),
            wrong: at("wrong", "1.0.0"),
        };
        (packages, front)
    }

    /// Upstream misbehaves with this file, or no more.
    pub fn change(&self, path: &str, fault: Option<Fault>) {
        let file = path.rsplit('/').next().unwrap();
        self.place.fake.change(&format!("/files/{file}"), |answer| answer.fault = fault.clone());
    }

    /// The address that the log has for a request.
    pub fn peer(&self, id: &str) -> String {
        let mark = format!("request_id=\"{id}\"");
        self.server.logs(&mark);
        let log = self.server.err();
        let line = log.lines().find(|line| line.contains(&mark)).unwrap();
        let (_, rest) = line.split_once("peer=\"").unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Front {
    fn start(kind: &Kind, program: &Path, port: u16, weir: &str, edit: impl Fn(String) -> String) -> Self {
        let (home, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let identity = authority.certificate(&[HOST]);
        let put = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (certificate, key) = (put("chain.pem", &identity.chain), put("key.pem", &identity.key));
        let both = put("both.pem", &(identity.chain.clone() + &identity.key));
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/proxies").join(kind.file);
        let home_path = home.path().display().to_string();
        // Where nginx keeps what it does not keep here.
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|folder| format!("\n  {folder}_temp_path {home_path}/{folder};"))
            .concat();
        // The guide's own port goes first: Weir's may have the same digits in it.
        let text = edit(fs::read_to_string(guide).unwrap())
            .replace("443", &port.to_string())
            .replace("/etc/weir/packages.example.org.both.pem", &both)
            .replace("/etc/weir/packages.example.org.pem", &certificate)
            .replace("/etc/weir/packages.example.org.key", &key)
            .replace("127.0.0.1:8484", weir)
            .replace(
                "address: 127.0.0.1, port_value: 8484",
                &format!("address: 127.0.0.1, port_value: {}", weir.rsplit(':').next().unwrap()),
            )
            .replace("access_log off;", "")
            .replace("\nhttp {", &format!("\nhttp {{\n  access_log off;{folders}"));
        assert!(!text.contains("8484") && !text.contains("/etc/weir"), "{text}");
        let config = put(kind.file, &text);
        let arguments = kind.start.iter().map(|it| it.replace("CONF", &config).replace("HOME", &home_path));
        let log = fs::File::create(home.path().join("log")).unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().unwrap();
            let log = fs::read_to_string(home.path().join("log")).unwrap_or_default();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{} does not listen: {ended:?}\n{log}", kind.name);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { child, home, address, authority, version: kind.version(program) }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// A connection from [`CLIENT`] that offers `protocols`.
    pub fn connect(&self, protocols: &[&str]) -> Connection {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from(HOST).unwrap()).unwrap();
        let mut stream = self.tcp();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).unwrap();
        }
        StreamOwned::new(tls, stream)
    }

    fn tcp(&self) -> TcpStream {
        let address = self.address;
        let connect = async move {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::new(CLIENT.parse().unwrap(), 0)).unwrap();
            socket.connect(address).await.unwrap().into_std().unwrap()
        };
        let handle = tokio::runtime::Handle::current();
        let stream = tokio::task::block_in_place(|| handle.block_on(connect));
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request and leaves the answer to be read.
    pub fn open(&self, method: &str, path: &str, token: &str, headers: &[(&str, &str)]) -> Connection {
        let mut stream = self.connect(&["http/1.1"]);
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {HOST}:{}\r\nConnection: close\r\n", self.address.port());
        if !token.is_empty() {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all((request + "\r\n").as_bytes()).unwrap();
        stream
    }

    pub fn ask(&self, method: &str, path: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
        let mut bytes = Vec::new();
        // What is cut off ends in an error; what came before counts.
        let _ = self.open(method, path, token, headers).read_to_end(&mut bytes);
        http::parse(&bytes)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Asked first: nginx and httpd have processes of their own to end.
        let asked = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        let began = Instant::now();
        while asked.is_ok() && began.elapsed().as_secs() < 5 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
