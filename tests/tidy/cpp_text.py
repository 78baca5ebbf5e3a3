"""C++ source as the rules read it: comments and literals blanked, functions with their lines.

This is no parser. It knows what the code of this repository looks like after clang-format, which
is enough to count lines and to find names, and it errs towards not seeing a function.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r'''//[^\n]*                                    # line comment
      | /\*.*?\*/                                   # block comment
      | R"(?P<delimiter>[^()\s\\]{0,16})\(.*?\)(?P=delimiter)"   # raw string
      | "(?:\\.|[^"\\\n])*"                         # string
      | (?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'         # character, but not a digit separator
    ''',
    re.VERBOSE | re.DOTALL,
)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def without_comments(source: str) -> str:
    """The source with comments blanked; every remaining character keeps its line and column."""
    return _TOKEN.sub(lambda m: _blank(m[0]) if m[0].startswith("/") else m[0], source)


def code_only(source: str) -> str:
    """The source with comments and the insides of literals blanked, lines and columns kept."""

    def replace(match: re.Match) -> str:
        text = match[0]
        if text.startswith("/"):
            return _blank(text)
        quote = text[-1]
        return quote + _blank(text[1:-1]) + quote

    return _TOKEN.sub(replace, source)


@dataclass(frozen=True)
class Function:
    name: str
    first_line: int  # from 1
    lines: int


_SCOPE = re.compile(r'^\s*(?:inline\s+)?(?:namespace|extern\s*" *")'
                    r"|\b(?:class|struct|union|enum)\s")
_AFTER_PARAMETERS = re.compile(r"\)\s*(?:const|noexcept|override|\s)*$")
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_NAME = re.compile(r"([~\w:]+)\s*\(")


def functions(code: str) -> list[Function]:
    """Functions with a body at namespace or class level; `code` comes from code_only()."""
    found: list[Function] = []
    code = _PREPROCESSOR.sub(lambda match: _blank(match[0]), code)
    head_start = 0  # where the declaration that may become a function begins
    depth_in_body = 0
    body_head = ""
    for position, character in enumerate(code):
        if depth_in_body:
            depth_in_body += {"{": 1, "}": -1}.get(character, 0)
            if depth_in_body:
                continue
            # "a_{1}, b_{2} {": braces of an initialiser, the declaration goes on.
            if re.match(r"\s*[,{]", code[position + 1 :]):
                continue
            name = _NAME.search(body_head)
            if name:
                begin = head_start + len(code[head_start:]) - len(code[head_start:].lstrip())
                first = code.count("\n", 0, begin) + 1
                last = code.count("\n", 0, position) + 1
                found.append(Function(name[1], first, last - first + 1))
            head_start = position + 1
        elif character == "{":
            head = code[head_start:position]
            if _SCOPE.search(head) and not _AFTER_PARAMETERS.search(head):
                head_start = position + 1
            else:
                body_head = head
                depth_in_body = 1
        elif character in ";}":
            head_start = position + 1
    return found
