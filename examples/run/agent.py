"""One task of `weir run`: asks the knowledge session that the task's lease holds. Standard library only.

The task comes on standard input, the lease in the environment; what is printed is the result.
"""

import json
import os
import sys
import urllib.request


def search(query, top_k=3):
    request = urllib.request.Request(
        os.environ["WEIR_RAG_URL"] + "/query",
        data=json.dumps({"query": query, "top_k": top_k, "search_type": "hybrid"}).encode(),
        headers={"authorization": "Bearer " + os.environ["WEIR_RAG_TOKEN"], "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["results"]


def main():
    task = json.load(sys.stdin)
    results = search(task["prompt"])
    if not results:
        sys.exit(f"nothing is known of {task['prompt']!r}")
    print(json.dumps({"question": task["prompt"], "best": results[0], "seen": len(results)}, ensure_ascii=False))


if __name__ == "__main__":
    main()
