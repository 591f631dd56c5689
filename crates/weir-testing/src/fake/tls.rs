//! An authority and a certificate for 127.0.0.1, made for one test.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use crate::Authority;

/// Who a fake upstream is to those that speak https with it.
#[derive(Clone)]
pub(super) struct Identity {
    acceptor: TlsAcceptor,
    authority: String,
}

impl Identity {
    pub(super) fn new() -> Self {
        let authority = Authority::new();
        let identity = authority.certificate(&["127.0.0.1", "localhost"]);
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority: authority.pem().to_owned() }
    }

    pub(super) fn authority_pem(&self) -> &str {
        &self.authority
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}
