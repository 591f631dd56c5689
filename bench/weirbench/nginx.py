"""nginx in its three parts: the upstream of everyone, the limit of serving the same bytes, and a caching proxy."""

import os
from pathlib import Path

from weirbench.server import Server, free_port

_COMMON = """
daemon off;
{user}
worker_processes auto;
worker_rlimit_nofile 16384;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  default_type application/octet-stream;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  {http}
}}
"""

# The upstream counts: every answer is a line in its log. Throttled files take half a second, as a download does.
_UPSTREAM = """
  log_format counted '$request_method $request_uri $status $body_bytes_sent';
  access_log {home}/access.log counted;
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    root {root};
    location /simple/ {{ default_type application/vnd.pypi.simple.v1+json; index index.json; }}
    location /files/ {{ }}
    location /throttled/ {{ alias {root}/files/; limit_rate 36m; }}
    location ~ ^/npm/[^/]+$ {{ default_type application/json; try_files $uri/index.json =404; }}
    location ~ ^/npm/[^/]+/-/ {{ }}
    location /far/npm/ {{ rewrite ^/far/npm/([^/]+)$ /npm/$1/far.json last; rewrite ^/far(/.*)$ $1 last; }}
    location ~ ^/npm/[^/]+/far.json$ {{ default_type application/json; }}
    location /far/ {{ rewrite ^/far(/.*)$ $1 last; }}
  }}
"""

# The limit: files as they are, `.gz` beside them for who accepts it, no log.
_PLAIN = """
  access_log off;
  proxy_cache_path {home}/cache keys_zone=files:8m max_size=2g;
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    root {root};
    gzip_static on;
    location / {{ }}
  }}
  server {{
    listen 127.0.0.1:{second} backlog=2048;
    location / {{
      proxy_pass {upstream};
      proxy_cache files;
      proxy_cache_valid 200 1h;
      proxy_cache_lock on;
      proxy_cache_lock_age 60s;
      proxy_cache_lock_timeout 60s;
    }}
  }}
"""


class Upstream(Server):
    """The registries' stand-in, which counts what it is asked for."""

    def __init__(self, home: Path, root: Path, port):
        super().__init__("upstream", _nginx(home, _UPSTREAM, port=port, root=root), port, home / "out.log")
        self.access = home / "access.log"
        self.wait("/simple/")

    def count(self, path):
        """Answers with bytes that were given for `path` so far."""
        lines = (line.split() for line in self.access.read_text().splitlines())
        return sum(1 for line in lines if line[1] == path and line[2] in ("200", "206"))


class Plain(Server):
    """A file server for the bytes that Weir serves; `proxy` is a second address that caches the upstream."""

    def __init__(self, home: Path, upstream: str):
        self.root = home / "root"
        self.root.mkdir(parents=True)
        port, self.proxy = free_port(), free_port()
        command = _nginx(home, _PLAIN, port=port, root=self.root, second=self.proxy, upstream=upstream)
        super().__init__("nginx", command, port, home / "out.log")
        self.wait()

    def put(self, name, data: bytes):
        """Puts bytes where they are served, and tells the path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"/{name}"


def _nginx(home, http, **values):
    home.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    config = home / "nginx.conf"
    config.write_text(_COMMON.format(home=home, user=user, http=http.format(home=home, **values)))
    return ["nginx", "-p", home, "-c", config]
