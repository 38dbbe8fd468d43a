// The Responses API of OpenAI's official client, by translation: neither provider has it.
import OpenAI from "openai";
import { model, run, url } from "./flows.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const tools = [
  { type: "function", name: "weather", description: "Of a city", strict: false, parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
  { type: "function", name: "time", strict: false, parameters: { type: "object", properties: {} } },
];
const pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async function roundTrip(assert, ask) {
  const input = [{ role: "user", content: 'call weather with {"city":"Zürich"} and call time' }];
  const first = await ask({ model, tools, input, reasoning: { effort: "low" }, max_output_tokens: 4000 });
  assert.deepEqual(first.output.map((item) => item.type), ["reasoning", "function_call", "function_call"]);
  const calls = first.output.filter((item) => item.type === "function_call");
  assert.deepEqual(calls.map((call) => [call.name, JSON.parse(call.arguments)]), [["weather", { city: "Zürich" }], ["time", {}]]);
  assert.notEqual(calls[0].call_id, calls[1].call_id);
  const said = first.output.map(({ parsed_arguments, ...item }) => item);
  input.push(...said, { type: "function_call_output", call_id: calls[0].call_id, output: "rain" }, { type: "function_call_output", call_id: calls[1].call_id, output: "noon" });
  const second = await ask({ model, tools, input });
  assert.equal(second.status, "completed");
  assert.match(second.output_text, / to: rain noon\./);
}

await run({
  async create(assert) {
    const answer = await client.responses.create({ model, instructions: "Be brief.", input: "hello", metadata: { a: "b" } });
    assert.match(answer.id, /^resp_stateless_/);
    assert.equal(answer.status, "completed");
    assert.match(answer.output_text, /^Simulated answer \w+ to: hello\./);
    assert.equal(answer.usage.output_tokens, 32);
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + 32);
    assert.deepEqual(answer.metadata, { a: "b" });
  },
  async "create, cut short"(assert) {
    const answer = await client.responses.create({ model, input: "hello", max_output_tokens: 3 });
    assert.deepEqual([answer.status, answer.incomplete_details?.reason], ["incomplete", "max_output_tokens"]);
  },
  async stream(assert) {
    const events = [];
    for await (const event of await client.responses.create({ model, input: "hello", stream: true })) events.push(event);
    assert.match(events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta).join(""), /^Simulated answer \w+ to: hello\./);
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
    assert.equal(events[0].type, "response.created");
    assert.equal(events.at(-1).type, "response.completed");
  },
  async "stream, by its helper"(assert) {
    const answer = await client.responses.stream({ model, input: "hello" }).finalResponse();
    assert.match(answer.output_text, /^Simulated answer \w+ to: hello\./);
    assert.equal(answer.usage.output_tokens, 32);
  },
  tools: (assert) => roundTrip(assert, (body) => client.responses.create(body)),
  "tools, streamed": (assert) => roundTrip(assert, (body) => client.responses.stream(body).finalResponse()),
  async images(assert) {
    const answer = await client.responses.create({ model, input: [{ role: "user", content: [{ type: "input_image", image_url: pixel, detail: "auto" }, { type: "input_text", text: "look here" }] }] });
    assert.match(answer.output_text, / to: look here\./);
  },
  async "what needs a server that keeps responses"(assert) {
    const { id } = await client.responses.create({ model, input: "hello" });
    await assert.rejects(client.responses.retrieve(id), OpenAI.NotFoundError);
    await assert.rejects(client.responses.create({ model, input: "more", previous_response_id: id }), OpenAI.UnprocessableEntityError);
    await assert.rejects(client.responses.create({ model, input: "hello", background: true }), OpenAI.UnprocessableEntityError);
  },
  async errors(assert) {
    await assert.rejects(client.responses.create({ model: "nothing-like-it", input: "x" }), OpenAI.NotFoundError);
    await assert.rejects(client.responses.create({ model, input: 7 }), OpenAI.BadRequestError);
  },
});
