"""`/metrics`: what became of requests, how many wait, how many tokens a group has; summed over the processes."""

import os
import re

from core.algorithms import SHA256
from core.context import Context
from core.errors import Kind, YinxinError
from tests.support.tsa import Stamps
from tests.support.tsa_server import Server, served
from tsa.authority import TimeStampAuthority
from tsa.counters import Count, Counters
from tsa.request import MessageImprint, TimeStampRequest

IMPRINT = MessageImprint.of(SHA256, SHA256.of(b"document"))
REQUEST = TimeStampRequest(IMPRINT, nonce=7).encode()


class Watch:
    """Agrees until it is told not to."""

    agrees = True

    def require_agreement(self) -> None:
        if not self.agrees:
            raise YinxinError(Kind.UNAVAILABLE, "no")


def told(server: Server) -> dict[str, int]:
    answer = server.ask("GET", "/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
    lines = [line for line in answer.data.decode().splitlines() if not line.startswith("#")]
    values = {name: int(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
    assert all(re.fullmatch(r'yinxin_tsa_\w+(\{\w+="[\w+]+"\})?', name) for name in values)
    return {name.removeprefix("yinxin_tsa_"): value for name, value in values.items()}


def test_every_outcome_is_counted(context: Context, stamps: Stamps) -> None:
    counters, watch = Counters(), Watch()
    authority = TimeStampAuthority(context, stamps.units, watch=watch, when_recorded=counters.add_group)
    with served(authority, counters=counters) as server:
        for path in ("/tsa", "/tsa/p256", "/tsa/rsa"):
            server.post(path, REQUEST)
        server.post("/tsa", b"damaged")
        server.post("/tsa", TimeStampRequest(IMPRINT, "1.2.3.4").encode())
        watch.agrees = False
        server.post("/tsa", REQUEST)
        watch.agrees = True
        with context.storage.transaction() as connection:
            connection.exec_driver_sql("DROP TABLE tsa_tokens")
        server.post("/tsa/p256", REQUEST)
        server.ask("GET", "/healthz")
        server.ask("GET", "/tsa")
        values = told(server)
    counts = {
        name: values[f'requests_total{{outcome="{name}"}}'] for name in ("granted", "refused", "no_time", "failed")
    }
    assert counts == {"granted": 3, "refused": 2, "no_time": 1, "failed": 1}
    assert values["waiting"] == 0
    assert values["group_tokens_sum"] == values["group_tokens_count"] == 3
    assert values['group_tokens_bucket{le="1"}'] == values['group_tokens_bucket{le="+Inf"}'] == 3


def test_who_is_sent_away_is_counted(context: Context, stamps: Stamps) -> None:
    with served(TimeStampAuthority(context, stamps.units), waiting=0, counters=Counters()) as server:
        server.post("/tsa", REQUEST)
        values = told(server)
    assert values['requests_total{outcome="busy"}'] == 1
    assert values["waiting"] == 0


def test_groups_by_their_size_in_all_processes() -> None:
    counters = Counters(2)
    child = os.fork()
    if not child:
        counters.use_row(1)
        counters.add_group(5)
        counters.add(Count.COME)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    for size in (1, 4, 100):
        counters.add_group(size)
    lines = dict(line.rsplit(" ", 1) for line in counters.exposition().splitlines() if not line.startswith("#"))
    buckets = [lines[f'yinxin_tsa_group_tokens_bucket{{le="{limit}"}}'] for limit in ("1", "4", "16", "64", "+Inf")]
    assert buckets == ["1", "2", "3", "3", "4"]
    assert lines["yinxin_tsa_group_tokens_sum"] == "110"
    assert lines["yinxin_tsa_waiting"] == "1"
