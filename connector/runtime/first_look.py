"""What ``connector init`` tries with what it is told, before it writes anything.

A draft of the configuration is read from a folder that only this process may look into and that is
gone afterwards; then the CRM, or Meta, is asked as ``connector check`` asks.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from connector.config.load import load_config
from connector.config.models import Config
from connector.crm.registry import settings_models
from connector.errors import ConfigError
from connector.runtime.crm_checks import look_at_account
from connector.runtime.finding import Finding
from connector.runtime.opening import blank_ledger
from connector.runtime.start import APP_SECRET, Answers, begin
from connector.runtime.whatsapp_checks import ask_meta

_MADE_UP: Final = "0" * 32
_LATER: Final = frozenset({"whatsapp.callback", "whatsapp.fields"})
"""What can only be right once the receiver runs and Meta knows where."""
_OF_THE_SECRET: Final = frozenset({"whatsapp.app_secret"})
"""What can not be told without the app secret."""


def try_crm(answers: Answers, secret: str, name: str) -> list[Finding]:
    """Ask a CRM whether it takes a token or password; ``name`` is what that is called."""
    with _draft(answers, {name: secret}) as config:
        if not isinstance(config, Config):
            return config
        with blank_ledger() as blank:
            return asyncio.run(look_at_account(config, blank, answers.adapter))


def try_whatsapp(answers: Answers, secrets: Mapping[str, str]) -> list[Finding]:
    """Ask Meta about the access token, the account and the number."""
    with _draft(answers, secrets) as config:
        if not isinstance(config, Config):
            return config
        found = asyncio.run(ask_meta(config)).findings
    without = _LATER if APP_SECRET in secrets else _LATER | _OF_THE_SECRET
    return [each for each in found if each.name not in without]


@contextmanager
def _draft(answers: Answers, secrets: Mapping[str, str]) -> Iterator[Config | list[Finding]]:
    """Yield a configuration of what is known so far, the rest made up; or what is wrong with it."""
    with TemporaryDirectory(prefix="connector-init-") as folder:
        file = Path(folder) / "config.toml"
        plain = replace(answers, keeping="file")
        try:
            begun = begin(file, plain, secrets)
            for place in begun.places.values():
                path = file.parent / place
                if not path.exists():
                    path.touch(mode=0o600)
                    path.write_text(_MADE_UP)
            config: Config | list[Finding] = load_config(file, settings_models=settings_models())
        except ConfigError as error:
            config = [
                Finding("config", "fail", f"{each.key}: {each.message}", "answer that differently")
                for each in error.problems
            ]
        yield config
