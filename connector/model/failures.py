"""Why WhatsApp did not deliver a message, and what to do, by its error code.

WhatsApp's own titles are short, English and sometimes misleading; these are for whoever reads a
timeline or a dead letter. A code is looked up as text; what is not here shows WhatsApp's title.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple


class Failure(NamedTuple):
    """One reason, in Portuguese and in English."""

    pt: str
    en: str


_ACCESS: Final = Failure(
    "o acesso do WhatsApp expirou ou foi revogado; renove o token",
    "access to WhatsApp has expired or was revoked; renew the token",
)
_PERMISSION: Final = Failure(
    "o token não tem permissão para enviar; revise as permissões do aplicativo",
    "the token may not send; review the app's permissions",
)
_META: Final = Failure(
    "falha passageira do WhatsApp; envie de novo mais tarde",
    "a passing failure of WhatsApp; send again later",
)
_RATE: Final = Failure(
    "mensagens demais em pouco tempo; envie de novo mais tarde",
    "too many messages in a short time; send again later",
)
_LOCKED: Final = Failure(
    "a conta do WhatsApp está restrita; veja o Gerenciador do WhatsApp",
    "the WhatsApp account is restricted; see WhatsApp Manager",
)
_PARAMETER: Final = Failure(
    "o WhatsApp recusou o conteúdo da mensagem; revise o que foi enviado",
    "WhatsApp refused the message's content; review what was sent",
)
_PAYMENT: Final = Failure(
    "há um problema de pagamento na conta do WhatsApp; revise a forma de pagamento",
    "the WhatsApp account has a payment problem; review the payment method",
)
_TEMPLATE: Final = Failure(
    "o modelo não existe, está pausado ou não combina com os valores; revise o modelo",
    "the template is missing, paused or does not fit its values; review the template",
)
_REGISTRATION: Final = Failure(
    "o número não está registrado corretamente; veja o Gerenciador do WhatsApp",
    "the number is not registered properly; see WhatsApp Manager",
)

FAILURES: Final[Mapping[str, Failure]] = {
    **dict.fromkeys(("0", "190"), _ACCESS),
    **dict.fromkeys(("3", "10", "200", "131005"), _PERMISSION),
    **dict.fromkeys(("1", "2", "131000", "131016", "131057", "133004", "2494100"), _META),
    **dict.fromkeys(("4", "80007", "130429", "131048", "131056"), _RATE),
    **dict.fromkeys(("368", "131031", "131064"), _LOCKED),
    **dict.fromkeys(("33", "100", "131008", "131009", "131021", "131051", "135000"), _PARAMETER),
    **dict.fromkeys(("131042", "131044", "134011"), _PAYMENT),
    **dict.fromkeys(
        ("132000", "132001", "132005", "132007", "132012", "132015", "132016", "132018", "132068"),
        _TEMPLATE,
    ),
    **dict.fromkeys(
        ("131037", "131045", "133000", "133005", "133006", "133008", "133009", "133010", "133015"),
        _REGISTRATION,
    ),
    "130403": Failure(
        "a empresa bloqueou este contato; desbloqueie-o para escrever",
        "the business has blocked this contact; unblock them to write",
    ),
    "130472": Failure(
        "o WhatsApp não entregou por um teste com o usuário; não adianta repetir",
        "WhatsApp held it back as part of an experiment; sending again does not help",
    ),
    "130497": Failure(
        "a empresa não pode escrever para este país",
        "the business may not write to this country",
    ),
    "131026": Failure(
        "não foi possível entregar: a pessoa não tem WhatsApp neste número, usa uma versão antiga"
        " ou não aceitou os termos; confira o número",
        "undeliverable: the person has no WhatsApp on this number, an old version, or has not"
        " accepted the terms; check the number",
    ),
    "131030": Failure(
        "o número não está na lista de teste do aplicativo",
        "the number is not on the app's test list",
    ),
    "131047": Failure(
        "passaram mais de 24 horas desde a última mensagem da pessoa; envie um modelo",
        "more than 24 hours have passed since the person last wrote; send a template",
    ),
    "131049": Failure(
        "o WhatsApp limitou mensagens de marketing para esta pessoa; espere ao menos 24 horas",
        "WhatsApp limits marketing to this person; wait at least 24 hours",
    ),
    "131050": Failure(
        "a pessoa não quer receber marketing; não envie de novo",
        "the person does not want marketing; do not send again",
    ),
    "131052": Failure(
        "o WhatsApp não conseguiu baixar a mídia; peça que a pessoa envie de novo",
        "WhatsApp could not fetch the media; ask the person to send it again",
    ),
    "131053": Failure(
        "o WhatsApp não aceitou a mídia; confira tipo e tamanho do arquivo",
        "WhatsApp did not take the media; check the file's type and size",
    ),
    "131062": Failure(
        "este tipo de mensagem precisa do telefone da pessoa",
        "this kind of message needs the person's phone",
    ),
}


def explain_failure(failure: Mapping[str, Any], *, language: str) -> str:
    """Return why a message was not delivered and what to do; never empty.

    ``failure`` is the part of that name of a message's content.
    """
    code = str(failure.get("code") or "")
    known = FAILURES.get(code)
    english = language.lower().startswith("en")
    if known is not None:
        said = known.en if english else known.pt
    else:
        said = str(failure.get("title") or failure.get("detail") or "")
    said = said or ("no reason given" if english else "motivo não informado")
    return f"{said} ({code})" if code else said
