"""Where do the peers come from? Each is installed once, into a folder of its own; who cannot be installed is left out."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DEVPI = "devpi-server==6.20.3"
VERDACCIO = "6.10.4"
# Verdaccio needs a newer Node than some systems have. The override is what the tag `cjs`, which one of its parts asks for,
# stands for; registries that keep no tags but `latest` do not have it.
_PACKAGE = f"""{{ "private": true, "dependencies": {{ "verdaccio": "{VERDACCIO}", "node": "22" }},
  "overrides": {{ "node-fetch": "2.6.7" }} }}
"""
PATIENCE = 300


class Missing(Exception):
    """A tool that is not there and cannot be installed."""


def need_nginx_and_wrk():
    """nginx and wrk, from the system's packages: without them nothing can be measured."""
    # Debian's nginx is in a folder that only root's search path has.
    os.environ["PATH"] = f"{os.environ['PATH']}:/usr/sbin"
    for command, package in (("nginx", "nginx-light"), ("wrk", "wrk")):
        if not shutil.which(command):
            _try("apt-get", "update", "-qq")
            _try("apt-get", "install", "-y", "-qq", package)
        if not shutil.which(command):
            raise SystemExit(f"`{command}` is needed and cannot be installed by apt-get: install the package `{package}`")


def devpi():
    """The folder of devpi's commands."""
    home = folder() / "devpi"
    if not (home / "bin/devpi-server").exists():
        _must("devpi", sys.executable, "-m", "venv", home)
        _must("devpi", home / "bin/python", "-m", "pip", "install", "-q", DEVPI)
    return home / "bin"


def verdaccio():
    """A Node, and Verdaccio's program for it."""
    home = folder() / "verdaccio"
    program = home / "node_modules/verdaccio/bin/verdaccio"
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text(_PACKAGE)
        _must("verdaccio", "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", home)
    return home / "node_modules/.bin/node", program


def pip():
    """A Python with a pip of its own, so that the system's settings do not matter."""
    home = folder() / "pip"
    if not (home / "bin/pip").exists():
        _must("pip", sys.executable, "-m", "venv", home)
    return home / "bin/python"


def folder():
    """Where tools are kept between runs."""
    base = Path(os.environ.get("WEIR_CI_TOOLS") or Path(tempfile.gettempdir()) / "weir-ci-tools") / "bench"
    base.mkdir(parents=True, exist_ok=True)
    return base


def _must(what, *command):
    try:
        ran = _try(*command)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{what} cannot be installed: {error}") from error
    if ran.returncode:
        last = (ran.stderr.strip() or ran.stdout.strip() or "no reason given").splitlines()[-1]
        raise Missing(f"{what} cannot be installed: {last}")


def _try(*command):
    command = [str(part) for part in command]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
