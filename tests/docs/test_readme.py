"""The programs of README.md, run as they stand beside `evergrant sandbox`."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = "http://127.0.0.1:8779"
PROGRAM = re.compile(r"<!-- run: (\w+) -->\n```\w+\n(.*?)```", re.DOTALL)
PROGRAMS = dict(PROGRAM.findall((ROOT / "README.md").read_text()))


@pytest.fixture(scope="module")
def sandbox():
    process = subprocess.Popen(
        [ROOT / "target/debug/evergrant", "sandbox", "--json"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline(), "the sandbox did not start"
    yield
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all: what one language obtained the others use."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "node_modules").mkdir()
    (folder / "node_modules/evergrant").symlink_to(ROOT / "bindings-node")
    return folder


def command(language: str, source: Path) -> list[str]:
    match language:
        case "python":
            return [str(ROOT / "target/venv/bin/python"), str(source)]
        case "node":
            return ["node", str(source)]
        case "php":
            return ["php", "-d", f"extension={ROOT}/target/php/modules/evergrant.so", str(source)]
        case "c":
            program = source.with_suffix("")
            warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
            flags = [*pkg_config(), f"-Wl,-rpath,{ROOT}/target/c/lib"]
            subprocess.run(["cc", *warnings, str(source), "-o", str(program), *flags], check=True)
            return [str(program)]
    raise AssertionError(f"README.md has a program in {language}, which nothing here can run")


def pkg_config() -> list[str]:
    environment = os.environ | {"PKG_CONFIG_PATH": f"{ROOT}/target/c/lib/pkgconfig"}
    arguments = ["pkg-config", "--cflags", "--libs", "evergrant"]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout.split()


def consent(url: str) -> str:
    body = json.dumps({"url": url, "user": "alice", "decision": "allow"}).encode()
    request = urllib.request.Request(
        f"{SANDBOX}/sandbox/consent", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["redirect"]


SUFFIX = {"python": "py", "node": "mjs", "php": "php", "c": "c"}


def test_readme_has_a_program_in_each_language():
    assert set(PROGRAMS) == set(SUFFIX)


@pytest.mark.parametrize("language", ["python", "node", "php"])
def test_program_obtains_consent_and_calls_the_api(language, sandbox, folder):
    source = folder / f"quickstart.{SUFFIX[language]}"
    source.write_text(PROGRAMS[language])
    (folder / "tokens.db").unlink(missing_ok=True)
    for leftover in folder.glob("tokens.db-*"):
        leftover.unlink()
    with subprocess.Popen(
        command(language, source),
        cwd=folder,
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        callback = consent(program.stdout.readline().strip())
        output, _ = program.communicate(callback + "\n", timeout=30)
    assert program.returncode == 0
    assert output.strip() == "alice"


def test_c_program_uses_the_grant_that_another_language_obtained(sandbox, folder):
    if not shutil.which("cc"):
        pytest.fail("there is no C compiler")
    source = folder / "quickstart.c"
    source.write_text(PROGRAMS["c"])
    program = subprocess.run(
        command("c", source), cwd=folder, capture_output=True, text=True, timeout=30, check=True
    )
    assert program.stdout.startswith("sbx.at.")
