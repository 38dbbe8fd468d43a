// Sends every prompt of a JSON Lines file through Weir with the official `openai` package and checks each answer.
//   node run.mjs [--url http://127.0.0.1:7800/v1] [--model thousand] [--at-once 32] [--stream] [--key KEY] [--out FILE] [prompts.jsonl]
import { createHash } from "node:crypto";
import { createWriteStream, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import OpenAI from "openai";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string", default: "http://127.0.0.1:7800/v1" },
    model: { type: "string", default: "thousand" },
    "at-once": { type: "string", default: "32" },
    key: { type: "string", default: process.env.WEIR_KEY ?? "not-needed-on-loopback" },
    out: { type: "string" },
    stream: { type: "boolean", default: false },
  },
});

const prompts = readFileSync(positionals[0] ?? new URL("prompts.jsonl", import.meta.url), "utf8")
  .split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
// No retries here: whatever goes wrong behind Weir is Weir's to mend.
const client = new OpenAI({ baseURL: values.url, apiKey: values.key, maxRetries: 0, timeout: 120_000 });
const out = values.out ? createWriteStream(values.out) : null;

async function ask(prompt) {
  const request = { model: values.model, messages: [{ role: "user", content: prompt }] };
  if (!values.stream) {
    const answer = await client.chat.completions.create(request);
    return { text: answer.choices[0].message.content, finish: answer.choices[0].finish_reason };
  }

  let text = "", finish = null;
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  return { text, finish };
}

// The simulated provider's answers carry the first 16 digits of their prompt's SHA-256.
function matches(prompt, { text, finish }) {
  return finish === "stop" && text.includes(createHash("sha256").update(prompt).digest("hex").slice(0, 16));
}

const started = performance.now();
let next = 0, matched = 0, wrong = 0, failed = 0;

async function worker() {
  while (next < prompts.length) {
    const { id, prompt } = prompts[next++];
    let result;
    try {
      const answer = await ask(prompt);
      const ok = matches(prompt, answer);
      if (ok) matched++; else wrong++;
      result = { id, ok, ...answer };
    } catch (error) {
      failed++;
      result = { id, ok: false, error: String(error) };
      console.error(`${id}: ${error}`);
    }
    out?.write(JSON.stringify(result) + "\n");
  }
}

await Promise.all(Array.from({ length: Number(values["at-once"]) }, worker));
await new Promise((done) => out ? out.end(done) : done());
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${prompts.length} prompts in ${seconds} s: ${matched} answered and matched, ${wrong} answered wrongly, ${failed} failed`);
process.exitCode = matched === prompts.length ? 0 : 1;
