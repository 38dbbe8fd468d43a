// The whole round of a worker through the official client: tools, allocation, set-up, observations, a query, release.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { model as kinds, run, url } from "./flows.mjs";

const worker = `npm-${process.pid}`;

async function connected(use) {
  const client = new Client({ name: "weir-e2e", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`));
  await client.connect(transport);
  try {
    return await use(client, transport);
  } finally {
    await client.close();
  }
}

async function call(client, name, args, options) {
  const result = await client.callTool({ name, arguments: args }, undefined, options);
  return { ...result, value: result.structuredContent ?? JSON.parse(result.content[0].text?.startsWith("{") ? result.content[0].text : "{}") };
}

await run({
  "lifecycle tools are marked": async (assert) =>
    connected(async (client) => {
      const { tools } = await client.listTools();
      const hidden = tools.filter((tool) => tool._meta?.["weir/lifecycle"]).map((tool) => tool.name);
      assert.ok(hidden.includes("allocate_batch_resources") && hidden.includes("release_batch_resources"));
      assert.ok(tools.some((tool) => tool.name === "query_knowledge_base_hybrid" && tool.annotations.readOnlyHint));
    }),

  "a whole round": async (assert) =>
    connected(async (client) => {
      const asked = kinds.split(",");
      const allocated = await call(client, "allocate_batch_resources", { worker_id: worker, resource_types: asked, timeout: 30 }, { onprogress: () => {} });
      assert.ok(!allocated.isError, JSON.stringify(allocated.content));
      assert.deepEqual(Object.keys(allocated.value).sort(), [...asked].sort());

      const door = allocated.value.rag;
      const bare = await fetch(`${door.base_url}/query`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
      assert.equal(bare.status, 401);

      const set = await call(client, "setup_batch_resources", { worker_id: worker, resource_init_configs: { rag: JSON.stringify({ top_k: 2 }) }, allocated_resources: allocated.value });
      assert.equal(set.value.status, "success", JSON.stringify(set.value));

      const seen = await call(client, "get_batch_initial_observations", { worker_id: worker });
      assert.ok(!seen.isError, JSON.stringify(seen.content));
      if (asked.includes("vm")) assert.equal(seen.content[seen.value.vm.screenshot.content_index].mimeType, "image/png");

      for (const mode of ["dense", "sparse", "hybrid"]) {
        const found = await call(client, `query_knowledge_base_${mode}`, { worker_id: worker, query: "how are refunds paid" });
        assert.ok(!found.isError, JSON.stringify(found.content));
        assert.match(found.content[0].text, /refund/i);
      }

      if (asked.includes("vm")) {
        const typed = await call(client, "type", { worker_id: worker, text: "echo weir\n" });
        assert.ok(!typed.isError, JSON.stringify(typed.content));
        const screen = await call(client, "screenshot", { worker_id: worker });
        assert.ok(!screen.isError && screen.content.some((part) => part.type === "image" && part.mimeType === "image/png"), JSON.stringify(screen.content).slice(0, 500));
        const beside = await call(client, "click", { worker_id: worker, x: 100000, y: 1 });
        assert.ok(beside.isError, JSON.stringify(beside.content));
      }

      const wrong = await call(client, "setup_batch_resources", { worker_id: worker, resource_init_configs: { rag: { collection: "no-such" } } });
      assert.ok(wrong.isError && wrong.value.status === "partial_error", JSON.stringify(wrong.value));

      const stranger = await call(client, "release_batch_resources", { worker_id: "somebody-else", resource_ids: [door.id] });
      assert.ok(stranger.isError && stranger.value.failed_ids[0] === door.id);

      const released = await call(client, "release_batch_resources", { worker_id: worker, resource_ids: Object.values(allocated.value).map((one) => one.id) });
      assert.equal(released.value.status, "success", JSON.stringify(released.value));
      const late = await call(client, "query_knowledge_base_hybrid", { worker_id: worker, query: "refunds" });
      assert.ok(late.isError);
      const shut = await fetch(`${door.base_url}/query`, { method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${door.token}` }, body: "{}" });
      assert.ok(shut.status === 410 || shut.status === 401, `${shut.status}`);
    }),

  "what can never be is refused at once": async (assert) =>
    connected(async (client) => {
      const refused = await call(client, "allocate_batch_resources", { worker_id: worker, resource_types: ["rag", "unicorn"], timeout: 600 });
      assert.ok(refused.isError);
      assert.match(refused.content[0].text, /unicorn/);
    }),

  "ending the session gives back what it allocated": async (assert) => {
    await connected(async (client, transport) => {
      const allocated = await call(client, "allocate_single_resource", { worker_id: worker, resource_type: "rag" });
      assert.ok(!allocated.isError, JSON.stringify(allocated.content));
      await transport.terminateSession();
    });
    const leases = await (await fetch(`${url}/v1/leases?worker_id=${worker}`)).json();
    assert.ok(leases.data.every((lease) => lease.state === "released"), JSON.stringify(leases));
  },
});
