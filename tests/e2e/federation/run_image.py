"""Makes a small base image as an OCI archive, and reads images back out of such archives.

Format: https://github.com/opencontainers/image-spec (image-layout.md, manifest.md, config.md).
"""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob_path(digest):
    return "blobs/" + digest.replace(":", "/")


def make_run_image(file, stack="cflinuxfs4"):
    """Of one layer with one file, which says that it is for that stack."""
    content = b"root:x:0:0::/root:/bin/sh\n"
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        member = tarfile.TarInfo("etc/passwd")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    layer = gzip.compress(raw.getvalue(), mtime=0)
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"],
                   "Labels": {"io.buildpacks.stack.id": "org.cloudfoundry.stacks." + stack}},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(raw.getvalue())]}}).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)}]}).encode()
    index = json.dumps({
        "schemaVersion": 2,
        "manifests": [{"mediaType": MANIFEST, "digest": digest_of(manifest),
                       "size": len(manifest)}]}).encode()
    parts = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
    for blob in (manifest, config, layer):
        parts[blob_path(digest_of(blob))] = blob
    with tarfile.open(file, "w") as archive:
        for name, data in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


@dataclass
class ReadImage:
    digest: str  # of the manifest
    manifest: dict
    config: dict
    files: dict  # of all layers, by path: contents

    @property
    def labels(self):
        return self.config["config"]["Labels"]


class WrongArchive(Exception):
    pass


def read_image(file):
    """The only image of an OCI archive, each blob compared with its digest, each layer with its
    diff_id."""
    with tarfile.open(file) as archive:
        def read(name):
            return archive.extractfile(name).read()

        def blob(digest):
            data = read(blob_path(digest))
            if digest_of(data) != digest:
                raise WrongArchive(f"{digest} holds {digest_of(data)}")
            return data

        [entry] = json.loads(read("index.json"))["manifests"]
        manifest = json.loads(blob(entry["digest"]))
        config = json.loads(blob(manifest["config"]["digest"]))
        files = {}
        for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
            raw = gzip.decompress(blob(layer["digest"]))
            if digest_of(raw) != diff_id:
                raise WrongArchive(f"{diff_id} is the diff_id of {digest_of(raw)}")
            with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
                for member in tar:
                    if member.isfile():
                        files[member.name] = tar.extractfile(member).read()
        return ReadImage(entry["digest"], manifest, config, files)
