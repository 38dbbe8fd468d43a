// The ordinary flows of OpenAI's official client.
import OpenAI from "openai";
import { model, run, url } from "./flows.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const tools = [
  { type: "function", function: { name: "weather", description: "Of a city", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } },
  { type: "function", function: { name: "time", parameters: { type: "object", properties: {} } } },
];
const pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const user = (content) => ({ role: "user", content });

async function roundTrip(assert, ask) {
  const messages = [user('call weather with {"city":"Zürich \\"ZH\\""} and call time')];
  const first = (await ask({ model, tools, messages })).choices[0];
  assert.equal(first.finish_reason, "tool_calls");
  const calls = first.message.tool_calls;
  assert.deepEqual(calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]), [["weather", { city: 'Zürich "ZH"' }], ["time", {}]]);
  assert.notEqual(calls[0].id, calls[1].id);
  messages.push(first.message, { role: "tool", tool_call_id: calls[0].id, content: "rain" }, { role: "tool", tool_call_id: calls[1].id, content: "noon" });
  const second = (await ask({ model, tools, messages })).choices[0];
  assert.equal(second.finish_reason, "stop");
  assert.match(second.message.content, / to: rain noon\./);
}

await run({
  async create(assert) {
    const answer = await client.chat.completions.create({ model, messages: [{ role: "system", content: "Be brief." }, user("hello")], temperature: 0.5, stop: ["END"] });
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.match(answer.choices[0].message.content, /^Simulated answer \w+ to: hello\./);
    assert.equal(answer.usage.completion_tokens, 32);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + 32);
  },
  async "create, cut short"(assert) {
    const answer = await client.chat.completions.create({ model, max_completion_tokens: 3, messages: [user("hello")] });
    assert.equal(answer.choices[0].finish_reason, "length");
  },
  async stream(assert) {
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ model, messages: [user("hello")], stream: true, stream_options: { include_usage: true } })) chunks.push(chunk);
    assert.match(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), /^Simulated answer \w+ to: hello\./);
    assert.equal(chunks.at(-1).usage.completion_tokens, 32);
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.find((chunk) => chunk.choices[0]?.finish_reason).choices[0].finish_reason, "stop");
  },
  async "stream without usage"(assert) {
    for await (const chunk of await client.chat.completions.create({ model, messages: [user("hello")], stream: true })) {
      assert.equal(chunk.usage ?? null, null);
      assert.equal(chunk.choices.length, 1);
    }
  },
  tools: (assert) => roundTrip(assert, (body) => client.chat.completions.create(body)),
  "tools, streamed": (assert) => roundTrip(assert, (body) => client.chat.completions.stream(body).finalChatCompletion()),
  async "tool choice"(assert) {
    const answer = await client.chat.completions.create({ model, tools, tool_choice: "required", parallel_tool_calls: false, messages: [user("hello")] });
    assert.deepEqual(answer.choices[0].message.tool_calls.map((call) => JSON.parse(call.function.arguments)), [{ city: "simulated" }]);
  },
  async images(assert) {
    const answer = await client.chat.completions.create({ model, messages: [user([{ type: "image_url", image_url: { url: pixel } }, { type: "text", text: "look here" }])] });
    assert.match(answer.choices[0].message.content, / to: look here\./);
  },
  async reasoning(assert) {
    const answer = await client.chat.completions.create({ model, reasoning_effort: "low", max_completion_tokens: 4000, messages: [user("hello")] });
    assert.match(answer.choices[0].message.reasoning_content, /simulated provider thinks/);
    let thought = "";
    for await (const chunk of await client.chat.completions.create({ model, reasoning_effort: "low", max_completion_tokens: 4000, messages: [user("hello")], stream: true }))
      thought += chunk.choices[0]?.delta.reasoning_content ?? "";
    assert.match(thought, /simulated provider thinks/);
  },
  async "reasoning and tools, sent back"(assert) {
    const messages = [user("call time")];
    const ask = () => client.chat.completions.create({ model, tools, reasoning_effort: "low", max_completion_tokens: 4000, messages });
    const { message } = (await ask()).choices[0];
    assert.match(message.reasoning_content, /simulated provider thinks/);
    messages.push(message, { role: "tool", tool_call_id: message.tool_calls[0].id, content: "noon" });
    assert.match((await ask()).choices[0].message.content, / to: noon\./);
  },
  async models(assert) {
    const names = [];
    for await (const entry of client.models.list()) names.push(entry.id);
    assert.ok(names.includes(model), JSON.stringify(names));
    assert.equal((await client.models.retrieve(model)).id, model);
  },
  async errors(assert) {
    await assert.rejects(client.chat.completions.create({ model: "nothing-like-it", messages: [user("x")] }), OpenAI.NotFoundError);
    await assert.rejects(client.chat.completions.create({ model, messages: [] }), OpenAI.BadRequestError);
  },
});
