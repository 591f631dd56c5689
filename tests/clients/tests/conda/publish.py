"""Publishes a package as rattler-build does: to prefix.dev or to Artifactory, of which a stage of Weir stands in the place."""

import sys

from rattler_build import upload

how, url, token, file = sys.argv[1:]
if how == "prefix":
    upload.upload_package_to_prefix([file], url, "hosted", api_key=token)
elif how == "artifactory":
    upload.upload_package_to_artifactory([file], url, "hosted", token=token)
else:
    sys.exit(f"{how} is nowhere to publish to")
