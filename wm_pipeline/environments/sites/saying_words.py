"""The words of sayings: how users ask, where they say that a value stands, and the same in five languages.

Frames are Phrases of four banks, as every wording has its own. No decision is made here (sayings.py).
"""

from dataclasses import dataclass

from wm_pipeline.environments.sites.wording import Phrase, phrase

REQUEST = phrase(
    ("Please {ask}.", "{Ask}[, please|].", "Can you {ask}?"),
    ("[Hi|Hello], could you {ask}?", "We have to {ask}.", "{Ask}[ today|]."),
    ("Your task is to {ask}.", "I want you to {ask}.", "{Ask}[ for me|]."),
    ("Would you {ask}?", "It is time to {ask}.", "I need you to {ask}."),
)
USE = 'use "{button}" on {it}'
USE_ON_LIST = 'fill in the form "{button}"'
"""What is asked where an operation has no words of its own for it."""
FOR = phrase("This is about {it}.", "The reason is {it}.", "It has to do with {it}.", "It belongs to {it}.")
"""A form of a list, filled in because of a record."""

NAMED = phrase(
    ("{Noun}: {value}.", "The {noun} is {value}."),
    ("[Use|Take] this {noun}: {value}.", "The {noun} must be {value}."),
    ("As {noun} enter: {value}.", "The right {noun}: {value}."),
    ("For the {noun}, {value}.", "Put this as {noun}: {value}."),
)
NOTED = phrase(
    ("You find the {nouns} in {place}.", "Take the {nouns} from {place}."),
    ("The {nouns} {stand} in {place}.", "See {place} for the {nouns}."),
    ("Look up the {nouns} in {place}.", "{Place} has the {nouns}."),
    ("Use the {nouns} given in {place}.", "Go by {place} for the {nouns}."),
)
ON_FILE = phrase(
    ("Use the usual {nouns}.", "The {nouns} {stay} as on file."),
    ("Take the {nouns} on file.", "Nothing changes about the {nouns}."),
    ("Leave the {nouns} as you find {them}.", "Go with the {nouns} that we have."),
    ("Keep to the known {nouns}.", "Do not touch the {nouns}."),
)
RELATIVE = phrase(
    ("The {noun} should be {how}.", "Make the {noun} {how}."),
    ("We agreed on a new {noun}: {how}.", "Set the {noun} to {how}."),
    ("For the {noun} take {how}.", "As {noun} we want {how}."),
    ("They accept {how} for the {noun}.", "{How}, that is the {noun}."),
)
RULE = phrase(
    "The {noun} is the most that goes through without anybody's approval; the page says how much that is.",
    "Go as high with the {noun} as the page lets you without asking anybody.",
    "As {noun} enter exactly the limit that the page states.",
    "Use up what is free of approval for the {noun}, by the rule on the page.",
)
SECOND_THOUGHT = phrase(
    ("No, sorry: the {noun} is {value}.", "I was wrong, the {noun} must be {value}."),
    ("Wait, not that {noun}. It is {value}.", "Correction: {noun} {value}."),
    ("I mixed something up. The right {noun} is {value}.", "Forget that {noun}, it is {value}."),
    ("Oh no, the {noun} was wrong. Take {value}.", "My mistake: {value} is the {noun}."),
)
SECOND_RECORD = phrase(
    ("No, sorry, I meant {it}.", "I was wrong: not that one but {it}."),
    ("Wait, not that one. Do it for {it}.", "Correction: it is about {it}."),
    ("I mixed something up, it is {it} that I mean.", "Forget that one, take {it}."),
    ("Oh no, wrong one. I speak of {it}.", "My mistake: {it} is the one."),
)
UNWANTED = phrase(
    ('Keep away from "{button}".', 'Do not press "{button}".'),
    ('Nothing with "{button}", please.', 'Leave out "{button}".'),
    ('But there is no need for "{button}".', 'Do so without "{button}".'),
    ('"{button}" is not what I want.', 'Make sure not to use "{button}".'),
)
"""Another form of the page is named that is not to be sent."""
OLD_VALUE = phrase(
    ("Not {wrong}, that is the old one.", "{wrong} was right until now and is not any more."),
    ("Do not use {wrong}, it is out of date.", "So far it was {wrong}; that is over."),
    ("{wrong} is what we had before.", "Whoever still says {wrong} has the old {noun}."),
    ("Never mind {wrong}, the former {noun}.", "It used to be {wrong}."),
)
OTHERS_VALUE = phrase(
    ("Not {wrong}, that is for {other}.", "{wrong} goes with {other}, not with this."),
    ("Do not take {wrong}, it is meant for {other}.", "{wrong} is right for {other} only."),
    ("Mind that {wrong} is for {other}.", "With {other} it is {wrong}, here it is not."),
    ("Leave {wrong} to {other}.", "Do not mix them up: {wrong} goes with {other}."),
)
OTHER_RECORD = phrase(
    ("Not {other}.", "This is not for {other}."),
    ("Do not touch {other}.", "Another matter is {other}."),
    ("Leave {other} alone.", "This is not about {other}."),
    ("Stay away from {other}.", "Hands off {other}."),
)

COMMENT_PLACE = phrase(
    "{whose} comment", "the comment by {who}", "what {who} wrote as a comment", "the remark that {who} left"
)
TEXT_PLACE = phrase("{whose} note", "the note by {who}", "what {who} noted there", "the text that {who} wrote")
OWN_TEXT_PLACE = phrase("the text from {who}", "what {who} wrote", "the message of {who}", "the text that {who} sent")
"""Where the page says who a record is from."""
FILE_PLACE = phrase(
    "{whose} file {file}", "the file {file} by {who}", "what {who} attached as {file}", "the paper {file} from {who}"
)
BANNER_PLACE = phrase(
    "{whose} announcement", "the announcement by {who}", "what {who} put above the list", "the notice of {who}"
)
NOTE = phrase(
    ("Here is what was agreed. {values}.", "As we said on the phone. {values}."),
    ("[Final|Checked] details. {values}.", "What I have in writing: {values}."),
    ("For this case: {values}.", "From my files. {values}."),
    ("[Noted|Written down] after the call. {values}.", "I looked it up: {values}."),
)

FRACTIONS = (
    ("half of what the page says", 0.5),
    ("ten percent less than the page says", 0.9),
    ("a quarter less than the page says", 0.75),
    ("a fifth less than on file", 0.8),
)
MULTIPLES = (
    ("twice what the page says", 2.0),
    ("ten percent more than the page says", 1.1),
    ("a quarter more than on file", 1.25),
)
SHIFTS = (
    ("a week later than the page says", 7),
    ("two weeks later than on file", 14),
    ("three days later than the page says", 3),
    ("a week earlier than on file", -7),
)

NOUNS = {
    **dict.fromkeys(("iban", "account", "bank_account", "credit_account", "pay_to"), "account"),
    **dict.fromkeys(("total", "value"), "amount"),
    **dict.fromkeys(("forward_to", "recipient"), "recipient"),
    **dict.fromkeys(("email", "contact"), "e-mail address"),
    "phone": "phone number",
    "term": "search word",
    "mfa": "second factor",
    "label": "name",
    "place": "delivery place",
    "edit_lock": "lock",
    "due": "due date",
    "renewed": "renewal date",
    "pieces": "number of pieces",
    "threshold": "limit",
    "days": "number of days",
    "made_on": "date",
    "new_title": "title",
}
"""What people call a field, by its name; any other field is called by its own name."""


def noun_of(column: str) -> str:
    """What people call a value of a column or field."""
    return NOUNS.get(column, column.replace("_", " "))


THINGS = {
    "messages": "mail",
    "cart": "cart item",
    "team": "agent",
    "crew": "crew member",
    "api_keys": "API key",
    "addresses": "address",
    "grants": "permission",
    "watches": "watch",
    "rules": "mail rule",
}
"""What people call a record of a table; of any other table it is the singular."""

NAMES = frozenset({"name", "vendor", "firm", "service", "member", "item", "product", "card", "app", "space"})
"""Titles that name a record without a word for what it is."""

CLAUSES = {
    "due": "due on {value}",
    "department": "in {value}",
    "team": "in {value}",
    "status": "that is {value}",
    **dict.fromkeys(("vendor", "firm", "sender", "requester", "asked_by", "author"), "from {value}"),
    **dict.fromkeys(("owner", "holder", "keeper", "member"), "of {value}"),
    **dict.fromkeys(("payee", "recipient"), "for {value}"),
}
"""How a record is described by a column, by the column's name."""
LABELLED = 'with "{value}" under "{label}"'
"""The same for any other column: in the page's own words."""
HIGHEST, LOWEST, LATEST, EARLIEST = (
    *("with the highest {noun}", "with the lowest {noun}"),
    *("with the latest {noun}", "with the earliest {noun}"),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, slots=True)
class Language:
    """How a request is said in another language: with the page's own words for buttons and fields."""

    frames: Phrase
    on_record: str
    on_list: str
    joiner: str
    """Between two things that are asked."""
    values: str
    """Before the named ones."""
    comment: str
    text: str
    file: str
    banner: str
    """Where `{who}` has written the values."""


LANGUAGES = {
    "german": Language(
        phrase(
            ("Bitte {ask}.", "Kannst du {ask}?"),
            ("Ich bitte dich, {zu}.", "Heute noch {ask}, bitte."),
            ("Deine Aufgabe: {ask}.", "Könntest du {ask}?"),
            ("Würdest du {ask}?", "Wir müssen {ask}."),
        ),
        "für „{record}“ die Funktion „{button}“ benutzen|für „{record}“ die Funktion „{button}“ zu benutzen",
        "das Formular „{button}“ ausfüllen und abschicken|das Formular „{button}“ auszufüllen und abzuschicken",
        " und ",
        "Die Angaben: {values}.",
        "Was du eintragen sollst, steht im Kommentar von {who}.",
        "Was du eintragen sollst, steht in der Notiz von {who}.",
        "Was du eintragen sollst, steht in der Datei {file} von {who}.",
        "Was du eintragen sollst, steht in der Ankündigung von {who}.",
    ),
    "spanish": Language(
        phrase(
            ("Por favor, hay que {ask}.", "¿Puedes {ask}?"),
            ("Necesito que te encargues de {ask}.", "Hoy tenemos que {ask}."),
            ("Tu tarea es {ask}.", "¿Podrías {ask}?"),
            ("Te pido el favor de {ask}.", "Ya es hora de {ask}."),
        ),
        "usar la función «{button}» con «{record}»",
        "rellenar y enviar el formulario «{button}»",
        " y ",
        "Los datos: {values}.",
        "Lo que hay que poner está en el comentario de {who}.",
        "Lo que hay que poner está en la nota de {who}.",
        "Lo que hay que poner está en el archivo {file} de {who}.",
        "Lo que hay que poner está en el anuncio de {who}.",
    ),
    "french": Language(
        phrase(
            ("Merci de bien vouloir {ask}.", "Peux-tu {ask} ?"),
            ("J'aimerais te demander de {ask}.", "Il faut {ask} aujourd'hui."),
            ("Ta tâche : {ask}.", "Pourrais-tu {ask} ?"),
            ("Je te prie de {ask}.", "Il est temps de {ask}."),
        ),
        "choisir la fonction « {button} » pour « {record} »",
        "remplir et envoyer le formulaire « {button} »",
        " et ",
        "Les données : {values}.",
        "Ce qu'il faut saisir se trouve dans le commentaire de {who}.",
        "Ce qu'il faut saisir se trouve dans la note de {who}.",
        "Ce qu'il faut saisir se trouve dans le fichier {file} de {who}.",
        "Ce qu'il faut saisir se trouve dans l'annonce de {who}.",
    ),
    "italian": Language(
        phrase(
            ("Per favore, bisogna {ask}.", "Puoi {ask}?"),
            ("Ti chiedo di {ask}.", "Oggi dobbiamo {ask}."),
            ("Il tuo compito è {ask}.", "Potresti {ask}?"),
            ("Ti prego di {ask}.", "È ora di {ask}."),
        ),
        "usare la funzione «{button}» per «{record}»",
        "compilare e inviare il modulo «{button}»",
        " e ",
        "I dati: {values}.",
        "Quello che devi inserire si trova nel commento di {who}.",
        "Quello che devi inserire si trova nella nota di {who}.",
        "Quello che devi inserire si trova nel file {file} di {who}.",
        "Quello che devi inserire si trova nell'annuncio di {who}.",
    ),
    "portuguese": Language(
        phrase(
            ("Por favor, é preciso {ask}.", "Você pode {ask}?"),
            ("Peço que trate de {ask}.", "Hoje temos de {ask}."),
            ("A sua tarefa é {ask}.", "Você poderia {ask}?"),
            ("Quero pedir o favor de {ask}.", "Está na hora de {ask}."),
        ),
        "usar a função «{button}» para «{record}»",
        "preencher e enviar o formulário «{button}»",
        " e ",
        "Os dados: {values}.",
        "O que é preciso inserir está no comentário de {who}.",
        "O que é preciso inserir está na nota de {who}.",
        "O que é preciso inserir está no arquivo {file} de {who}.",
        "O que é preciso inserir está no anúncio de {who}.",
    ),
}
"""By name. German has its infinitive twice: plain, and with `zu`."""

SEALED_LANGUAGE = Language(
    phrase(
        ("Wil je alsjeblieft {ask}?", "Graag {ask}."),
        ("Kun je vandaag nog {ask}?", "We moeten {ask}."),
        ("Jouw taak: {ask}.", "Zou je kunnen {ask}?"),
        ("Ik wil dat je gaat {ask}.", "Het is tijd om te gaan {ask}."),
    ),
    "de functie “{button}” voor “{record}” gebruiken",
    "het formulier “{button}” invullen en versturen",
    " en ",
    "De gegevens: {values}.",
    "Wat je moet invullen staat in de opmerking van {who}.",
    "Wat je moet invullen staat in de notitie van {who}.",
    "Wat je moet invullen staat in het bestand {file} van {who}.",
    "Wat je moet invullen staat in de mededeling van {who}.",
)
"""Of sealed sites alone."""
SEALED_FRAME = phrase(
    ("[Morning|Evening]! {said} Cheers.", "Quick one before lunch. {said}", "{said} Ta very much."),
    ("Got a minute? {said} [Nothing else|End of list].", "One for you: {said}", "{said} Shout if it will not work."),
    ("[Off the top of my list|Top of the pile]: {said}", "{said} No rush whatsoever.", "New job. {said} Over to you."),
    ("I am in a meeting till four. {said}", "{said} Back at my desk tomorrow.", "[Favour|Small favour]: {said}"),
)
"""What goals of sealed sites are set in, and no others."""
