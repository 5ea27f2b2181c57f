"""`make fuzz`: each parser is handed wrong input for a while, led by what the input reaches (atheris, libFuzzer).

`python -m tests.fuzz.campaign --seconds 60 "OCSP request"`. Each target works in a child of a process in which all code
was instrumented once. What is neither taken nor refused in words, or takes seconds, is a finding: kept with its octets.
"""

import argparse
import gc
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import atheris

INSTRUMENTED = ["core", "ca", "ra", "ocsp", "tsa", "seals", "audit", "asn1crypto", "http_sf", "http_message_signatures"]
SLOW_SECONDS = 5.0
"""Of the processor's time."""

with atheris.instrument_imports(include=INSTRUMENTED):
    from core.home import Home
    from tests.fuzz.mutations import mutated
    from tests.fuzz.targets import Target, targets
    from yinxin.demo.seeding import seed_home


class Judge:
    """Hands octets to one parser, counts them, keeps what it stumbles over: once for each place in the code."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder, self.count = target, folder, 0
        self.known: set[str] = set()

    def __call__(self, octets: bytes) -> None:
        self.count += 1
        if self.count % 100 == 0:
            (self.folder / "count").write_text(str(self.count))
        began = time.process_time()
        try:
            self.target(octets)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            frames = traceback.extract_tb(error.__traceback__)
            place = f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
            self._keep(place, octets, traceback.format_exc())
        if (spent := time.process_time() - began) > SLOW_SECONDS:
            self._keep("slow", octets, f"{spent:.1f} s")

    def _keep(self, place: str, octets: bytes, words: str) -> None:
        if place not in self.known:
            self.known.add(place)
            name = sha256(octets).hexdigest()[:16]
            (self.folder / f"{name}.octets").write_bytes(octets)
            (self.folder / f"{name}.json").write_text(json.dumps({"place": place, "words": words}))


def fuzz(target: Target, folder: Path, seconds: int) -> None:
    """In this process, which ends with it."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for place, sample in enumerate(target.samples):
        (corpus / str(place)).write_bytes(sample)
    luck = random.Random()

    def mutator(octets: bytes, most: int, seed: int) -> bytes:
        luck.seed(seed)
        if luck.random() < 0.5:
            return bytes(atheris.Mutate(octets, most))
        return mutated(octets, target.samples, luck)[:most]

    options = [f"-max_total_time={seconds}", "-timeout=120", "-rss_limit_mb=6000", "-max_len=200000", "-verbosity=0"]
    atheris.Setup(["fuzz", str(corpus), *options], Judge(target, folder), custom_mutator=mutator)
    atheris.Fuzz()


def in_a_child(work: Callable[[], None]) -> int:
    """Its exit code; what it prints is not for people."""
    gc.freeze()
    child = os.fork()
    if child == 0:
        os.nice(19)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="which; else all")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("YINXIN_FUZZ_SECONDS", "60")))
    parser.add_argument("--out", type=Path, help="where findings are kept")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="yinxin-fuzz-"))
    with tempfile.TemporaryDirectory(prefix="yinxin-fuzz-home-") as scratch:
        seed_home(Path(scratch) / "home", lambda _step: None).storage.close()
        home = Home(Path(scratch) / "home")
        table = targets(home)
        home.storage.close()
        found = 0
        if unknown := set(options.targets) - set(table):
            print(f"no such target: {', '.join(unknown)}; there are: {', '.join(table)}", file=sys.stderr)
            return 2
        for name in options.targets or table:
            folder = out / "".join(one if one.isalnum() else "-" for one in name)
            code = in_a_child(lambda name=name, folder=folder: fuzz(table[name], folder, options.seconds))  # type: ignore[misc]
            count = folder / "count"
            kept = [json.loads(one.read_text()) for one in sorted(folder.glob("*.json"))]
            found += len(kept) + (code != 0)
            print(
                f"| {name} | {int(count.read_text()) if count.exists() else 0:,} | {len(kept)} | {code} |", flush=True
            )
            for one in kept:
                print(f"  {one['place']}", flush=True)
    print(f"{found} findings; they are in {out}")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
