"""Every command and every operation over HTTP leaves an act in the audit log, or it is said here why not.

What is new is in neither list, and fails here: enter what it leaves, or why it leaves nothing.
"""

import ast
import re
from functools import cache
from pathlib import Path

import ra.http
import seals.http
from core.home import Home
from seals.register import http as register
from tests.yinxin.test_yinxin_help import LEAVES

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "ca", "ra", "ocsp", "tsa", "seals", "audit", "yinxin")

LOCAL = "only reads, for whoever is at the machine and can read the records without us"
PUBLIC = "reads what is public, or only what lies in files that were handed in"
AWAY = "works where there is no installation: on a holder's or an applicant's machine"
OWN = "reads what the caller made, or what is said to every caller alike; that the caller came is counted"
NUMBERS = "counts; nobody is named but operators"

SIGN_IN = "ra.session.open"
COMMANDS: dict[str, tuple[str, ...] | str] = {
    "init": ("ca.authority.create", "ca.profile.activate", "ca.crl.publish", "ra.operator.found", "audit.log.begin"),
    "migrate": ("core.schema.migrate", "ca.profile.activate", "ra.reindex"),
    "demo": ("ra.request.enter", "ca.certificate.issue", "seals.document.seal"),
    "serve": ("service.start", "service.stop", "audit.configuration"),
    "renew": ("service.certificate.ask",),
    "backup": ("backup.make",),
    "restore": ("backup.restore",),
    "health": LOCAL,
    "ca list": LOCAL,
    "ca show": LOCAL,
    "ca certificates": LOCAL,
    "ca certificate": LOCAL,
    "ca revoke": ("ca.certificate.revoke",),
    "ca lint": LOCAL,
    "ca profile list": LOCAL,
    "ca profile activate": ("ca.profile.activate",),
    "ca reconcile": ("ca.certificate.presume",),
    "ca crl publish": ("ca.crl.reserve", "ca.crl.publish", "ca.crl.refuse", "core.keys.open"),
    "ca crl list": LOCAL,
    "ca crl show": PUBLIC,
    "ca crl check": PUBLIC,
    "ca crl import": ("ca.crl.import",),
    "ca rollover": ("ca.authority.create", "ca.authority.link", "ca.authority.rollover", "ca.subordinate.request"),
    "ca cross request": ("ca.cross.request",),
    "ca cross list": LOCAL,
    "ca cross install": ("ca.cross.install",),
    "ca import": ("ca.authority.import", "ca.certificate.import", "ca.crl.publish"),
    "ca subordinate request": ("ca.subordinate.request",),
    "ca subordinate list": LOCAL,
    "ca subordinate review": LOCAL,
    "ca subordinate sign": ("ca.subordinate.sign",),
    "ca subordinate install": ("ca.subordinate.install",),
    "ca custody show": LOCAL,
    "ca custody check": "compares one share with its digest; nothing opens",
    "ca custody combine": ("core.custody.open",),
    "ca custody renew": ("core.custody.renew",),
    "ca custody confirm": ("core.custody.confirm",),
    "ca maintain": ("ca.crl.publish", "ca.certificate.issue", "ca.service.refuse"),
    "ca service-certificates list": LOCAL,
    "ca service-certificates approve": ("ca.certificate.issue",),
    "ca kmc found": ("core.keys.open",),
    "ca kmc link": ("ca.certificate.issue",),
    "ca kmc retire": ("kmc.key.revoke",),
    "ca kmc generate": ("kmc.key.generate",),
    "ca kmc pools": LOCAL,
    "ca kmc keys": LOCAL,
    "ca kmc due": LOCAL,
    "ca kmc destroy": ("kmc.session.open", "kmc.destruction.order", "kmc.destruction.confirm"),
    "ca kmc recover request": ("kmc.session.open", "kmc.recovery.request"),
    "ca kmc recover approve": ("kmc.session.open", "kmc.recovery.approve"),
    "ca kmc recover reject": ("kmc.session.open", "kmc.recovery.reject"),
    "ca kmc recover deliver": ("kmc.session.open", "kmc.recovery.deliver"),
    "ca kmc recover show": LOCAL,
    "ca kmc envelope inspect": PUBLIC,
    "ca attribute authority": ("ca.authority.create",),
    "ca attribute apply": (SIGN_IN, "ra.attribute.enter"),
    "ca attribute requests": (SIGN_IN, "ra.attribute.list"),
    "ca attribute approve": (SIGN_IN, "ra.attribute.approve"),
    "ca attribute reject": (SIGN_IN, "ra.attribute.reject"),
    "ca attribute withdraw": (SIGN_IN, "ra.attribute.withdraw"),
    "ca attribute issue": (SIGN_IN, "ra.attribute.issue", "ca.attribute.intend", "ca.attribute.issue"),
    "ca attribute list": LOCAL,
    "ca attribute show": LOCAL,
    "ca attribute hold": (SIGN_IN, "ca.attribute.hold"),
    "ca attribute resume": (SIGN_IN, "ca.attribute.resume"),
    "ca attribute revoke": (SIGN_IN, "ca.attribute.revoke"),
    "ca attribute check": PUBLIC,
    "ca ceremony plan": "a dry run: nothing is kept",
    "ca ceremony run": ("ca.ceremony.hold",),
    "ca ceremony sign": ("ca.ceremony.sign",),
    "ca ceremony verify": PUBLIC,
    "ra apply": (SIGN_IN, "ra.request.enter"),
    "ra amend": (SIGN_IN, "ra.request.amend"),
    "ra list": (SIGN_IN, "ra.request.list"),
    "ra show": (SIGN_IN, "ra.request.view"),
    "ra approve": (SIGN_IN, "ra.request.approve"),
    "ra reject": (SIGN_IN, "ra.request.reject"),
    "ra withdraw": (SIGN_IN, "ra.request.withdraw"),
    "ra issue": (SIGN_IN, "ra.request.issue", "ca.certificate.issue", "ca.certificate.refuse"),
    "ra deliver": (SIGN_IN, "ra.request.deliver"),
    "ra revoke": (SIGN_IN, "ra.certificate.revoke", "ca.certificate.revoke"),
    "ra hold": (SIGN_IN, "ra.certificate.hold"),
    "ra resume": (SIGN_IN, "ra.certificate.resume"),
    "ra renew": (SIGN_IN, "ra.request.enter"),
    "ra rekey": (SIGN_IN, "ra.request.enter"),
    "ra change": (SIGN_IN, "ra.request.enter"),
    "ra revoke-batch": (SIGN_IN, "ra.revocations.enter"),
    "ra batch list": "names orders, and nobody in them; refusals are acts",
    "ra batch show": (SIGN_IN, "ra.revocations.view"),
    "ra batch approve": (SIGN_IN, "ra.revocations.approve", "ca.certificate.revoke"),
    "ra batch reject": (SIGN_IN, "ra.revocations.reject"),
    "ra batch withdraw": (SIGN_IN, "ra.revocations.withdraw"),
    "ra expiring": (SIGN_IN, "ra.certificate.list"),
    "ra notify": ("ra.notice.send",),
    "ra receipt": (SIGN_IN, "ra.request.view"),
    "ra sign-request": AWAY,
    "ra search": (SIGN_IN, "ra.certificate.search"),
    "ra statistics": NUMBERS,
    "ra reindex": ("ra.reindex",),
    "ra template": AWAY,
    "ra import": (SIGN_IN, "ra.request.enter"),
    "ra export": (SIGN_IN, "ra.request.list", "ra.certificate.list"),
    "ra operator add": (SIGN_IN, "ra.operator.appoint"),
    "ra operator renew": (SIGN_IN, "ra.operator.renew"),
    "ra operator found": ("ra.operator.found",),
    "ra operator list": "names operators, who are known to each other",
    "ra operator change": (SIGN_IN, "ra.operator.change"),
    "ra operator suspend": (SIGN_IN, "ra.operator.suspend"),
    "ra operator reinstate": (SIGN_IN, "ra.operator.reinstate"),
    "ra operator remove": (SIGN_IN, "ra.operator.remove"),
    "ra branch add": (SIGN_IN, "ra.branch.establish"),
    "ra branch list": "names branches",
    "ra key new": AWAY,
    "ra key pkcs12": AWAY,
    "ra key open": AWAY,
    "keys list": LOCAL,
    "keys test": ("core.keys.open",),
    "keys make": ("keys.make",),
    "keys adopt": ("keys.adopt",),
    "keys request": ("core.keys.open",),
    "keys token": LOCAL,
    "ocsp check": PUBLIC,
    "ocsp respond": ("core.keys.open",),
    "tsa stamp": "asks an authority, which enters what it gives",
    "tsa verify": PUBLIC,
    "tsa query": AWAY,
    "tsa respond": ("tsa.tokens.give",),
    "tsa archive": "asks an authority, which enters what it gives",
    "tsa check": PUBLIC,
    "tsa renew": "asks an authority, which enters what it gives",
    "audit list": "names acts; no identity number is in them",
    "audit show": "names an act; no identity number is in it",
    "audit checkpoint": ("core.keys.open",),
    "audit run": ("service.start", "service.stop", "audit.configuration"),
    "audit export": ("audit.export",),
    "audit prove": "gives one entry, in which no identity number is",
    "audit verify": PUBLIC,
    "audit rotate": ("audit.key.rotate", "audit.key.replace"),
    "audit report": ("audit.export",),
    "seals list": LOCAL,
    "seals stamp": ("seals.document.seal",),
    "seals verify": PUBLIC,
    "seals bundle": ("seals.bundle.make",),
    "seals code new": ("seals.document.seal",),
    "seals code verify": PUBLIC,
    "seals verify-code": PUBLIC,
    "seals register apply": (SIGN_IN, "seals.seal.apply"),
    "seals register change": (SIGN_IN, "seals.seal.change"),
    "seals register show": LOCAL,
    "seals register print": LOCAL,
    "seals register list": LOCAL,
    "seals register search": LOCAL,
    "seals register make": (SIGN_IN, "seals.seal.make"),
    "seals register approve": (SIGN_IN, "seals.seal.approve"),
    "seals register reject": (SIGN_IN, "seals.seal.reject"),
    "seals register activate": (SIGN_IN, "seals.seal.activate"),
    "seals register freeze": (SIGN_IN, "seals.seal.freeze"),
    "seals register resume": (SIGN_IN, "seals.seal.resume"),
    "seals register hand-in": (SIGN_IN, "seals.seal.hand-in"),
    "seals register destroy": (SIGN_IN, "seals.seal.destroy"),
    "seals permit": (SIGN_IN, "seals.use.permit"),
    "seals permits list": "names documents by their digests; refusals are acts",
    "seals permits withdraw": (SIGN_IN, "seals.use.withdraw"),
    "seals uses": (SIGN_IN, "seals.use.view"),
    "seals inspect": PUBLIC,
    "seals draw": AWAY,
    "seals clean": AWAY,
    "seals api-key new": (SIGN_IN, "seals.api-key.make"),
    "seals api-key list": LOCAL,
    "seals api-key rotate": (SIGN_IN, "seals.api-key.rotate"),
    "seals api-key withdraw": (SIGN_IN, "seals.api-key.withdraw"),
    "seals receipt sign": AWAY,
    "seals receipt verify": PUBLIC,
    "seals receipt summary": PUBLIC,
    "seals stamp-folder": ("seals.document.seal",),
    "seals batch submit": ("seals.batch.open", "seals.batch.start"),
    "seals batch list": OWN,
    "seals batch status": OWN,
    "seals batch fetch": OWN,
    "seals batch cancel": ("seals.batch.cancel",),
    "seals webhook key": PUBLIC,
    "seals webhook verify": PUBLIC,
}
OPERATIONS: dict[str, tuple[str, ...] | str] = {
    "ra list_of_requests": ("ra.request.list",),
    "ra enter_request": ("ra.request.enter",),
    "ra next_statements": "tells whose turn it is; nothing of the holder",
    "ra issue_requests": ("ra.request.issue", "ca.certificate.intend", "ca.certificate.issue", "ca.certificate.refuse"),
    "ra show_request": ("ra.request.view",),
    "ra amend_request": ("ra.request.amend",),
    "ra decide_request": ("ra.request.approve", "ra.request.reject", "ra.request.withdraw"),
    "ra deliver_request": ("ra.request.deliver",),
    "ra list_certificates": ("ra.certificate.list",),
    "ra search_certificates": ("ra.certificate.search",),
    "ra next_order": "tells the place of the next order about a certificate; refusals are acts",
    "ra order": ("ra.certificate.revoke", "ra.certificate.hold", "ra.certificate.resume"),
    "ra authority_chain": PUBLIC,
    "ra list_of_expiring": ("ra.certificate.list",),
    "ra list_revocations": "names orders, and nobody in them; refusals are acts",
    "ra draw_up_revocations": ("ra.request.list", "ra.certificate.search"),
    "ra enter_revocations": ("ra.revocations.enter",),
    "ra show_revocations": ("ra.revocations.view",),
    "ra decide_revocations": ("ra.revocations.approve", "ra.revocations.reject", "ra.revocations.withdraw"),
    "ra office": OWN,
    "ra list_people": "names operators, who are known to each other",
    "ra show_person": "names an operator, who is known to the others",
    "ra appoint_person": ("ra.operator.appoint", "ra.operator.renew"),
    "ra decide_person": ("ra.operator.change", "ra.operator.suspend", "ra.operator.reinstate", "ra.operator.remove"),
    "ra list_branches": "names branches",
    "ra establish_branch": ("ra.branch.establish",),
    "ra examine_list": "reads what was handed in; refusals are acts",
    "ra get_statistics": NUMBERS,
    "seals list_seals": OWN,
    "seals show_seal": OWN,
    "seals list_uses_of_seal": OWN,
    "seals stamp": ("seals.document.seal",),
    "seals verify": PUBLIC,
    "seals webhook_key": PUBLIC,
    "seals sign_digest": ("seals.digest.sign", "seals.document.seal"),
    "seals stamp_digest": "asks the time-stamping authority, which enters what it gives",
    "seals finish_digest": ("seals.digest.finish",),
    "seals open_batch": ("seals.batch.open",),
    "seals add_document": "kept until the batch is started, which is an act; sealing it is another",
    "seals start_batch": ("seals.batch.start", "seals.batch.fail"),
    "seals cancel_batch": ("seals.batch.cancel",),
    "seals list_batches": OWN,
    "seals show_batch": OWN,
    "seals list_documents": OWN,
    "seals fetch_document": OWN,
    "register who_am_i": OWN,
    "register list_register": "names seals to people with seals; that they came is counted",
    "register show_dossier": "tells of a seal to people with seals; that they came is counted",
    "register show_picture": "shows a seal's picture to people with seals; that they came is counted",
    "register apply": ("seals.seal.apply", "seals.seal.change"),
    "register decide": ("seals.seal.approve", "seals.seal.reject", "seals.use.permit", "seals.use.withdraw"),
}
SERVICES = {
    *("service.start", "service.stop", "service.certificate.ask", "service.certificate.install"),
    *("ocsp.answers.sign", "tsa.tokens.give", "kmc.key.allot", "kmc.key.enclose", "kmc.line.answer.refused"),
    *("ra.api.admit", "seals.api.admit", "seal-register.api.admit", "core.keys.open", "core.custody.open"),
    *("ra.statement.submit", "seals.statement.submit", "audit.log.begin"),
}
"""Acts of services by themselves, and whoever asks them."""
BY_PATTERN = re.compile(
    r"kmc\.(key|recovery|destruction|officer)\.|ra\.(request|certificate|attribute|operator|revocations)\."
    r"|ca\.(certificate|attribute)\.|seals\.(seal|use)\.|service\.certificate\.|(ra|seals|seal-register)\.api\."
)
"""Where the last word is that of the statement, or of the move."""


@cache
def written() -> frozenset[str]:
    """Every text in the sources that could be an act."""
    sources = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    nodes = (node for path in sources for node in ast.walk(ast.parse(path.read_text())))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return frozenset(text for text in texts if re.fullmatch(r"[a-z]+(\.[a-z-]+){1,3}", text))


def named() -> set[str]:
    told = [acts for acts in (*COMMANDS.values(), *OPERATIONS.values()) if isinstance(acts, tuple)]
    return SERVICES.union(*told)


def test_every_command_leaves_an_act_or_it_is_said_why_not() -> None:
    assert set(COMMANDS) == {" ".join(path) for path in LEAVES}


def test_every_operation_leaves_an_act_or_it_is_said_why_not(seeded_home: Path) -> None:
    found = {f"ra {one.name}": one for one in ra.http.OPERATIONS}
    found |= {f"seals {one.name}": one for one in seals.http.operations(Home(seeded_home))}
    found |= {f"register {one.name}": one for one in register.operations}
    assert set(OPERATIONS) == set(found)
    silent = {name for name, one in found.items() if one.writes and isinstance(OPERATIONS[name], str)}
    assert silent == {"seals add_document", "seals stamp_digest"}


def test_what_is_said_to_be_left_is_written_somewhere() -> None:
    assert {act for act in named() if not BY_PATTERN.match(act)} <= written()


def test_what_is_written_is_said_of_something() -> None:
    """The acts of all `Event(...)` in the sources: those that are texts, and how the others begin."""
    acts, beginnings = set(), set()
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event"):
                continue
            act = node.args[0] if node.args else None
            if isinstance(act, ast.Constant):
                acts.add(act.value)
            elif isinstance(act, ast.JoinedStr) and isinstance(act.values[0], ast.Constant):
                beginnings.add(str(act.values[0].value))
    assert len(acts) > 30 and acts <= named()
    for beginning in beginnings:
        assert any(act.startswith(beginning) for act in named()), beginning
