// npm install redis; REDIS_URL=redis://user:password@host:6379 node put.js < rows.jsonl
// Each line is a row: {"plc": "PLC01", "tag": "D100", "time": "2026-01-02T03:04:05.678Z", "value": 12.5, "quality": "GOOD"}
const { createClient, ErrorReply } = require("redis");
const readline = require("node:readline");

const KEY = process.env.TAGPIPE_KEY || "{tagpipe}:data_queue";
const MOST_QUEUED = 10000, MOST_ROWS = 5000, MOST_BYTES = 4e6;
// Numbers that JavaScript would round (above 2^53) as text: it is stored the same.
const LONG = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
const exact = number => number[0] === '"' || Number.isSafeInteger(Number(number)) ? number : `"${number}"`;
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

// A firewall forgets connections and tells nobody: one that does not answer is opened anew.
async function answered(redis, asked) {
  let late = null;
  const limit = new Promise((_, reject) => { late = setTimeout(() => reject(new Error("no answer within 10 s")), 10000); });
  try {
    return await Promise.race([asked, limit]);
  } catch (error) {
    if (!(error instanceof ErrorReply)) {
      if (redis.isOpen) redis.destroy();
      await redis.connect();
    }
    throw error;
  } finally { clearTimeout(late); }
}

async function put(redis, byPlc) {
  const messages = [...byPlc].map(([plc_code, rows]) => JSON.stringify({ plc_code, group_name: "node", rows }));
  for (;;) {
    try { // What may have been put already is put again: the table's key tells the copies.
      if (await answered(redis, redis.lLen(KEY)) < MOST_QUEUED) return await answered(redis, redis.rPush(KEY, messages));
    } catch (error) { console.error(`Redis: ${error.message}`); }
    await sleep(1000); // full or away: the rows wait here
  }
}

async function main() {
  const redis = createClient({ url: process.env.REDIS_URL });
  redis.on("error", error => console.error(`Redis: ${error.message}`));
  await redis.connect();
  let byPlc = new Map(), count = 0, size = 0, isOpen = true;
  const lines = readline.createInterface({ input: process.stdin });
  process.once("SIGTERM", () => lines.close()); // what was read is put first
  lines.on("close", () => { isOpen = false; }).on("line", line => {
    try {
      const { plc, tag, time, value, quality } = JSON.parse(line.replace(LONG, exact));
      if (!plc || !tag) throw new Error("plc or tag is missing"); // else it would cost the rows beside it
      if (!byPlc.has(plc)) byPlc.set(plc, []);
      byPlc.get(plc).push([tag, time, value, quality ?? "GOOD"]);
      size += Buffer.byteLength(line);
      if (++count >= MOST_ROWS || size >= MOST_BYTES) lines.pause();
    } catch (error) { console.error(`left out: ${line.slice(0, 200)}: ${error.message}`); }
  });
  while (isOpen || byPlc.size) {
    const isRoom = () => isOpen && count < MOST_ROWS && size < MOST_BYTES;
    for (let tick = 0; tick < 50 && isRoom(); tick++) await sleep(20); // what comes within a second is put together
    const held = byPlc;
    byPlc = new Map(); count = size = 0;
    if (held.size) await put(redis, held);
    if (isOpen) lines.resume();
  }
  await redis.close();
}
main();
