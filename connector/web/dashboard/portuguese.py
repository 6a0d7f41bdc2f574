"""The pages in Portuguese: what stands in the templates, by its English words."""

from collections.abc import Mapping
from typing import Final

from connector.web.dashboard.sentences import SENTENCES

_PAGES: Final[Mapping[str, str]] = {
    # every page
    "Skip to the content": "Ir para o conteúdo",
    "Pages": "Páginas",
    "Overview": "Visão geral",
    "Dead letters": "Pendências",
    "Reviews": "Revisões",
    "Runs": "Execuções",
    "Alerts": "Alertas",
    "Phone, message id, key …": "Telefone, id, chave …",
    "Find a message, a contact or a CRM record by any id": (
        "Encontrar uma mensagem, um contato ou um registro do CRM por qualquer id"
    ),
    "Find": "Buscar",
    "Version {version}": "Versão {version}",
    "never": "nunca",
    "just now": "agora",
    "{span} ago": "há {span}",
    "in {span}": "em {span}",
    "What to do": "O que fazer",
    "since {time}": "desde {time}",
    "over since {time}": "encerrado em {time}",
    "Try again": "Tentar de novo",
    "Give up …": "Desistir …",
    "Why? It is kept.": "Por quê? Fica registrado.",
    "Give up for good": "Desistir de vez",
    "{count} go again.": "{count} de volta à fila.",
    "{count} given up.": "{count} descartadas.",
    "Decided. It goes on by itself.": "Decidido. O resto segue sozinho.",
    "The CRM said": "O CRM respondeu",
    "our key": "nossa chave",
    "Code": "Código",
    "Destination": "Destino",
    "State": "Situação",
    # overview
    "One thing needs attention": "Um ponto precisa de atenção",
    "{count} things need attention": "{count} pontos precisam de atenção",
    "Not ready for webhooks": "Sem condições de receber webhooks",
    "All is well": "Tudo em ordem",
    "Last webhook": "Último webhook",
    "{count} to be recorded": "{count} a registrar",
    "{size} free for the ledger": "{size} livres para o banco de dados",
    "stop refreshing": "parar de atualizar",
    "refresh every 30 s": "atualizar a cada 30 s",
    "The last 24 hours": "As últimas 24 horas",
    "Messages received": "Mensagens recebidas",
    "Written to a CRM": "Gravadas em um CRM",
    "per minute, in five-minute means": "por minuto, média de cinco minutos",
    "Longest lag": "Maior atraso",
    "Alert from": "Alerta a partir de",
    "how long the oldest record had waited": "há quanto tempo o registro mais antigo esperava",
    "Nothing watched yet: it fills while `connector run` has the role schedule.": (
        "Ainda sem dados: aparecem enquanto `connector run` tem o papel schedule."
    ),
    "Destinations": "Destinos",
    "on its way": "a caminho",
    "in doubt": "em dúvida",
    "dead letters": "pendências",
    "reviews": "revisões",
    "Oldest waits": "Espera mais longa",
    "Last written": "Última gravação",
    "Last compared": "Última conferência",
    "Calls left": "Chamadas restantes",
    "Resume now": "Retomar agora",
    "Numbers": "Números",
    "Last event": "Último evento",
    "quiet": "em silêncio",
    "heard": "ativo",
    "WhatsApp says": "O WhatsApp avisa",
    "Not understood, and kept": "Não compreendido, e guardado",
    "These parts of webhooks became no message. They are kept as they came.": (
        "Estas partes de webhooks não viraram mensagem. Estão guardadas como chegaram."
    ),
    "After an upgrade, or once the number is configured: `connector replay`.": (
        "Depois de atualizar, ou de configurar o número: `connector replay`."
    ),
    "unknown": "desconhecido",
    "unparsable": "ilegível",
    "unrouted": "de número não configurado",
    "See them": "Ver",
    # dead letters
    "Records that wait for a person: the CRM refused them, or nobody knows whether it has them. "
    "Nothing of them is lost, and they delay nobody else.": (
        "Registros que esperam por uma pessoa: o CRM os recusou, ou não se sabe se os tem. "
        "Nada se perdeu, e eles não atrasam mais ninguém."
    ),
    "all": "todos",
    "Show": "Mostrar",
    "There are no dead letters.": "Não há pendências.",
    "{count} in all, the oldest first.": "{count} no total, as mais antigas primeiro.",
    "Try all {count} again": "Tentar todas as {count} de novo",
    "parked": "parada",
    "attempts: {count}": "tentativas: {count}",
    "Its story": "Ver a história",
    # reviews
    "What only a person can say: which record of a CRM a contact is, and whether a phone has a "
    "new owner. Nobody is guessed.": (
        "O que só uma pessoa sabe dizer: qual registro do CRM é o contato, e se um telefone mudou "
        "de dono. Nada é adivinhado."
    ),
    "Nothing is to be decided.": "Nada a decidir.",
    "Which record is this contact in {destination}?": (
        "Qual registro de {destination} é este contato?"
    ),
    "Is it still the same customer?": "Ainda é o mesmo cliente?",
    "This contact's phone was seen with somebody else, too.": (
        "O telefone deste contato também foi visto com outra pessoa."
    ),
    "See the contact": "Ver o contato",
    "asked": "perguntado",
    "{count} messages wait": "{count} mensagens esperando",
    "Your decision": "Sua decisão",
    "Use the CRM's record": "Usar o registro do CRM",
    "None of them: make a new one": "Nenhum deles: criar um novo",
    "Do not sync this contact": "Não sincronizar este contato",
    "The same customer: make one contact of them": "O mesmo cliente: unir em um só contato",
    "Somebody else: keep them apart": "Outra pessoa: manter separados",
    "Seen with": "Visto com",
    "Decide": "Decidir",
    # runs
    "What the schedule and people ordered, and what came of it. The newest first.": (
        "O que a agenda e as pessoas mandaram fazer, e no que deu. Os mais novos primeiro."
    ),
    "Nothing has run yet.": "Nada foi executado ainda.",
    "Job": "Tarefa",
    "What came of it": "Resultado",
    "Begun": "Início",
    "Took": "Duração",
    "Ordered by": "Pedido por",
    "Older ones": "Mais antigas",
    "checked": "conferidos",
    "found": "encontrados",
    "repaired": "reparados",
    "left": "restantes",
    "calls": "chamadas",
    "seconds": "segundos",
    "missed webhooks": "webhooks perdidos",
    "begins": "começo",
    "rows": "linhas",
    "reason": "motivo",
    "webhooks": "webhooks",
    "messages": "mensagens",
    "files": "arquivos",
    "ok": "ok",
    "failed": "falhas",
    "warned": "avisos",
    "was": "estava",
    "review": "revisão",
    "contact": "contato",
    "resolution": "decisão",
    # alerts
    "Each is told once when it begins and once when it is over.": (
        "Cada um é avisado uma vez quando começa e uma vez quando termina."
    ),
    "Now": "Agora",
    "No alert fires.": "Nenhum alerta ativo.",
    "Over": "Encerrados",
    "Records arrive late": "Registros atrasados",
    "Paused": "Parado",
    "Unusually quiet": "Silêncio fora do comum",
    "The CRM had drifted": "O CRM tinha divergido",
    "Something is in the CRM twice": "Há algo em dobro no CRM",
    "A comparison stopped itself": "Uma conferência parou por segurança",
    "Today's calls run out": "As chamadas de hoje estão acabando",
    "An API version ends": "Uma versão de API vai acabar",
    "A check fails": "Uma verificação falha",
    "A token ends": "Um token vai expirar",
    "Messages are not accounted for": "Há mensagens sem paradeiro",
    "WhatsApp restricts an account": "O WhatsApp restringiu uma conta",
    "The disk fills up": "O disco está enchendo",
    # one story
    "A message": "Uma mensagem",
    "A contact": "Um contato",
    "Somebody without a name": "Alguém sem nome",
    "Is one with": "É o mesmo que",
    "Was erased": "Foi apagado",
    "from the contact to {number}": "do contato para {number}",
    "from {number} to the contact": "de {number} para o contato",
    "Where it is": "Onde está",
    "Where the contact is": "Onde está o contato",
    "Next": "A seguir",
    "Id in the CRM": "Id no CRM",
    "Attempts": "Tentativas",
    "Newest messages": "Mensagens mais novas",
    "There are none.": "Não há nenhuma.",
    "no destination": "nenhum destino",
    "What happened": "O que aconteceu",
    "sent": "enviada",
    "received": "recebida",
    "delivered": "entregue",
    "read": "lida",
    "played": "ouvida",
    "first seen": "visto pela primeira vez",
    "status": "status",
    "queued": "na fila",
    "written": "gravado",
    "synced": "sincronizado",
    "gone": "sumiu",
    # not found, refused
    "Nobody knows this id here": "Ninguém aqui conhece este id",
    "It may be misspelt, of another installation, or in a webhook that waits to be recorded. A "
    "message id (wamid…), a phone, a user id, one of our keys and the id of a CRM record can be "
    "found.": (
        "Pode estar escrito errado, ser de outra instalação, ou estar em um webhook ainda não "
        "registrado. Dá para buscar um id de mensagem (wamid…), um telefone, um id de usuário, "
        "uma chave nossa ou o id de um registro do CRM."
    ),
    "Nothing was changed": "Nada foi alterado",
    # states, by what they are of
    "state|open": "aberto",
    "state|throttled": "esperando",
    "state|broken": "sem resposta",
    "state|half_open": "tentando",
    "state|paused": "parado",
    "run|waiting": "na fila",
    "run|running": "em curso",
    "run|done": "feito",
    "run|braked": "freado",
    "run|failed": "falhou",
    "record|contact": "contato",
    "record|message": "mensagem",
    "record|conversation": "conversa",
    "delivery|pending": "na fila",
    "delivery|in_flight": "a caminho",
    "delivery|in_doubt": "em dúvida",
    "delivery|synced": "no CRM",
    "delivery|parked": "parado",
    "delivery|skipped": "deixado de fora",
    "delivery|erased": "apagado",
}

PORTUGUESE: Final[Mapping[str, str]] = {**_PAGES, **SENTENCES}
ENGLISH: Final[Mapping[str, str]] = {
    "delivery|synced": "in the CRM",
    "delivery|in_doubt": "in doubt",
    "delivery|in_flight": "on its way",
    "delivery|skipped": "left out",
    "state|half_open": "trying",
    "state|broken": "no answer",
    "state|throttled": "waiting",
}
"""Where English itself says a state in other words than its name."""
