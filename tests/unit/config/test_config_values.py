"""What a value may be, and what is said of one that is wrong."""

import pytest

from tests.unit.config.loading import MINIMAL, Complaints, Load


@pytest.mark.parametrize(
    ("lines", "key", "expected"),
    [
        ('[ledger]\nurl = "mysql://host/db"', "ledger.url", "sqlite:///"),
        ('[ledger]\nurl = "sqlite://"', "ledger.url", "sqlite:///"),
        ('[ledger]\nurl = "postgresql://me:pw@host/db"', "ledger.url", "PGPASSWORD"),
        ('[ledger]\nurl = "postgresql://host/db?password=x"', "ledger.url", "PGPASSWORD"),
        ('[ledger]\nmin_free = "lots"', "ledger.min_free", "512MiB"),
        ("[webhook]\nmax_body_bytes = 1000", "webhook.max_body_bytes", "3145728"),
        ('[webhook]\npath = "hook"', "webhook.path", "/webhooks/whatsapp"),
        ('[webhook]\npath = "/replies/x"', "webhook.path", "any other path"),
        ('[admin]\nhost = "0.0.0.0"', "admin.token", "CONNECTOR_ADMIN_TOKEN"),
        ('[admin]\nhost = "::"', "admin.token", "CONNECTOR_ADMIN_TOKEN"),
        ('[media]\nhosts = ["*"]', "media.hosts[0]", "lookaside"),
        ('[privacy]\nmask = ["cpff"]', "privacy.mask[0]", '"cpf"'),
        ('[privacy]\nblock = ["someone"]', "privacy.block[0]", "+55"),
        ('[privacy]\nretention = "never"', "privacy.retention", '"forever"'),
        ('[schedule]\ncheck = "hourly"', "schedule.check", "five fields"),
        ('[schedule]\ncheck = "61 * * * *"', "schedule.check", "five fields"),
        ('[schedule]\ncheck = "0 3 * * 0"', "schedule.check", "mon-fri"),
        ('[schedule]\ntimezone = "Sao Paulo"', "schedule.timezone", "America/Sao_Paulo"),
        ('[reconcile]\nwindow = "0s"', "reconcile.window", "more than 0"),
        ('[reconcile]\nwindow = "200000d"', "reconcile.window", "365d"),
        ('[reconcile]\nrepair = "yes"', "reconcile.repair", '"restore"'),
        ("[reconcile]\nbrake = { share = 1.5 }", "reconcile.brake.share", "at most 1"),
        ("[tuning]\nquiet_period = inf", "tuning.quiet_period", "finite"),
        ("[tuning]\nbackoff_max = 1", "tuning.backoff_max", "at least 2"),
        ("[tuning]\nrequest_timeout = 60", "tuning.lease", "124"),
    ],
)
def test_a_wrong_value_is_told_what_was_expected(
    lines: str, key: str, expected: str, complaints: Complaints
) -> None:
    found = complaints(f"{lines}\n{MINIMAL}")

    assert [key] == list(found)
    assert expected in str(found[key].expected)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('base_url = "http://crm.example.com"', "base_url"),
        ('base_url = "https://me:pw@crm.example.com"', "base_url"),
        ('base_url = "https://crm.example.com?key=1"', "base_url"),
        ('base_url = "ftp://crm.example.com"', "base_url"),
        ('base_url = "http://169.254.169.254"\nallow_http = true', "base_url"),
        ('base_url = "https://[::ffff:169.254.169.254]"', "base_url"),
        ('base_url = "https://x:port"', "base_url"),
        ('allow_networks = ["10.0.0.1/8"]', "allow_networks[0]"),
        ('allow_networks = ["169.254.0.0/16"]', "allow_networks[0]"),
        ("daily_tokens = 0", "daily_tokens"),
        ('mapping = "mappings/nowhere.toml"', "mapping"),
        ("numbers = []", "numbers"),
        ('token_url = "https://x.example"', "token_url"),
    ],
)
def test_a_wrong_setting_of_a_destination_is_found(
    line: str, key: str, complaints: Complaints
) -> None:
    assert [f"destinations.sales.{key}"] == list(complaints(f"{MINIMAL}{line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        'base_url = "https://crm.example.com/api"',
        'base_url = "http://localhost:8055"',
        'base_url = "http://127.0.0.1:8055"',
        'base_url = "http://[::1]:8055"',
        'base_url = "http://crm.internal"\nallow_http = true',
        'allow_networks = ["10.0.0.0/8", "fd00::/8"]',
    ],
)
def test_a_right_setting_of_a_destination_is_taken(line: str, load: Load) -> None:
    assert load(f"{MINIMAL}{line}\n").destinations["sales"].adapter == "fast"


OAUTH = (
    'oauth = { client_id = "me", client_secret = { env = "TOKEN" }, '
    'refresh_token = { env = "TOKEN" } }\n'
)


def test_a_token_and_oauth_exclude_each_other(complaints: Complaints) -> None:
    found = complaints(MINIMAL + OAUTH)

    assert list(found) == ["destinations.sales.token"]
    assert "beside oauth" in found["destinations.sales.token"].message


def test_an_adapter_can_ask_for_a_token_or_oauth(complaints: Complaints, load: Load) -> None:
    source = MINIMAL.replace('token = { env = "TOKEN" }\n', "").replace('"fast"', '"guarded"')

    assert list(complaints(source)) == ["destinations.sales.token"]
    assert load(source + OAUTH).destinations["sales"].oauth is not None


def test_a_token_is_fetched_from_a_safe_address(complaints: Complaints) -> None:
    oauth = OAUTH.replace(" }\n", ', token_url = "http://login.example.com" }\n')

    assert list(complaints(MINIMAL.replace("\ntoken =", "\n#") + oauth)) == [
        "destinations.sales.oauth"
    ]


def test_an_adapters_own_check_is_told_in_its_words(complaints: Complaints) -> None:
    found = complaints(f"{MINIMAL}speed = 11\n")

    assert found["destinations.sales.speed"].message == "is more than this CRM stands"


def test_a_destination_overrides_what_it_names_of_reconcile(load: Load) -> None:
    config = load(f'{MINIMAL}reconcile = {{ repair = "report" }}\n[reconcile]\nheal = false\n')

    reconcile = config.reconcile_for("sales")

    assert reconcile.repair == "report"
    assert reconcile.heal is False
    assert config.reconcile.repair == "restore"


def test_a_job_can_be_off_and_memory_can_be_for_ever(load: Load) -> None:
    config = load(f'[schedule]\ncheck = "off"\n[privacy]\nretention = "forever"\n{MINIMAL}')

    assert config.schedule.check is None
    assert config.privacy.retention is None


def test_blocked_people_are_kept_as_digits_or_user_ids(load: Load) -> None:
    config = load(f'[privacy]\nblock = ["+55 (11) 91234-5678", "BR.1349ab"]\n{MINIMAL}')

    assert config.privacy.block == ("5511912345678", "BR.1349ab")
