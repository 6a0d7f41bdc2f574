"""``connector init``."""

from pathlib import Path
from typing import Any

import click

from connector.cli.answers import add_row, say, table, words
from connector.cli.examples import ExampledCommand
from connector.cli.options import config_option, given
from connector.runtime.start import (
    Answers,
    Begun,
    begin,
    installed_adapters,
    mappings_of,
    needs_address,
)


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
@click.option("--phone-number-id", metavar="ID", help="Of your number, from your Meta app.")
@click.option("--waba-id", metavar="ID", help="Of its WhatsApp Business account.")
@click.option("--name", help="What you call the number.")
@click.option("--country", metavar="CC", help="Where the number is, such as BR.")
@click.option("--timezone", metavar="ZONE", help="Such as America/Sao_Paulo.")
@click.option("--secrets", type=click.Choice(["env", "file"]), help="Where secrets are kept.")
@click.option("--yes", is_flag=True, help="Ask nothing: take defaults for what is not given.")
@config_option
@click.pass_context
def command(context: click.Context, /, *, yes: bool, **options: Any) -> None:
    """Write a first config.toml and a copy of the mapping beside it.

    Asks a few questions, or none with --yes. Nothing that exists is overwritten, and secrets are
    not asked for: the configuration only says where they are.
    """
    file = given(context).config_file or Path("config.toml")
    answers = _ask(options, yes=yes)
    begun = begin(file, answers)
    _tell(file, begun, answers)


def _ask(options: dict[str, Any], *, yes: bool) -> Answers:
    def ask(question: str, option: str, default: str | None) -> str:
        value = options[option]
        if value is None and yes:
            if default is None:
                raise click.UsageError(f"--{option.replace('_', '-')} is needed with --yes")
            value = default
        if value is None:
            value = click.prompt(question, default=default, err=True)
        return str(value)

    adapters = installed_adapters()
    first = "hubspot" if "hubspot" in adapters else None
    adapter = ask(f"Which CRM ({', '.join(adapters)})", "adapter", first)
    if adapter not in adapters:
        raise click.BadParameter(f"there is no adapter {adapter!r}, only {', '.join(adapters)}")
    choices = mappings_of(adapter)
    return Answers(
        adapter=adapter,
        base_url=ask("Its address", "base_url", None)
        if needs_address(adapter)
        else options["base_url"],
        mapping=ask(f"Its mapping ({', '.join(choices)})", "mapping", choices[0])
        if choices
        else options["mapping"],
        phone_number_id=ask(
            "Your number's phone_number_id (Meta dashboard)", "phone_number_id", None
        ),
        waba_id=ask("Its WhatsApp Business account id, or nothing", "waba_id", "") or None,
        name=ask("What you call this number", "name", "Vendas"),
        country=ask("Its country", "country", "BR").upper(),
        time_zone=ask("Your time zone", "timezone", "America/Sao_Paulo"),
        keeping="file" if ask("Secrets in env or file", "secrets", "env") == "file" else "env",
    )


def _tell(file: Path, begun: Begun, answers: Answers) -> None:
    say(*(f"Written: {path}" for path in begun.files))
    variables = answers.keeping == "env"
    places = table("Secrets", "what", "variable" if variables else "file")
    for what, place in begun.places.items():
        add_row(places, what, place)
    say(places, "")
    if variables:
        say("Any long random text will do as the verify token, for example")
        say("  export WHATSAPP_VERIFY_TOKEN=$(openssl rand -hex 24)", "")
    else:
        say("The verify token is made up already; the others are yours to write there.", "")
    at = "" if file == Path("config.toml") else f" --config {file}"
    steps = {
        f"connector setup {answers.adapter} --apply{at}": "add our key fields to the CRM",
        f"connector check{at}": "see what is right and what is not",
        f"connector run{at}": "start",
    }
    widest = max(map(len, steps))
    say(words("Then", "bold"), *(f"  {line:<{widest}}   {why}" for line, why in steps.items()))
