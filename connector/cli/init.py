"""``connector init``."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from connector.cli.answers import add_row, say, table, words
from connector.cli.check import add_findings
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given
from connector.cli.session import require_known
from connector.runtime.finding import Finding
from connector.runtime.first_look import try_crm, try_whatsapp
from connector.runtime.start import (
    ACCESS_TOKEN,
    APP_SECRET,
    Answers,
    Begun,
    begin,
    crm_secret,
    installed_adapters,
    mappings_of,
    needs_address,
    wants_user,
)

_AT_FAULT = ("config", ".account", ".permissions", ".token")
"""Ends of the names of checks that fail for a secret, and not for what is set elsewhere."""
Secrets = dict[str, str]
"""What was told, by what it is."""
Ask = Callable[[str, str, str | None], str]
"""Asks a question, unless its option was given; the third is the default."""


@click.command(
    cls=ExampledCommand,
    short_help="Write a first config.toml and mapping.",
    examples=[
        "connector init",
        "connector init --yes --adapter hubspot --phone-number-id 106540352242922 --name Vendas",
    ],
)
@click.option("--adapter", help="The kind of CRM.")
@click.option("--base-url", metavar="URL", help="Where the CRM is, if not where all are.")
@click.option("--mapping", metavar="NAME", help="A shipped mapping, for kinds that have several.")
@click.option("--username", help="For a CRM that wants a user and a password.")
@click.option("--phone-number-id", metavar="ID", help="Of your number, from your Meta app.")
@click.option("--waba-id", metavar="ID", help="Of its WhatsApp Business account.")
@click.option("--name", help="What you call the number.")
@click.option("--country", metavar="CC", help="Where the number is, such as BR.")
@click.option("--timezone", metavar="ZONE", help="Such as America/Sao_Paulo.")
@click.option("--secrets", type=click.Choice(["env", "file"]), help="Where secrets are kept.")
@click.option("--graph-url", metavar="URL", hidden=True, help="Another Graph API than Meta's.")
@click.option("--yes", is_flag=True, help="Ask nothing: take defaults for what is not given.")
@config_option
@click.pass_context
def command(context: click.Context, /, *, yes: bool, **options: Any) -> None:
    """Write a first config.toml and a copy of the mapping beside it.

    Asks a few questions, and tries what it is told at once: a token against the CRM, an access
    token against Meta. Tokens may be left out and given later. With --yes it asks nothing and tries
    nothing. Nothing that exists is overwritten, and no secret stands in the configuration, which
    only says where they are.
    """
    file = given(context).config_file or Path("config.toml")
    answers, secrets = _ask(options, yes=yes)
    begun = begin(file, answers, secrets)
    _tell(file, begun, answers, secrets)


def _ask(options: dict[str, Any], *, yes: bool) -> tuple[Answers, Secrets]:
    def ask(question: str, option: str, default: str | None) -> str:
        value = options[option]
        if value is None and yes:
            if default is None:
                raise click.UsageError(f"--{option.replace('_', '-')} is needed with --yes")
            value = default
        if value is None:
            value = click.prompt(question, default=default, err=True)
        return str(value)

    secrets: Secrets = {}
    crm = _ask_crm(ask, options)
    # What is not known yet is made up: only what the CRM needs is tried now.
    answers = Answers(
        **crm,
        phone_number_id="1",
        waba_id=None,
        name="-",
        country="BR",
        time_zone="America/Sao_Paulo",
        graph_url=options["graph_url"],
    )
    if not yes:
        what = crm_secret(answers)
        _ask_secret(what, secrets, lambda told: try_crm(answers, told[what], what))
    answers = _ask_number(ask, answers, secrets, yes=yes)
    kept = ask("Secrets in env or file", "secrets", "file" if secrets else "env")
    return replace(answers, keeping="file" if kept == "file" else "env"), secrets


def _ask_crm(ask: Ask, options: dict[str, Any]) -> dict[str, Any]:
    adapters = installed_adapters()
    first = "hubspot" if "hubspot" in adapters else None
    adapter = ask(f"Which CRM ({', '.join(adapters)})", "adapter", first)
    require_known(adapter, adapters, what="adapter")
    choices = mappings_of(adapter)
    base_url = ask("Its address", "base_url", None) if needs_address(adapter) else None
    mapping = ask(f"Its mapping ({', '.join(choices)})", "mapping", choices[0]) if choices else None
    mapping = mapping or options["mapping"]
    if choices and mapping not in choices:
        raise click.BadParameter(f"there is no mapping {mapping!r}, only {', '.join(choices)}")
    return {
        "adapter": adapter,
        "base_url": base_url or options["base_url"],
        "mapping": mapping,
        "username": ask("Its user", "username", None) if wants_user(adapter, mapping) else None,
    }


def _ask_number(ask: Ask, answers: Answers, secrets: Secrets, *, yes: bool) -> Answers:
    question = "Your number's phone_number_id (Meta dashboard)"
    answers = replace(
        answers,
        phone_number_id=ask(question, "phone_number_id", None),
        waba_id=ask("Its WhatsApp Business account id, or nothing", "waba_id", "") or None,
        name=ask("What you call this number", "name", "Vendas"),
        country=ask("Its country", "country", "BR").upper(),
        time_zone=ask("Your time zone", "timezone", "America/Sao_Paulo"),
    )
    if yes:
        return answers
    _ask_secret(APP_SECRET, secrets, None)
    trying = replace(answers, access_token=True)
    _ask_secret(ACCESS_TOKEN, secrets, lambda told: try_whatsapp(trying, told))
    return trying if ACCESS_TOKEN in secrets else answers


def _ask_secret(
    what: str, secrets: Secrets, attempt: Callable[[Secrets], Sequence[Finding]] | None
) -> None:
    """Ask for a secret until one passes or nothing is given; put it among ``secrets``."""
    while True:
        told = click.prompt(
            f"{what[0].upper()}{what[1:]} (nothing to give it later)",
            default="",
            hide_input=True,
            show_default=False,
            err=True,
        ).strip()
        if not told:
            secrets.pop(what, None)
            return
        secrets[what] = told
        if attempt is None:
            return
        found = attempt(secrets)
        shown = table("", "", "", "")
        add_findings(shown, found)
        say(shown, "")
        if not any(each.state == "fail" and each.name.endswith(_AT_FAULT) for each in found):
            return
        if not click.confirm("Give another", default=True, err=True):
            return


def _tell(file: Path, begun: Begun, answers: Answers, secrets: Secrets) -> None:
    say(*(f"Written: {path}" for path in begun.files))
    variables = answers.keeping == "env"
    if begun.places:
        places = table("Secrets", "what", "variable" if variables else "file")
        for what, place in begun.places.items():
            add_row(places, what, place)
        say(places, "")
    if variables:
        if secrets:
            say("What you typed was tried and not kept: set the variables yourself.")
        say("Any long random text will do as the verify token, for example")
        say("  export WHATSAPP_VERIFY_TOKEN=$(openssl rand -hex 24)", "")
    else:
        say("The verify token is made up already; what else is listed is yours to write there.", "")
    at = "" if file == Path("config.toml") else f" --config {file}"
    steps = {
        f"connector setup {answers.adapter} --apply{at}": "add our key fields to the CRM",
        f"connector check{at}": "see what is right and what is not",
        f"connector run{at}": "start",
    }
    widest = max(map(len, steps))
    say(words("Then", "bold"), *(f"  {line:<{widest}}   {why}" for line, why in steps.items()))
