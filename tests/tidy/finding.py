"""What a rule reports, and the tree that rules look at."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int  # 0: the file or folder as a whole
    rule: str
    text: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.text} [{self.rule}]"


@dataclass
class Tree:
    """A checkout: its root and the files that belong to it, as paths with slashes."""

    root: Path
    files: list[str]
    _texts: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of_checkout(root: Path) -> "Tree":
        """Files that git knows or would add; without git, everything outside build folders."""
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z",
             "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=False)
        if listed.returncode == 0:
            files = [name for name in listed.stdout.decode().split("\0") if name]
            return Tree(root, sorted(f for f in set(files) if (root / f).is_file()))
        return Tree.of_folder(root)

    @staticmethod
    def of_folder(root: Path) -> "Tree":
        files = []
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in (".git", "build", ".cache")]
            files += [(Path(folder) / name).relative_to(root).as_posix() for name in names]
        return Tree(root, sorted(files))

    def text(self, path: str) -> str | None:
        """The file as UTF-8; None for bytes that are none."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.root / path).read_bytes().decode()
            except UnicodeDecodeError:
                return None
        return self._texts[path]

    def with_suffix(self, *suffixes: str) -> list[str]:
        return [path for path in self.files if path.endswith(suffixes)]
