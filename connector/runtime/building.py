"""One destination alone, for a command: what is wrong with another must not stop it."""

from connector.config.models import Config
from connector.deliver.destination import Destination
from connector.ledger.ledger import Ledger
from connector.mapping.load import load_mapping
from connector.runtime.wiring import Build, our_numbers, read_labels


def build_destination(config: Config, ledger: Ledger, name: str) -> Destination:
    """Build a configured destination; nothing is asked of its CRM yet.

    Raises ``ConfigError`` where its mapping, or the label rules, are wrong.
    """
    settings = config.destinations[name]
    mapping = load_mapping(settings.mapping, folder=config.folder, adapter=settings.adapter)
    build = Build(config, ledger, {name: mapping}, read_labels(config), our_numbers(config))
    return build.destination(name)
