//! How do the lines about requests get to standard error?
//!
//! A write for each line costs more than the line, and a request would wait for it. So lines are gathered, and a thread of
//! their own writes what there is: at once if nothing was written a moment ago, else after that moment. Where standard
//! error takes nothing, requests wait for it in the end, as they would without this: no line is dropped.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::line::{Format, Line};

/// How long lines are gathered before they are written: what the log may lose in a crash.
const GATHER: Duration = Duration::from_millis(5);
/// Most bytes of lines that wait to be written, but for the last of them.
const MAX_WAITING: usize = 1024 * 1024;

/// The way into the log.
#[derive(Debug)]
pub struct Lines {
    format: Format,
    desk: Arc<Desk>,
    /// False if there is no thread: then each line is written where it is made.
    is_gathered: bool,
}

/// Where lines wait.
#[derive(Debug, Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    /// There is something to write, or an end.
    work: Condvar,
    /// Something was written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    text: String,
    /// Lines taken so far, and how many of them are written.
    taken: u64,
    written: u64,
    is_idle: bool,
    is_urgent: bool,
    is_closed: bool,
}

impl Lines {
    /// Starts the thread that writes lines to standard error.
    pub fn start(format: Format) -> Self {
        Self::to(format, std::io::stderr())
    }

    fn to(format: Format, sink: impl Write + Send + 'static) -> Self {
        let desk = Arc::new(Desk::default());
        let writer = Arc::clone(&desk);
        let thread = std::thread::Builder::new().name(String::from("weir-log")).spawn(move || writer.write(sink));
        Self { format, desk, is_gathered: thread.is_ok() }
    }

    /// Takes a line, if `log.level` asks for it.
    pub fn log(&self, line: &Line<'_>) {
        thread_local! {
            /// Where this thread makes its lines.
            static SCRATCH: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
        }
        if !tracing::enabled!(target: "weir::request", tracing::Level::INFO) {
            return;
        }
        SCRATCH.with_borrow_mut(|text| {
            text.clear();
            line.render(self.format, text);
            text.push('\n');
            if self.is_gathered {
                self.desk.take(text);
            } else {
                print(&mut std::io::stderr(), text);
            }
        });
    }

    /// Waits until every line taken before is written.
    pub fn flush(&self) {
        if !self.is_gathered {
            return;
        }
        let mut waiting = self.desk.lock();
        let taken = waiting.taken;
        while waiting.written < taken {
            waiting.is_urgent = true;
            self.desk.work.notify_one();
            waiting = wait(&self.desk.written, waiting);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.desk.lock().is_closed = true;
        self.desk.work.notify_one();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn take(&self, line: &str) {
        let mut waiting = self.lock();
        while waiting.text.len() >= MAX_WAITING {
            waiting = wait(&self.written, waiting);
        }
        waiting.text.push_str(line);
        waiting.taken += 1;
        if std::mem::take(&mut waiting.is_idle) {
            drop(waiting);
            self.work.notify_one();
        }
    }

    fn write(&self, mut sink: impl Write) {
        let mut text = String::new();
        loop {
            let mut waiting = self.lock();
            while waiting.text.is_empty() {
                if waiting.is_closed {
                    return;
                }
                waiting.is_idle = true;
                waiting = wait(&self.work, waiting);
            }
            waiting.is_idle = false;
            waiting.is_urgent = false;
            std::mem::swap(&mut text, &mut waiting.text);
            let taken = waiting.taken;
            drop(waiting);
            print(&mut sink, &text);
            text.clear();
            let mut waiting = self.lock();
            waiting.written = taken;
            self.written.notify_all();
            let rests = |waiting: &mut Waiting| !waiting.is_urgent && !waiting.is_closed;
            // Whoever was woken early finds what there is to write.
            drop(self.work.wait_timeout_while(waiting, GATHER, rests));
        }
    }
}

/// Whole lines at once, so that they do not mix with others. Nobody can be told that there is no log.
fn print(sink: &mut impl Write, text: &str) {
    let _ = sink.write_all(text.as_bytes());
}

fn wait<'w>(condition: &Condvar, waiting: MutexGuard<'w, Waiting>) -> MutexGuard<'w, Waiting> {
    condition.wait(waiting).unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Tells what it gets, and takes it only once it is asked to.
    struct Slow {
        gets: mpsc::Sender<String>,
        go: mpsc::Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.gets.send(String::from_utf8_lossy(bytes).into_owned());
            // Who asks no more lets everything through.
            let _ = self.go.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Lines, mpsc::Receiver<String>, mpsc::Sender<()>) {
        let ((gets, got), (let_go, go)) = (mpsc::channel(), mpsc::channel());
        (Lines::to(Format::Text, Slow { gets, go }), got, let_go)
    }

    #[test]
    fn the_first_line_is_written_at_once_and_those_that_come_meanwhile_together() {
        let (lines, got, let_go) = slow();
        lines.desk.take("a\n");
        assert_eq!(got.recv().unwrap(), "a\n");
        lines.desk.take("b\n");
        lines.desk.take("c\n");
        drop(let_go);
        lines.flush();
        assert_eq!(got.recv().unwrap(), "b\nc\n");
    }

    #[test]
    fn a_line_that_finds_no_place_waits_and_none_is_lost() {
        let (lines, got, let_go) = slow();
        lines.desk.take("first\n");
        assert_eq!(got.recv().unwrap(), "first\n");
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..MAX_WAITING / line.len() {
            lines.desk.take(&line);
        }
        let desk = Arc::clone(&lines.desk);
        let (went_on, goes_on) = mpsc::channel();
        let last = std::thread::spawn(move || {
            desk.take("last\n");
            went_on.send(()).unwrap();
        });
        assert!(goes_on.recv_timeout(Duration::from_millis(20)).is_err());
        drop(let_go);
        last.join().unwrap();
        lines.flush();
        let written: String = got.try_iter().collect();
        assert_eq!(written.len(), MAX_WAITING + "last\n".len());
        assert!(written.ends_with("last\n"));
    }

    #[test]
    fn what_waits_when_the_end_comes_is_written() {
        let (lines, got, let_go) = slow();
        lines.desk.take("a\n");
        assert_eq!(got.recv().unwrap(), "a\n");
        lines.desk.take("b\n");
        drop(lines);
        drop(let_go);
        assert_eq!(got.recv().unwrap(), "b\n");
    }
}
