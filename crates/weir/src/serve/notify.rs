//! Tells the service manager how far Weir is (`sd_notify(3)`): one datagram to the socket that it names, nothing else.

/// Weir listens.
pub const READY: &str = "READY=1";
/// Weir has been asked to stop, and lets requests end.
pub const STOPPING: &str = "STOPPING=1";

/// Tells it, if there is one that asks. That it cannot be told stops nothing.
pub fn tell(state: &str) {
    #[cfg(target_os = "linux")]
    if let Some(name) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&name, state)
    {
        tracing::warn!(error = %error, state, "the service manager cannot be told");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = state;
}

#[cfg(target_os = "linux")]
fn send(name: &std::ffi::OsStr, state: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let address = match name.as_bytes().split_first() {
        // A name in no file system.
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}
