"""The words that the connector adds to what people wrote, in the operator's language."""

from collections.abc import Mapping
from typing import Final

Words = Mapping[str, str]

_PORTUGUESE: Final[Words] = {
    "image": "imagem",
    "video": "vídeo",
    "audio": "áudio",
    "voice": "mensagem de voz",
    "document": "documento",
    "sticker": "figurinha",
    "location": "localização",
    "contact": "contato",
    "order": "pedido",
    "product": "produto",
    "reaction": "reação",
    "reaction_removed": "reação removida",
    "reactions": "reações",
    "form": "formulário",
    "call_permission": "permissão de ligação",
    "accepted": "aceita",
    "rejected": "recusada",
    "permanent": "para sempre",
    "payment": "pagamento",
    "notice": "aviso",
    "welcome": "abriu a conversa",
    "ad": "anúncio",
    "forwarded": "encaminhada",
    "edited": "editada",
    "deleted": "mensagem apagada",
    "placeholder": "mídia ainda não recebida",
    "unsupported": "mensagem não suportada",
    "empty": "mensagem vazia",
    "omitted": "mensagens anteriores omitidas",
    "user": "Usuário do WhatsApp",
    "yes": "sim",
    "no": "não",
}

_ENGLISH: Final[Words] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "voice message",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
    "contact": "contact",
    "order": "order",
    "product": "product",
    "reaction": "reaction",
    "reaction_removed": "reaction removed",
    "reactions": "reactions",
    "form": "form",
    "call_permission": "call permission",
    "accepted": "accepted",
    "rejected": "rejected",
    "permanent": "for good",
    "payment": "payment",
    "notice": "notice",
    "welcome": "opened the chat",
    "ad": "ad",
    "forwarded": "forwarded",
    "edited": "edited",
    "deleted": "message deleted",
    "placeholder": "media not received yet",
    "unsupported": "unsupported message",
    "empty": "empty message",
    "omitted": "earlier messages left out",
    "user": "WhatsApp user",
    "yes": "yes",
    "no": "no",
}


def words_of(language: str) -> Words:
    """Return the words of a language: English for ``en`` and its kin, else Portuguese."""
    return _ENGLISH if language.lower().startswith("en") else _PORTUGUESE
