"""25 worker processes that embed the same texts, search the same documents and look for tools, all over one Weir.

    python3 examples/knowledge/workers.py [--workers 25] [--rounds 2] [--url http://127.0.0.1:7800]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))
from weir import Weir  # noqa: E402

TOPICS = ["a retry under a budget", "the idle timeout of a stream", "rotating a provider key", "a disk that fills up", "vectors of one model", "a queue with priorities"]
TEXTS = [f"{topic}, case {number}" for number in range(50) for topic in TOPICS]
QUESTIONS = ["what survives a SIGKILL", "how are tools found", "which chunks does a search return", "what does the cache hold"]


def work(url: str, rounds: int) -> None:
    """What one worker does: it is told to begin, and says how many vectors it had and what it found."""
    weir = Weir(url)
    sys.stdin.readline()
    vectors = hits = 0
    for _ in range(rounds):
        vectors += len(weir.get_embeddings(TEXTS))
        for question in QUESTIONS:
            hits += len(weir.search("docs", question, top_k=3))
        hits += len(weir.search_tools("tools", "add two numbers", top_k=1))
    print(vectors, hits, resident(), flush=True)
    sys.stdin.readline()


def resident() -> float:
    """Proportional memory of this process in MB, each shared page divided by who has it; 0 where the system does not say."""
    try:
        with open("/proc/self/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Many workers over one Weir.")
    parser.add_argument("--url", default=os.environ.get("WEIR_URL") or "http://127.0.0.1:7800")
    parser.add_argument("--workers", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.url, given.rounds)
        return 0

    before = Weir(given.url).stats()
    command = [sys.executable, os.path.abspath(__file__), "--work", "--url", given.url, "--rounds", str(given.rounds)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(given.workers)]
    began = time.monotonic()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.stdout.readline().split() for worker in workers]
    seconds = time.monotonic() - began
    for worker in workers:
        worker.stdin.close()
        worker.wait()
        worker.stdout.close()
    if any(len(words) != 3 for words in said):
        print("A worker failed; what it said stands above.", file=sys.stderr)
        return 1

    after = Weir(given.url).stats()
    vectors = sum(int(words[0]) for words in said)
    made = after["misses"] - before["misses"]
    print(f"{given.workers} workers had {vectors:,} vectors and {sum(int(words[1]) for words in said):,} hits in {seconds:.1f} s")
    print(f"Weir computed {made:,} of them: {len(TEXTS):,} texts and {len(QUESTIONS) + 1} questions are all there is to know")
    print(f"a worker holds {sum(float(words[2]) for words in said) / len(said):.1f} MB, none of it a model, an index or a cache")
    return 0


if __name__ == "__main__":
    sys.exit(main())
