"""Tests of weir.py against a server of their own; with WEIR_LIVE_URL also against a running Weir, with WEIR_LEASES_URL against one that has three rag. Run: python3 -m unittest discover -s clients/python"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import unittest
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import weir
from weir import DesktopResource, Environment, HashingModel, RagEnvironment, RagResource, Resource, Weir, WeirError

Answer = Tuple[int, Any, Dict[str, str]]


class Server(ThreadingHTTPServer):
    """Answers as a test says: by default, embeddings of [length, 1] of each text."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, revision: str = "r1", tells: bool = True):
        self.connections, self.requests = 0, []  # type: int, List[Tuple[str, str, Dict[str, str], Any]]
        self.answers: List[Answer] = []
        self.revision, self.tells = revision, tells
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()

    def answer(self, path: str, body: Any) -> Answer:
        with self.lock:
            if self.answers:
                return self.answers.pop(0)
        if path.endswith("/embeddings/explain"):
            return 200, {"revision": self.revision}, {}
        if path.endswith("/embeddings"):
            vectors = [struct.pack("<2f", len(text), 1.0) for text in body["input"]]
            data = [{"index": i, "embedding": base64.b64encode(vector).decode()} for i, vector in enumerate(vectors)]
            return 200, {"data": list(reversed(data)), "model": "m"}, {"x-weir-embedding-revision": self.revision} if self.tells else {}
        return 200, {"results": [{"name": "x"}], "data": [], "documents": 1, "chunks": 2, "unchanged": 0, "failed": []}, {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        with self.server.lock:
            self.server.connections += 1
        super().setup()

    def handle_any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        content = self.rfile.read(length) if length else b""
        body = json.loads(content) if content else None
        with self.server.lock:
            self.server.requests.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, answer, headers = self.server.answer(self.path, body)
        data = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        if headers.get("connection") == "drop":
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, *_: Any) -> None:
        pass


class ServerCase(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.weir = Weir(self.server.url)
        self.addCleanup(self.weir.close)

    def then(self, status: int, answer: Any = None, **headers: str) -> None:
        self.server.answers.append((status, answer, {name.replace("_", "-"): value for name, value in headers.items()}))

    def failure(self, ask: Callable[[], Any]) -> WeirError:
        with self.assertRaises(WeirError) as caught:
            ask()
        return caught.exception


class Embeddings(ServerCase):
    def test_order_is_kept_and_duplicates_are_asked_once(self) -> None:
        vectors = self.weir.get_embeddings(["aaa", "b", "aaa"], model="m", dimensions=2)

        self.assertEqual(vectors, [[3.0, 1.0], [1.0, 1.0], [3.0, 1.0]])
        self.assertEqual(self.server.requests[0][3], {"model": "m", "input": ["aaa", "b"], "encoding_format": "base64", "dimensions": 2})

    def test_numbers_are_read_too(self) -> None:
        self.then(200, {"data": [{"index": 0, "embedding": [0.5, -1]}]})
        self.assertEqual(self.weir.get_embedding("a"), [0.5, -1])

    def test_nothing_asks_nothing(self) -> None:
        self.assertEqual(self.weir.get_embeddings([]), [])
        self.assertEqual(self.server.requests, [])

    def test_many_texts_are_sent_in_parts(self) -> None:
        vectors = self.weir.get_embeddings("x" * (i + 1) for i in range(3000))

        self.assertEqual([vector[0] for vector in vectors], [i + 1 for i in range(3000)])
        self.assertGreater(len(self.server.requests), 2)

    def test_an_answer_with_too_few_is_refused(self) -> None:
        self.then(200, {"data": []})
        self.assertEqual(self.failure(lambda: self.weir.get_embedding("a")).code, "invalid_answer")

    def test_cache_keeps_the_last_used(self) -> None:
        client = Weir(self.server.url, cache=2)
        self.addCleanup(client.close)
        for text in ("a", "b", "a", "c", "a", "b"):
            client.get_embedding(text)
        self.assertEqual([request[3]["input"] for request in self.server.requests], [["a"], ["b"], ["c"], ["b"]])

    def test_vectors_of_two_revisions_are_not_mixed_in_one_answer(self) -> None:
        client = Weir(self.server.url, cache=10)
        self.addCleanup(client.close)
        client.get_embeddings(["a", "b"])
        self.assertEqual(client.revision(), "r1")
        self.server.revision = "r2"
        client.get_embeddings(["a", "ccc"])  # a is of r1: all of them are asked again
        client.get_embeddings(["a"])
        self.assertEqual([request[3]["input"] for request in self.server.requests], [["a", "b"], ["ccc"], ["a", "ccc"]])
        self.assertEqual(client.revision(), "r2")

    def test_a_model_that_is_swapped_all_the_time_is_refused(self) -> None:
        for i in range(6):
            self.then(200, {"data": [{"index": 0, "embedding": [1.0]}]}, x_weir_embedding_revision=f"r{i}")
        weir_most, weir._MOST_TEXTS = weir._MOST_TEXTS, 1
        self.addCleanup(setattr, weir, "_MOST_TEXTS", weir_most)
        self.assertEqual(self.failure(lambda: self.weir.get_embeddings(["a", "b"])).code, "revision_mismatch")

    def test_a_swap_between_two_requests_of_one_call_asks_again(self) -> None:
        for revision in ("r1", "r2", "r2", "r2"):
            self.then(200, {"data": [{"index": 0, "embedding": [float(revision[1])]}]}, x_weir_embedding_revision=revision)
        weir_most, weir._MOST_TEXTS = weir._MOST_TEXTS, 1
        self.addCleanup(setattr, weir, "_MOST_TEXTS", weir_most)
        self.assertEqual(self.weir.get_embeddings(["a", "b"]), [[2.0], [2.0]])

    def test_preload_takes_texts_tools_and_catalogs(self) -> None:
        self.assertEqual(self.weir.preload_common_tools(["read a file", {"name": "ls", "description": "List files"}]), 2)
        self.assertEqual(self.server.requests[-1][3]["input"], ["read a file", "ls: List files"])
        self.then(200, {"data": [{"name": "a", "description": "b"}], "has_more": True, "after": "a"})
        self.then(200, {"data": [{"name": "c"}], "has_more": False})
        self.assertEqual(self.weir.preload_common_tools("my tools"), 2)
        self.assertEqual(self.server.requests[-1][3]["input"], ["a: b", "c"])
        self.assertEqual([request[1] for request in self.server.requests[1:3]], ["/v1/catalogs/my%20tools/tools", "/v1/catalogs/my%20tools/tools?after=a"])


class Retrieval(ServerCase):
    def test_paths_and_bodies_are_as_documented(self) -> None:
        self.weir.create_collection("hand book", embedding_model="default")
        self.weir.search("c", "q", top_k=3, mode="sparse", filter={"year": {"$gte": 2020}}, min_score=0.1)
        self.weir.delete_document("c", "a/b")
        self.weir.delete_collection("c")
        self.weir.put_tools("t", [{"name": "x", "description": "y"}])
        self.weir.search_tools("t", "rain", category="web")
        self.weir.similar_tools("t", "a b", same_category=False)

        self.assertEqual([(method, path, body) for method, path, _, body in self.server.requests], [
            ("PUT", "/v1/collections/hand%20book", {"embedding_model": "default"}),
            ("POST", "/v1/collections/c/search", {"query": "q", "top_k": 3, "mode": "sparse", "filter": {"year": {"$gte": 2020}}, "min_score": 0.1}),
            ("DELETE", "/v1/collections/c/documents/a%2Fb", None),
            ("DELETE", "/v1/collections/c", None),
            ("PUT", "/v1/catalogs/t/tools", [{"name": "x", "description": "y"}]),
            ("POST", "/v1/catalogs/t/search", {"query": "rain", "category": "web"}),
            ("GET", "/v1/catalogs/t/tools/a%20b/similar?top_k=5&same_category=false", None),
        ])

    def test_catalogs_are_asked_for_as_documented(self) -> None:
        self.weir.upsert_tools("t", ({"name": name} for name in "ab"))
        self.weir.put_mcp("t", {"url": "https://mcp.example/mcp"})
        self.weir.tool("t", "a/b")
        self.weir.delete_tool("t", "a/b")
        self.weir.catalog("t")
        self.weir.delete_catalog("t")
        self.then(200, {"data": [{"name": "t"}]})
        self.assertEqual(self.weir.catalogs(), [{"name": "t"}])

        self.assertEqual([(method, path, body) for method, path, _, body in self.server.requests], [
            ("POST", "/v1/catalogs/t/tools", [{"name": "a"}, {"name": "b"}]),
            ("PUT", "/v1/catalogs/t/tools", {"mcp": {"url": "https://mcp.example/mcp"}}),
            ("GET", "/v1/catalogs/t/tools/a%2Fb", None),
            ("DELETE", "/v1/catalogs/t/tools/a%2Fb", None),
            ("GET", "/v1/catalogs/t", None),
            ("DELETE", "/v1/catalogs/t", None),
            ("GET", "/v1/catalogs", None),
        ])

    def test_upsert_sends_parts_and_adds_up(self) -> None:
        result = self.weir.upsert("c", ({"id": str(i), "text": "t"} for i in range(1100)))

        self.assertEqual([len(request[3]) for request in self.server.requests], [500, 500, 100])
        self.assertEqual(result, {"documents": 3, "chunks": 6, "unchanged": 0, "failed": [], "failed_total": 0})


class Wire(ServerCase):
    def test_key_and_url_come_from_the_environment(self) -> None:
        before = {name: os.environ.get(name) for name in ("WEIR_URL", "WEIR_API_KEY")}
        os.environ.update(WEIR_URL=self.server.url + "/v1/", WEIR_API_KEY="weir_k")
        self.addCleanup(lambda: [os.environ.pop(name) if value is None else os.environ.update({name: value}) for name, value in before.items()])
        weir._default = None
        self.addCleanup(setattr, weir, "_default", None)

        weir.get_embedding("a")
        self.addCleanup(weir._client().close)

        self.assertEqual(self.server.requests[0][1], "/v1/embeddings")
        self.assertEqual(self.server.requests[0][2]["authorization"], "Bearer weir_k")

    def test_a_connection_is_used_again(self) -> None:
        for _ in range(20):
            self.weir.stats()
        self.assertEqual(self.server.connections, 1)

    def test_a_connection_that_the_server_dropped_is_replaced(self) -> None:
        self.then(200, {}, connection="drop")
        for _ in range(3):
            self.weir.stats()
        self.assertEqual(len(self.server.requests), 3)

    def test_threads_share_a_client(self) -> None:
        wrong: List[Any] = []

        def work(number: int) -> None:
            for i in range(40):
                vector = self.weir.get_embedding("x" * (number * 40 + i + 1))
                if vector[0] != number * 40 + i + 1:
                    wrong.append((number, i, vector))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertLessEqual(self.server.connections, 8 * 5)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_25_forked_workers_have_connections_of_their_own(self) -> None:
        self.weir.get_embedding("before")
        self.weir._lock.acquire()  # As if another thread were just taking a connection.
        children = []
        for number in range(25):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                try:
                    right = all(self.weir.get_embedding("x" * (number + 1))[0] == number + 1 for _ in range(20))
                    os._exit(0 if right else 1)
                except BaseException:
                    os._exit(2)
            children.append(pid)
        self.weir._lock.release()
        self.assertEqual([os.waitpid(pid, 0)[1] for pid in children], [0] * 25)
        self.weir.get_embedding("after")
        self.assertEqual(self.server.connections, 26)

    def test_busy_is_tried_again(self) -> None:
        self.then(429, {"code": "busy"}, retry_after="0")
        self.then(503, b"<html>", retry_after="0")
        self.then(200, {"fine": True})
        self.assertEqual(self.weir.stats(), {"fine": True})

    def test_busy_for_ever_is_said(self) -> None:
        for _ in range(3):
            self.then(429, {"detail": "The queue is full.", "code": "embeddings_overloaded"}, retry_after="0")
        error = self.failure(self.weir.stats)
        self.assertEqual((str(error), error.status, error.code, error.retry_after), ("The queue is full.", 429, "embeddings_overloaded", 0.0))
        self.assertEqual(len(self.server.requests), 3)

    def test_a_long_wait_is_not_waited(self) -> None:
        self.then(429, {}, retry_after="31")
        self.assertEqual(self.failure(self.weir.stats).retry_after, 31.0)
        self.assertEqual(len(self.server.requests), 1)

    def test_should_retry_is_obeyed(self) -> None:
        self.then(503, {}, x_should_retry="false")
        self.failure(self.weir.stats)
        self.then(409, {}, x_should_retry="true", retry_after="0")
        self.weir.stats()
        self.assertEqual(len(self.server.requests), 3)

    def test_either_shape_of_error_is_read(self) -> None:
        self.then(404, {"error": {"message": "No such model.", "type": "invalid_request_error", "code": "model_not_found"}})
        self.then(404, {"title": "Not Found", "code": "collection_not_found"})
        self.then(502, b"<html>")
        errors = [self.failure(self.weir.stats) for _ in range(3)]
        self.assertEqual([(str(error), error.code) for error in errors],
                         [("No such model.", "model_not_found"), ("Not Found", "collection_not_found"), ("Weir answered 502.", "unknown")])

    def test_what_is_no_weir_is_said(self) -> None:
        self.then(200, b"hello")
        self.assertEqual(self.failure(self.weir.stats).code, "invalid_answer")

    def test_silence_is_a_timeout(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            client = Weir(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)
            self.assertEqual(self.failure(client.stats).code, "timeout")

    def test_a_wrong_url_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            Weir("127.0.0.1:7800")


class Away(unittest.TestCase):
    def setUp(self) -> None:
        self.server: Optional[Server] = None
        self.addCleanup(lambda: self.server and self.server.stop())

    def start(self, port: int = 0, revision: str = "r1", tells: bool = True) -> None:
        self.server = Server(port, revision, tells)

    def stop(self) -> int:
        assert self.server
        port = self.server.server_address[1]
        self.server.stop()
        self.server = None
        return port

    def client(self, **options: Any) -> Weir:
        assert self.server
        client = Weir(self.server.url, max_retries=0, **options)
        self.addCleanup(client.close)
        return client

    def test_without_a_model_here_it_is_an_error(self) -> None:
        self.start()
        client = self.client()
        self.stop()
        with self.assertRaises(WeirError) as caught:
            client.get_embedding("a")
        self.assertEqual(caught.exception.code, "unreachable")

    def test_the_same_revision_steps_in_with_one_warning(self) -> None:
        local = HashingModel(128)
        self.start(revision=local.revision)
        client = self.client(local={"default": local})
        client.get_embedding("a")
        port = self.stop()
        client.close()

        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            vector = client.get_embedding("hello world")
            client.get_embedding("again")
        self.assertEqual(vector, list(local.embed("hello world")))
        self.assertEqual([item.category for item in said], [RuntimeWarning])
        self.assertEqual(client.get_embedding("x y", dimensions=64), list(HashingModel(64).embed("x y")))
        for dimensions, code in ((63, "too_few_dimensions"), (129, "too_many_dimensions")):
            with self.assertRaises(WeirError) as caught:
                client.get_embedding("x", dimensions=dimensions)
            self.assertEqual((caught.exception.status, caught.exception.code), (422, code))

        self.start(port, local.revision)
        client._away = None  # Its seconds are over.
        self.assertEqual(client.get_embedding("aaa"), [3.0, 1.0])

    def test_away_is_remembered_for_a_few_seconds(self) -> None:
        local = HashingModel(64)
        self.start(revision=local.revision)
        client = self.client(local={"default": local})
        port = self.stop()
        asked = []
        ask = client._ask
        client._ask = lambda *given: (asked.append(given), ask(*given))[1]  # type: ignore[method-assign]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for text in "abcde":
                client.get_embedding(text)
        self.assertEqual(len(asked), 1)
        self.start(port, local.revision)
        assert client._away
        client._away = (0.0, client._away[1])
        self.assertEqual(client.get_embedding("aaa"), [3.0, 1.0])
        self.assertIsNone(client._away)

    def test_what_is_no_text_is_refused_with_a_sentence(self) -> None:
        self.start()
        client = self.client()
        for text, why in ((None, "NoneType"), (3, "int"), ("a\ud800", "surrogate")):
            with self.assertRaisesRegex(ValueError, why):
                client.get_embedding(text)  # type: ignore[arg-type]
        with self.assertRaisesRegex(ValueError, "list of texts"):
            client.get_embeddings("text")
        assert self.server
        self.assertEqual(self.server.requests, [])

    def test_half_a_character_anywhere_in_what_is_asked_is_refused_with_a_sentence(self) -> None:
        self.start()
        client = self.client()
        resource = RagResource({"id": "rag.0", "kind": "rag", "base_url": client._url + "/doors/rag.0", "token": "t"})
        for ask in (
            lambda: client.search("handbook", "a\ud83d"),
            lambda: client.upsert("handbook", [{"id": "a", "metadata": {"\ud83d": 1}}]),
            lambda: client.lease({"rag": {"x": ["\ude00"]}}),
            lambda: client.delete_collection("a\ud83d"),
            lambda: resource.query(json.loads('"\\ud83d"')),
        ):
            with self.assertRaisesRegex(WeirError, "half of a surrogate pair") as caught:
                ask()
            self.assertEqual(caught.exception.code, "malformed")
        assert self.server
        self.assertEqual(self.server.requests, [])

    def test_a_model_that_was_swapped_while_weir_stayed_is_not_mixed_with(self) -> None:
        local = HashingModel(64)
        self.start(revision=local.revision)
        client = self.client(local={"default": local})
        client.get_embedding("a")
        assert self.server
        self.server.revision = "swapped"
        client.get_embedding("b")
        self.stop()
        client.close()
        with self.assertRaises(WeirError) as caught:
            client.get_embedding("c")
        self.assertEqual(caught.exception.code, "revision_mismatch")

    def test_a_weir_that_does_not_tell_is_asked(self) -> None:
        local = HashingModel(64)
        self.start(revision="other", tells=False)
        client = self.client(local={"default": local})
        client.get_embedding("a")
        client.get_embedding("b")
        assert self.server
        self.assertEqual([request[1] for request in self.server.requests], ["/v1/embeddings", "/v1/embeddings/explain", "/v1/embeddings"])
        self.stop()
        client.close()
        with self.assertRaises(WeirError) as caught:
            client.get_embedding("a")
        self.assertEqual(caught.exception.code, "revision_mismatch")

    def test_another_revision_than_was_served_is_refused(self) -> None:
        self.start(revision="of a model with weights")
        client = self.client(local={"default": HashingModel(64)})
        client.get_embedding("a")
        self.stop()
        client.close()
        with self.assertRaises(WeirError) as caught:
            client.get_embedding("a")
        self.assertEqual(caught.exception.code, "revision_mismatch")

    def test_a_weir_that_comes_back_with_another_revision_is_refused(self) -> None:
        local = HashingModel(64)
        self.start(revision=local.revision)
        client = self.client(local={"default": local})
        port = self.stop()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client.get_embedding("a")
        self.start(port, "another")
        client._away = None
        with self.assertRaises(WeirError) as caught:
            client.get_embedding("a")
        self.assertEqual(caught.exception.code, "revision_mismatch")


class LeaseServer(Server):
    """Grants whatever is asked for, keeps it while it is renewed, and serves the doors of it."""

    def __init__(self) -> None:
        self.leases: Dict[str, int] = {}
        self.refusals: Dict[str, Answer] = {}  # by method and the end of the path
        self.changed = threading.Condition()
        super().__init__()

    def answer(self, path: str, body: Any) -> Answer:
        with self.lock:
            method = next(asked[0] for asked in reversed(self.requests) if asked[1] == path)
            refusal = next((answer for of, answer in self.refusals.items() if f"{method} {path.partition('?')[0]}".endswith(of)), None)
        with self.changed:
            answer = refusal or self.usual(method, path.partition("?")[0], body)
            self.changed.notify_all()
        return answer

    def usual(self, method: str, path: str, body: Any) -> Answer:
        if (method, path) == ("POST", "/v1/leases"):
            name = f"l{len(self.leases) + 1}"
            self.leases[name] = 0
            resources = []
            for wanted in body["resources"]:
                for _ in range(wanted.get("count", 1)):
                    place = f"{wanted['kind']}.{len(resources)}"
                    resources.append({"id": place, "kind": wanted["kind"], "base_url": f"{self.url}/doors/{place}", "token": f"weirdoor_{place}", "observation": {"text": "first"}})
            return 201, {"id": name, "worker_id": body["worker_id"], "fence": 42, "state": "ready", "expires_at": "2030-01-01T00:00:00Z", "resources": resources}, {}
        if method == "POST" and path.endswith("/renew"):
            self.leases[path.split("/")[3]] += 1
            return 200, {"expires_at": "2030-01-01T01:00:00Z"}, {}
        if method == "DELETE":
            return 204, None, {}
        if path.endswith("/query"):
            return 200, {"results": [{"document_id": "d", "text": "a passage", "score": 0.5}]}, {}
        if path.endswith("/screenshot"):
            return 200, b"\x89PNG", {"content-type": "image/png"}
        if path.endswith("/actions"):
            return 200, {"done": len(body)}, {"content-type": "application/json"}
        if path.endswith("/observations"):
            return 200, {"rag": {"text": "now"}}, {}
        return 200, {"status": "ok"}, {"content-type": "application/json; charset=utf-8"}

    def handle_error(self, *_: Any) -> None:
        pass  # A client that was killed, or would not wait.

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            if not self.changed.wait_for(condition, 30):
                raise AssertionError("it did not come to that within 30 s")

    def lines(self, method: str) -> List[str]:
        with self.lock:
            return [path for asked, path, _, _ in self.requests if asked == method]


class LeaseCase(ServerCase):
    def setUp(self) -> None:
        self.server: LeaseServer = LeaseServer()
        self.addCleanup(self.server.stop)
        self.weir = Weir(self.server.url, "weir_key")
        self.addCleanup(self.weir.close)
        self.addCleanup(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))

    def refuse(self, of: str, status: int, code: str = "unknown", **headers: str) -> None:
        self.server.refusals[of] = (status, {"code": code, "detail": f"Refused: {code}."}, {name.replace("_", "-"): value for name, value in headers.items()})

    def last(self) -> Tuple[str, str, Optional[str], Any]:
        method, path, headers, body = self.server.requests[-1]
        return method, path, headers.get("authorization"), body


class Leases(LeaseCase):
    def test_all_is_asked_for_at_once_and_given_back_at_the_end(self) -> None:
        with self.weir.lease({"rag": 2, "vm": {"size": "800x600"}}, "w1", ttl=30, wait=1.5, priority=7, labels={"run": "a"}) as lease:
            method, path, headers, body = self.server.requests[0]
            self.assertEqual((method, path, headers["authorization"]), ("POST", "/v1/leases", "Bearer weir_key"))
            self.assertGreater(len(headers["idempotency-key"]), 20)
            self.assertEqual(body, {
                "worker_id": "w1", "resources": [{"kind": "rag", "count": 2}, {"kind": "vm", "count": 1, "config": {"size": "800x600"}}],
                "ttl": "30000ms", "wait": "1500ms", "priority": 7, "labels": {"run": "a"}, "observe": True})
            self.assertEqual((lease.id, lease.worker_id, lease.fence, [resource.id for resource in lease.resources]), ("l1", "w1", 42, ["rag.0", "rag.1", "vm.2"]))
            self.assertEqual((lease.rag.id, lease["vm"].id, [resource.id for resource in lease.all("rag")]), ("rag.0", "vm.2", ["rag.0", "rag.1"]))
            self.assertIsInstance(lease.rag, RagResource)
            self.assertIsInstance(lease.vm, DesktopResource)
            self.assertEqual(lease.rag.observation, {"text": "first"})
            self.assertEqual(lease.observations(), {"rag": {"text": "now"}})
            self.assertNotIn("weirdoor_", repr(lease) + repr(lease.vm))
            with self.assertRaises(KeyError):
                lease["gpu"]
            with self.assertRaises(AttributeError):
                lease.gpu
        self.assertEqual(self.server.lines("DELETE"), ["/v1/leases/l1?fence=42"])

    def test_kinds_are_said_in_several_ways(self) -> None:
        demands = weir._demands
        self.assertEqual(demands("rag"), [{"kind": "rag", "count": 1}])
        self.assertEqual(demands(["rag", "vm"]), [{"kind": "rag", "count": 1}, {"kind": "vm", "count": 1}])
        self.assertEqual(demands({"rag": None, "vm": [{"a": 1}, None]}), [{"kind": "rag", "count": 1}, {"kind": "vm", "count": 1, "config": {"a": 1}}, {"kind": "vm", "count": 1}])
        for wrong in ({}, [], {"rag": True}, {"rag": "many"}):
            with self.assertRaises(ValueError):
                demands(wrong)

    def test_a_worker_has_a_name_of_its_own(self) -> None:
        with self.weir.lease("rag") as one, self.weir.lease("rag") as other:
            self.assertNotEqual(one.worker_id, other.worker_id)

    def test_a_refusal_holds_nothing(self) -> None:
        self.refuse("/v1/leases", 504, "wait_expired")
        self.assertEqual(self.failure(lambda: self.weir.lease("rag")).code, "wait_expired")
        self.assertEqual(weir._held, {})

    def test_a_wait_may_be_longer_than_the_timeout(self) -> None:
        client = Weir(self.server.url, timeout=0.2, max_retries=0)
        self.addCleanup(client.close)
        client.stats()  # An idle connection, which has the short timeout.
        usual, go = self.server.usual, threading.Event()

        def slow(method: str, path: str, body: Any) -> Answer:
            if path == "/v1/leases":
                go.wait(0.5)
            return usual(method, path, body)

        self.server.usual = slow  # type: ignore[method-assign]
        with client.lease("rag", wait=10):
            pass

    def test_an_allocation_whose_connection_fails_is_sent_again_under_its_key(self) -> None:
        self.refuse("/v1/leases", 503, "unavailable", retry_after="0")
        self.failure(lambda: self.weir.lease("rag"))
        self.assertEqual(len({headers["idempotency-key"] for _, _, headers, _ in self.server.requests}), 1)
        self.assertEqual(len(self.server.requests), 3)

    def test_it_is_renewed_in_the_background(self) -> None:
        with self.weir.lease("rag", ttl=0.3) as lease:
            self.server.until(lambda: self.server.leases["l1"] >= 3)
            self.assertFalse(lease.lost.is_set())
        renewed = self.server.leases["l1"]
        self.assertFalse(lease._thread.join(30) or lease._thread.is_alive())
        self.assertLessEqual(self.server.leases["l1"], renewed + 1)
        self.assertEqual({body["fence"] for _, path, _, body in self.server.requests if path.endswith("/renew")}, {42})
        self.assertEqual(lease.expires_at, "2030-01-01T01:00:00Z")

    def test_a_refused_renewal_is_a_loss(self) -> None:
        self.refuse("/renew", 412, "fence_stale")
        self.refuse("/v1/leases/l1", 412, "fence_stale")
        with self.weir.lease("rag", ttl=0.3) as lease:
            self.assertTrue(lease.lost.wait(30))
            self.assertEqual(lease.lost_reason, "Refused: fence_stale.")

    def test_times_are_seconds_or_texts(self) -> None:
        for ttl, wait, sent, seconds in (("30s", "1m", ("30000ms", "60000ms"), 30), ("1h30m", "1.5s", ("5400000ms", "1500ms"), 5400), ("900ms", 0, ("900ms", "0ms"), 0.9), (20, "0s", ("20000ms", "0ms"), 20)):
            with self.subTest(ttl=ttl, wait=wait), self.weir.lease("rag", ttl=ttl, wait=wait) as lease:  # type: ignore[arg-type]
                body = next(asked[3] for asked in reversed(self.server.requests) if asked[:2] == ("POST", "/v1/leases"))
                self.assertEqual((body["ttl"], body["wait"]), sent)
                self.assertAlmostEqual(lease.ttl, seconds)
        asked = len(self.server.requests)
        for wrong in ("soon", "", "3", "s", "-3s", "1 h", "3s\n", -1, float("nan"), float("inf"), None, True, [3]):
            for name in ("ttl", "wait"):
                with self.subTest(wrong=wrong, name=name):
                    with self.assertRaises(ValueError) as caught:
                        self.weir.lease("rag", **{name: wrong})
                    self.assertIn(f'{name} takes a number of seconds or a text such as "90s"', str(caught.exception))
        with self.assertRaises(ValueError):
            Environment("rag", client=self.weir, ttl="soon")
        self.assertEqual(len(self.server.requests), asked)

    def test_a_weir_that_is_away_for_a_ttl_is_a_loss_and_not_before(self) -> None:
        self.refuse("/renew", 503, "unavailable")
        with self.weir.lease("rag", ttl=0.6) as lease:
            self.server.until(lambda: sum(path.endswith("/renew") for path in self.server.lines("POST")) >= 3)
            self.assertTrue(lease.lost.wait(30))
            self.assertIn("0.6 s", lease.lost_reason or "")

    def test_a_weir_that_is_away_for_a_while_is_none(self) -> None:
        self.refuse("/renew", 503, "unavailable")
        with self.weir.lease("rag", ttl=3) as lease:
            self.server.until(lambda: sum(path.endswith("/renew") for path in self.server.lines("POST")) >= 2)
            self.server.refusals.clear()
            self.server.until(lambda: self.server.leases["l1"] >= 1)
            self.assertFalse(lease.lost.is_set())

    def test_a_release_is_done_once(self) -> None:
        lease = self.weir.lease("rag")
        threads = [threading.Thread(target=lease.release) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with lease:
            lease.release()
        self.assertEqual(len(self.server.lines("DELETE")), 1)
        self.assertEqual(weir._held, {})

    def test_a_release_of_what_is_lost_is_no_error(self) -> None:
        for status, code in ((412, "fence_stale"), (403, "not_holder"), (404, "not_found"), (410, "lease_ended")):
            self.refuse("DELETE /v1/leases/l" + str(len(self.server.leases) + 1), status, code)
            self.weir.lease("rag").release()

    def test_a_release_that_fails_says_so_and_may_be_tried_again(self) -> None:
        self.refuse("/v1/leases/l1", 500, "broken")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            with self.assertRaises(KeyError):
                with self.weir.lease("rag") as lease:
                    raise KeyError("its own")
        self.assertEqual([warning.category for warning in warned], [RuntimeWarning])
        self.assertEqual(self.failure(lease.release).code, "broken")
        self.server.refusals.clear()
        lease.release()
        self.assertEqual(len(self.server.lines("DELETE")), 3)

    def test_leases_and_kinds_are_asked_for_as_documented(self) -> None:
        weir_lines = [(200, {"data": [{"id": "a"}], "has_more": True, "after": "a"}, {}), (200, {"data": [{"id": "b"}]}, {}), (200, {"data": [{"name": "rag"}]}, {}), (200, {}, {})]
        self.server.usual = lambda method, path, body: weir_lines.pop(0)  # type: ignore[method-assign]
        self.assertEqual(self.weir.leases("w 1", state="ready"), [{"id": "a"}, {"id": "b"}])
        self.assertEqual(self.weir.kinds(), [{"name": "rag"}])
        self.weir.put_kind("remote:box", capacity=2)
        self.assertEqual([request[:2] for request in self.server.requests], [
            ("GET", "/v1/leases?worker_id=w+1&state=ready"), ("GET", "/v1/leases?worker_id=w+1&state=ready&after=a"), ("GET", "/v1/kinds"), ("PUT", "/v1/kinds/remote%3Abox")])


class Resources(LeaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.lease = self.weir.lease({"rag": 1, "vm": 2, "remote:box": 1}, "w")
        self.addCleanup(self.lease.release)

    def test_a_session_is_queried_through_its_door_with_its_token(self) -> None:
        self.assertEqual(self.lease.rag.query("q", top_k=3, search_type="dense", filter={"year": 1}, min_score=0.5)[0]["text"], "a passage")
        self.assertEqual(self.last(), ("POST", "/doors/rag.0/query", "Bearer weirdoor_rag.0", {"query": "q", "top_k": 3, "search_type": "dense", "filter": {"year": 1}, "min_score": 0.5}))
        self.lease.rag.query_many(iter(["a", "b"]))
        self.assertEqual(self.last()[3], {"queries": ["a", "b"]})

    def test_a_desktop_is_seen_and_used(self) -> None:
        vm = self.lease.vm
        self.assertEqual(vm.screenshot(), b"\x89PNG")
        self.assertEqual(self.last(), ("GET", "/doors/vm.1/screenshot", "Bearer weirdoor_vm.1", None))
        vm.screenshot(cursor=True)
        self.assertEqual(self.last()[3], {"cursor": True})
        self.assertEqual(vm.act({"type": "wait", "seconds": 1}, {"type": "releaseAll"}), 2)
        for use in (lambda: vm.click(1, 2, clicks=2), lambda: vm.click(), lambda: vm.move(1, 2), lambda: vm.type("h\u00e9"), lambda: vm.press("a", "enter"), lambda: vm.hotkey("ctrl", "c"),
                    lambda: vm.scroll(-3), lambda: vm.drag(1, 2)):
            use()
        self.assertEqual([request[3][0] for request in self.server.requests if request[1].endswith("/actions")][1:], [
            {"type": "click", "x": 1, "y": 2, "button": "left", "clicks": 2}, {"type": "click", "button": "left", "clicks": 1}, {"type": "move", "x": 1, "y": 2}, {"type": "type", "text": "h\u00e9"},
            {"type": "press", "keys": ["a", "enter"]}, {"type": "hotkey", "keys": ["ctrl", "c"]}, {"type": "scroll", "clicks": -3}, {"type": "drag", "x": 1, "y": 2, "button": "left"}])

    def test_any_resource_is_asked_through_its_door(self) -> None:
        box = self.lease["remote:box"]
        self.assertIs(type(box), Resource)
        self.assertIs(self.lease.remote_box, box)
        self.assertIs(self.lease.remote, box)
        self.assertEqual(box.request("POST", "run?x=1", {"a": 1}), {"status": "ok"})
        self.assertEqual(self.last(), ("POST", "/doors/remote:box.3/run?x=1", "Bearer weirdoor_remote:box.3", {"a": 1}))
        self.assertEqual(self.lease.rag.health(), {"status": "ok"})

    def test_what_may_have_been_done_is_not_done_twice(self) -> None:
        self.refuse("/actions", 503, "home_away")
        self.assertEqual(self.failure(lambda: self.lease.vm.click(1, 2)).code, "home_away")
        self.assertEqual(sum(path.endswith("/actions") for path in self.server.lines("POST")), 1)

    def test_an_ended_lease_is_said(self) -> None:
        self.refuse("/query", 410, "lease_ended")
        error = self.failure(lambda: self.lease.rag.query("q"))
        self.assertEqual((error.status, error.code), (410, "lease_ended"))

    def test_tools_have_no_lifecycle_and_name_the_second_of_a_sort(self) -> None:
        tools = self.lease.tools()
        names = [tool["function"]["name"] for tool in tools]
        desktop = ["screenshot", "accessibility_tree", "click", "move", "type", "press", "hotkey", "scroll", "drag"]
        self.assertEqual(names, [f"query_knowledge_base_{way}" for way in ("dense", "sparse", "hybrid")] + desktop + [name + "_2" for name in desktop])
        for tool in tools:
            parameters = tool["function"]["parameters"]
            self.assertLessEqual(set(parameters["required"]), set(parameters["properties"]))
        self.assertEqual([tool["function"]["name"] for tool in self.lease.tools(lambda name: name == "click")], ["click", "click_2"])
        json.dumps(tools)

    def test_tools_are_called_as_models_do(self) -> None:
        self.assertEqual(self.lease.call("query_knowledge_base_sparse", '{"query": "q", "top_k": null}')[0]["document_id"], "d")
        self.assertEqual(self.last()[3], {"query": "q", "search_type": "sparse"})
        self.assertEqual(self.lease.call("screenshot_2"), b"\x89PNG")
        self.assertEqual(self.lease.call("click_2", {"x": 1, "y": 2, "type": "write"}), {"done": 1})
        self.assertEqual(self.last()[1:4:2], ("/doors/vm.2/actions", [{"x": 1, "y": 2, "type": "click"}]))
        for name, arguments, code in (("nothing", {}, "unknown_tool"), ("click", "{", "malformed"), ("click", "[]", "malformed")):
            self.assertEqual(self.failure(lambda: self.lease.call(name, arguments)).code, code)


class Exits(LeaseCase):
    """What is given back when a process ends, each in a process of its own."""

    def script(self, body: str, **environment: str) -> "subprocess.Popen[str]":
        head = "import os, signal, sys, threading, time\nfrom weir import *\nclient = Weir()\n"
        process = subprocess.Popen(
            [sys.executable, "-c", head + body], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "WEIR_URL": self.server.url, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__)), "PYTHONDONTWRITEBYTECODE": "1", **environment})
        self.addCleanup(process.stdout.close)  # type: ignore[union-attr]
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)  # type: ignore[union-attr]
        return process

    def line(self, process: "subprocess.Popen[str]") -> str:
        return process.stdout.readline().strip()  # type: ignore[union-attr]

    def test_an_exit_gives_back(self) -> None:
        self.assertEqual(self.script("leases = [client.lease('rag') for _ in range(3)]\nsys.exit(3)").wait(30), 3)
        self.assertEqual(sorted(self.server.lines("DELETE")), [f"/v1/leases/l{i}?fence=42" for i in (1, 2, 3)])

    def test_sigterm_gives_back_and_still_ends_the_process(self) -> None:
        process = self.script("lease = client.lease('rag')\nprint('held', flush=True)\nthreading.Thread(target=time.sleep, args=(60,)).start()\ntime.sleep(60)")
        self.assertEqual(self.line(process), "held")
        process.terminate()
        self.assertEqual(process.wait(30), -signal.SIGTERM)
        self.assertEqual(len(self.server.lines("DELETE")), 1)

    def test_sigterm_gives_back_what_other_threads_took(self) -> None:
        for taking in ("client.lease('rag')", "environment.allocate_resource('w')"):
            with self.subTest(taking):
                process = self.script(
                    "environment = Environment('rag', client=client)\nheld = []\n"
                    f"thread = threading.Thread(target=lambda: held.append({taking}))\nthread.start()\nthread.join()\nprint('held', flush=True)\ntime.sleep(60)")
                self.assertEqual(self.line(process), "held")
                process.terminate()
                self.assertEqual(process.wait(30), -signal.SIGTERM)
        self.assertEqual(len(self.server.lines("DELETE")), 2)

    def test_sigterm_with_a_weir_that_is_silent_ends_the_process_all_the_same(self) -> None:
        usual, silent = self.server.usual, threading.Event()
        self.addCleanup(silent.set)

        def mute(method: str, path: str, body: Any) -> Answer:
            if method == "DELETE":
                self.server.changed.release()
                silent.wait(30)
                self.server.changed.acquire()
            return usual(method, path, body)

        self.server.usual = mute  # type: ignore[method-assign]
        process = self.script("lease = client.lease('rag')\nprint('held', flush=True)\ntime.sleep(60)")
        self.assertEqual(self.line(process), "held")
        process.terminate()
        self.assertEqual(process.wait(30), -signal.SIGTERM)

    def test_a_handler_of_the_program_goes_before(self) -> None:
        process = self.script(
            "done = threading.Event()\nsignal.signal(signal.SIGTERM, lambda *_: done.set())\n"
            "lease = client.lease('rag')\nprint('held', flush=True)\ndone.wait(60)\nprint(lease.rag.query('q')[0]['text'], flush=True)")
        self.assertEqual(self.line(process), "held")
        process.terminate()
        self.assertEqual(self.line(process), "a passage")
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(len(self.server.lines("DELETE")), 1)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_child_uses_and_does_not_give_back(self) -> None:
        process = self.script(
            "import warnings; warnings.simplefilter('ignore')\n"
            "lease = client.lease('rag', ttl=0.5)\nlease._releasing.acquire()\npid = os.fork()\n"
            "if pid == 0:\n"
            "    right = lease.rag.query('q')[0]['text'] == 'a passage'\n    lease.release()\n    own = client.lease('rag')\n    sys.exit(0 if right else 1)\n"
            "lease._releasing.release()\nprint(os.waitpid(pid, 0)[1], flush=True)\nsys.stdin.readline()\nprint(lease.lost.is_set(), flush=True)")
        self.assertEqual(self.line(process), "0")
        self.assertEqual(self.server.lines("DELETE"), ["/v1/leases/l2?fence=42"])
        process.stdin.close()  # type: ignore[union-attr]
        self.assertEqual(self.line(process), "False")
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(self.server.lines("DELETE"), ["/v1/leases/l2?fence=42", "/v1/leases/l1?fence=42"])

    def test_the_lease_of_weir_run_is_found_and_left_to_it(self) -> None:
        doors = self.server.url + "/doors/"
        process = self.script(
            "lease = from_environment()\nprint(lease.id, lease.fence, [resource.id for resource in lease.resources], lease.rag.query('q')[0]['text'], lease['remote:gpu-box'].id)\nlease.release()",
            WEIR_LEASE="l9", WEIR_FENCE="7", WEIR_RAG_URL=doors + "rag.3", WEIR_RAG_TOKEN="weirdoor_a", WEIR_VM_URL=doors + "vm.h.0", WEIR_VM_TOKEN="weirdoor_b",
            WEIR_VM_URL_2=doors + "vm.h.1", WEIR_VM_TOKEN_2="weirdoor_c", WEIR_REMOTE_GPU_BOX_URL=doors + "remote%3Agpu-box.a.0", WEIR_REMOTE_GPU_BOX_TOKEN="weirdoor_d",
            WEIR_OTHER_URL="http://elsewhere.test/x")
        self.assertEqual(self.line(process), "l9 7 ['rag.3', 'remote:gpu-box.a.0', 'vm.h.0', 'vm.h.1'] a passage remote:gpu-box.a.0")
        self.assertEqual(process.wait(30), 0)
        self.assertEqual([request[:2] for request in self.server.requests], [("POST", "/doors/rag.3/query")])

    def test_without_weir_run_it_is_said(self) -> None:
        self.assertEqual(self.failure(lambda: weir.from_environment({})).code, "no_lease")


class Environments(LeaseCase):
    def test_workers_hold_leases_of_their_own(self) -> None:
        with Environment("rag+vm", client=self.weir) as environment:
            self.assertEqual(environment.mode, "rag+vm")
            self.assertTrue(environment.get_system_prompt())
            self.assertTrue(environment.allocate_resource("w1", {"rag": {"collection": "c"}}))
            environment.allocate_resource("w2")
            self.assertEqual([request[3]["resources"] for request in self.server.requests], [
                [{"kind": "rag", "count": 1, "config": {"collection": "c"}}, {"kind": "vm", "count": 1}], [{"kind": "rag", "count": 1}, {"kind": "vm", "count": 1}]])
            self.assertEqual(len(environment.get_tools("w1")), 12)
            self.assertEqual(environment.call_tool("w1", "click", {"x": 1, "y": 2}), {"done": 1})
            self.assertEqual(environment.get_observations("w2"), {"rag": {"text": "now"}})
            environment.release_resource("w1", reset=True)
            environment.release_resource("w1")
            environment.release_resource("nobody")
            with self.assertRaises(KeyError):
                environment.lease("w1")
            environment.allocate_resource("w1")
        self.assertEqual(len(self.server.lines("DELETE")), 3)

    def test_a_worker_holds_one_lease(self) -> None:
        environment = Environment("rag", client=self.weir)
        environment.allocate_resource("w")
        with self.assertRaises(ValueError):
            environment.allocate_resource("w")
        with self.assertRaises(ValueError):
            environment.allocate_resource("w2", {"vm": {}})
        environment.cleanup()
        environment.cleanup()
        self.assertEqual(len(self.server.lines("DELETE")), 1)

    def test_a_failed_allocation_may_be_tried_again(self) -> None:
        environment = Environment(kinds={"rag": 2}, client=self.weir)
        self.assertEqual(environment.mode, "rag")
        self.refuse("/v1/leases", 422, "initialisation_failed")
        self.assertEqual(self.failure(lambda: environment.allocate_resource("w")).code, "initialisation_failed")
        self.server.refusals.clear()
        environment.allocate_resource("w")
        environment.cleanup()

    def waiting(self, environment: Environment) -> Tuple[threading.Event, threading.Thread, List[Any]]:
        """A worker w whose lease comes when the event is set, its thread, and what came of it."""
        usual, asked, turn, ended = self.server.usual, threading.Event(), threading.Event(), []  # type: Any, Any, Any, List[Any]

        def late(method: str, path: str, body: Any) -> Answer:
            if (method, path) == ("POST", "/v1/leases"):
                self.server.usual = usual  # type: ignore[method-assign]
                self.server.changed.release()
                asked.set()
                turn.wait(30)
                self.server.changed.acquire()
            return usual(method, path, body)

        def work() -> None:
            try:
                ended.append(environment.allocate_resource("w"))
            except WeirError as error:
                ended.append(error.code)

        self.addCleanup(turn.set)
        self.server.usual = late  # type: ignore[method-assign]
        thread = threading.Thread(target=work)
        thread.start()
        self.assertTrue(asked.wait(30))
        return turn, thread, ended

    def test_what_comes_after_the_end_is_given_back(self) -> None:
        with Environment("rag", client=self.weir) as environment:
            turn, thread, ended = self.waiting(environment)
        self.assertEqual((ended, self.server.lines("DELETE")), ([], []))
        turn.set()
        thread.join(30)
        self.assertEqual((ended, len(self.server.lines("DELETE")), weir._held), (["closed"], 1, {}))
        self.assertEqual(self.failure(lambda: environment.allocate_resource("w2")).code, "closed")

    def test_what_comes_after_the_end_and_cannot_be_given_back_is_not_renewed(self) -> None:
        environment = Environment("rag", client=self.weir, ttl=0.3)
        turn, thread, ended = self.waiting(environment)
        self.refuse("/l1", 500)
        environment.cleanup()
        turn.set()
        thread.join(30)
        self.assertEqual(ended, ["closed"])
        lease, = weir._held.values()
        self.assertTrue(lease._stop.is_set())
        self.server.refusals.clear()
        lease.release()

    def test_a_worker_that_is_released_while_it_waits_holds_nothing(self) -> None:
        environment = Environment("rag", client=self.weir)
        turn, thread, ended = self.waiting(environment)
        environment.release_resource("w")
        lease = environment.allocate_resource("w")  # Its new lease is not mistaken for the old one.
        turn.set()
        thread.join(30)
        self.assertEqual((ended, environment.lease("w")), (["released"], lease))
        self.assertEqual(len(self.server.lines("DELETE")), 1)
        environment.cleanup()
        self.assertEqual((len(self.server.lines("DELETE")), weir._held), (2, {}))

    def test_a_knowledge_environment_is_a_prompt_and_a_filter(self) -> None:
        with RagEnvironment(kinds={"rag": 1, "vm": 1}, client=self.weir) as environment:
            environment.allocate_resource("w")
            self.assertEqual(environment.mode, "rag")
            self.assertIn("knowledge base", environment.get_system_prompt("a question"))
            self.assertEqual(len(environment.get_tools("w")), 3)
            self.assertEqual(self.failure(lambda: environment.call_tool("w", "click", {})).code, "unknown_tool")
        own = {name for name in vars(RagEnvironment) if not name.startswith("__")}
        self.assertEqual(own, {"mode", "get_system_prompt", "offers"})

    def test_25_workers_at_once(self) -> None:
        wrong: List[Any] = []
        with Environment("rag", client=self.weir) as environment:
            def work(number: int) -> None:
                try:
                    for _ in range(4):
                        lease = environment.allocate_resource(f"w{number}")
                        if lease.worker_id != f"w{number}" or environment.lease(f"w{number}") is not lease:
                            wrong.append(lease)
                        environment.release_resource(f"w{number}")
                except Exception as exception:
                    wrong.append(exception)

            threads = [threading.Thread(target=work, args=(number,)) for number in range(25)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual((len(self.server.leases), len(self.server.lines("DELETE")), weir._held), (100, 100, {}))


class Hashing(unittest.TestCase):
    # The table of docs/hashing-model.md: 64 dimensions, the beginning of the SHA-256 of the vector as little-endian floats.
    EXPECTED: Dict[str, str] = {
        "a": "ad56803ba88a0065",
        "Hello, world!": "a82f77c7da703a92",
        "the quick brown fox": "fd5be59437d097d8",
        "getUserProfile fetches user profiles": "00c8d0e61de25c8d",
        "Größe ＡＢＣ ﬁle Ёлка": "83bd040d5d8145d7",
        "東京都の天気": "07e597018ec5e0fd",
        "한국어 검색": "7e64ca5b3281db41",
        "10.0.12 e-mail it's": "e76dadd7624a7b81",
        "tools tools tools queries": "844ab0e358cd0d61",
    }

    def test_vectors_are_those_of_weir(self) -> None:
        model = HashingModel(64)
        self.assertEqual(model.revision, "d8b7e82eebdb0f7355ae2198597fa93c")
        for text, expected in self.EXPECTED.items():
            self.assertEqual(hashlib.sha256(struct.pack("<64f", *model.embed(text))).hexdigest()[:16], expected, text)

    def test_a_text_without_words_is_zeros(self) -> None:
        self.assertEqual(set(HashingModel(64).embed("  … !")), {0.0})

    def test_dimensions_have_bounds(self) -> None:
        with self.assertRaises(ValueError):
            HashingModel(63)
        for dimensions in (63, 385):
            with self.assertRaises(ValueError):
                HashingModel(384).embed("a", dimensions)


@unittest.skipUnless(os.environ.get("WEIR_LIVE_URL"), "WEIR_LIVE_URL names no running Weir")
class Live(unittest.TestCase):
    """A running Weir without a configuration: its default model is hashing, of 384 dimensions."""

    def setUp(self) -> None:
        self.weir = Weir(os.environ.get("WEIR_LIVE_URL"))
        self.addCleanup(self.weir.close)

    def test_its_vectors_are_those_of_the_model_here(self) -> None:
        local = HashingModel(384)
        texts = [*Hashing.EXPECTED, "The cats' parties in İstanbul: ΣΟΦΟΣ, Æsir, ﬁne ﾊﾝｶｸ", "한국어 문장입니다 ภาษาไทย", "a" * 200, "e\u0301 😀 v1.2.3"]
        for text, vector in zip(texts, self.weir.get_embeddings(texts)):
            for here, there in zip(local.embed(text), vector):
                self.assertAlmostEqual(here, there, delta=1e-6, msg=text)

    def test_errors_are_its_own(self) -> None:
        with self.assertRaises(WeirError) as caught:
            self.weir.get_embedding("a", model="no-such-model")
        self.assertEqual(caught.exception.status, 404)


@unittest.skipUnless(os.environ.get("WEIR_LEASES_URL"), "WEIR_LEASES_URL names no running Weir that leases")
class Leased(unittest.TestCase):
    """A running Weir with a kind rag of capacity 3 that names no collection."""

    def setUp(self) -> None:
        self.weir = Weir(os.environ.get("WEIR_LEASES_URL"))
        self.addCleanup(self.weir.close)
        self.weir.create_collection("leased")
        self.weir.upsert("leased", [{"id": "a", "text": "A weir is a low dam."}, {"id": "b", "text": "A pump lifts water."}])
        self.demand = {"rag": {"collection": "leased"}}

    def free(self) -> int:
        return next(kind["free"] for kind in self.weir.kinds() if kind["name"] == "rag")

    def code(self, ask: Callable[[], Any]) -> str:
        with self.assertRaises(WeirError) as caught:
            ask()
        return caught.exception.code

    def test_a_lease_is_used_renewed_and_given_back(self) -> None:
        with self.weir.lease(self.demand, "w", ttl=1) as lease:
            self.assertEqual(lease.rag.query("what lifts water?", top_k=1)[0]["document_id"], "b")
            self.assertEqual([answer["query"] for answer in lease.rag.query_many(["dam", "pump"])], ["dam", "pump"])
            self.assertIn("leased", lease.rag.observation["text"])
            self.assertIn("leased", lease.observations()["rag"]["text"])
            self.assertEqual(lease.rag.health()["status"], "ok")
            self.assertEqual([item["id"] for item in self.weir.leases("w", "ready")], [lease.id])
            self.assertFalse(lease.lost.wait(2.5))
            self.assertEqual(lease.call("query_knowledge_base_sparse", {"query": "dam"})[0]["document_id"], "a")
        self.assertEqual(self.code(lambda: lease.rag.query("dam")), "lease_ended")
        self.assertEqual(self.free(), 3)

    def test_what_cannot_be_is_refused(self) -> None:
        self.assertEqual(self.code(lambda: self.weir.lease({"rag": 4})), "impossible")
        self.assertEqual(self.code(lambda: self.weir.lease("nothing_such")), "unknown_kind")
        self.assertEqual(self.code(lambda: self.weir.lease({"rag": {"collection": "no-such"}})), "initialisation_failed")
        with self.weir.lease({"rag": [self.demand["rag"]] * 3}):
            self.assertEqual(self.code(lambda: self.weir.lease(self.demand, wait=0)), "wait_expired")
        self.assertEqual(self.free(), 3)

    def test_one_that_is_not_renewed_is_lost_and_free(self) -> None:
        lease = self.weir.lease(self.demand, ttl=1)
        lease._stop.set()  # As if this process had stopped.
        lease._thread.join()
        with self.weir.lease({"rag": [self.demand["rag"]] * 3}, wait=30):
            self.assertEqual(self.code(lambda: lease.rag.query("dam")) in ("lease_ended", "token_unknown"), True)
        lease.release()

    def test_25_workers_share_three(self) -> None:
        wrong: List[Any] = []
        with RagEnvironment(kinds=self.demand, client=self.weir, wait=60) as environment:
            def work(number: int) -> None:
                try:
                    lease = environment.allocate_resource(f"w{number}")
                    if lease.rag.query("what lifts water?", top_k=1)[0]["document_id"] != "b":
                        wrong.append(number)
                    environment.release_resource(f"w{number}")
                except Exception as exception:
                    wrong.append(exception)

            threads = [threading.Thread(target=work, args=(number,)) for number in range(25)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(self.free(), 3)


if __name__ == "__main__":
    unittest.main()
