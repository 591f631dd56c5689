//! How many connections there may be at once, so that descriptors do not run out.

/// Most connections that can be set.
const MAX_CONNECTIONS: usize = 65_536;
/// Fewest connections that can be set.
const MIN_CONNECTIONS: usize = 16;
/// Descriptors that a connection may need: its own, and that of the file which is sent.
const EACH: usize = 2;
/// Descriptors for everything else: the store, upstreams, files on their way in, logs.
const REST: usize = 512;

/// The limit for connections: what is set, or what the system lets this process open. Asks the system for as many
/// descriptors as that takes.
pub fn connections(wanted: usize) -> usize {
    let wanted = wanted.clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
    let Some(descriptors) = raised(wanted * EACH + REST) else { return wanted };
    let possible = (descriptors.saturating_sub(REST) / EACH).clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            descriptors,
            "fewer connections at once than [server] max-connections: raise the limit of open files (LimitNOFILE, ulimit -n)"
        );
    }
    wanted.min(possible)
}

/// Raises the soft limit of open files to `needed` where the hard limit allows, and says what it is now.
#[cfg(unix)]
fn raised(needed: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let needed = needed as u64;
    let current = limit.current.filter(|current| *current < needed)?;
    let target = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(target), maximum: limit.maximum }) {
        Ok(()) => usize::try_from(target).ok(),
        Err(_) => usize::try_from(current).ok(),
    }
}

#[cfg(not(unix))]
fn raised(_needed: usize) -> Option<usize> {
    None
}
