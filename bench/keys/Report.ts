import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { type Entry, table } from "../Entry.ts"
import type { Times } from "../load/Times.ts"
import * as Run from "./Run.ts"

const file = "bench/reports/keys"
/** A key is revoked everywhere within this time, ms. */
const limitMs = 1_000
const machineKind = `Node ${process.versions.node.split(".")[0]}, ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}`
const two = ({ max, p50 }: Times): string => `${p50.toFixed(1)} / ${max.toFixed(1)}`

const entryOf = ({ nats, request, socket, way }: Run.Ends): Entry => ({
  id: "BE-SEC-03",
  name: `${Run.keys} keys, ${way}: the other gateway ends all that a key opened within ${limitMs} ms`,
  ok: [request, socket, nats].every(({ max }) => max < limitMs),
  measured: `request refused ${two(request)} ms, WebSocket closed ${two(socket)} ms, connection to NATS ended ${two(nats)} ms`
})

/** Writes the report, and returns its text. */
export const write = (ends: ReadonlyArray<Run.Ends>): string => {
  const entries = ends.map(entryOf)
  const text = [
    "# Revoked API keys",
    "",
    `\`npm run bench -- keys\` on ${machineKind}, a shared machine. Two gateways run in a process each,`,
    "with NATS, Postgres and the client on the same cores. A key is made at the first gateway; with it a client asks the second one, opens a WebSocket there,",
    "and signs in to NATS. Then the key is revoked: by a request to the first gateway, which announces it; or in Postgres alone, as if the announcement were",
    "lost. Times count from the end of the revocation, p50 / max. Requests follow each other without a pause until one is refused.",
    "",
    ...table(entries),
    ""
  ].join("\n")
  writeFileSync(join(process.cwd(), `${file}.md`), text)
  writeFileSync(join(process.cwd(), `${file}.json`), `${JSON.stringify({ name: "keys", machine: machineKind, entries, ends }, null, 2)}\n`)
  return text
}
