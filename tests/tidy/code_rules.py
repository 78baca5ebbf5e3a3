"""Rules about what stands inside C++ and Python files."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import cpp_text
from finding import Finding, Tree

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
COLUMNS_MAX = 100

CPP = (".cc", ".h")


class Forbidden(NamedTuple):
    pattern: str
    instead: str
    allowed: tuple[str, ...]  # prefixes of paths


# The foundation in a box is a server of its own, written against its libraries and not against
# ours: its waits are the slowness it is told to show.
_BOX = "tests/foundation/"
# What a measurement is compared with goes to disk as any program does.
_BENCH = "tests/bench/"

# What of the world is injected, and the one place that may touch it: so that a test or a seed can
# replay everything else.
FORBIDDEN_CALLS = [
    Forbidden(r"\babsl::Now\b|\b(?:system|steady|high_resolution)_clock\s*::"
              r"|\bstd::chrono::\w+_clock\b"
              r"|(?<![\w.>:])(?:std::|::)?time\s*\(\s*(?:nullptr|NULL|0|&\w+)?\s*\)"
              r"|\b(?:gettimeofday|clock_gettime)\s*\(",
              "Clock (common/base/clock.h)", ("common/base/clock.cc", _BOX)),
    Forbidden(r"\b(?:sleep|usleep|nanosleep|sleep_for|sleep_until|SleepFor)\s*\(",
              "Waiter (common/http/waiter.h) or Timers (common/base/timers.h)", (_BOX,)),
    Forbidden(r"(?<![\w.>])(?:std::)?s?rand\s*\(|\bstd::random_device\b|\babsl::\w*BitGen\b"
              r"|\bstd::uniform_\w+_distribution\b|\bstd::mt19937",
              # libzmq draws from rand(), which it never seeds (libzmq issue 4633): network.cc does.
              "Random (common/base/random.h)", ("common/base/random.", "common/net/network.cc")),
    Forbidden(r"\bRAND_\w*bytes\b|\bgetrandom\s*\(|\bgetentropy\s*\(",
              # The launcher stands alone, and asks for a guid, not for a secret.
              "Entropy (common/base/entropy.h)", ("common/crypto/system_entropy.cc",
                                                  "common/image/launcher/main.cc",
                                                  "common/base/random.cc", _BOX)),
    Forbidden(r"\bstd::(?:thread|jthread|async)\b|\bpthread_create\b",
              "Thread or Executor (common/base)", ("common/base/", _BOX)),
    Forbidden(r"\babsl::Mutex\b", "Mutex (common/base/mutex.h): ThreadSanitizer misreads absl's",
              ()),
    Forbidden(r"\bstd::(?:recursive_|shared_)?mutex\b|\bstd::condition_variable",
              # RealWaiter waits for a stop token, which only std's condition variable knows.
              "Mutex (common/base/mutex.h)", ("common/base/", "common/http/waiter.cc",
                                              "common/http/curl_session.cc", _BOX)),
    Forbidden(r"\bstd::(?:i|o)?fstream\b|\bfopen\s*\(|(?<![\w.>:])::open(?:at)?\s*\(",
              "Files (common/base/files.h)", ("common/base/", _BOX, _BENCH)),
    Forbidden(r"\bcatch\s*\(\s*\.\.\.\s*\)", "a catch that names what is caught", (_BOX,)),
    Forbidden(r"\babort\s*\(\s*\)|(?<![\w.>])assert\s*\(", "SLUICE_CHECK (common/base/check.h)",
              ("common/base/check.", "tests/fuzz/")),
    Forbidden(r"\bDISABLED_\w+", "a test that runs", ()),
]

FORBIDDEN_INCLUDES = [
    # The bit flips stand between the agent and libzmq, by the linker.
    Forbidden(r"zmq(?:_addon)?\.h(?:pp)?", "common/net",
              ("common/net/", "tests/e2e/hostile/bit_flips.cc")),
    Forbidden(r"curl/\S*", "common/http", ("common/http/",)),
    Forbidden(r"sqlite3\.h", "common/store", ("common/store/",)),
    Forbidden(r"fstream", "Files (common/base/files.h)", ("common/base/", _BOX, _BENCH)),
    # SQLite opens its files by itself: the room that owns it asks for their modes and sizes.
    Forbidden(r"filesystem", "Files (common/base/files.h)",
              ("common/base/", "common/store/", _BOX)),
    Forbidden(r"thread", "common/base", ("common/base/", _BOX)),
    Forbidden(r"spdlog/\S*", "common/base/logging.h", ("common/base/",)),
    Forbidden(r"yaml-cpp/\S*", "common/base/config.h", ("common/base/",)),
]

# Words that say nothing: a thing that can only be named by one of these has two jobs or none.
BANNED_WORDS = {
    "manager", "helper", "helpers", "util", "utils", "utilities", "common", "handler", "processor",
    "controller", "wrapper", "base", "impl", "misc", "new", "old", "data", "info", "object",
}
# A ZAP handler is called so by ZeroMQ (RFC 27), a Cloud Controller by Cloud Foundry, a credential
# helper by docker.
FIELD_TERMS = {("zap", "handler"), ("cloud", "controller"), ("credential", "helper"),
               ("credential", "helpers")}
ABBREVIATIONS = {"ctx", "mgr", "msg2", "src", "dst"}

_TYPE_NAME = re.compile(r"\b(?:class|struct|union|enum(?:\s+class)?|concept)\s+"
                        r"(?:ABSL_\w+(?:\([^)]*\))?\s+)?([A-Z]\w*)")
_CAMEL_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def banned_word(words: list[str]) -> str | None:
    """The first of the words, lower case, that is banned where it stands."""
    for index, word in enumerate(words):
        if word in BANNED_WORDS and (words[index - 1] if index else "", word) not in FIELD_TERMS:
            return word
    return None


def is_test_part(path: str) -> bool:
    return (path.startswith("tests/") or "/testing/" in path
            or path.endswith(("_test.cc", "_fixture.h", "_fuzz.cc", "_benchmark.cc")))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def forbidden_calls(tree: Tree) -> Iterator[Finding]:
    for path in tree.with_suffix(*CPP):
        code = cpp_text.code_only(tree.text(path) or "")
        for rule in FORBIDDEN_CALLS:
            if path.startswith(rule.allowed) and not _is_sleep_in_a_test(path, rule):
                continue
            for match in re.finditer(rule.pattern, code):
                yield Finding(path, _line(code, match.start()), "forbidden-call",
                              f"'{match[0].strip()}' is not for here; use {rule.instead}")


def _is_sleep_in_a_test(path: str, rule: Forbidden) -> bool:
    return "sleep" in rule.pattern and path.endswith("_test.cc")


def forbidden_includes(tree: Tree) -> Iterator[Finding]:
    for path in tree.with_suffix(*CPP):
        text = cpp_text.without_comments(tree.text(path) or "")
        for match in re.finditer(r"^#include\s+<([^>]+)>", text, re.MULTILINE):
            for rule in FORBIDDEN_INCLUDES:
                # A test looks at what was left on the disk with eyes of its own.
                if match[1] == "filesystem" and is_test_part(path):
                    continue
                if re.fullmatch(rule.pattern, match[1]) and not path.startswith(rule.allowed):
                    yield Finding(path, _line(text, match.start()), "forbidden-include",
                                  f"<{match[1]}> is included in {rule.instead} only")


def banned_names(tree: Tree) -> Iterator[Finding]:
    for path in tree.with_suffix(*CPP):
        code = cpp_text.code_only(tree.text(path) or "")
        for match in _TYPE_NAME.finditer(code):
            word = banned_word([w.lower() for w in _CAMEL_WORD.findall(match[1])])
            if word:
                yield Finding(path, _line(code, match.start()), "banned-name",
                              f"'{match[1]}' says '{word}', which says nothing")
        for match in re.finditer(r"\b[a-z]\w*\b", code):
            if match[0].rstrip("_") in ABBREVIATIONS:
                yield Finding(path, _line(code, match.start()), "banned-name",
                              f"'{match[0]}' is an abbreviation; spell it out")


def long_functions(tree: Tree) -> Iterator[Finding]:
    for path in tree.with_suffix(*CPP):
        for function in cpp_text.functions(cpp_text.code_only(tree.text(path) or "")):
            if function.lines > FUNCTION_LINES_MAX:
                yield Finding(path, function.first_line, "long-function",
                              f"{function.name} has {function.lines} lines,"
                              f" at most {FUNCTION_LINES_MAX}")
    for path in tree.with_suffix(".py"):
        for node in ast.walk(ast.parse(tree.text(path) or "")):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    yield Finding(path, node.lineno, "long-function",
                                  f"{node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}")


def long_files_and_lines(tree: Tree) -> Iterator[Finding]:
    for path in tree.with_suffix(*CPP, ".py", ".proto", ".sh", "CMakeLists.txt", ".cmake"):
        lines = (tree.text(path) or "").splitlines()
        if len(lines) > FILE_LINES_MAX:
            yield Finding(path, 0, "long-file", f"{len(lines)} lines, at most {FILE_LINES_MAX}")
        if path.endswith((*CPP, ".proto")):
            continue  # clang-format's to judge: the target `format-check`
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX and "https://" not in line:
                yield Finding(path, number, "long-line",
                              f"{len(line)} columns, at most {COLUMNS_MAX}")


def waits_in_python(tree: Tree) -> Iterator[Finding]:
    """A test waits for an event, never for time to pass; what asks at a rate says so."""
    for path in tree.with_suffix(".py"):
        if path.startswith("tests/tidy/"):
            continue
        for number, line in enumerate((tree.text(path) or "").splitlines(), 1):
            if re.search(r"\bsleep\(", line) and "# pace:" not in line:
                yield Finding(path, number, "sleep",
                              "wait for an event; where a rate is meant, end the line with"
                              " '# pace: why'")


def header_form(tree: Tree) -> Iterator[Finding]:
    for path in tree.with_suffix(".h"):
        lines = (tree.text(path) or "").splitlines()
        if not lines or not lines[0].startswith("//"):
            yield Finding(path, 1, "header-form", "a header begins with what it is for")
        if not any(line == "#pragma once" or line.startswith("#ifndef SLUICE_") for line in lines):
            yield Finding(path, 1, "header-form", "'#pragma once' or a guard is missing")


RULES = [forbidden_calls, forbidden_includes, banned_names, long_functions, long_files_and_lines,
         waits_in_python, header_form]
