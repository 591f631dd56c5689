"""Where do the peers come from? Each is installed once, into a folder of its own; who cannot be installed is left out."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def need_nginx_and_wrk():
    """nginx and wrk, from the system's packages: without them nothing can be measured."""
    for command, package in (("nginx", "nginx-light"), ("wrk", "wrk")):
        # Debian's nginx is in a folder that only root's search path has.
        os.environ["PATH"] = f"{os.environ['PATH']}:/usr/sbin"
        if not shutil.which(command):
            _quietly("apt-get", "update", "-qq")
            _quietly("apt-get", "install", "-y", "-qq", package)
        if not shutil.which(command):
            raise SystemExit(f"`{command}` is needed and cannot be installed by apt-get: install the package `{package}`")


def folder():
    """Where tools are kept between runs."""
    return Path(os.environ.get("WEIR_CI_TOOLS") or Path(tempfile.gettempdir()) / "weir-ci-tools") / "bench"


def _quietly(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
