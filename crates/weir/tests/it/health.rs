//! What a container runtime and a service manager are told.

use crate::place::{PATIENCE, Place, Server, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_running_weir_is_healthy_and_one_that_is_not_there_is_not() {
    let mut place = Place::with_an_advisory().await;
    let server = place.serve();
    let url = format!("http://{}", server.address);
    place.weir(["health", "--server", &url]).expect(0).prints(&["ready"]);
    place.weir(["health", "--server", &format!("{url}/")]).expect(0);
    // Without an address it asks where this configuration listens; a proxy is for upstreams alone.
    place.environment("WEIR_LISTEN", &server.address);
    place.environment("HTTP_PROXY", "http://127.0.0.1:9");
    place.weir(["health"]).expect(0);
    server.stop();
    place.weir(["health"]).expect(1).tells(&["does not answer"]);
    place.environment("WEIR_LISTEN", "127.0.0.1:0");
    place.weir(["health"]).expect(2).tells(&["--server URL"]);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_service_manager_is_told_when_it_is_ready_and_when_it_stops() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let place = Place::new().await;
    let path = place.directory.path().join("notify");
    let name = format!("weir-test-{}", std::process::id());
    let in_no_file_system = SocketAddr::from_abstract_name(&name).unwrap();
    let sockets = [
        (path.to_str().unwrap().to_owned(), UnixDatagram::bind(&path).unwrap()),
        (format!("@{name}"), UnixDatagram::bind_addr(&in_no_file_system).unwrap()),
    ];
    for (address, socket) in sockets {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = place.command();
        command.arg("serve").env("NOTIFY_SOCKET", &address);
        let mut server = Server::start(command);
        let mut told = [0; 64];
        let mut next = || {
            let length = socket.recv(&mut told).unwrap();
            String::from_utf8_lossy(&told[..length]).into_owned()
        };
        assert_eq!(next(), "READY=1");
        server.get("/healthz").expect(200);
        server.terminate();
        assert_eq!(next(), "STOPPING=1");
        assert_eq!(server.end().code(), Some(0));
    }
    // Nobody listens there any more: that stops nothing.
    let mut command = place.command();
    command.arg("serve").env("NOTIFY_SOCKET", "@weir-test-nobody");
    let server = Server::start(command);
    until("it is told", PATIENCE, || server.err().contains("the service manager cannot be told"));
    server.stop();
}
