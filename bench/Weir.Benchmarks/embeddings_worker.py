"""A worker of `./weir bench embeddings-shared`: does its part when told to, says so, and stays until its input ends.

idle: a Python that waits.  base: what every worker has without embeddings: its texts, and a connection over which it talks to its provider.  own: a copy of the model and a cache, and the provider asked directly.  weir: all over one Weir.
"""

import sys


def texts_of(count: int, seed: int) -> list:
    words = ["river", "dam", "gate", "level", "water", "flow", "pump", "sluice", "flood", "meter", "stone", "bank", "fish", "ladder", "season", "rain"]
    state = seed
    texts = []
    for number in range(count):
        chosen = []
        for _ in range(12):
            state = (state * 1103515245 + 12345) % 2147483648
            chosen.append(words[(state >> 16) % len(words)])
        texts.append(f"{number} " + " ".join(chosen))
    return texts


class Idle:
    def embed(self, texts: list) -> None:
        pass

    def ask(self, texts: list) -> None:
        pass


class Base:
    def __init__(self, provider: str):
        import http.client
        import json

        self.json = json
        host, _, port = provider.rpartition(":")
        self.provider = http.client.HTTPConnection(host, int(port))

    def embed(self, texts: list) -> None:
        self.texts = texts

    def ask(self, texts: list) -> None:
        for _ in texts:
            self.provider.request("POST", "/v1/nothing", self.json.dumps({"input": texts}), {"content-type": "application/json"})
            self.provider.getresponse().read()


class Own:
    """The model's table in this process's memory, read as its libraries read it; vectors kept in a dictionary."""

    def __init__(self, folder: str, provider: str):
        import array
        import http.client
        import json
        import os

        self.json = json
        with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
            self.tokens = json.load(file)["model"]["vocab"]
        with open(os.path.join(folder, "model.safetensors"), "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))["embeddings"]
            self.dimensions = header["shape"][1]
            self.table = array.array("f")
            self.table.fromfile(file, header["shape"][0] * self.dimensions)
        host, _, port = provider.rpartition(":")
        self.provider = http.client.HTTPConnection(host, int(port))
        self.cache: dict = {}

    def embed(self, texts: list) -> None:
        for text in texts:
            if text in self.cache:
                continue
            rows = [self.tokens[token] for word in text.split() for token in ([word] if word in self.tokens else [c for c in word if c in self.tokens])]
            sums = [0.0] * self.dimensions
            for row in rows:
                start = row * self.dimensions
                sums = [a + b for a, b in zip(sums, self.table[start : start + self.dimensions])]
            length = sum(x * x for x in sums) ** 0.5 or 1.0
            self.cache[text] = [x / length for x in sums]

    def ask(self, texts: list) -> None:
        for text in texts:
            if text in self.cache:
                continue
            self.provider.request("POST", "/v1/embeddings", self.json.dumps({"model": "counted", "input": [text]}), {"content-type": "application/json"})
            self.cache[text] = self.json.loads(self.provider.getresponse().read())["data"][0]["embedding"]


class OverWeir:
    def __init__(self, url: str, client: str):
        sys.path.insert(0, client)
        import weir

        self.weir = weir.Weir(url)

    def embed(self, texts: list) -> None:
        for text in texts:
            assert len(self.weir.get_embedding(text, "static")) == 256

    def ask(self, texts: list) -> None:
        for text in texts:
            assert self.weir.get_embedding(text, "counted")


def main(mode: str, local: int, asked: int, *places: str) -> None:
    worker = {"idle": Idle, "base": Base, "own": Own, "weir": OverWeir}[mode](*places)
    print("started", flush=True)
    sys.stdin.readline()
    for _ in range(2):  # The second time, all of it is known.
        worker.embed(texts_of(local, 1))
        worker.ask(texts_of(asked, 2))
    print("done", flush=True)
    sys.stdin.readline()


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
