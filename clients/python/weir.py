"""A client of Weir in one file: embeddings, collections and catalogs, for Python 3.9 and newer without any package.

    from weir import Weir

    weir = Weir("http://127.0.0.1:7800")            # or WEIR_URL and WEIR_API_KEY in the environment
    vector = weir.get_embedding("a text")
    hits = weir.search("handbook", "how do I restart it?", top_k=5)
    tools = weir.search_tools("tools", "will it rain tomorrow?")

A client is safe from any thread, keeps its connections, and is safe over a fork: 25 workers forked from one process each get connections of their own.
"""

from __future__ import annotations

import array
import base64
import email.utils
import http.client
import json
import math
import os
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

__all__ = ["Weir", "WeirError", "HashingModel", "get_embedding", "get_embeddings", "preload_common_tools", "search_tools", "tool_text"]

DEFAULT_URL = "http://127.0.0.1:7800"
_MOST_TEXTS, _MOST_DOCUMENTS, _MOST_CHARACTERS = 2048, 500, 2_000_000
_MOST_SWAPS = 3
_IDLE_CONNECTIONS = 8
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
        self._after_fork()
        _clients.add(self)

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

    def _ask(self, method: str, path: str, body: Any) -> Tuple[Any, Any]:
        """The answer and its headers. Every operation may be sent twice without harm, so a connection that failed is no reason to give up at once."""
        data = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        headers = {"accept": "application/json"}
        if data is not None:
            headers["content-type"] = "application/json"
        if self._api_key:
            headers["authorization"] = f"Bearer {self._api_key}"
        attempt = 0
        while True:
            try:
                status, answered, content = self._send_once(method, self._root + path, data, headers)
                if 200 <= status < 300:
                    return (json.loads(content) if content else None), answered
                error = _error_of(status, answered, content)
                should = answered.get("x-should-retry")
                if should == "false" or (should != "true" and status not in (429, 503)):
                    raise error
            except (socket.timeout, TimeoutError) as exception:
                # It may still be at it: asking again would make it more.
                raise WeirError(f"Weir at {self._url} was silent for {self._timeout} s.", code="timeout") from exception
            except (OSError, http.client.HTTPException) as exception:
                error = WeirError(f"Weir at {self._url} cannot be reached: {exception or type(exception).__name__}.", code="unreachable")
                error.__cause__ = exception
            except ValueError as exception:
                raise WeirError(f"What answers at {self._url} is not Weir: {exception}", code="invalid_answer") from exception
            if attempt >= self._max_retries or (error.retry_after or 0) > self._max_retry_wait:
                raise error
            backoff = min(0.5 * 2**attempt * (0.5 + os.urandom(1)[0] / 512), self._max_retry_wait)
            time.sleep(backoff if error.retry_after is None else error.retry_after)
            attempt += 1

    def _send_once(self, method: str, path: str, data: Optional[bytes], headers: Dict[str, str]) -> Tuple[int, Any, bytes]:
        connection = self._take()
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
                connection = self._new()
                continue
            except BaseException:
                connection.close()
                raise
            self._give_back(connection, response)
            return response.status, response.headers, content

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
        except (socket.timeout, TimeoutError) as exception:
            # Nothing was asked yet: it is away, not slow.
            raise ConnectionError(f"no connection within {self._timeout} s") from exception

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._new()

    def _new(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def _give_back(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if not response.will_close:
            with self._lock:
                if len(self._idle) < _IDLE_CONNECTIONS:
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


def _quote(name: str) -> str:
    return urllib.parse.quote(name, safe="")


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
