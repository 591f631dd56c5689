//! A full disk: said clearly, nothing stored is lost, and it goes on when there is room again.

use std::path::{Path, PathBuf};
use std::process::Command;

use weir_testing::skip::skip;

use crate::place::{CRITICAL_ONLY, Place};

/// A file system of a few megabytes; unmounted when it is dropped.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// `None`, said loudly, where this account may not mount.
    fn new(path: PathBuf, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=0700"), "weir-test"]).arg(&path);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self { path }),
            other => {
                let why = other
                    .map_or_else(|error| error.to_string(), |out| String::from_utf8_lossy(&out.stderr).into_owned());
                skip("disk", &format!("no small disk can be mounted: {}", why.trim()));
                None
            }
        }
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let path = self.path.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        for size in [64 * 1024, 4096, 1] {
            let chunk = vec![0_u8; size];
            while file.write_all(&chunk).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

async fn on_a_small_disk(megabytes: u32) -> Option<(SmallDisk, Place)> {
    let mut place = Place::new().await;
    let disk = SmallDisk::new(place.directory.path().join("disk"), megabytes)?;
    place.data = disk.path.join("data");
    std::fs::create_dir(&place.data).unwrap();
    place.configure("");
    place.policy(CRITICAL_ONLY);
    Some((disk, place))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_disk_is_told_nothing_stored_is_lost_and_it_goes_on_when_there_is_room() {
    let Some((disk, place)) = on_a_small_disk(16).await else { return };
    let pypi = place.fake.pypi();
    pypi.release("kept", "1.0.0").size(200_000).add();
    pypi.release("late", "1.0.0").size(3_000_000).add();
    pypi.release("later", "1.0.0").add();
    let server = place.serve();
    let kept = place.wheel(&server, "dev", "kept", "1.0.0");
    let late = place.wheel(&server, "dev", "late", "1.0.0");
    let bytes = server.get(&kept).expect(200).body;

    let filler = disk.fill();
    // New bytes find no room: an error of Weir's own, with the cause in its log.
    let answer = server.get(&late);
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.text().contains("its log tells the cause"), "{}", answer.text());
    crate::place::until("the log says that the disk is full", crate::place::PATIENCE, || {
        said_full(&server.err(), &disk.path)
    });
    // A package that was never asked for cannot be remembered, so it is not shown either.
    let page = server.get("/dev/pypi/simple/later/");
    assert_eq!(page.status, 500, "{}", page.text());
    // What is stored is served on, to whoever asks, and `/readyz` tells the trouble without giving up.
    assert_eq!(server.get(&kept).expect(200).body, bytes);
    server.get("/dev/pypi/simple/kept/").expect(200);
    server.get("/healthz").expect(200);
    let ready = server.get("/readyz").expect(200).json();
    assert!(ready["blobs"].as_str().unwrap().contains("cannot write"), "{ready}");

    std::fs::remove_file(&filler).unwrap();
    let body = server.get(&late).expect(200).body;
    assert!(body.len() > 3_000_000);
    // That something could not be had is remembered for some seconds.
    crate::place::until("the page is there again", crate::place::PATIENCE, || {
        server.get("/dev/pypi/simple/later/").status == 200
    });
    // It looks again after five seconds.
    crate::place::until("`/readyz` is content again", crate::place::PATIENCE, || {
        server.get("/readyz").json()["blobs"] == "ok"
    });
    server.stop();
    let server = place.serve();
    assert_eq!(server.get(&kept).expect(200).body, bytes);
    assert_eq!(server.get(&late).expect(200).body, body);
    server.stop();
    place.weir(["admin", "check", "--deep"]).expect(0).prints(&["sound"]);
}

/// Puts a directory over itself so that what is opened from now on cannot be written to.
fn read_only(path: &Path) -> SmallDisk {
    let mount =
        |arguments: &[&str]| assert!(Command::new("mount").args(arguments).arg(path).status().unwrap().success());
    mount(&["--bind", path.to_str().unwrap()]);
    mount(&["-o", "remount,bind,ro"]);
    SmallDisk { path: path.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn on_a_read_only_disk_what_is_kept_is_served_and_it_goes_on_when_it_can_be_written_to() {
    let Some((_disk, place)) = on_a_small_disk(16).await else { return };
    let pypi = place.fake.pypi();
    pypi.release("kept", "1.0.0").add();
    pypi.release("late", "1.0.0").add();
    let server = place.serve();
    let (kept, late) = (place.wheel(&server, "dev", "kept", "1.0.0"), place.wheel(&server, "dev", "late", "1.0.0"));
    let bytes = server.get(&kept).expect(200).body;

    let frozen = read_only(&place.data.join("blobs"));
    assert_eq!(server.get(&kept).expect(200).body, bytes);
    server.get("/dev/pypi/simple/kept/").expect(200);
    assert!(server.get(&late).expect(500).text().contains("its log tells the cause"));
    server.logs("ead-only file system");
    let ready = server.get("/readyz").expect(200).json();
    assert!(ready["blobs"].as_str().unwrap().contains("cannot write"), "{ready}");
    drop(frozen);
    server.get(&late).expect(200);
    server.stop();

    // As a whole: a check of a copy on a medium that cannot be written to works, a start says why it does not.
    let frozen = read_only(&place.data);
    place.weir(["admin", "check", "--deep"]).expect(0).prints(&["2 artifacts", "sound"]);
    let ran = place.weir(["serve"]).expect(2);
    assert!(ran.err.contains("ead-only"), "{}", ran.err);
    drop(frozen);
    let server = place.serve();
    assert_eq!(server.get(&kept).expect(200).body, bytes);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_import_onto_a_full_disk_says_so_and_succeeds_when_there_is_room() {
    let Some((disk, place)) = on_a_small_disk(16).await else { return };
    let first = crate::place::osv("PYSEC-2026-0", "PyPI", "example", "1.1.0");
    let path = place.file("first.jsonl", format!("{first}\n"));
    place.weir(["feeds", "import", path.to_str().unwrap()]).expect(0);
    let records: String = (1..3000)
        .map(|number| {
            let record = crate::place::osv(&format!("PYSEC-2026-{number}"), "PyPI", &format!("p{number}"), "1.1.0");
            format!("{record}\n")
        })
        .collect();
    let path = place.file("many.jsonl", records);
    let path = path.to_str().unwrap();
    let filler = disk.fill();
    let ran = place.weir(["feeds", "import", path]).expect(2);
    assert!(said_full(&ran.err, &disk.path), "{}", ran.err);
    std::fs::remove_file(filler).unwrap();
    place.weir(["feeds", "import", path]).expect(0).prints(&["the index has 3000 vulnerabilities"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_a_bundle_imported_onto_a_full_disk_nothing_is_half_there_and_it_comes_when_there_is_room() {
    let Some((disk, mut place)) = on_a_small_disk(24).await else { return };
    let bundle = place.directory.path().join("bundle.tar.zst");
    let bundle = bundle.to_str().unwrap();
    let small = std::mem::replace(&mut place.data, place.directory.path().join("full"));
    std::fs::create_dir(&place.data).unwrap();
    place.configure("");
    place.policy(CRITICAL_ONLY);
    let wheel = weir_testing::artifact::big_wheel("example", "1.0.0", &[], 4 << 20);
    place
        .fake
        .pypi()
        .release("example", "1.0.0")
        .file(&weir_testing::artifact::wheel_file("example", "1.0.0"), wheel)
        .add();
    let server = place.serve();
    let path = place.wheel(&server, "dev", "example", "1.0.0");
    let bytes = server.get(&path).expect(200).body;
    server.stop();
    let key = place.weir(["export", "--key"]).expect(0).out.trim().to_owned();
    place.weir(["export", "--to", bundle]).expect(0);
    place.data = small;
    let filler = disk.fill();
    let ran = place.weir(["import", bundle, "--trust", &key]).expect(2);
    assert!(said_full(&ran.err, &disk.path), "{}", ran.err);
    std::fs::remove_file(filler).unwrap();
    place.weir(["import", bundle, "--trust", &key]).expect(0);
    let server = place.serve_with(["--offline"]);
    assert_eq!(server.get(&path).expect(200).body, bytes);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_start_on_a_full_disk_says_so() {
    let Some((disk, place)) = on_a_small_disk(1).await else { return };
    let filler = disk.fill();
    let ran = place.weir(["serve"]).expect(2);
    assert!(said_full(&ran.err, &disk.path), "{}", ran.err);
    std::fs::remove_file(filler).unwrap();
}

/// That the disk is full is said, with the place or what it is for, and a way out.
fn said_full(text: &str, disk: &Path) -> bool {
    let full = text.contains("is full") || text.contains("no space left") || text.contains("No space left");
    full && (text.contains(disk.to_str().unwrap()) || text.contains("SQLite"))
}
