// Runs named flows one after the other, says how each ended, and exits with 1 where one failed.
import assert from "node:assert/strict";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { url: { type: "string" }, model: { type: "string" } } });

export const { url, model } = values;

export async function run(flows) {
  let failed = 0;
  for (const [name, flow] of Object.entries(flows)) {
    try {
      await flow(assert);
      console.log(`ok ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}: ${error.stack}`);
    }
  }
  console.log(`${Object.keys(flows).length - failed} flows passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
