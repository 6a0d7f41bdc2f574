"""A day at a small pottery shop: who writes, and what is said. All of it is made up."""

from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from connector.sandbox.envelopes import BusinessNumber, Person


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a conversation."""

    direction: Literal["in", "out"]
    text: str
    """What is written, or the caption of a medium."""
    kind: str = "text"
    filename: str | None = None
    quotes: int | None = None
    """The line of the same conversation that this one replies to."""
    pause: int = 2
    """Minutes since the line before."""
    hidden: tuple[str, ...] = ()
    """Parts of the text that must not reach a CRM."""
    statuses: tuple[str, ...] = ("sent", "delivered", "read")
    """What WhatsApp says of an outbound message, in the true order."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one person and one of our numbers say to each other in a day."""

    person: Person
    phone: str | None
    """The person's phone in E.164, whatever WhatsApp calls it."""
    number: int
    """Which of our numbers."""
    start: int
    """Minutes after the day's beginning."""
    lines: tuple[Line, ...]


NUMBERS: Final = (
    BusinessNumber("Vendas", "106540352242922", "102290129340398", "551140028922"),
    BusinessNumber("Suporte", "108815552301177", "105527738019264", "551140028933"),
)


_in = partial(Line, "in")
_out = partial(Line, "out")


CONVERSATIONS: Final = (
    Conversation(
        Person("Ana Paula Souza", "5511987654321", "BR.1502576394655843"),
        "+5511987654321",
        0,
        12,
        (
            _in("Oi, bom dia! Vocês têm vaso de 30 cm esmaltado?"),
            _out("Bom dia, Ana! Temos sim: azul, verde e branco.", pause=4),
            _in("Me manda foto do azul?", pause=1),
            _out("", kind="image", pause=3),
            _in("Lindo 😍 quanto fica?", quotes=3, pause=2),
            _out("R$ 189,90 à vista, ou 3x de R$ 65,00."),
            _in("Fecho à vista. Entregam na Vila Mariana?"),
            _out("Entregamos! Para Vila Mariana o frete é R$ 18,00."),
            _in("Segue o comprovante", kind="document", filename="comprovante pix.pdf", pause=9),
            _out("Recebido, obrigada! Sai amanhã cedo."),
            _in("Perfeito, obrigada!! 🙏"),
        ),
    ),
    Conversation(
        Person("João Pedro Almeida", "553188124567", "BR.2210457789013345"),
        "+5531988124567",
        0,
        31,
        (
            _in("Boa tarde"),
            _in("É daqui de BH. Vocês dão aula de torno?"),
            _out("Oi, João! Aos sábados, das 9h às 12h. Turmas de até 6 pessoas.", pause=11),
            _in("Quanto custa o mês?"),
            _out("R$ 320 por mês, com argila e queima incluídas."),
            _in("E tem aula experimental?\nMinha namorada também quer ir."),
            _out("Tem! R$ 90 por pessoa. Posso reservar para os dois neste sábado?"),
            _in("Pode sim"),
            _in("", kind="audio", pause=1),
            _out("Reservado: João + 1, sábado às 9h.", statuses=("sent", "delivered")),
        ),
    ),
    Conversation(
        Person("Beatriz Nogueira", "5521996541230", "BR.3377120984561200"),
        "+5521996541230",
        0,
        55,
        (
            _in("Oi! Comprei um prato e chegou trincado :("),
            _in("Olha só", kind="image", pause=1),
            _out("Poxa, Beatriz, sinto muito! Vamos trocar sem custo.", pause=6),
            _out("Qual o número do pedido, por favor?", pause=1),
            _in("É o #4471", quotes=3),
            _out("Achei. O novo sai hoje; o código de rastreio chega por e-mail."),
            _in("Preciso devolver o quebrado?"),
            _out("Não precisa. Vira mosaico 😄"),
            _in("haha adorei a ideia"),
            _in('E se vier trincado <de novo> & eu ficar sem prato? "brincadeira"'),
            _out("Aí a gente entrega em mãos!", statuses=("sent",)),
        ),
    ),
    Conversation(
        Person("Antônio Carlos dos Santos", "557191238890", "BR.4410093821765544"),
        "+5571991238890",
        1,
        80,
        (
            _in("Bom dia. Meu boleto venceu ontem, consigo segunda via?"),
            _out("Bom dia, seu Antônio. Pode me confirmar o CPF da compra?", pause=5),
            _in("É 529.982.247-25, no nome da minha esposa", hidden=("529.982.247-25",)),
            _out("Obrigado. Segue a segunda via", kind="document", filename="boleto-8812.pdf"),
            _in("Recebi aqui. Vence quando?"),
            _out("Dia 5. Sem juros até lá."),
            _in("Deus abençoe, minha filha"),
            _out("Amém, seu Antônio! Qualquer coisa estamos aqui."),
            _in("👍"),
        ),
    ),
    Conversation(
        Person("Maria Eduarda Ferreira Lima", "5585988771122", "BR.5519284710023377", "duda.lima"),
        "+5585988771122",
        0,
        95,
        (
            _in("oii"),
            _in("vcs fazem lembrancinha de casamento?"),
            _in("seriam 80 pecinhas", pause=1),
            _out("Oi, Maria Eduarda! Fazemos. Para quando seria?", pause=7),
            _in("14 de fevereiro 💍"),
            _out("Dá tempo. Veja três modelos:", kind="image"),
            _out("Mini vasinho: R$ 12,50 cada, acima de 50 peças.", pause=1),
            _in("amei o do meio!!", quotes=5),
            _in("dá pra gravar nossos nomes? Duda & Rafa", pause=1),
            _out("Dá sim! Na base, à mão, sem custo."),
            _in("PERFEITO 😭😭 como faço pra reservar?"),
            _out("50% de sinal. Mando o link já já."),
        ),
    ),
    Conversation(
        Person("Luís Otávio 🎸", "5511976543210", "BR.6620114477885599"),
        "+5511976543210",
        1,
        120,
        (
            _in("Fala! O site tá dando erro no carrinho"),
            _in("print do erro", kind="image", pause=1),
            _out("Oi, Luís! Estamos olhando. Qual navegador você usa?", pause=8),
            _in("Chrome no Android"),
            _in("aparece isso: {{ 7*7 }} e ${total} — estranho né?", pause=1),
            _out("Era um modelo quebrado no nosso lado. Corrigido, pode tentar?", pause=25),
            _in("agora foi 👏"),
            _out("Boa! Desculpe o transtorno. Cupom VOLTEI10 para você."),
            _in("opa, valeu demais"),
        ),
    ),
    Conversation(
        Person("Renata D'Ávila", "553191456677", "BR.7731200564478812"),
        "+5531991456677",
        0,
        150,
        (
            _in("Boa tarde, aceitam encomenda para restaurante?"),
            _out("Boa tarde, Renata! Aceitamos. Quantas peças?", pause=6),
            _in("120 pratos rasos, 120 fundos e 60 bowls."),
            _in("Segue a referência do chef", kind="image", pause=2),
            _out("Anotado. Preparo o orçamento ainda hoje."),
            _out("Orçamento", kind="document", filename="Orçamento nº 77 - D'Ávila.pdf", pause=40),
            _in("O preço por peça inclui a logo?", quotes=5, pause=10),
            _out("Inclui, em baixo relevo."),
            _in("Vou levar aos sócios e retorno na sexta."),
            _out("Combinado! Fico à disposição."),
        ),
    ),
    Conversation(
        Person("=Promo <b>Cia</b> & Filhos", "5521987001234", "BR.8842019937756610"),
        "+5521987001234",
        0,
        185,
        (
            _in("Vendemos caixas de papelão no atacado, tem interesse?"),
            _in("<script>alert('oi')</script> <b>PROMOÇÃO</b> só hoje!!!", pause=1),
            _out("Bom dia. Mande a tabela, por favor.", pause=9),
            _in("Tabela 2026", kind="document", filename="tabela_2026.pdf"),
            _in('=HYPERLINK("http://example.com","clique")', pause=1),
            _out("Recebemos, obrigado. Retornamos se houver interesse.", pause=14),
            _in("ok"),
        ),
    ),
    Conversation(
        Person("Zé da Feira", "5571996655443", "BR.9953310048867721"),
        "+5571996655443",
        1,
        210,
        (
            _in("", kind="audio"),
            _in("", kind="audio", pause=1),
            _out("Oi, Zé! Estou sem fone, consegue escrever?", pause=3),
            _in("consigo"),
            _in("as 12 moringa chegou tudo certinho"),
            _in("o povo gostou demais, vendi 9 só hj", pause=1),
            _out("Que notícia boa! Quer mais para a semana que vem?"),
            _in("manda mais 20"),
            _out("Anotado: 20 moringas, entrega na quinta."),
            _in("fechou"),
            _in("", kind="sticker", pause=1),
        ),
    ),
    Conversation(
        Person("Cláudia Regina Barros", "558587654321"),
        "+5585987654321",
        0,
        240,
        (
            _in("Boa tarde! O curso de esmaltação ainda tem vaga?"),
            _out("Boa tarde, Cláudia! Restam duas.", pause=13),
            _in("Pode segurar uma até amanhã?"),
            _out("Posso, até as 18h."),
            _in("Consigo pagar com cartão?"),
            _out("Sim, em até 6x sem juros. Não mande os números por aqui, use o link."),
            _in(
                "ih, já ia mandar: 4111 1111 1111 1111 rsrs",
                hidden=("4111 1111 1111 1111",),
            ),
            _out("Rsrs apague por segurança! Link a caminho."),
            _in("Pago! ✅", pause=18),
            _out("Vaga confirmada. Até dia 9!", statuses=("sent", "failed")),
        ),
    ),
    Conversation(
        Person("Bia Ramos", None, "BR.1164022398157733", "bia.ceramica"),
        None,
        0,
        265,
        (
            _in("oi, vi vocês no instagram"),
            _in("fazem parceria com ceramista iniciante?", pause=1),
            _out("Oi, Bia! Fazemos queima compartilhada. Você já tem peças?", pause=10),
            _in("tenho umas 15", kind="video"),
            _out("Que capricho! A fornada sai toda quinta, R$ 6 o litro."),
            _in("o forno vai até quantos graus?"),
            _out("1240 °C, cone 6."),
            _in("exatamente o que eu precisava"),
            _in("levo quinta então!", quotes=4, pause=2),
            _out("Combinado. Chegue até as 10h."),
        ),
    ),
    Conversation(
        Person("Guadalupe Hernández", "5215512345678", "MX.2275130098426644"),
        "+525512345678",
        0,
        300,
        (
            _in("¡Hola! ¿Hacen envíos a México?"),
            _out("¡Hola, Guadalupe! Sí, por correo certificado.", pause=9),
            _in("Me interesa el jarrón de la foto", kind="image"),
            _out("Ese cuesta R$ 240, unos 820 pesos. El envío tarda 12 días."),
            _in("¿Y viene bien empacado? 😅"),
            _out("Doble caja y viruta de madera. Nunca se nos ha roto uno."),
            _in("Perfecto, lo quiero. ¿Cómo pago?"),
            _out("Con tarjeta internacional, le mando el enlace."),
            _in("Listo, pagado", pause=21),
            _out("¡Gracias! Le aviso cuando salga.", statuses=("sent", "read")),
            _in("¡Mil gracias! 🌵"),
        ),
    ),
)
"""Twelve people: mobiles with and without their ninth digit, one who shows no phone, one abroad."""
