//! An S3 server in process.

use std::net::SocketAddr;

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// An S3 server on a port of 127.0.0.1, with one bucket in a temporary directory. Stops when it is dropped.
pub struct S3Server {
    address: SocketAddr,
    key: String,
    secret: String,
    directory: TempDir,
    server: JoinHandle<()>,
}

impl S3Server {
    /// Starts one with credentials of its own.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(BUCKET)).unwrap();
        // The name of a temporary directory is random, which is all that credentials of a test need.
        let random = directory.path().file_name().unwrap().to_string_lossy().replace('.', "");
        let (key, secret) = (format!("key{random}"), format!("secret{random}"));
        let files = s3s_fs::FileSystem::new(directory.path()).expect("no S3 directory");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(key.clone(), secret.clone()));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let service = service.clone();
                connections.spawn(async move {
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, key, secret, directory, server }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bucket.
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The access key's id.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The secret access key.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Where the bucket's objects are, as files.
    pub fn directory(&self) -> std::path::PathBuf {
        self.directory.path().join(BUCKET)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const BUCKET: &str = "weir";
