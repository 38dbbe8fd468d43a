// Embeddings by OpenAI's official client, which asks for base64 unless it is told otherwise.
import OpenAI from "openai";
import { model, run, url } from "./flows.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const norm = (vector) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

await run({
  async "one text"(assert) {
    const answer = await client.embeddings.create({ model, input: "hello" });
    assert.equal(answer.object, "list");
    assert.equal(answer.data.length, 1);
    assert.equal(answer.data[0].embedding.length, 384);
    assert.ok(Math.abs(norm(answer.data[0].embedding) - 1) < 1e-4);
    assert.equal(answer.model, model);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens);
  },
  async "many texts, in order, duplicates alike"(assert) {
    const input = Array.from({ length: 150 }, (_, i) => `text ${i % 100} of ${model}`);
    const answer = await client.embeddings.create({ model, input });
    assert.deepEqual(answer.data.map((item) => item.index), input.map((_, i) => i));
    assert.deepEqual(answer.data[120].embedding, answer.data[20].embedding);
    assert.notDeepEqual(answer.data[1].embedding, answer.data[0].embedding);
  },
  async "numbers and base64 are the same vector"(assert) {
    const numbers = await client.embeddings.create({ model, input: "either way", encoding_format: "float" });
    const base64 = await client.embeddings.create({ model, input: "either way", encoding_format: "base64" });
    const bytes = Buffer.from(base64.data[0].embedding, "base64");
    const floats = Array.from(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)));
    assert.deepEqual(numbers.data[0].embedding.map(Math.fround), floats);
  },
  async "fewer dimensions"(assert) {
    const answer = await client.embeddings.create({ model, input: "hello", dimensions: 64, user: "someone" });
    assert.equal(answer.data[0].embedding.length, 64);
  },
  async "again, from the cache"(assert) {
    const { response } = await client.embeddings.create({ model, input: "hello" }).withResponse();
    assert.equal(response.headers.get("x-weir-cache"), "hit");
  },
  async "a mistake names its place"(assert) {
    await assert.rejects(client.embeddings.create({ model, input: ["a", ""] }), (error) => error.status === 400 && error.param === "input[1]");
    await assert.rejects(client.embeddings.create({ model, input: [] }), (error) => error.status === 400 && error.param === "input");
  },
});
