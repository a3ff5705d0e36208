"""The pages say what is so: their commands are understood, their options exist, their links lead somewhere."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from neuface_engine.cli.main import _parser


def pages(repository: Path) -> list[Path]:
    return [
        repository / "README.md",
        repository / "CONTRIBUTING.md",
        *sorted((repository / "docs").rglob("*.md")),
    ]


def commands(text: str) -> Iterator[str]:
    """The lines of code blocks, fenced or indented, that call `neuface`, without their comments."""
    for line in text.splitlines():
        if line.removeprefix("    ").startswith("neuface "):
            yield re.sub(r"\s+#.*$", "", line.strip())


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                found |= options_of(part)
    return found


def test_every_command_of_the_pages_is_understood(repository: Path) -> None:
    parser, seen = _parser(), 0
    for page in pages(repository):
        for command in commands(page.read_text(encoding="utf-8")):
            arguments = [word for word in shlex.split(command)[1:] if word != "..."]
            arguments = [word.removesuffix("...") for word in arguments]
            try:
                parser.parse_args(arguments)
            except Exception as error:
                raise AssertionError(f"{page.name}: {command}: {error}") from error
            seen += 1
    assert seen > 40


def test_every_option_that_the_pages_name_exists(repository: Path) -> None:
    known = options_of(_parser())
    for script in (
        repository / "neuface_studio/app.py",
        *repository.glob("tools/*.py"),
        *repository.glob("benchmarks/*.py"),
    ):
        known |= set(re.findall(r'"(--[a-z-]+)"', script.read_text(encoding="utf-8")))
    named = {
        (page.name, option)
        for page in pages(repository)
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8"))
    }
    assert not {(page, option) for page, option in named if option not in known}


def test_every_link_between_the_pages_leads_somewhere(repository: Path) -> None:
    dead = []
    for page in pages(repository):
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            name, _, anchor = target.partition("#")
            if "://" in target or not name:
                continue
            path = page.parent / name
            if not path.exists() or (anchor and anchor not in headings(path)):
                dead.append((page.name, target))
    assert not dead


def headings(page: Path) -> set[str]:
    """Names by which links reach the headings of a page."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}
