import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "vite"
import { inject } from "vitest"
import * as BarActor from "../../../src/actors/market/BarActor.ts"
import * as GreeksActor from "../../../src/actors/market/GreeksActor.ts"
import * as M2mActor from "../../../src/actors/strategies/M2mActor.ts"
import { untilStopped } from "../../TestBackends.ts"

const layouts = [BarActor.layout, GreeksActor.layout, M2mActor.layout]

/**
 * The built program, because Node 20 cannot run TypeScript. `changed` gives a program of another version: texts of the source, and what stands
 * there instead.
 */
const built = (name: string, changed: Readonly<Record<string, string>>) =>
  Effect.promise(async () => {
    const outDir = join(inject("backends").folder, name)
    const found = new Set<string>()
    const transform = (code: string) => {
      let other = code
      for (const [text, instead] of Object.entries(changed)) {
        if (other.includes(text)) found.add(text)
        other = other.replaceAll(text, instead)
      }
      return other
    }
    await build({
      configFile: false,
      plugins: [{ name: "another version", enforce: "pre", transform }],
      logLevel: "silent",
      build: { ssr: "src/main.ts", outDir, target: "node20", rollupOptions: { output: { entryFileNames: "main.mjs" } } }
    })
    assert.sameMembers([...found], Object.keys(changed), "the source no longer has these texts")
    return join(outDir, "main.mjs")
  })
export const program = built("cluster", {})
/** An earlier version, which gives the layouts of its actors' states other names. */
export const earlierProgram = built("earlier", Object.fromEntries(layouts.map((layout) => [`"${layout}"`, `"${layout}-earlier"`])))

/** A period in which an actor ran in a process, according to the process's log. */
interface Stay {
  readonly key: string
  readonly epoch: number
  readonly fromMs: number
  untilMs: number
}
/** A process of the platform, with the actors that run in it by its log. */
export class Runner {
  readonly child: ChildProcess
  readonly stays: Array<Stay> = []
  readonly ended: Promise<number | null>
  /** When it was stopped. Log lines from before that are read later. */
  #frozenAtMs = 0

  constructor(file: string, env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [file], { env: { PATH: process.env["PATH"] ?? "", ...env }, stdio: ["ignore", "pipe", "inherit"] })
    this.ended = new Promise((resolve) => {
      // Not `exit`: at that event the last log lines are not read yet.
      this.child.once("close", (code) => resolve(code))
    })
    if (this.child.stdout !== null) createInterface(this.child.stdout).on("line", (line) => this.#read(line))
  }

  #read(line: string) {
    const { message, annotations, timestamp } = JSON.parse(line)
    const key = `${annotations?.actor}.${annotations?.key}`
    if (message === "actor runs here") {
      const fromMs = Date.parse(timestamp)
      const untilMs = fromMs <= this.#frozenAtMs ? this.#frozenAtMs : Number.POSITIVE_INFINITY
      this.stays.push({ key, epoch: annotations.epoch, fromMs, untilMs })
    } else if (message === "actor has stopped here") {
      for (const stay of this.stays) if (stay.key === key) stay.untilMs = Math.min(stay.untilMs, Date.parse(timestamp))
    }
  }

  get keys(): ReadonlyArray<string> {
    return this.stays.filter(({ untilMs }) => untilMs === Number.POSITIVE_INFINITY).map(({ key }) => key)
  }

  /** Freezes the process. Once its leases have ended, other processes run its actors. Answers when it was frozen. */
  freeze() {
    this.child.kill("SIGSTOP")
    untilStopped(this.child.pid ?? 0)
    this.#frozenAtMs = Date.now()
    for (const stay of this.stays) stay.untilMs = Math.min(stay.untilMs, this.#frozenAtMs)
    return this.#frozenAtMs
  }
  thaw() {
    this.child.kill("SIGCONT")
  }

  /** Kills the process; none of its actors runs after that. */
  async end(signal: "SIGKILL" | "SIGTERM") {
    this.child.kill(signal)
    const code = await this.ended
    for (const stay of this.stays) stay.untilMs = Math.min(stay.untilMs, Date.now())
    return code
  }
}
