//! A connection that breaks off within an upload: what is between client and server hands on the beginning of a large request,
//! and then ends both.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Bytes of a connection that are handed on: the heads of requests, and the beginning of an upload.
const LET_THROUGH: usize = 1500;

/// Something in between. Its threads end with their connections.
pub struct Cut {
    url: String,
}

impl Cut {
    /// Before a server.
    pub fn before(url: &str) -> Self {
        let to = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&to) else { return };
                let (Ok(from), Ok(back)) = (client.try_clone(), server.try_clone()) else { return };
                std::thread::spawn(move || begin(from, server));
                std::thread::spawn(move || pass(back, client));
            }
        });
        Self { url: own }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Hands requests on until one of them is an upload that has gone on for long enough.
fn begin(mut from: TcpStream, mut to: TcpStream) {
    let (mut chunk, mut since_upload) = ([0; 512], None);
    while let Ok(read) = from.read(&mut chunk) {
        let part = chunk.get(..read).unwrap_or_default();
        if read == 0 || to.write_all(part).is_err() {
            break;
        }
        if since_upload.is_none() && (part.starts_with(b"POST ") || part.starts_with(b"PUT ")) {
            since_upload = Some(0);
        }
        if let Some(passed) = &mut since_upload {
            *passed += read;
            if *passed > LET_THROUGH {
                break;
            }
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
