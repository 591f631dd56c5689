"""Solves and installs with py-rattler, the library under pixi.

usage: install.py CHANNEL-URL[,CHANNEL-URL…] PREFIX SPEC…
       install.py CHANNEL-URL PREFIX --file URL   (the file of that address, as a lock file names it)
Prints a line `NAME VERSION` for each package that was installed.
"""

import asyncio
import sys
import tempfile

from rattler import Channel, Gateway, install, solve
from rattler import PackageRecord, RepoDataRecord
from rattler.package.build_string import BuildString


def named(channel, url):
    file = url.rsplit("/", 1)[1]
    name, version, build = file.removesuffix(".conda").rsplit("-", 2)
    record = PackageRecord(name=name, version=version, build=BuildString(build), build_number=0, subdir="linux-64", arch="x86_64", platform="linux")
    return RepoDataRecord(package_record=record, file_name=file, url=url, channel=channel)


async def main():
    channel, prefix, *specs = sys.argv[1:]
    with tempfile.TemporaryDirectory() as cache:
        if specs[0] == "--file":
            records = [named(channel, specs[1])]
            await install(records, prefix, cache_dir=cache + "/pkgs", show_progress=False)
            return
        gateway = Gateway(cache_dir=cache + "/repodata")
        records = await solve(
            [Channel(url) for url in channel.split(",")], specs, gateway=gateway, platforms=["linux-64", "noarch"], virtual_packages=[]
        )
        await install(records, prefix, cache_dir=cache + "/pkgs", show_progress=False)
        for record in sorted(records, key=lambda record: record.name.normalized):
            print(record.name.normalized, record.version)


asyncio.run(main())
