"""What the README and the site tell a newcomer to do works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

INSTALL_AND_RUN = "python -m pip install . && azarr demo"
INSTALL_AND_TEST = "python -m pip install nox && nox -s tests"


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a language: first line's number in the page, and source."""
    text = page.read_text("utf-8")
    fences = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, fence.start(1)), fence[1]) for fence in fences]


EXAMPLES = [
    pytest.param(page, line, source, id=f"{page.name}:{line + 1}")
    for page in PAGES
    for line, source in blocks(page, "python")
]


@pytest.mark.parametrize(("page", "line", "source"), EXAMPLES)
def test_an_example_runs_as_it_is_written(
    page: Path, line: int, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Leading newlines make the lines of a traceback those of the page.
    code = compile("\n" * line + source, str(page), "exec")
    exec(code, {"__name__": "__main__"})


def test_the_readme_shows_the_blocking_and_the_awaited_use() -> None:
    blocking, awaited = (source for _, source in blocks(README, "python"))
    assert "await" not in blocking
    assert "await" in awaited


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    commands = [line for _, source in blocks(README, "sh") for line in source.splitlines()]
    assert commands == [INSTALL_AND_RUN, INSTALL_AND_TEST]


def test_the_build_runs_the_test_command_of_the_readme() -> None:
    assert INSTALL_AND_TEST in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_command_that_the_readme_names_is_installed_by_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"azarr": "azarr.cli:main"}


LINKING = [*PAGES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_a_link_to_a_file_of_the_project_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(((?!https?:)[^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md")}
    navigation = (ROOT / "zensical.toml").read_text("utf-8").partition("[project.theme]")[0]
    assert set(re.findall(r'"([\w/.-]+\.md)"', navigation)) == pages
