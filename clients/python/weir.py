"""A client of Weir in one file: embeddings, collections, catalogs and leases, for Python 3.9 and newer without any package.

    from weir import Weir

    weir = Weir("http://127.0.0.1:7800")            # or WEIR_URL and WEIR_API_KEY in the environment
    vector = weir.get_embedding("a text")
    hits = weir.search("handbook", "how do I restart it?", top_k=5)
    tools = weir.search_tools("tools", "will it rain tomorrow?")

    with weir.lease({"rag": 1, "vm": {"size": "1280x800"}}) as lease:    # all at once; renewed in the background; given back at the end
        passages = lease.rag.query("how do I restart it?")
        lease.vm.click(400, 300)

A client is safe from any thread, keeps its connections, and is safe over a fork: 25 workers forked from one process each get connections of their own.
"""

from __future__ import annotations

import array
import atexit
import base64
import email.utils
import http.client
import json
import math
import os
import re
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse
import warnings
import weakref
from collections import OrderedDict
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:  # Loaded by type checkers alone: many workers hold this module.
    from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

__all__ = [
    "Weir", "WeirError", "HashingModel", "get_embedding", "get_embeddings", "preload_common_tools", "search_tools", "tool_text",
    "Lease", "Resource", "RagResource", "DesktopResource", "Environment", "RagEnvironment", "from_environment",
]

DEFAULT_URL = "http://127.0.0.1:7800"
_MOST_TEXTS, _MOST_DOCUMENTS, _MOST_CHARACTERS = 2048, 500, 2_000_000
_MOST_SWAPS = 3
_IDLE_CONNECTIONS = 8
_BEYOND_THE_WAIT = 300.0  # seconds that granting and initialising may take on top of a wait
_DOOR_TIMEOUT = 120.0  # seconds that a resource may be silent: a list of actions may take 60 of them
_EXIT_WITHIN = 2.0  # seconds that giving leases back may hold up the end of the process
_AWAY = 5.0  # seconds for which a Weir that could not be reached is not asked again where a model here stands in


class WeirError(Exception):
    """What Weir refused or could not do, or that it could not be reached.

    status: of HTTP; None where there was no answer. code: stable, in snake_case; "unreachable" and "timeout" where there was no answer,
    "revision_mismatch" where vectors of two models would have been mixed. retry_after: seconds; None where it was not said.
    """

    def __init__(self, message: str, status: Optional[int] = None, code: str = "unknown", retry_after: Optional[float] = None):
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after


class Weir:
    """A client of one Weir: made once and kept.

    base_url: where Weir serves; default WEIR_URL, else http://127.0.0.1:7800. api_key: default WEIR_API_KEY, else none.
    timeout: seconds that a connection may be silent. max_retries: how often a request is sent again after 429, 503 or a connection that failed.
    max_retry_wait: a Retry-After above is not waited for. cache: so many vectors are kept in this process, the least recently used go first; 0: none,
    since Weir keeps them for all processes. local: models of this process for when Weir is away, by the names they stand in for, such as
    {"default": HashingModel(384)}; each must be of the revision that Weir serves under that name, which is checked with each answer of Weir.
    """

    def __init__(
        self,
        base_url: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 2,
        max_retry_wait: float = 30.0,
        cache: int = 0,
        local: Optional[Mapping[str, "HashingModel"]] = None,
    ):
        url = urllib.parse.urlsplit((base_url or os.environ.get("WEIR_URL") or DEFAULT_URL).rstrip("/"))
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("base_url must begin with http:// or https:// and name a host")
        self._https, self._host, self._port = url.scheme == "https", url.hostname, url.port
        self._root = url.path[: -len("/v1")] if url.path.endswith("/v1") else url.path
        self._url = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
        self._api_key = api_key if api_key is not None else os.environ.get("WEIR_API_KEY")
        self._timeout, self._max_retries, self._max_retry_wait = timeout, max_retries, max_retry_wait
        self._cache: "OrderedDict[Tuple[str, Optional[int], str], Tuple[Optional[str], Tuple[float, ...]]]" = OrderedDict()  # with revisions
        self._cache_size = cache
        self._local = dict(local or {})
        self._known: Dict[str, str] = {}  # the revision that Weir last served, by model
        self._given: Dict[str, str] = {}  # the revision of vectors made here, by model
        self._warned: set = set()
        self._away: Optional[Tuple[float, WeirError]] = None  # until when, and why
        self._most_idle = _IDLE_CONNECTIONS
        self._after_fork()
        _clients.add(self)
        _hear_sigterm()  # Now: its leases may be taken in other threads, which may not.

    # --- embeddings

    def get_embedding(self, text: str, model: str = "default", dimensions: Optional[int] = None) -> List[float]:
        """The vector of one text, of unit length. dimensions: fewer than the model's; None: all."""
        return self.get_embeddings([text], model, dimensions)[0]

    def get_embeddings(self, texts: Iterable[str], model: str = "default", dimensions: Optional[int] = None) -> List[List[float]]:
        """The vectors of texts in their order, all of one revision, in as many requests as it takes; the same text is asked for once."""
        texts = _checked(texts)
        for _ in range(_MOST_SWAPS):
            found = self._cached(model, dimensions, texts)
            missing = [text for text in dict.fromkeys(texts) if text not in found]
            for part in _parts(missing, _MOST_TEXTS, len):
                revision, vectors = self._embed(part, model, dimensions)
                found.update((text, (revision, vector)) for text, vector in zip(part, vectors))
            if len({revision for revision, _ in found.values() if revision}) <= 1:
                self._keep(model, dimensions, {text: found[text] for text in missing})
                return [list(found[text][1]) for text in texts]
            self._forget(model)  # The model was swapped: what was asked before is asked again.
        raise WeirError(f"The model '{model}' was swapped again and again while it was asked: vectors of its revisions must not be mixed.", code="revision_mismatch")

    def revision(self, model: str = "default") -> Optional[str]:
        """The revision of the model that gave the last vectors; None: none were asked for, or Weir does not say. Vectors of two revisions do not compare."""
        return self._given.get(model) or self._known.get(model)

    def explain(self, text: str, model: str = "default") -> Dict[str, Any]:
        """Why a text has its vector: tokens, model, revision, and whether it is cached."""
        return self._send("POST", "/v1/embeddings/explain", {"model": model, "text": text})

    def stats(self) -> Dict[str, Any]:
        """What the embedding service has done: its cache, its models, and its hits per client."""
        return self._send("GET", "/v1/embeddings/stats")

    def preload_common_tools(self, tools: Union[str, Iterable[Union[str, Mapping[str, Any]]]], model: str = "default") -> int:
        """Has the texts of tools embedded ahead, for all processes of this Weir, and returns how many there were.

        tools: the name of a catalog; or a list of texts, or of tools, whose text is tool_text(tool).
        """
        listed = self.tools(tools) if isinstance(tools, str) else tools
        texts = [tool if isinstance(tool, str) else tool_text(tool) for tool in listed]
        for part in _parts(texts, _MOST_TEXTS, len):
            self.get_embeddings(part, model)
        return len(texts)

    # --- collections

    def create_collection(self, collection: str, **settings: Any) -> Dict[str, Any]:
        """Makes a collection, or changes one: embedding_model="…", chunk={"tokens": 256, "overlap": 32}, weights={"dense": 1, "sparse": 1}."""
        return self._send("PUT", f"/v1/collections/{_quote(collection)}", settings)

    def collection(self, collection: str) -> Dict[str, Any]:
        """A collection as it stands."""
        return self._send("GET", f"/v1/collections/{_quote(collection)}")

    def delete_collection(self, collection: str) -> None:
        """Removes a collection and all that is in it."""
        self._send("DELETE", f"/v1/collections/{_quote(collection)}")

    def upsert(self, collection: str, documents: Iterable[Mapping[str, Any]]) -> Dict[str, Any]:
        """Puts documents {"id", "text", "metadata"} in, read as they come; the same id replaces what was there.

        Returns {"documents", "chunks", "unchanged", "failed", "failed_total"}: a document that is refused stands in failed, and the others are in.
        """
        total: Dict[str, Any] = {"documents": 0, "chunks": 0, "unchanged": 0, "failed": [], "failed_total": 0}
        for part in _parts(documents, _MOST_DOCUMENTS, lambda document: len(document.get("text") or "")):
            result = self._send("POST", f"/v1/collections/{_quote(collection)}/documents", part)
            for name in total:
                total[name] += result.get(name) or type(total[name])()
        return total

    def delete_document(self, collection: str, document: str) -> None:
        """Removes a document with all its chunks."""
        self._send("DELETE", f"/v1/collections/{_quote(collection)}/documents/{_quote(document)}")

    def search(
        self,
        collection: str,
        query: str,
        top_k: Optional[int] = None,
        mode: Optional[str] = None,
        filter: Optional[Mapping[str, Any]] = None,
        min_score: Optional[float] = None,
    ) -> List[Dict[str, Any]]:
        """The best chunks first. mode: "dense", "sparse" or "hybrid" (the default). filter: such as {"year": {"$gte": 2020}}."""
        body = {"query": query, "top_k": top_k, "mode": mode, "filter": filter, "min_score": min_score}
        return self._send("POST", f"/v1/collections/{_quote(collection)}/search", _set_ones(body))["results"]

    # --- catalogs

    def put_tools(self, catalog: str, tools: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
        """Makes these the tools of a catalog: {"name", "description", "parameters"} and, where known, "functionality", "category", "protocol"."""
        return self._send("PUT", f"/v1/catalogs/{_quote(catalog)}/tools", list(tools))

    def upsert_tools(self, catalog: str, tools: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
        """Adds tools, each in the place of the one of its name; makes the catalog where there is none. WeirError 409: they are those of an MCP server."""
        return self._send("POST", f"/v1/catalogs/{_quote(catalog)}/tools", list(tools))

    def put_mcp(self, catalog: str, server: Mapping[str, Any]) -> Dict[str, Any]:
        """Makes the tools of a running MCP server those of a catalog, and follows them: {"url", "headers"}, or for an admin {"command", "args", "env"}."""
        return self._send("PUT", f"/v1/catalogs/{_quote(catalog)}/tools", {"mcp": dict(server)})

    def delete_tool(self, catalog: str, tool: str) -> None:
        """Takes one tool out of a catalog."""
        self._send("DELETE", f"/v1/catalogs/{_quote(catalog)}/tools/{_quote(tool)}")

    def catalogs(self) -> List[Dict[str, Any]]:
        """This tenant's catalogs, and everybody's."""
        return self._send("GET", "/v1/catalogs")["data"]

    def catalog(self, catalog: str) -> Dict[str, Any]:
        """Its version, state and settings, and how its MCP servers are."""
        return self._send("GET", f"/v1/catalogs/{_quote(catalog)}")

    def delete_catalog(self, catalog: str) -> None:
        """With all its tools."""
        self._send("DELETE", f"/v1/catalogs/{_quote(catalog)}")

    def tool(self, catalog: str, tool: str) -> Dict[str, Any]:
        """One tool, whole, for who is about to call it."""
        return self._send("GET", f"/v1/catalogs/{_quote(catalog)}/tools/{_quote(tool)}")

    def tools(self, catalog: str) -> List[Dict[str, Any]]:
        """All tools of a catalog."""
        tools: List[Dict[str, Any]] = []
        after: Optional[str] = None
        while True:
            page = self._send("GET", f"/v1/catalogs/{_quote(catalog)}/tools" + (f"?after={_quote(after)}" if after else ""))
            tools += page["data"]
            after = page.get("after") if page.get("has_more") and page.get("after") != after else None
            if not after:
                return tools

    def search_tools(
        self, catalog: str, query: str, top_k: Optional[int] = None, category: Optional[str] = None, min_score: Optional[float] = None
    ) -> List[Dict[str, Any]]:
        """The tools that fit best first: {"name", "score", "category", "protocol", "reason"}. top_k: default 5. min_score: 0 to 1."""
        body = {"query": query, "top_k": top_k, "category": category, "min_score": min_score}
        return self._send("POST", f"/v1/catalogs/{_quote(catalog)}/search", _set_ones(body))["results"]

    def similar_tools(self, catalog: str, tool: str, top_k: int = 5, same_category: bool = True) -> List[Dict[str, Any]]:
        """The tools that are most like one, itself left out."""
        query = f"top_k={int(top_k)}&same_category={'true' if same_category else 'false'}"
        return self._send("GET", f"/v1/catalogs/{_quote(catalog)}/tools/{_quote(tool)}/similar?{query}")["results"]

    # --- leases

    def lease(
        self,
        kinds: Union[str, Iterable[str], Mapping[str, Any]],
        worker_id: Optional[str] = None,
        *,
        ttl: Union[float, str] = 120.0,
        wait: Union[float, str] = 60.0,
        priority: Optional[int] = None,
        labels: Optional[Mapping[str, str]] = None,
        observe: bool = True,
        idempotency_key: Optional[str] = None,
    ) -> "Lease":
        """All of what is asked for, or nothing: at once, or when its turn comes. Renewed in the background until it is released.

        kinds: {"rag": 1, "vm": {"size": "1280x800"}, "remote:box": [{"a": 1}, {"a": 2}]}: how many of a kind, or the config of one, or one for each; or names.
        worker_id: default one of this process. ttl: seconds that it holds when this process has stopped, 1 to 86,400; it is renewed at a third of that.
        wait: seconds that it may wait for its turn, up to 86,400; 0: now or never. Both also as a text: "90s", "15m", "1h30m". priority: 0 to 9, 9 first. observe: whether resources show themselves at once (.observation).
        WeirError: wait_expired, impossible, unknown_kind, initialisation_failed and others; nothing is held then. ValueError: a ttl or wait that is no such time.
        """
        return self._lease(_demands(kinds), worker_id, _seconds("ttl", ttl), _seconds("wait", wait), priority, labels, observe, idempotency_key)

    def _lease(
        self, demands: List[Dict[str, Any]], worker_id: Optional[str], ttl: float, wait: float, priority: Optional[int] = None,
        labels: Optional[Mapping[str, str]] = None, observe: bool = True, idempotency_key: Optional[str] = None,
    ) -> "Lease":
        body = {
            "worker_id": worker_id if worker_id is not None else f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}",
            "resources": demands, "ttl": _duration(ttl), "wait": _duration(wait), "priority": priority,
            "labels": dict(labels) if labels else None, "observe": True if observe else None,
        }
        # Sent again where the connection fails, under the same key: it never allocates twice.
        headers = {"idempotency-key": idempotency_key or os.urandom(16).hex()}
        asked = time.monotonic()
        answer, _ = self._ask("POST", "/v1/leases", _set_ones(body), headers=headers, timeout=max(self._timeout, wait + _BEYOND_THE_WAIT))
        return Lease(self, answer, ttl, asked)

    def leases(self, worker_id: Optional[str] = None, state: Optional[str] = None, kind: Optional[str] = None) -> List[Dict[str, Any]]:
        """The leases that this key may see."""
        asked = _set_ones({"worker_id": worker_id, "state": state, "kind": kind})
        leases: List[Dict[str, Any]] = []
        while True:
            page = self._send("GET", "/v1/leases" + (f"?{urllib.parse.urlencode(asked)}" if asked else ""))
            leases += page["data"]
            after = page.get("after") if page.get("has_more") else None
            if not after or after == asked.get("after"):
                return leases
            asked["after"] = after

    def kinds(self) -> List[Dict[str, Any]]:
        """How each kind stands in the whole fleet: {"name", "total", "free", "leased", "resetting", "quarantined", "waiting"}."""
        return self._send("GET", "/v1/kinds")["data"]

    def put_kind(self, kind: str, **definition: Any) -> Dict[str, Any]:
        """Makes a kind, or changes it while it runs (admin): capacity=8, collection="handbook". What is left out stays as it is."""
        return self._send("PUT", f"/v1/kinds/{_quote(kind)}", definition)

    def close(self) -> None:
        """Closes the connections that are idle; the client can be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> "Weir":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    # --- embedding here and there

    def _embed(self, texts: List[str], model: str, dimensions: Optional[int]) -> Tuple[Optional[str], List[Tuple[float, ...]]]:
        away = self._away
        if away is not None and model in self._local and time.monotonic() < away[0]:
            return self._embed_here(texts, model, dimensions, away[1])
        body = {"model": model, "input": texts, "encoding_format": "base64"}
        if dimensions is not None:
            body["dimensions"] = dimensions
        try:
            answer, headers = self._ask("POST", "/v1/embeddings", body)
            revision = headers.get("x-weir-embedding-revision") or self._known.get(model)
            if revision is None and model in self._local:
                revision = str(self.explain("weir", model).get("revision", ""))
        except WeirError as error:
            if error.code != "unreachable" or model not in self._local:
                raise
            self._away = (time.monotonic() + _AWAY, error)
            return self._embed_here(texts, model, dimensions, error)
        self._away = None
        if revision is not None:
            self._served(model, revision)
        vectors: List[Optional[Tuple[float, ...]]] = [None] * len(texts)
        for item in answer["data"]:
            vectors[item["index"]] = _vector(item["embedding"])
        if len(answer["data"]) != len(texts) or None in vectors:
            raise WeirError(f"Weir gave {len(answer['data'])} vectors for {len(texts)} texts.", code="invalid_answer")
        return revision, vectors  # type: ignore[return-value]

    def _served(self, model: str, revision: str) -> None:
        """Weir may have come back with another model than stood in for it, or swapped it while it stayed."""
        self._known[model] = revision
        given = self._given.get(model)
        if given is not None and given != revision:
            raise WeirError(
                f"Weir serves revision {revision or 'unknown'} of the model '{model}', but vectors of revision {given} were made in this process while it "
                "was away: they must not be mixed. Embed those texts again with a new client.", code="revision_mismatch")

    def _embed_here(self, texts: List[str], model: str, dimensions: Optional[int], error: WeirError) -> Tuple[Optional[str], List[Tuple[float, ...]]]:
        local = self._local[model]
        known = self._known.get(model)
        if known is not None and known != local.revision:
            raise WeirError(
                f"Weir is away, and the model of this process is revision {local.revision}, but Weir served revision {known or 'unknown'} of '{model}': "
                "their vectors must not be mixed.", code="revision_mismatch") from error
        if model not in self._warned:
            self._warned.add(model)
            warnings.warn(f"{error} The model '{model}' (revision {local.revision}) is computed in this process until it is back.", RuntimeWarning, stacklevel=4)
        self._given[model] = local.revision
        self._known.pop(model, None)
        if dimensions is not None and not local.MIN_DIMENSIONS <= dimensions <= local.dimensions:
            code = "too_few_dimensions" if dimensions < local.MIN_DIMENSIONS else "too_many_dimensions"
            raise WeirError(
                f"dimensions is {dimensions}; the model '{model}' makes vectors of {local.MIN_DIMENSIONS} to {local.dimensions}.", 422, code)
        return local.revision, [local.embed(text, dimensions) for text in texts]

    def _cached(self, model: str, dimensions: Optional[int], texts: List[str]) -> Dict[str, Tuple[Optional[str], Tuple[float, ...]]]:
        found: Dict[str, Tuple[Optional[str], Tuple[float, ...]]] = {}
        if self._cache_size <= 0:
            return found
        with self._lock:
            for text in texts:
                kept = self._cache.get((model, dimensions, text))
                if kept is not None:
                    self._cache.move_to_end((model, dimensions, text))
                    found[text] = kept
        return found

    def _keep(self, model: str, dimensions: Optional[int], vectors: Mapping[str, Tuple[Optional[str], Tuple[float, ...]]]) -> None:
        if self._cache_size <= 0:
            return
        with self._lock:
            for text, vector in vectors.items():
                self._cache[(model, dimensions, text)] = vector
                if len(self._cache) > self._cache_size:
                    self._cache.popitem(last=False)

    def _forget(self, model: str) -> None:
        with self._lock:
            for key in [key for key in self._cache if key[0] == model]:
                del self._cache[key]

    # --- the wire

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        return self._ask(method, path, body)[0]

    def _ask(
        self, method: str, path: str, body: Any, *, headers: Optional[Mapping[str, str]] = None, timeout: Optional[float] = None, once: bool = False, raw: bool = False
    ) -> Tuple[Any, Any]:
        """The answer and its headers. Most operations may be sent twice without harm, so a connection that failed is no reason to give up at once.

        timeout: other than the client's. once: it is sent on a connection of its own and never again, whatever happens. raw: the answer is bytes.
        """
        within = self._timeout if timeout is None else timeout
        data = None if body is None else _utf8(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
        headers = {"accept": "*/*" if raw else "application/json", **(headers or {})}
        if data is not None:
            headers["content-type"] = "application/json"
        if self._api_key:
            headers["authorization"] = f"Bearer {self._api_key}"
        attempt = 0
        while True:
            try:
                status, answered, content = self._send_once(method, self._root + path, data, headers, within, once)
                if 200 <= status < 300:
                    return (content if raw else json.loads(content) if content else None), answered
                error = _error_of(status, answered, content)
                should = answered.get("x-should-retry")
                if should == "false" or (should != "true" and status not in (429, 503)):
                    raise error
            except (socket.timeout, TimeoutError) as exception:
                # It may still be at it: asking again would make it more.
                raise WeirError(f"Weir at {self._url} was silent for {within:g} s.", code="timeout") from exception
            except (OSError, http.client.HTTPException) as exception:
                error = WeirError(f"Weir at {self._url} cannot be reached: {exception or type(exception).__name__}.", code="unreachable")
                error.__cause__ = exception
            except ValueError as exception:
                raise WeirError(f"What answers at {self._url} is not Weir: {exception}", code="invalid_answer") from exception
            if once or attempt >= self._max_retries or (error.retry_after or 0) > self._max_retry_wait:
                raise error
            backoff = min(0.5 * 2**attempt * (0.5 + os.urandom(1)[0] / 512), self._max_retry_wait)
            time.sleep(backoff if error.retry_after is None else error.retry_after)
            attempt += 1

    def _send_once(self, method: str, path: str, data: Optional[bytes], headers: Dict[str, str], within: float, alone: bool) -> Tuple[int, Any, bytes]:
        connection = self._new(within) if alone else self._take(within)
        while True:
            used = connection.sock is not None
            try:
                if not used:
                    self._connect(connection)
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                content = response.read()
            except (socket.timeout, TimeoutError):
                connection.close()
                raise
            except (OSError, http.client.HTTPException):
                connection.close()
                # The server may close what was idle; a new connection tells whether it is there.
                if not used:
                    raise
                connection = self._new(within)
                continue
            except BaseException:
                connection.close()
                raise
            if alone:
                connection.close()
            else:
                self._give_back(connection, response)
            return response.status, response.headers, content

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
        except (socket.timeout, TimeoutError) as exception:
            # Nothing was asked yet: it is away, not slow.
            raise ConnectionError(f"no connection within {connection.timeout:g} s") from exception

    def _take(self, within: float) -> http.client.HTTPConnection:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            return self._new(within)
        connection.timeout = within
        if connection.sock is not None:
            connection.sock.settimeout(within)
        return connection

    def _new(self, within: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=within)

    def _give_back(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if not response.will_close:
            with self._lock:
                if len(self._idle) < self._most_idle:
                    self._idle.append(connection)
                    return
        connection.close()

    def _after_fork(self) -> None:
        """The parent's connections are not ours, and its lock may have been held by a thread that is not here."""
        inherited: List[http.client.HTTPConnection] = getattr(self, "_idle", [])
        self._lock = threading.Lock()
        self._idle: List[http.client.HTTPConnection] = []
        for connection in inherited:
            connection.close()  # Here alone: the parent's stay open.


_clients: "weakref.WeakSet[Weir]" = weakref.WeakSet()


def _forked() -> None:
    global _default_lock
    _default_lock = threading.Lock()
    for client in list(_clients):
        client._after_fork()
    for lease in list(_held.values()):
        lease._after_fork()
    _held.clear()  # The parent's, which gives them back.
    for environment in list(_environments):
        environment._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def tool_text(tool: Mapping[str, Any]) -> str:
    """What stands for a tool where it is embedded as one text: its name and description."""
    return f"{tool['name']}: {tool.get('description') or ''}".rstrip(": ")


def _checked(texts: Iterable[str]) -> List[str]:
    if isinstance(texts, str) or texts is None:
        raise ValueError("texts must be a list of texts; for one text there is get_embedding")
    texts = list(texts)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {place} is {type(text).__name__}; it must be a str")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as exception:
            raise ValueError(f"text {place} holds half a surrogate pair at {exception.start}, which is no character and has no UTF-8") from None
    return texts


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as exception:
        half = ascii(text[exception.start])
        raise WeirError(f"What is asked holds half of a surrogate pair ({half}), which is no character and has no UTF-8: send whole characters.", code="malformed") from None


def _quote(name: str) -> str:
    return urllib.parse.quote(_utf8(name), safe="")


def _set_ones(body: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _parts(items: Iterable[Any], most: int, size: Any) -> Iterator[List[Any]]:
    part: List[Any] = []
    characters = 0
    for item in items:
        length = size(item)
        if part and (len(part) == most or characters + length > _MOST_CHARACTERS):
            yield part
            part, characters = [], 0
        part.append(item)
        characters += length
    if part:
        yield part


def _vector(value: Union[str, List[float]]) -> Tuple[float, ...]:
    if not isinstance(value, str):
        return tuple(value)
    data = base64.b64decode(value, validate=True)
    return struct.unpack(f"<{len(data) // 4}f", data)


def _error_of(status: int, headers: Any, content: bytes) -> WeirError:
    message, code = f"Weir answered {status}.", "unknown"
    try:
        body = json.loads(content)
        error = body.get("error") if isinstance(body, dict) else None
        if isinstance(error, dict):
            message, code = error.get("message") or message, error.get("code") or error.get("type") or code
        elif isinstance(body, dict):
            message, code = body.get("detail") or body.get("title") or message, body.get("code") or code
    except ValueError:
        pass  # Something between here and Weir answered: its status has to do.
    return WeirError(message, status, code, _retry_after(headers.get("retry-after")))


def _retry_after(value: Optional[str]) -> Optional[float]:
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


# --- leases

_LOST = frozenset(("fence_stale", "lease_ended", "not_holder", "not_found"))


class Resource:
    """One resource of a lease, used through its door with its token.

    id, kind (the name that it was asked for by), sort ("rag", "vm", "remote", or your own), base_url, token, details, observation.
    """

    def __init__(self, given: Mapping[str, Any]):
        self.id: str = given["id"]
        self.kind: str = given.get("kind") or self.id.split(".")[0]
        self.sort = re.split("[.:]", self.id)[0]
        self.base_url, self.token = given.get("base_url"), given.get("token")
        self.details, self.observation = given.get("details"), given.get("observation")
        if not self.base_url:
            raise WeirError(f"The answer is not what Weir would say: {self.id} has no address.", code="invalid_answer")
        self._door = Weir(self.base_url, self.token or "", timeout=_DOOR_TIMEOUT)  # The client's own key does not go there.

    def request(self, method: str, path: str, body: Any = None, *, timeout: Optional[float] = None) -> Any:
        """Asks through the door: what is answered in JSON, else its bytes. path: below the door, "/health". It is never sent twice, since it may have been done.

        WeirError 410 lease_ended: it is not this worker's any more.
        """
        content, headers = self._door._ask(method, "/" + path.lstrip("/"), body, timeout=timeout, once=True, raw=True)
        if not content:
            return None
        return json.loads(content) if "json" in (headers.get("content-type") or "") else content

    def health(self) -> Any:
        """How it is; WeirError where it is not well."""
        return self.request("GET", "/health")

    def _call(self, name: str, arguments: Dict[str, Any]) -> Any:
        raise WeirError(f"There is no tool '{name}' for {self.id}.", code="unknown_tool")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} at {self.base_url}>"  # Without the token: this ends up in logs.


class RagResource(Resource):
    """A session on a collection of documents."""

    def query(
        self,
        query: str,
        top_k: Optional[int] = None,
        search_type: Optional[str] = None,
        filter: Optional[Mapping[str, Any]] = None,
        min_score: Optional[float] = None,
    ) -> List[Dict[str, Any]]:
        """The best passages first: {"document_id", "chunk_id", "text", "score", "metadata"}. search_type: "dense", "sparse" or "hybrid".

        What is left out the lease says, then the kind, then 10 passages and "hybrid".
        """
        body = {"query": query, "top_k": top_k, "search_type": search_type, "filter": filter, "min_score": min_score}
        return self._door._send("POST", "/query", _set_ones(body))["results"]

    def query_many(
        self, queries: Iterable[str], top_k: Optional[int] = None, search_type: Optional[str] = None, filter: Optional[Mapping[str, Any]] = None
    ) -> List[Dict[str, Any]]:
        """Up to 64 queries at once, in their order: {"query", "results"}, or {"query", "error"} of one that failed."""
        body = {"queries": list(queries), "top_k": top_k, "search_type": search_type, "filter": filter}
        return self._door._send("POST", "/query", _set_ones(body))["results"]

    def _call(self, name: str, arguments: Dict[str, Any]) -> Any:
        return self._door._send("POST", "/query", {**_set_ones(arguments), "search_type": name.rsplit("_", 1)[1]})["results"]


class DesktopResource(Resource):
    """A desktop. Coordinates are whole pixels from the upper left corner; actions are those of docs/desktop-actions.md."""

    def screenshot(self, cursor: bool = False) -> bytes:
        """The screen, as a PNG. cursor: whether the pointer is drawn."""
        return self._door._ask("POST" if cursor else "GET", "/screenshot", {"cursor": True} if cursor else None, raw=True)[0]

    def accessibility_tree(self) -> Dict[str, Any]:
        """{"tree", "nodes", "truncated"}; the tree is None where programs tell nothing of themselves."""
        return self._door._send("GET", "/accessibility_tree")

    def act(self, *actions: Mapping[str, Any]) -> int:
        """Does {"type": "click", "x": 10, "y": 20} and others in their order; all are checked before the first. Returns how many were done: all."""
        return self.request("POST", "/actions", [dict(action) for action in actions])["done"]

    def click(self, x: Optional[int] = None, y: Optional[int] = None, button: str = "left", clicks: int = 1) -> None:
        """Clicks at a point, or where the pointer is. clicks: 2 is a double click."""
        self.act(_set_ones({"type": "click", "x": x, "y": y, "button": button, "clicks": clicks}))

    def move(self, x: int, y: int) -> None:
        """Moves the pointer."""
        self.act({"type": "move", "x": x, "y": y})

    def type(self, text: str) -> None:
        """Types a text as it is, in any script."""
        self.act({"type": "type", "text": text})

    def press(self, *keys: str) -> None:
        """Presses and releases keys one after the other: a character each, or a name such as "enter", "esc", "f5"."""
        self.act({"type": "press", "keys": list(keys)})

    def hotkey(self, *keys: str) -> None:
        """Presses keys together: hotkey("ctrl", "c")."""
        self.act({"type": "hotkey", "keys": list(keys)})

    def scroll(self, clicks: int, x: Optional[int] = None, y: Optional[int] = None) -> None:
        """Turns the wheel, up where clicks is above 0."""
        self.act(_set_ones({"type": "scroll", "clicks": clicks, "x": x, "y": y}))

    def drag(self, x: int, y: int, button: str = "left") -> None:
        """Drags from where the pointer is to a point."""
        self.act({"type": "drag", "x": x, "y": y, "button": button})

    def _call(self, name: str, arguments: Dict[str, Any]) -> Any:
        if name == "screenshot":
            return self.screenshot()
        if name == "accessibility_tree":
            return self.accessibility_tree()
        return {"done": self.act({**_set_ones(arguments), "type": name})}


_SORTS = {"rag": RagResource, "vm": DesktopResource}


class Lease:
    """What one worker holds, until it is released or this process ends: `with` releases it, an exit and an unhandled SIGTERM do too, and else its ttl ends it.

    id, worker_id, fence, ttl (seconds), expires_at (of the server's clock), resources. lease.rag, lease.vm, lease["remote:box"]: the first resource of that name
    or sort; all(name): every one. lost: a threading.Event, set when it has ended without being released; lost_reason: a sentence.
    Safe from any thread. After a fork the child may use its resources; renewing and releasing stays with the process that took it.
    """

    def __init__(self, client: Weir, given: Mapping[str, Any], ttl: float, asked: Optional[float]):
        self.id, self.worker_id, self.fence = given["id"], given.get("worker_id"), given.get("fence")
        self.ttl, self.expires_at, self.labels = ttl, given.get("expires_at"), given.get("labels")
        self.lost, self.lost_reason = threading.Event(), None  # type: threading.Event, Optional[str]
        self._client, self._stop, self._releasing, self._released = client, threading.Event(), threading.Lock(), False
        self._pid = os.getpid() if asked is not None else None  # None: somebody else renews and releases it.
        self.resources = [_SORTS.get(re.split("[.:]", resource["id"])[0], Resource)(resource) for resource in given.get("resources") or []]
        if asked is not None:
            _held[id(self)] = self
            _hear_exits()
            self._thread = threading.Thread(target=self._renew, args=(asked,), name=f"weir-lease-{self.id}", daemon=True)
            self._thread.start()

    def __getitem__(self, name: str) -> Any:
        found = self.all(name)
        if not found:
            raise KeyError(f"The lease holds no '{name}'; it holds: {', '.join(resource.kind for resource in self.resources)}.")
        return found[0]

    def __getattr__(self, name: str) -> Any:
        # Only what is no attribute comes here; a copy or a pickle asks before there are resources.
        found = self.all(name) if not name.startswith("_") and "resources" in self.__dict__ else []
        if not found:
            raise AttributeError(f"the lease has no '{name}'")
        return found[0]

    def all(self, name: str) -> List[Any]:
        """Every resource of a name or sort; letters and digits count: remote_box is remote:box."""
        wanted = _plain(name)
        return [resource for resource in self.resources if _plain(resource.kind) == wanted] or [
            resource for resource in self.resources if wanted in (_plain(resource.id.split(".")[0]), _plain(resource.sort))]

    def observations(self) -> Dict[str, Any]:
        """What the resources show now: {kind: {"screenshot", "accessibility_tree", "text"}, "resources": {id: …}}; pictures in base64."""
        return self._client._send("GET", f"/v1/leases/{_quote(self.id)}/observations")

    def tools(self, offers: Any = None) -> List[Dict[str, Any]]:
        """What a model can do with the resources, as chat completions take tools; nothing that allocates or releases. Of a second desktop: click_2.

        offers: a function of a tool's name; what it answers False to is left out.
        """
        return [
            {"type": "function", "function": {"name": name, "description": tool["description"], "parameters": tool["parameters"]}}
            for name, (_, tool) in self._tools().items() if offers is None or offers(tool["name"])
        ]

    def call(self, name: str, arguments: Union[str, Mapping[str, Any], None] = None) -> Any:
        """Does what a tool says. arguments: as a dict, or as the JSON text that models give. A screenshot is bytes. WeirError: say it to the model."""
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments) if arguments.strip() else {}
            except ValueError:
                raise WeirError("The arguments are not JSON.", code="malformed") from None
        if arguments is not None and not hasattr(arguments, "items"):
            raise WeirError("The arguments must be an object.", code="malformed")
        tools = self._tools()
        if name not in tools:
            raise WeirError(f"There is no tool '{name}'; there are: {', '.join(tools) or 'none'}.", code="unknown_tool")
        resource, tool = tools[name]
        return resource._call(tool["name"], dict(arguments or {}))

    def release(self) -> None:
        """Gives everything back; the second time nothing. What is lost is given back without error.

        WeirError: Weir could not be told, and a further call tries again; else it ends by its ttl.
        """
        self._release(None)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.release()
        except WeirError as error:
            # What failed inside is what should be seen.
            warnings.warn(f"The lease {self.id} could not be given back: {error} It ends by its ttl.", RuntimeWarning, stacklevel=2)

    def __repr__(self) -> str:
        return f"<Lease {self.id} of {self.worker_id}: {', '.join(resource.id for resource in self.resources)}>"

    def _tools(self) -> Dict[str, Tuple[Resource, Dict[str, Any]]]:
        tools: Dict[str, Tuple[Resource, Dict[str, Any]]] = {}
        counts: Dict[str, int] = {}
        for resource in self.resources:
            nth = counts[resource.sort] = counts.get(resource.sort, 0) + 1
            for tool in _tools_of(resource.sort):
                tools[tool["name"] if nth == 1 else f"{tool['name']}_{nth}"] = (resource, tool)
        return tools

    def _release(self, deadline: Optional[float]) -> None:
        """deadline: monotonic; then it is asked once."""
        if self._pid != os.getpid():
            self._close_doors()
            return
        # The lock is held while Weir is asked: a second caller has to wait for the answer of the first.
        if not self._releasing.acquire(timeout=-1 if deadline is None else max(0.0, deadline - time.monotonic())):
            return
        try:
            if self._released:
                return
            self._stop.set()
            try:
                self._client._ask(
                    "DELETE", f"/v1/leases/{_quote(self.id)}?fence={self.fence}", None,
                    timeout=None if deadline is None else max(0.1, deadline - time.monotonic()), once=deadline is not None)
            except WeirError as error:
                if error.code not in _LOST:
                    raise
            self._released = True
            _held.pop(id(self), None)
        finally:
            self._releasing.release()
        self._close_doors()

    def _close_doors(self) -> None:
        for resource in self.resources:
            resource._door._most_idle = 0  # Whoever asks once more keeps nothing open.
            resource._door.close()

    def _renew(self, asked: float) -> None:
        """Until it is released or lost. One that waited long was ready some time before its answer: its first renewal comes early."""
        renewed, failures = time.monotonic(), 0
        wait = _spread(self.ttl / 3) - (renewed - asked)
        while not self._stop.wait(max(0.0, wait)):
            sent = time.monotonic()
            reason = None
            try:
                # After a pause that was longer than the ttl Weir is asked once more: it decides.
                answer, _ = self._client._ask(
                    "POST", f"/v1/leases/{_quote(self.id)}/renew", {"fence": self.fence}, timeout=min(max(renewed + self.ttl - sent, 1.0), self.ttl), once=True)
                self.expires_at = answer["expires_at"]
                renewed, failures, wait = sent, 0, _spread(self.ttl / 3)
                continue
            except WeirError as error:
                reason = str(error) if error.code in _LOST else None
            except Exception:
                pass  # Whatever it was, the lease still holds until its end, and so the thread goes on.
            left = renewed + self.ttl - time.monotonic()
            if reason is not None or left <= 0:
                if not self._stop.is_set():
                    self.lost_reason = reason or f"The lease could not be renewed within its {self.ttl:g} s."
                    self.lost.set()
                return
            wait = min(_spread(self.ttl / 60 * 2 ** min(failures, 4)), left)
            failures += 1

    def _after_fork(self) -> None:
        """The thread is the parent's; what it held at the fork nobody here would release."""
        self._releasing = threading.Lock()
        for event in (self._stop, self.lost):
            getattr(event, "_at_fork_reinit", lambda: None)()


_environments: "weakref.WeakSet[Environment]" = weakref.WeakSet()
_held: Dict[int, Lease] = {}  # Of this process. No lock: a signal's handler reads it too.
_hears_exits = False


def _hear_exits() -> None:
    global _hears_exits
    if not _hears_exits:
        _hears_exits = True
        atexit.register(_release_all)
    _hear_sigterm()


def _hear_sigterm() -> None:
    # Only the main thread may, and a handler of the program's own goes before.
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        try:
            signal.signal(signal.SIGTERM, _on_sigterm)
        except ValueError:
            pass  # A second interpreter within the process, which may not either.


def _release_all() -> None:
    """One after the other: at an exit no thread can be started any more."""
    deadline = time.monotonic() + _EXIT_WITHIN
    for lease in list(_held.values()):
        if time.monotonic() >= deadline:
            return
        try:
            lease._release(deadline)
        except Exception:
            pass  # The process ends: there is nobody to tell, and its ttl ends it.


def _on_sigterm(_: int, __: Any) -> None:
    # In a thread, since what was interrupted may hold a lock that is needed; then as if there were no handler.
    if _held:
        releasing = threading.Thread(target=_release_all, daemon=True)
        releasing.start()
        releasing.join(_EXIT_WITHIN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _spread(seconds: float) -> float:
    """Up to a fifth sooner, so that workers that began together do not renew together."""
    return seconds * (0.8 + os.urandom(1)[0] / 1275)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def _seconds(name: str, value: Union[float, str]) -> float:
    """Of a number of seconds, or of a text such as Weir takes. Which times are too short or too long is Weir's to say."""
    if isinstance(value, str) and re.fullmatch("(?:[0-9]+(?:[.][0-9]+)?(?:ms|[smhd]))+", value):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall("([0-9.]+)(ms|[smhd])", value))
    elif isinstance(value, (str, bool)) or not hasattr(value, "__float__"):
        seconds = math.nan
    else:
        seconds = float(value)
    if not (0 <= seconds < math.inf):
        raise ValueError(f'{name} takes a number of seconds or a text such as "90s", "15m" or "1h30m", not {value!r}')
    return seconds


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "_", name.lower())


def _demands(kinds: Union[str, Iterable[str], Mapping[str, Any]]) -> List[Dict[str, Any]]:
    if isinstance(kinds, str):
        kinds = [kinds]
    demands: List[Dict[str, Any]] = []
    for kind, what in kinds.items() if hasattr(kinds, "items") else ((kind, 1) for kind in kinds):
        if isinstance(what, int) and not isinstance(what, bool):
            demands.append({"kind": kind, "count": what})
        elif what is None or hasattr(what, "items"):
            demands.append({"kind": kind, "count": 1, **({} if what is None else {"config": what})})
        elif isinstance(what, (list, tuple)):
            demands += [{"kind": kind, "count": 1, **({} if config is None else {"config": config})} for config in what]
        else:
            raise ValueError(f"of '{kind}' say how many, or the config of one as a dict, or a list of configs; {type(what).__name__} is none of these")
    if not demands:
        raise ValueError("a lease holds at least one resource")
    return demands


@lru_cache(maxsize=64)
def _tools_of(sort: str) -> Tuple[Dict[str, Any], ...]:
    """The tools that Weir offers for a sort over MCP, here through the resource's own door."""

    def tool(name: str, description: str, required: str = "", **properties: Any) -> Dict[str, Any]:
        parameters = {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}
        return {"name": name, "description": description, "parameters": parameters}

    def whole(least: int, description: str) -> Dict[str, Any]:
        return {"type": "integer", "minimum": least, "description": description}

    point = {"x": whole(0, "Pixels from the left edge of the screen."), "y": whole(0, "Pixels from the upper edge of the screen.")}
    button = {"button": {"type": "string", "enum": ["left", "middle", "right"]}}
    keys = {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "Each is one character, or a name such as enter, tab, esc, up, pageup, f5, ctrl, alt, shift."}
    if sort == "rag":
        return tuple(
            tool(f"query_knowledge_base_{way}", f"Searches the knowledge base {how}.", "query", query={"type": "string", "description": "What is looked for, in plain words."},
                 top_k={**whole(1, "How many passages at most. Default: what the lease says, else 10."), "maximum": 1000})
            for way, how in (
                ("dense", "by meaning: passages that say the same in other words are found too"),
                ("sparse", "by its words: names, numbers and codes are found exactly"),
                ("hybrid", "by meaning and by its words together"),
            ))
    if sort == "vm":
        return (
            tool("screenshot", "Takes a picture of the whole screen, whose pixels are the coordinates that the other tools take."),
            tool("accessibility_tree", "Reads what is on the screen as a tree of named elements with their places, where programs tell of themselves."),
            tool("click", "Clicks a mouse button at a point of the screen, or where the pointer is when no point is given.", **point, **button,
                 clicks={**whole(1, "2 is a double click."), "maximum": 10}),
            tool("move", "Moves the mouse pointer to a point of the screen without pressing a button.", "x y", **point),
            tool("type", "Types text into whatever has the keyboard, exactly as it is given. A line break presses enter, a tab presses tab.", "text",
                 text={"type": "string", "maxLength": 10000}),
            tool("press", "Presses and releases a key, or several keys one after the other.", "keys", keys=keys),
            tool("hotkey", "Presses keys together, as in ctrl and c.", "keys", keys=keys),
            tool("scroll", "Turns the mouse wheel at a point of the screen, or where the pointer is when no point is given.", "clicks",
                 clicks=whole(-1000, "Notches of the wheel: positive scrolls up, negative down."), **point),
            tool("drag", "Drags with a mouse button held, from where the pointer is to a point of the screen.", "x y", **point, **button),
        )
    return ()


def from_environment(environ: Optional[Mapping[str, str]] = None) -> Lease:
    """The lease of the task that `weir run` started this program for: from WEIR_LEASE, WEIR_URL, and WEIR_<KIND>_URL and WEIR_<KIND>_TOKEN of each resource.

    weir run renews it, gives it back, and ends this program when it is lost: releasing it here does nothing. WeirError "no_lease": there is none.
    """
    given = os.environ if environ is None else environ
    if not given.get("WEIR_LEASE"):
        raise WeirError("WEIR_LEASE is not set: this program was not started by weir run with --kinds.", code="no_lease")
    resources = []
    for name, url in given.items():
        match = re.fullmatch(r"WEIR_([A-Z0-9_]+)_URL(?:_(\d+))?", name)
        token = match and given.get(f"WEIR_{match[1]}_TOKEN" + (f"_{match[2]}" if match[2] else ""))
        if match and token:
            resource = urllib.parse.unquote(url.rstrip("/").rpartition("/")[2])
            resources.append((match[1], int(match[2] or 1), {"id": resource, "kind": match[1].lower(), "base_url": url, "token": token}))
    lease = {"id": given["WEIR_LEASE"], "fence": int(given.get("WEIR_FENCE") or 0), "resources": [resource for _, _, resource in sorted(resources, key=lambda each: each[:2])]}
    return Lease(Weir(given.get("WEIR_URL"), given.get("WEIR_API_KEY")), lease, 0.0, None)


class Environment:
    """Where agents work, one lease for each worker. Usable as it is, and a base for others: override get_system_prompt and offers, and nothing of allocation.

    mode: the kinds that each worker gets, joined by "+": "rag", "vm", "rag+vm". kinds: the same with counts and configs, as Weir.lease takes them.
    client: default one made from WEIR_URL and WEIR_API_KEY. ttl, wait, priority, labels: as of Weir.lease. Safe from any thread.
    cleanup, which the end of `with` does too, closes it: it allocates nothing any more.
    """

    mode: Optional[str] = None

    def __init__(
        self,
        mode: Optional[str] = None,
        *,
        kinds: Union[str, Iterable[str], Mapping[str, Any], None] = None,
        client: Optional[Weir] = None,
        ttl: Union[float, str] = 120.0,
        wait: Union[float, str] = 600.0,
        priority: Optional[int] = None,
        labels: Optional[Mapping[str, str]] = None,
    ):
        self.mode = mode or self.mode or (None if kinds is None else "+".join(dict.fromkeys(demand["kind"] for demand in _demands(kinds))))
        if not self.mode:
            raise ValueError("say which mode: the kinds that each worker gets, such as \"rag+vm\"")
        self._demands = _demands(self.mode.split("+") if kinds is None else kinds)
        self._client, self._own = client or Weir(), client is None
        self._options = {"ttl": _seconds("ttl", ttl), "wait": _seconds("wait", wait), "priority": priority, "labels": labels}
        self._closed = False
        self._after_fork()
        _environments.add(self)
        _hear_sigterm()

    def get_system_prompt(self, task_question: Optional[str] = None) -> str:
        """What a model is told before its task."""
        return "You work with tools. Look before you act, do one step at a time, and check what it did before the next one."

    def offers(self, tool: str) -> bool:
        """Whether a model gets a tool, by its name."""
        return True

    def allocate_resource(self, worker_id: str, resource_init_data: Optional[Mapping[str, Any]] = None) -> Lease:
        """All resources of one worker, initialised. resource_init_data: configs by kind, in the place of those of kinds.

        WeirError: nothing is held; "closed" and "released" where the environment was closed, or the worker released, before its turn came.
        """
        demands = self._demands
        if resource_init_data:
            unknown = [kind for kind in resource_init_data if all(demand["kind"] != kind for demand in demands)]
            if unknown:
                raise ValueError(f"there is init data for '{unknown[0]}', which this environment does not lease")
            demands = [{**demand, "config": resource_init_data[demand["kind"]]} if demand["kind"] in resource_init_data else demand for demand in demands]
        place = object()
        with self._lock:
            if self._closed:
                raise WeirError("The environment is closed, and allocates nothing any more: make another.", code="closed")
            if worker_id in self._leases:
                raise ValueError(f"the worker '{worker_id}' holds a lease already: release it first")
            self._leases[worker_id] = place
        try:
            lease = self._client._lease(demands, worker_id, **self._options)
        except BaseException:
            with self._lock:
                if self._leases.get(worker_id) is place:
                    del self._leases[worker_id]
            raise
        with self._lock:
            closed, wanted = self._closed, self._leases.get(worker_id) is place
            if wanted:
                self._leases[worker_id] = lease
        if not wanted:
            self._refuse(lease, closed)
        return lease

    def _refuse(self, lease: Lease, closed: bool) -> None:
        """What comes when nobody wants it any more is given back; where Weir cannot be told it is not renewed at least."""
        error = (WeirError("The environment was closed while this worker waited for its lease.", code="closed") if closed
                 else WeirError(f"The worker '{lease.worker_id}' was released while it waited for its lease.", code="released"))
        try:
            lease.release()
        except WeirError as failed:
            raise error from failed
        finally:
            if closed and self._own:
                self._client.close()
        raise error

    def lease(self, worker_id: str) -> Lease:
        """What a worker holds. KeyError: nothing."""
        with self._lock:
            lease = self._leases.get(worker_id)
        if not isinstance(lease, Lease):
            raise KeyError(f"the worker '{worker_id}' holds no lease")
        return lease

    def get_observations(self, worker_id: str) -> Dict[str, Any]:
        """What a worker's resources show now."""
        return self.lease(worker_id).observations()

    def get_tools(self, worker_id: str) -> List[Dict[str, Any]]:
        """What a worker's model can do, as chat completions take tools."""
        return self.lease(worker_id).tools(self.offers)

    def call_tool(self, worker_id: str, name: str, arguments: Union[str, Mapping[str, Any], None] = None) -> Any:
        """Does what a tool says; WeirError says why it could not."""
        if not any(tool["function"]["name"] == name for tool in self.get_tools(worker_id)):
            raise WeirError(f"There is no tool '{name}' here.", code="unknown_tool")
        return self.lease(worker_id).call(name, arguments)

    def release_resource(self, worker_id: str, reset: bool = True) -> None:
        """Gives a worker's resources back, as soon as they come where it still waits for them; where it holds none, nothing.

        reset: Weir gives nobody what was not made clean, whatever is said here.
        """
        with self._lock:
            lease = self._leases.get(worker_id)
            if not isinstance(lease, Lease):
                self._leases.pop(worker_id, None)  # Whoever waits sees that its place is gone.
                return
        lease.release()
        with self._lock:
            if self._leases.get(worker_id) is lease:
                del self._leases[worker_id]

    def cleanup(self) -> None:
        """Gives back what any worker holds, or still waits for, and allocates nothing any more. WeirError: a further call tries again."""
        with self._lock:
            self._closed = True
            workers = list(self._leases)
        errors = []
        for worker_id in workers:
            try:
                self.release_resource(worker_id)
            except WeirError as error:
                errors.append(error)
        if self._own:
            self._client.close()
        if errors:
            raise errors[0]

    def _after_fork(self) -> None:
        """What the parent's workers hold is the parent's."""
        self._leases: Dict[str, Any] = {}  # The lease; while it is being allocated, an object that stands for that one call.
        self._lock = threading.Lock()

    def __enter__(self) -> "Environment":
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.cleanup()
        except WeirError as error:
            warnings.warn(f"Not everything could be given back: {error} It ends by its ttl.", RuntimeWarning, stacklevel=2)


class RagEnvironment(Environment):
    """An environment whose model answers from a knowledge base: a prompt, and the tools that search it."""

    mode = "rag"

    def get_system_prompt(self, task_question: Optional[str] = None) -> str:
        """What a model is told before its question."""
        return (
            "You answer questions from a knowledge base that you can search, and from nothing else.\n"
            "Search before you answer, with the words that a good answer would hold; when nothing fits, search again in other words: by meaning (dense), "
            "by exact words (sparse), or by both (hybrid).\n"
            "Say which document each statement comes from. What the knowledge base does not hold, say that it does not hold.")

    def offers(self, tool: str) -> bool:
        """Only what searches."""
        return tool.startswith("query_knowledge_base_")


# --- the hashing model, as docs/hashing-model.md describes it

_MASK = 0xFFFFFFFFFFFFFFFF
_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
_WORD, _GRAM, _CHARACTERS = 1, 2, 3
_LONGEST_WORD, _MOST_WORDS = 64, 65_536
_STOP_WORDS = frozenset(
    "a about after all also an and any are as at be been but by can could did do does for from had has have he her his how i if in into is it its "
    "may me more my no not of on one or other our out she should so some such than that the their them then there these they this to up us was we "
    "were what when where which who why will with would you your".encode().split()
)
_DECOMPOSED = (
    (0xAA, 0xAA), (0xB2, 0xB3), (0xB5, 0xB5), (0xB9, 0xBA), (0xC0, 0x24F), (0x370, 0x3FF), (0x401, 0x401), (0x451, 0x451), (0x1E00, 0x1FFF),
    (0xFB00, 0xFB06), (0xFF01, 0xFF5E), (0xFF65, 0xFF9F),
)
_REPLACED = dict(zip("æðøþßđħıĸłŋœŧς", "ae d o th ss d h i k l n oe t σ".split()))
_UNSEGMENTED = (
    (0xE00, 0xEFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3041, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)


class HashingModel:
    """Weir's model without weights: the same vectors as a model of kind hashing gives, for when Weir is away. Much slower than there."""

    VERSION = 1
    MIN_DIMENSIONS, MAX_DIMENSIONS = 64, 4096

    def __init__(self, dimensions: int = 384):
        if not self.MIN_DIMENSIONS <= dimensions <= self.MAX_DIMENSIONS:
            raise ValueError(f"dimensions must be from {self.MIN_DIMENSIONS} to {self.MAX_DIMENSIONS}")
        from hashlib import sha256

        self.dimensions = dimensions
        self.revision = sha256(f"weir-hashing-{self.VERSION}/{dimensions}".encode()).hexdigest()[:32]

    def embed(self, text: str, dimensions: Optional[int] = None) -> Tuple[float, ...]:
        """The vector of a text, of unit length; zeros where it has no word. Fewer dimensions, from 64, give what a model of so many does."""
        dimensions = self.dimensions if dimensions is None else dimensions
        if not self.MIN_DIMENSIONS <= dimensions <= self.dimensions:
            raise ValueError(f"dimensions must be from {self.MIN_DIMENSIONS} to {self.dimensions}")
        sums = [0.0] * dimensions
        for (kind, word), count in _words(text).items():
            weight = math.sqrt(count)
            characters = len(word)
            utf8 = word.encode("utf-8")
            if kind == _CHARACTERS:
                self._add(sums, _hash(kind, utf8), weight * 0.5 if characters == 1 else weight)
                continue
            weight *= 0.1 if utf8 in _STOP_WORDS else 0.3 if characters == 1 else 0.6 if characters == 2 else 1
            self._add(sums, _hash(kind, utf8), weight)
            padded = [character.encode("utf-8") for character in f"<{word}>"]
            grams = sum(max(0, len(padded) - size + 1) for size in (3, 4, 5))
            weight /= math.sqrt(grams)
            for start in range(len(padded) - 2):
                for end in range(start + 3, min(start + 5, len(padded)) + 1):
                    self._add(sums, _hash(_GRAM, b"".join(padded[start:end])), weight)
        length = math.sqrt(_sum_of_squares(sums))
        return tuple(array.array("f", (x / length if length > 0 else 0.0 for x in sums)))

    @staticmethod
    def _add(sums: List[float], value: int, weight: float) -> None:
        value = ((value ^ (value >> 33)) * 0xFF51AFD7ED558CCD) & _MASK
        value = ((value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53) & _MASK
        value ^= value >> 33
        sums[((value >> 32) * len(sums)) >> 32] += weight if value & 1 == 0 else -weight


def _sum_of_squares(values: Iterable[float]) -> float:
    # In order and without compensation, which sum() has in newer Pythons.
    total = 0.0
    for value in values:
        total += value * value
    return total


def _hash(kind: int, utf8: bytes) -> int:
    value = ((_FNV_OFFSET ^ kind) * _FNV_PRIME) & _MASK
    for byte in utf8:
        value = ((value ^ byte) * _FNV_PRIME) & _MASK
    return value


def _words(text: str) -> Dict[Tuple[int, str], int]:
    """The words with their counts, in the order in which they first came."""
    import unicodedata

    words: Dict[Tuple[int, str], int] = {}
    word: List[str] = []
    last: Optional[str] = None
    previous = "Zs"

    def count(kind: int, found: str) -> None:
        if (kind, found) in words or len(words) < _MOST_WORDS:
            words[(kind, found)] = words.get((kind, found), 0) + 1

    def end_word() -> None:
        if word:
            count(_WORD, _singular("".join(word)))
            word.clear()

    for character in text:
        category = unicodedata.category(character)
        if category == "Lu" and previous == "Ll":
            end_word()
        previous = category
        for part, kind in _folded(character):
            if kind == _WORD:
                last = None
                word.append(part)
                if len(word) == _LONGEST_WORD:
                    end_word()
                continue
            end_word()
            if kind == _CHARACTERS:
                count(_CHARACTERS, part)
                if last is not None:
                    count(_CHARACTERS, last + part)
            last = part if kind == _CHARACTERS else None
    end_word()
    return words


@lru_cache(maxsize=65_536)
def _folded(character: str) -> Tuple[Tuple[str, int], ...]:
    """What a character becomes, and the kind of each: part of a word, a character of a script without blanks, or 0 for neither."""
    import unicodedata

    code = ord(character)
    if 0x300 <= code <= 0x36F:
        return ()
    if any(first <= code <= last for first, last in _DECOMPOSED):
        character = "".join(part for part in unicodedata.normalize("NFKD", character) if not 0x300 <= ord(part) <= 0x36F)
    small = "".join(part.lower() if len(part.lower()) == 1 else part for part in character)
    return tuple((part, _kind(part)) for part in "".join(_REPLACED.get(part, part) for part in small))


def _kind(character: str) -> int:
    import unicodedata

    category = unicodedata.category(character)
    if category[0] not in "LM" and category not in ("Nd", "Nl", "No"):
        return 0
    code = ord(character)
    return _CHARACTERS if any(first <= code <= last for first, last in _UNSEGMENTED) else _WORD


def _singular(word: str) -> str:
    size = len(word.encode("utf-8"))
    if size <= 3 or word[-1] != "s" or word[-2] in "su":
        return word
    return word[:-3] + "y" if size > 4 and word.endswith("ies") else word[:-1]


# --- shortcuts over one client

_default: Optional[Weir] = None
_default_lock = threading.Lock()


def _client() -> Weir:
    global _default
    with _default_lock:
        if _default is None:
            _default = Weir()
        return _default


def get_embedding(text: str, model: str = "default", dimensions: Optional[int] = None) -> List[float]:
    """Weir.get_embedding of a client made from WEIR_URL and WEIR_API_KEY."""
    return _client().get_embedding(text, model, dimensions)


def get_embeddings(texts: Iterable[str], model: str = "default", dimensions: Optional[int] = None) -> List[List[float]]:
    """Weir.get_embeddings of a client made from WEIR_URL and WEIR_API_KEY."""
    return _client().get_embeddings(texts, model, dimensions)


def preload_common_tools(tools: Union[str, Iterable[Union[str, Mapping[str, Any]]]], model: str = "default") -> int:
    """Weir.preload_common_tools of a client made from WEIR_URL and WEIR_API_KEY."""
    return _client().preload_common_tools(tools, model)


def search_tools(catalog: str, query: str, top_k: Optional[int] = None, category: Optional[str] = None) -> List[Dict[str, Any]]:
    """Weir.search_tools of a client made from WEIR_URL and WEIR_API_KEY."""
    return _client().search_tools(catalog, query, top_k, category)


def _main(arguments: Sequence[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(prog="weir.py", description="Asks a Weir; prints JSON.")
    parser.add_argument("--url", help="default: WEIR_URL, else http://127.0.0.1:7800")
    commands = parser.add_subparsers(dest="command", required=True)
    embed = commands.add_parser("embed", help="the vector of a text")
    embed.add_argument("text")
    embed.add_argument("--model", default="default")
    for name, place in (("search", "collection"), ("tools", "catalog")):
        command = commands.add_parser(name, help=f"search in a {place}")
        command.add_argument(place)
        command.add_argument("query")
        command.add_argument("--top-k", type=int)
    given = parser.parse_args(arguments)
    weir = Weir(given.url)
    try:
        if given.command == "embed":
            answer: Any = weir.get_embedding(given.text, given.model)
        elif given.command == "search":
            answer = weir.search(given.collection, given.query, given.top_k)
        else:
            answer = weir.search_tools(given.catalog, given.query, given.top_k)
    except WeirError as error:
        print(f"weir.py: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer, ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
