"""How far away is upstream? A relay on loopback that holds each request back for a round trip."""

import socket
import threading
import time
from contextlib import suppress


class Relay:
    """Listens beside a server and passes everything on, requests `delay` seconds late. Ends with the `with` block."""

    def __init__(self, port, to, delay):
        self.to, self.delay = to, delay
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        time.sleep(self.delay)
        with suppress(OSError), near, socket.create_connection(("127.0.0.1", self.to)) as far:
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._pass, args=(far, near, 0), daemon=True)
            back.start()
            self._pass(near, far, self.delay)
            back.join()

    @staticmethod
    def _pass(source, sink, delay):
        with suppress(OSError):
            while data := source.recv(262_144):
                if delay:
                    time.sleep(delay)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
