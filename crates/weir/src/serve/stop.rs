//! Who asks the process to stop?

use anyhow::Context;

/// Signals that ask the process to stop. From when this is made none is missed, also one that comes before somebody waits.
pub struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    /// Begins to take notice.
    #[cfg(unix)]
    pub fn watch() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let watch = |kind| signal(kind).context("signals cannot be taken notice of");
        Ok(Self { terminate: watch(SignalKind::terminate())?, interrupt: watch(SignalKind::interrupt())? })
    }

    /// Begins to take notice.
    #[cfg(not(unix))]
    pub fn watch() -> anyhow::Result<Self> {
        Ok(Self {})
    }

    /// Ends when somebody asks: SIGTERM or Ctrl-C.
    pub async fn asked(mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
