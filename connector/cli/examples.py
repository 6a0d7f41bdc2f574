"""Commands whose help ends with examples that can be copied."""

from collections.abc import Sequence
from typing import Any

import click


class Exampled(click.Command):
    """A command with ``examples``: lines as they are typed."""

    def __init__(self, *args: Any, examples: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(
        self,
        ctx: click.Context,  # noqa: ARG002 - click gives it
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the examples as they are, however long."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class ExampledCommand(Exampled):
    """A command that does something."""


class ExampledGroup(Exampled, click.Group):
    """A group of commands, each with the whole first sentence of its help."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; a sentence too long for a line goes on in the next."""
        longest = 1000
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(longest))
                    for name in self.list_commands(ctx)
                    if (command := self.get_command(ctx, name)) is not None
                ]
            )
