"""Controls that can be taken away, as they stand in the code, and the test that would notice."""

from typing import Final, NamedTuple


class Mutant(NamedTuple):
    """One control, and the code without it."""

    row: str
    file: str
    control: str
    without: str
    test: str
    """The name of a test, wherever it stands; or a file, with ``-k`` and a pattern."""


MUTANTS: Final = (
    Mutant(
        "S1",
        "connector/receive/signature.py",
        "sign(body, secret), header)",
        "sign(body, secret), header.lower())",
        "tests/security/test_signatures.py",
    ),
    Mutant(
        "S1",
        "connector/receive/signature.py",
        "hmac.compare_digest(sign(body, secret), header) or fits",
        "header.endswith(sign(body, secret)[7:]) or fits",
        "tests/security/test_signatures.py",
    ),
    Mutant(
        "S1",
        "connector/receive/app.py",
        'signature = value if signature is None else b"given twice"',
        "signature = value",
        "test_an_event_with_two_signatures_is_forbidden",
    ),
    Mutant(
        "S1",
        "connector/receive/app.py",
        'app.app_secrets) != "valid"',
        'app.app_secrets) == "missing"',
        "tests/security/test_signatures.py",
    ),
    Mutant(
        "S1",
        "connector/receive/signature.py",
        "hmac.compare_digest(sign(body, secret), header)",
        "sign(body, secret) == header",
        "tests/security/test_constant_time.py",
    ),
    Mutant(
        "S2",
        "connector/ledger/webhooks.py",
        "digest_size=28).digest()",
        "digest_size=24).digest() + __import__('os').urandom(4)",
        "tests/security/test_signatures.py -k played_again",
    ),
    Mutant(
        "S2",
        "connector/record/lane_work.py",
        "item.received_at - row.sent_at > self._rules.max_event_age",
        "False",
        "test_a_message_that_is_too_old_is_stored_and_skipped",
    ),
    Mutant(
        "S3",
        "connector/receive/app.py",
        "if _CHALLENGE.fullmatch(challenge) is None:",
        "if not challenge:",
        "test_a_challenge_that_is_not_plain_is_not_reflected",
    ),
    Mutant(
        "S3",
        "connector/receive/app.py",
        "if not self._handshakes.take():",
        "if False:",
        "test_many_handshakes_at_once_are_put_off",
    ),
    Mutant(
        "T1",
        "connector/template/html.py",
        "str.replace(escape(clean_text(text)),",
        "str.replace(clean_text(text),",
        "tests/security/test_injection.py -k body",
    ),
    Mutant(
        "T1",
        "connector/template/clean.py",
        r'r"\u202a-\u202e\u2066-\u2069"',
        'r""',
        "tests/security/test_injection.py -k body",
    ),
    Mutant(
        "T2",
        "connector/template/clean.py",
        "line[start.end() if start else 0 :]",
        "line[0:]",
        "tests/security/test_injection.py -k formula",
    ),
    Mutant(
        "T3",
        "connector/template/reading.py",
        "self.faults.append(_unknown_name(root, rest, names))",
        "self.paths.add(path)",
        "tests/security/test_templates.py -k reader",
    ),
    Mutant(
        "T3",
        "connector/template/sandbox.py",
        "        return False\n",
        "        return True\n",
        "test_the_sandbox_itself_refuses_what_the_reader_should_never_let_through",
    ),
    Mutant(
        "T3",
        "connector/template/reading.py",
        "if self._depth > DEEPEST:",
        "if False:",
        "tests/security/test_templates.py -k soon",
    ),
    Mutant(
        "T4",
        "adapters/rest/values.py",
        'quote(spell_text(value), safe="")',
        'quote(spell_text(value), safe="/?#")',
        "test_any_text_is_data_in_a_path",
    ),
    Mutant(
        "I1",
        "connector/runtime/logs.py",
        "            event[key] = HIDDEN\n",
        "            pass\n",
        "test_a_key_that_is_not_on_the_list_is_hidden",
    ),
    Mutant(
        "I1",
        "connector/runtime/logs.py",
        "    return kind\n",
        '    return f"{kind}: {error}"\n',
        "test_a_traceback_has_places_and_no_foreign_words",
    ),
    Mutant(
        "I2",
        "connector/config/secret.py",
        "    if isinstance(value, str):\n        raise complain(\n"
        '            "a secret may not be written',
        "    if isinstance(value, str):\n"
        "        return Secret(env='X', environ={'X': value})\n        raise complain(\n"
        '            "a secret may not be written',
        "test_a_wrong_reference_is_told_why",
    ),
    Mutant(
        "I3",
        "connector/record/graph.py",
        "if not any(_fits(url.host, pattern) for pattern in self._hosts):",
        "if False:",
        "tests/security/test_where_to.py -k files_address",
    ),
    Mutant(
        "I3",
        "connector/record/graph.py",
        "headers=headers, follow_redirects=False",
        "headers=headers, follow_redirects=True",
        "test_a_redirect_is_not_followed",
    ),
    Mutant(
        "I3",
        "connector/crm/transport.py",
        "allowed = [address for address in addresses if policy.allows(address)]",
        "allowed = list(addresses)",
        "test_a_name_that_leads_to_a_private_place_is_a_setup_error",
    ),
    Mutant(
        "I3",
        "connector/crm/transport.py",
        "            allowed[-1], port, share, local_address, socket_options",
        "            host, port, share, local_address, socket_options",
        "test_the_connection_goes_to_the_address_that_was_judged_and_speaks_of_the_name",
    ),
    Mutant(
        "I4",
        "connector/crm/transport.py",
        "return address.ipv4_mapped or address.sixtofour or address",
        "return address",
        "test_other_addresses_may_not",
    ),
    Mutant(
        "I4",
        "connector/crm/transport.py",
        "            return False  # given up",
        "            return True  # given up",
        "tests/security/test_where_to.py -k corners",
    ),
    Mutant(
        "I4",
        "connector/mapping/load.py",
        "or Path(reference).is_absolute() ",
        "",
        "tests/security/test_where_to.py -k extended",
    ),
    Mutant(
        "I5",
        "connector/ledger/engine.py",
        "os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))",
        "pass",
        "tests/security/test_files.py",
    ),
    Mutant(
        "I5",
        "connector/ledger/backup.py",
        "os.O_WRONLY, 0o600)",
        "os.O_WRONLY, 0o644)",
        "tests/security/test_files.py",
    ),
    Mutant(
        "I6",
        "connector/record/media.py",
        "exist_ok=True, mode=0o700)",
        "exist_ok=True)",
        "tests/security/test_files.py -k media",
    ),
    Mutant(
        "I7",
        "connector/web/access.py",
        "if self._names is not None and",
        "if False and",
        "test_a_loopback_listener_answers_to_loopback_names_only",
    ),
    Mutant(
        "I7",
        "connector/web/access.py",
        "            self._guesses.count(address)\n",
        "            pass\n",
        "tests/security/test_private_pages.py -k guesses",
    ),
    Mutant(
        "I7",
        "connector/web/access.py",
        "\"frame-ancestors 'none'; base-uri 'none'\"",
        "\"base-uri 'none'\"",
        "tests/security/test_private_pages.py -k forbids",
    ),
    Mutant(
        "I7",
        "connector/config/models.py",
        "if token is None and host is not None and not is_loopback(host):",
        "if False:",
        "tests/security/test_private_pages.py -k others_reach",
    ),
    Mutant(
        "I7",
        "connector/web/dashboard/forms.py",
        "        require_own_page(request.headers)\n",
        "",
        "test_nothing_is_changed_for_another_site",
    ),
    Mutant(
        "I7",
        "connector/web/dashboard/forms.py",
        "if not hmac.compare_digest(given, self.token(request.url.path).encode()):",
        "if False:",
        "test_nothing_is_changed_without_a_form_of_this_process",
    ),
    Mutant(
        "D2",
        "connector/crm/transport.py",
        "if self._packing not in _PACKINGS:",
        "if False:",
        "tests/security/test_swelling_answers.py -k nobody_asked",
    ),
    Mutant(
        "D2",
        "connector/crm/transport.py",
        "            response.stream = _CappedStream(stream, self._most_bytes)",
        "            response.stream = stream",
        "tests/security/test_swelling_answers.py -k ends_at_the_cap",
    ),
    Mutant(
        "D2",
        "connector/receive/app.py",
        "return answers.ENCODED",
        "pass",
        "test_an_encoded_body_is_refused",
    ),
    Mutant(
        "D2",
        "connector/crm/answers.py",
        "response.headers.raw",
        "response.headers.multi_items()",
        "tests/fuzz/test_crm_answers.py -k hubspot",
    ),
)
