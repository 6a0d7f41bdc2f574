"""The demo as a person starts it: real processes, real HTTP, counted in the sandbox."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.runtime.trial import wait_until


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Return variables under which temporary folders are made where this test can see them."""
    return {**os.environ, "TMPDIR": str(tmp_path)}


def _demo(surroundings: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "connector", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings,
    )


@pytest.fixture
def kept(surroundings: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Yield a demo that was told to keep running, once it has said where."""
    process = _demo(surroundings, "--keep", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_every_sample_message_is_in_the_sandbox_once(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    process = _demo(surroundings, "--json")
    out, err = process.communicate(timeout=100)
    assert err == ""
    assert process.returncode == 0
    found = json.loads(out)
    assert (found["missing"], found["doubled"], found["leaked"]) == (0, 0, 0)
    assert found["adapter"] == "hubspot"
    assert found["sent"]["messages"] > 100
    assert found["sent"]["redelivered"] > 0
    assert found["crm"]["messages"] == found["sent"]["messages"]
    assert found["crm"]["contacts"] == found["sent"]["contacts"] == len(found["contacts"])
    assert found["audit"]["received"] == found["audit"]["synced"] == found["sent"]["messages"]
    assert found["audit"]["difference"] == 0
    assert sum(each["messages"] for each in found["contacts"]) == found["sent"]["messages"]
    assert len({each["crm_id"] for each in found["contacts"]}) == len(found["contacts"])
    assert any(each["phone"] is None and each["user_id"] for each in found["contacts"])
    assert any(each["statuses"].get("read") for each in found["contacts"])
    assert found["urls"] is None
    assert found["folder"] is None
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize("crm", ["pipedrive", "rest"])
def test_other_crms_hold_every_sample_message_once_as_well(
    crm: str, surroundings: dict[str, str]
) -> None:
    process = _demo(surroundings, "--crm", crm, "--json")
    out, err = process.communicate(timeout=100)
    assert err == ""
    assert process.returncode == 0
    found = json.loads(out)
    assert found["adapter"] == crm
    assert (found["missing"], found["doubled"], found["leaked"]) == (0, 0, 0)
    assert found["sent"]["messages"] > 100
    assert found["crm"]["messages"] == found["sent"]["messages"]
    assert sum(each["messages"] for each in found["contacts"]) == found["sent"]["messages"]
    assert found["audit"]["difference"] == 0


def test_people_see_the_steps_and_a_table(surroundings: dict[str, str]) -> None:
    process = _demo(surroundings)
    out, err = process.communicate(timeout=100)
    assert err == ""
    assert process.returncode == 0
    assert "A sandbox HubSpot listens on http://127.0.0.1:" in out
    assert "Ana Paula Souza" in out
    assert "0 missing, 0 doubled" in out


def test_what_is_kept_answers_until_it_is_ended(
    kept: tuple[subprocess.Popen[str], dict[str, Any]],
) -> None:
    process, found = kept
    urls, folder = found["urls"], Path(found["folder"])
    assert "Ana Paula Souza" in httpx.get(urls["crm_page"]).text
    assert httpx.get(urls["dashboard"]).status_code == 200
    assert httpx.post(urls["webhook"], content=b"{}").status_code == 401
    token = (folder / "crm_token").read_text().strip()
    contact = found["contacts"][0]
    answer = httpx.get(
        f"{urls['crm_api']}/crm/objects/2026-09/contacts/{contact['crm_id']}",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200

    told = subprocess.run(
        [
            *(sys.executable, "-m", "connector", "explain", contact["phone"]),
            *("--json", "--config", str(folder / "config.toml")),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    [row] = json.loads(told.stdout)["deliveries"]
    assert (row["state"], row["crm_id"]) == ("synced", contact["crm_id"])

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert (folder / "config.toml").is_file()
    for url in (urls["crm_page"], urls["dashboard"]):
        wait_until(partial(_is_silent, url), seconds=10, what=f"{url} is silent")


def _is_silent(url: str) -> bool:
    try:
        httpx.get(url, timeout=2)
    except httpx.HTTPError:
        return True
    return False
