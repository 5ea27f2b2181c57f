"""`kill -9` at every seam of the issue of double certificates: both or none, and the same key when tried again."""

import multiprocessing
import signal
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from ca.kmc import records as kmc_records
from ca.reconciliation import reconcile
from ca.records import certificates, pairs
from ca.register import Filter, page
from ca.state import State
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.private_key import Sm2Key, generate
from core.storage import Storage
from tests.support import pair_issuer
from tests.support.ca import make_subject
from tests.support.double import double_centre
from tests.support.pair_issuer import Seam

INTENTS = {Seam.ALLOTTED: 0, Seam.RECORDED: 0} | dict.fromkeys(
    (Seam.INTENDED, Seam.FIRST_SIGNED, Seam.BOTH_SIGNED, Seam.RECORDING), 2
)


def test_killed_at_every_seam(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'yinxin.db'}"
    storage = Storage(url)
    storage.migrate()
    context = Context(storage, FixedClock(datetime.now(UTC)))
    double = double_centre(context, tmp_path)
    issuing = double.centre.keys.made["sm2-issuing"]
    assert isinstance(issuing, Sm2Key)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.support.pair_issuer"])
    for seam in Seam:
        holder = generate(KeyKind.SM2)
        arguments = (url, tmp_path, issuing.pkcs8(), holder.pkcs8(), seam)
        process = processes.Process(target=pair_issuer.run, args=arguments)
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, seam
        with storage.reading() as connection:
            of_request = certificates.c.approval_reference == seam.name
            finished = [
                row is not None for row in connection.scalars(sa.select(certificates.c.certificate).where(of_request))
            ]
            linked = connection.scalar(
                sa.select(sa.func.count()).select_from(pairs).where(pairs.c.key_reference.startswith(seam.name))
            )
            (key,) = connection.scalars(
                sa.select(kmc_records.keys.c.public_key_info)
                .join(kmc_records.allotments, kmc_records.allotments.c.key_id == kmc_records.keys.c.id)
                .where(kmc_records.allotments.c.reference.startswith(seam.name))
            )
        done = seam is Seam.RECORDED
        assert (set(finished) == {True}, linked) == (done, int(done)), seam
        assert len(finished) == (2 if done else INTENTS[seam]), seam
        assert len(reconcile(context)) == INTENTS[seam], seam
        request = double.centre.request(reference=seam.name, key=holder, subject=make_subject("staff"))
        try:
            (issued,) = double.centre.ca.issue([request], actor="operator")
        except YinxinError as error:
            assert (done, error.kind) == (True, Kind.CONFLICT), seam
            continue
        assert not done
        assert issued.encryption
        assert key in issued.encryption.certificate
        states = [one.state for one in page(storage, Filter(approval_reference=seam.name))]
        assert states == [State.PRESUMED] * INTENTS[seam] + [State.VALID] * 2, seam
    storage.close()
