"""Ready-made sentences in Portuguese: states, causes, what to do, what happened.

The English ones are written where they are made; a test asks each of those places for all that it
can say and compares. A ``{hole}`` stands for what is put in there.
"""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    # whether webhooks can be taken
    "the event loop stands still": "o laço de eventos está parado",
    "the ledger's threads have ended": "as threads do banco de dados terminaram",
    "this process is going": "este processo está encerrando",
    "nothing could be written to the ledger lately": (
        "nada pôde ser gravado no banco de dados ultimamente"
    ),
    "the ledger is at revision {found}, not {needed}": (
        "o banco de dados está na revisão {found}, e não na {needed}"
    ),
    "the ledger's disk has less room than [ledger] min_free": (
        "o disco do banco de dados tem menos espaço que [ledger] min_free"
    ),
    "the ledger's files were moved or deleted: stop, put them back, start": (
        "os arquivos do banco de dados foram movidos ou apagados: pare, devolva-os e inicie"
    ),
    "webhooks could not be stored lately": "webhooks não puderam ser gravados ultimamente",
    "the queue of webhooks is almost full": "a fila de webhooks está quase cheia",
    # a destination
    "not configured any more": "não está mais configurado",
    "nothing, or put it back into config.toml": "nada, ou devolva-o ao config.toml",
    "paused: {why} ({detail})": "parado: {why} ({detail})",
    "paused: {why}": "parado: {why}",
    "the CRM does not accept the credentials": "o CRM não aceita as credenciais",
    "the CRM lacks a field the mapping requires": "falta no CRM um campo que o mapeamento exige",
    "the CRM lacks our key field": "falta no CRM o nosso campo-chave",
    "the CRM account's quota or plan is used up": "a cota ou o plano da conta do CRM acabou",
    "somebody paused it": "alguém o parou",
    "replace the token, then `connector resume {name}` or wait a minute": (
        "troque o token e use `connector resume {name}` ou espere um minuto"
    ),
    "nothing, it goes on when there is quota; `connector check {name}` says more": (
        "nada, segue quando houver cota; `connector check {name}` diz mais"
    ),
    "open, some contacts are ambiguous": "aberto, há contatos ambíguos",
    "open, some records are parked": "aberto, há registros parados",
    "open, with records of a former mapping": "aberto, com registros de um mapeamento anterior",
    "open, the last comparison would have changed too much and changed nothing": (
        "aberto, a última conferência teria mudado demais e não mudou nada"
    ),
    "open, without {fields}": "aberto, sem {fields}",
    "open, but nobody delivers": "aberto, mas ninguém entrega",
    "waiting: the CRM asked for fewer calls": "esperando: o CRM pediu menos chamadas",
    "waiting: the CRM does not answer": "esperando: o CRM não responde",
    "trying whether the CRM answers again": "testando se o CRM voltou a responder",
    "nothing": "nada",
    "nothing, it goes on by itself": "nada, segue sozinho",
    "nothing, it tries again by itself; do not restart": (
        "nada, tenta de novo sozinho; não reinicie"
    ),
    # causes and next steps of error codes
    "The CRM refused this record for what it says.": "O CRM recusou este registro pelo conteúdo.",
    "Read the CRM's words with `connector dead-letters show {id}`, mend the mapping or the CRM, "
    "then `connector dead-letters retry {id}`.": (
        "Leia as palavras do CRM com `connector dead-letters show {id}`, corrija o mapeamento ou o "
        "CRM e use `connector dead-letters retry {id}`."
    ),
    "The mapping can not be rendered for this record.": (
        "O mapeamento não pode ser aplicado a este registro."
    ),
    "Mend the field named in the detail, try it with `connector mapping preview FILE`, then "
    "restart: a changed mapping sends refused records again by itself.": (
        "Corrija o campo citado, teste com `connector mapping preview FILE` e reinicie: um "
        "mapeamento alterado reenvia sozinho o que foi recusado."
    ),
    "The CRM answered eight times that this record is busy or locked.": (
        "O CRM respondeu oito vezes que este registro está ocupado ou bloqueado."
    ),
    "See in the CRM what locks it, then `connector dead-letters retry {id}`.": (
        "Veja no CRM o que o bloqueia e use `connector dead-letters retry {id}`."
    ),
    "The CRM may or may not have written this record, and looking it up could not tell.": (
        "O CRM pode ter gravado este registro ou não, e a busca não esclareceu."
    ),
    "Look in the CRM. If it is there, `connector dead-letters discard {id} --reason seen`; if "
    "not, `connector dead-letters retry {id}`, which looks once more before it writes.": (
        "Olhe no CRM. Se estiver lá, `connector dead-letters discard {id} --reason seen`; se não, "
        "`connector dead-letters retry {id}`, que busca mais uma vez antes de gravar."
    ),
    "Several records of the CRM have this contact's phone.": (
        "Vários registros do CRM têm o telefone deste contato."
    ),
    "Choose with `connector reviews list` and `connector reviews resolve ID`.": (
        "Escolha em Revisões, ou com `connector reviews list` e `connector reviews resolve ID`."
    ),
    "Somebody deleted this record in the CRM.": "Alguém apagou este registro no CRM.",
    "Nothing: a contact returns with its next message. To bring it back now: `connector "
    "dead-letters retry {id}`.": (
        "Nada: o contato volta com a próxima mensagem. Para trazê-lo já: `connector dead-letters "
        "retry {id}`."
    ),
    "The connector died eight times in a row while it worked on this record.": (
        "O conector morreu oito vezes seguidas ao tratar este registro."
    ),
    "Report it with the log of the last crash; after an upgrade, `connector dead-letters retry "
    "{id}`.": (
        "Relate o caso com o log da última queda; depois de atualizar, `connector dead-letters "
        "retry {id}`."
    ),
    "The CRM answered with the id of another record of ours.": (
        "O CRM respondeu com o id de outro registro nosso."
    ),
    "Compare both in the CRM, remove the copy, then `connector dead-letters retry {id}`.": (
        "Compare os dois no CRM, remova a cópia e use `connector dead-letters retry {id}`."
    ),
    "The person is on the list `[privacy] block`.": "A pessoa está na lista `[privacy] block`.",
    "Nothing. Take the person off the list to sync what comes from then on.": (
        "Nada. Tire a pessoa da lista para sincronizar o que vier dali em diante."
    ),
    "There is nothing to deliver: the message was removed or holds nothing a CRM takes.": (
        "Não há o que entregar: a mensagem foi removida ou não traz nada que um CRM aceite."
    ),
    "The person asked not to be synced.": "A pessoa pediu para não ser sincronizada.",
    "The event was older than `[tuning] max_event_age` when it arrived.": (
        "O evento era mais velho que `[tuning] max_event_age` ao chegar."
    ),
    "Nothing. To take old events in, raise that setting, restart, and `connector replay`.": (
        "Nada. Para aceitar eventos antigos, aumente esse valor, reinicie e use `connector replay`."
    ),
    "The contact turned out to be another of ours, which carries on for both.": (
        "O contato era outro dos nossos, que segue pelos dois."
    ),
    "It is of a test message, which was meant for another destination or is over.": (
        "É de uma mensagem de teste, que era para outro destino ou já terminou."
    ),
    "A person decided not to sync this.": "Uma pessoa decidiu não sincronizar isto.",
    "Nothing.": "Nada.",
    "{count} records of the CRM match": "{count} registros do CRM combinam",
    # what happens next with a delivery
    "nothing: the CRM holds it": "nada: está no CRM",
    "nothing: it was erased for the person's sake and does not come back": (
        "nada: foi apagado a bem da pessoa e não volta"
    ),
    "the connector looks in the CRM whether it arrived, and writes it again if not": (
        "o conector busca no CRM se chegou, e grava de novo se não"
    ),
    "the CRM may or may not have written it: its answer was lost": (
        "o CRM pode ter gravado ou não: a resposta se perdeu"
    ),
    "it is being sent; without an answer it is looked up": (
        "está sendo enviado; sem resposta, será buscado no CRM"
    ),
    "it waits until {name} is resumed: `connector check {name}`": (
        "espera até {name} ser retomado: `connector check {name}`"
    ),
    "the destination is paused: {why}": "o destino está parado: {why}",
    "it is sent when {name} is asked again": "é enviado quando {name} for chamado de novo",
    "the CRM asked for fewer calls": "o CRM pediu menos chamadas",
    "the CRM does not answer": "o CRM não responde",
    "it waits for the contact's own record: {next}": (
        "espera pelo registro do próprio contato: {next}"
    ),
    "the contact is parked: {why}": "o contato está parado: {why}",
    "it is sent again as soon as its turn comes": "é enviado de novo assim que chegar a vez",
    "it is sent as soon as its turn comes": "é enviado assim que chegar a vez",
    "Only a status of this message has come; nothing is written before it comes.": (
        "Só chegou um status desta mensagem; nada é gravado antes de ela chegar."
    ),
    "No destination takes it: see `numbers` of the destinations in config.toml.": (
        "Nenhum destino a recebe: veja `numbers` dos destinos no config.toml."
    ),
    # what happened
    "WhatsApp told of this person": "o WhatsApp falou desta pessoa",
    "the contact wrote to us ({kind})": "o contato nos escreveu ({kind})",
    "the contact was written to by us ({kind})": "nós escrevemos ao contato ({kind})",
    "WhatsApp's webhook was stored": "o webhook do WhatsApp foi guardado",
    "WhatsApp says: {status}": "o WhatsApp diz: {status}",
    "contact to {name}": "contato para {name}",
    "message to {name}": "mensagem para {name}",
    "conversation to {name}": "conversa para {name}",
    "{what}, as {crm_id}": "{what}, como {crm_id}",
    "{what}, attempt {number}": "{what}, tentativa {number}",
    "{what}: it is not in the CRM any more": "{what}: não está mais no CRM",
    # alerts
    "the oldest record has waited {span}": "o registro mais antigo espera há {span}",
    "the oldest record has waited {span}: {why}": "o registro mais antigo espera há {span}: {why}",
    "nobody delivers": "ninguém entrega",
    "1 record waits for a person": "1 registro espera por uma pessoa",
    "{count} records wait for a person": "{count} registros esperam por uma pessoa",
    "less than {share} of today's {limit} calls is left": (
        "restam menos de {share} das {limit} chamadas de hoje"
    ),
    "nothing, what is left over goes on tomorrow; find what else spends the account's calls, or "
    "buy more": (
        "nada, o que sobrar segue amanhã; veja o que mais gasta as chamadas da conta, ou compre "
        "mais"
    ),
    "nothing for {span}, which is unusual at this time of the week": (
        "nada há {span}, o que não é comum a esta hora da semana"
    ),
    "connector check: see whether the app is still subscribed to the WhatsApp Business account": (
        "connector check: veja se o app ainda está inscrito na conta do WhatsApp Business"
    ),
    "a sweep would have changed too much": "uma conferência teria mudado demais",
    "{copies} twice in the CRM, {healed} of them healed": (
        "{copies} em dobro no CRM, {healed} resolvidos"
    ),
    "{what}; {count} repaired": "{what}; {count} reparados",
    "nothing where all is repaired; else see who changes what the mapping owns: {command}": (
        "nada se tudo foi reparado; senão, veja quem muda o que é do mapeamento: {command}"
    ),
    "WhatsApp says {field}: {word}": "o WhatsApp diz {field}: {word}",
    "open the account in Meta's Business Support Home; appeal there if it is wrong": (
        "abra a conta no Suporte para Empresas da Meta; recorra ali se estiver errado"
    ),
    "Meta serves {version} until {day}": "a Meta mantém a {version} até {day}",
    "Meta serves {version} no more, since {day}": "a Meta não mantém mais a {version}, desde {day}",
    "Meta serves {version} no more": "a Meta não mantém mais a {version}",
    "set graph_version = {version} in [whatsapp]": "ponha graph_version = {version} em [whatsapp]",
    "less than {room} MiB is free; with less than {least} MiB webhooks are answered 503": (
        "menos de {room} MiB livres; com menos de {least} MiB os webhooks recebem 503"
    ),
    "free some space; intake goes on by itself, and Meta sends again what it was refused": (
        "libere espaço; a entrada segue sozinha, e a Meta reenvia o que foi recusado"
    ),
    # refusals of the dashboard
    "this page was made before the connector was started again": (
        "esta página foi feita antes de o conector ser reiniciado"
    ),
    "go back, load the page again, and repeat what you did": (
        "volte, recarregue a página e repita o que fez"
    ),
    "this was not sent by a page of the dashboard": "isto não veio de uma página deste painel",
    "open the dashboard itself": "abra o próprio painel",
    "this is not a form": "isto não é um formulário",
    "this form is too large": "este formulário é grande demais",
    "do it in smaller parts": "faça em partes menores",
    "this form can not be read": "este formulário não pode ser lido",
    "a dead letter is given up for a reason": "só se desiste de uma pendência com um motivo",
    "go back and say why": "volte e diga por quê",
    "there is no such destination": "não há esse destino",
    "load the page again": "recarregue a página",
    "nothing was chosen": "nada foi escolhido",
    "another contact of ours is linked to that record of the CRM": (
        "outro contato nosso está ligado a esse registro do CRM"
    ),
    "see whose it is with `connector explain CRM_ID`, and choose another candidate": (
        "busque o id para ver de quem é, e escolha outro candidato"
    ),
    "review {id} was resolved meanwhile": "a revisão {id} foi decidida nesse meio-tempo",
    "there is no open review {id}": "não há revisão aberta {id}",
    "`connector reviews list` shows those that are open": (
        "`connector reviews list` mostra as que estão abertas"
    ),
}
