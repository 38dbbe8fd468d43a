// The ordinary flows of Anthropic's official client.
import Anthropic from "@anthropic-ai/sdk";
import { model, run, url } from "./flows.mjs";

const client = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0 });
const tools = [
  { name: "weather", description: "Of a city", input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
  { name: "time", input_schema: { type: "object" } },
];
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const user = (content) => ({ role: "user", content });

async function roundTrip(assert, ask) {
  const messages = [user('call weather with {"city":"Zürich \\"ZH\\""} and call time')];
  const first = await ask({ model, max_tokens: 500, tools, thinking: { type: "enabled", budget_tokens: 1024 }, messages });
  assert.equal(first.stop_reason, "tool_use");
  assert.deepEqual(first.content.map((block) => block.type), ["thinking", "tool_use", "tool_use"]);
  const calls = first.content.filter((block) => block.type === "tool_use");
  assert.deepEqual(calls.map((call) => [call.name, call.input]), [["weather", { city: 'Zürich "ZH"' }], ["time", {}]]);
  assert.notEqual(calls[0].id, calls[1].id);
  messages.push({ role: "assistant", content: first.content });
  messages.push(user([
    { type: "tool_result", tool_use_id: calls[0].id, content: [{ type: "text", text: "rain" }] },
    { type: "tool_result", tool_use_id: calls[1].id, content: "noon" },
  ]));
  const second = await ask({ model, max_tokens: 500, tools, messages });
  assert.equal(second.stop_reason, "end_turn");
  assert.match(second.content[0].text, / to: rain noon\./);
}

await run({
  async create(assert) {
    const message = await client.messages.create({ model, max_tokens: 500, system: "Be brief.", messages: [user("hello")], temperature: 0.5, stop_sequences: ["END"] });
    assert.equal(message.type, "message");
    assert.match(message.id, /^msg_/);
    assert.equal(message.stop_reason, "end_turn");
    assert.match(message.content[0].text, /^Simulated answer \w+ to: hello\./);
    assert.equal(message.usage.output_tokens, 32);
    assert.ok(message.usage.input_tokens > 0);
  },
  async "create, cut short"(assert) {
    const message = await client.messages.create({ model, max_tokens: 3, messages: [user("hello")] });
    assert.equal(message.stop_reason, "max_tokens");
  },
  async stream(assert) {
    const events = [];
    const stream = client.messages.stream({ model, max_tokens: 500, messages: [user("hello")] });
    stream.on("streamEvent", (event) => events.push(event.type));
    const message = await stream.finalMessage();
    assert.match(message.content[0].text, /^Simulated answer \w+ to: hello\./);
    assert.equal(message.usage.output_tokens, 32);
    assert.ok(message.usage.input_tokens > 0);
    assert.equal(events[0], "message_start");
    assert.equal(events.at(-1), "message_stop");
  },
  tools: (assert) => roundTrip(assert, (body) => client.messages.create(body)),
  "tools, streamed": (assert) => roundTrip(assert, (body) => client.messages.stream(body).finalMessage()),
  async "tool choice"(assert) {
    const message = await client.messages.create({ model, max_tokens: 500, tools, tool_choice: { type: "any", disable_parallel_tool_use: true }, messages: [user("hello")] });
    assert.deepEqual(message.content.map((block) => block.input), [{ city: "simulated" }]);
  },
  async images(assert) {
    const message = await client.messages.create({
      model, max_tokens: 500,
      messages: [user([{ type: "image", source: { type: "base64", media_type: "image/png", data: pixel } }, { type: "text", text: "look here" }])],
    });
    assert.match(message.content[0].text, / to: look here\./);
  },
  async thinking(assert) {
    const stream = client.messages.stream({ model, max_tokens: 2000, thinking: { type: "enabled", budget_tokens: 1024 }, messages: [user("hello")] });
    let thought = "";
    stream.on("thinking", (delta) => (thought += delta));
    const message = await stream.finalMessage();
    assert.deepEqual(message.content.map((block) => block.type), ["thinking", "text"]);
    assert.equal(message.content[0].thinking, thought);
    assert.match(thought, /simulated provider thinks/);
  },
  async "marks for the cache"(assert) {
    const system = [{ type: "text", text: `Be as brief as you can be, ${model}.`, cache_control: { type: "ephemeral" } }];
    const ask = () => client.messages.create({ model, max_tokens: 500, system, messages: [user("hello")] });
    await ask();
    const { usage } = await ask();
    assert.ok(usage.cache_read_input_tokens > 0, JSON.stringify(usage));
    assert.ok(usage.input_tokens < usage.cache_read_input_tokens, JSON.stringify(usage));
  },
  async "count of tokens"(assert) {
    assert.ok((await client.messages.countTokens({ model, messages: [user("hello")] })).input_tokens > 0);
  },
  async models(assert) {
    const names = [];
    for await (const entry of client.models.list()) names.push([entry.type, entry.id]);
    assert.ok(names.some(([type, id]) => type === "model" && id === model), JSON.stringify(names));
    assert.equal((await client.models.retrieve(model)).display_name, model);
  },
  async errors(assert) {
    await assert.rejects(client.messages.create({ model: "nothing-like-it", max_tokens: 5, messages: [user("x")] }), (error) => error instanceof Anthropic.NotFoundError && error.error.type === "error");
    await assert.rejects(client.messages.create({ model, max_tokens: 5, messages: [] }), Anthropic.BadRequestError);
  },
});
