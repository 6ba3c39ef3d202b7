import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import * as BarActor from "../../../src/actors/market/BarActor.ts"
import * as GreeksActor from "../../../src/actors/market/GreeksActor.ts"
import * as M2mActor from "../../../src/actors/strategies/M2mActor.ts"
import { builtProgram } from "../../BuiltProgram.ts"
import { untilStopped } from "../../TestBackends.ts"

const layouts = [BarActor.layout, GreeksActor.layout, M2mActor.layout]

/** An earlier version, which gives the layouts of its actors' states other names. */
export const earlierProgram = builtProgram(
  "earlier-platform",
  "src/main.ts",
  Object.fromEntries(layouts.map((layout) => [`"${layout}"`, `"${layout}-earlier"`]))
)

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

  /** Freezes the process. Once its leases have ended, other processes run its actors. Returns when it was frozen. */
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
