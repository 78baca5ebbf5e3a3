"""Rules about files and folders: who may know whom, what stands where, what every text keeps."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import cpp_text
from code_rules import CPP, banned_word, is_test_part
from finding import Finding, Tree

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "CHANGELOG.md", "README.md",
             "agent", "common", "coordinator", "deploy", "proto", "tests"}

# Which rooms a room may include, besides itself. Downwards only; CMakeLists.txt has the same order.
_GROUND = {"base", "crypto"}
MAY_INCLUDE = {
    "base": set(),
    "crypto": {"base"},
    "store": {"base"},
    "http": {"base"},
    "registry": _GROUND | {"http"},
    # Linked with nothing else of Sluice: it runs inside an exported image.
    "launcher": set(),
    # A droplet as a runnable image: no network.
    "image": _GROUND | {"registry", "archive", "launcher"},
    "proto": set(),
    "net": _GROUND | {"proto"},
    "trust": _GROUND,
    # The sealed droplet stream: neither Cloud Foundry nor promotions.
    "transfer": _GROUND | {"proto", "net"},
    # Cloud Controller, UAA and blobstores: HTTP, and nothing of ZeroMQ.
    "foundation": _GROUND | {"http"},
    # Side by side: they meet on the wire only.
    "agent": _GROUND | {"store", "http", "proto", "net", "trust", "transfer", "foundation"},
    "coordinator": _GROUND | {"store", "proto", "net", "trust"},
    # An export arrives at the command as at an agent, and is made into an image there.
    "cli": _GROUND | {"store", "registry", "image", "proto", "net", "trust", "transfer"},
    # A second opinion: it shares no line with the client it judges.
    "foundation-box": _GROUND,
    "tests": _GROUND | {"store", "http", "registry", "image", "proto", "net", "trust", "transfer",
                        "foundation", "agent", "coordinator", "cli"},
}


def room_of(path: str) -> str | None:
    """The room that a source, or an included path, belongs to."""
    parts = path.split("/")
    if path.startswith("sluice/v1/") or parts[0] == "proto":
        return "proto"
    if path.startswith("common/image/launcher/"):
        # Its tests are a room's as any other.
        return "image" if is_test_part(path) else "launcher"
    if parts[0] == "common" and len(parts) > 2:
        return parts[1]
    if parts[0] == "agent":
        return "foundation" if parts[1] == "foundation" else "agent"
    if parts[0] == "coordinator":
        return "cli" if parts[1] == "cli" else "coordinator"
    if parts[0] == "tests":
        return "foundation-box" if parts[1] == "foundation" else "tests"
    return None


def dependencies(tree: Tree) -> Iterator[Finding]:
    for path in tree.with_suffix(*CPP):
        own = room_of(path)
        text = cpp_text.without_comments(tree.text(path) or "")
        for match in re.finditer(r'^#include\s+"([^"]+)"', text, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            other = room_of(match[1])
            if other is None:
                continue
            if own is None or (other != own and other not in MAY_INCLUDE.get(own, set())):
                yield Finding(path, line, "dependency",
                              f"the room '{own}' may not know '{other}' ({match[1]})")
            if "/testing/" in match[1] and not is_test_part(path):
                yield Finding(path, line, "dependency",
                              f"{match[1]} is for tests, this is a program's")


def top_level(tree: Tree) -> Iterator[Finding]:
    for entry in sorted({path.split("/")[0] for path in tree.files}):
        if entry not in TOP_LEVEL and not entry.startswith("."):
            yield Finding(entry, 0, "top-level", "does not belong at the top of the tree")


def path_names(tree: Tree) -> Iterator[Finding]:
    seen = set()
    for path in tree.files:
        parts = PurePosixPath(path).parts
        for depth, part in enumerate(parts):
            prefix = "/".join(parts[: depth + 1])
            if prefix in seen or prefix in ("common", "common/base"):
                continue
            seen.add(prefix)
            word = banned_word(re.split(r"[_.\-]", part.lower()))
            if word:
                yield Finding(prefix, 0, "banned-name", f"'{part}' says '{word}'")


_TEXT_SUFFIXES = (*CPP, ".py", ".proto", ".sh", ".md", ".txt", ".json", ".yaml", ".yml", ".cmake")
_MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|Users)/|/home/(?!vcap\b)\w|\.\./shared\b")
_LEFT_OVER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def every_text(tree: Tree) -> Iterator[Finding]:
    for path in tree.files:
        is_script = "." not in path.rsplit("/", 1)[-1]
        if path.startswith("tests/tidy/") or not (is_script or path.endswith(_TEXT_SUFFIXES)):
            continue
        text = tree.text(path)
        if text is None or (is_script and not text.startswith("#!")):
            continue
        if text and not text.endswith("\n"):
            yield Finding(path, 0, "text", "no newline at the end")
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield Finding(path, number, "text", "blanks (or a carriage return) at the end")
            if "\t" in line:
                yield Finding(path, number, "text", "a tab")
            if _MACHINE_PATH.search(line):
                yield Finding(path, number, "machine-path", "a path of one machine")
            if _LEFT_OVER.search(line):
                yield Finding(path, number, "left-over", "finish it, or file an issue")


def dead_sources(tree: Tree) -> Iterator[Finding]:
    """Every source is named by the CMakeLists.txt of its folder or of one above it."""
    for path in tree.with_suffix(".cc"):
        parts = path.split("/")
        for depth in range(len(parts) - 1, 0, -1):
            lists = "/".join(parts[:depth]) + "/CMakeLists.txt"
            name = "/".join(parts[depth:])
            if lists in tree.files and re.search(rf"(?<![\w/]){re.escape(name)}\b",
                                                 tree.text(lists) or ""):
                break
        else:
            yield Finding(path, 0, "dead-source", "no CMakeLists.txt names it")
    for path in tree.with_suffix("_test.py"):
        folder, name = path.rsplit("/", 1)
        lists = f"{folder}/CMakeLists.txt"
        if lists not in tree.files or name[:-3] not in (tree.text(lists) or ""):
            yield Finding(path, 0, "dead-source", "no CTest test runs it")


# Folders whose own folders are rooms, each with a sentence of its own; elsewhere the README of the
# top-level folder speaks for all below.
_HAVE_ROOMS = ("agent", "common", "coordinator", "tests")


def readmes(tree: Tree) -> Iterator[Finding]:
    """Each room says what it is for and what may not enter it, and the folder above lists it."""
    folders = {"/".join(path.split("/")[:depth]) for path in tree.files if "." != path[0]
               for depth in (1, 2) if path.count("/") >= depth}
    for folder in sorted(folders):
        top, _, room = folder.partition("/")
        above = tree.text(f"{top}/README.md") if f"{top}/README.md" in tree.files else ""
        if room and f"`{room}/`" not in (above or ""):
            yield Finding(folder, 0, "readme", f"{top}/README.md does not say what it is for")
        if room and top not in _HAVE_ROOMS:
            continue
        path = f"{folder}/README.md"
        lines = (tree.text(path) or "").splitlines() if path in tree.files else []
        if lines[:1] != [f"# {folder}"] or len(lines) < 3 or "." not in " ".join(lines[2:6]):
            yield Finding(path, 0, "readme", f"begins with '# {folder}' and a sentence")


def packages(tree: Tree) -> Iterator[Finding]:
    """deploy/packages.txt: groups under a heading, in each group sorted, each with its reason."""
    path = "deploy/packages.txt"
    if path not in tree.files:
        return
    before, seen = "", set()
    for number, line in enumerate((tree.text(path) or "").splitlines(), 1):
        if not line or line.startswith("#"):
            before = ""
            continue
        name, _, reason = (part.strip() for part in line.partition("#"))
        if not reason:
            yield Finding(path, number, "packages", f"'{name}' has no reason")
        if name < before:
            yield Finding(path, number, "packages", f"'{name}' stands after '{before}'")
        if name in seen:
            yield Finding(path, number, "packages", f"'{name}' stands here twice")
        seen.add(name)
        before = name


RULES = [dependencies, top_level, path_names, every_text, dead_sources, readmes, packages]
