//! How many heaps does the allocator keep?
//!
//! glibc gives threads heaps of their own, up to eight for each core, and what one of them has freed no other uses. Pages and
//! documents come and go on many threads, so that a server came to hold twice what `server.memory-mib` allows. One heap for
//! each core is enough: small pieces are cached by thread all the same. The number is read before a program begins; the
//! only way to set it later is a call that Rust cannot check, so the server begins once more with it set.

/// What glibc reads it from (mallopt(3)).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Begins this program once more with a bound, unless there is one already. Where that cannot be done it goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn bound() {
    use std::os::unix::process::CommandExt as _;

    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let mut arguments = std::env::args_os();
    let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next()) else { return };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let _ =
        std::process::Command::new(program).arg0(name).args(arguments).env(VARIABLE, cores.max(2).to_string()).exec();
}

/// Other allocators do well by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn bound() {}
