/**
 * Three processes share 500 actors, and one is killed, stopped or frozen. Measures which process ran which actor when, and how long no
 * process ran an actor.
 */
import { randomBytes } from "node:crypto"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { connect, type NatsConnection } from "nats"
import * as Placement from "../../src/actors/placement/Placement.ts"
import * as Subject from "../../src/streams/Subject.ts"
import type { ChildHandle, Ground } from "../pipeline/Ground.ts"
import * as Beat from "./Beat.ts"
import * as Census from "./Census.ts"

export const processes = 3
export const actors = 500
const rounds = 3
/** The default of PLACEMENT_TTL. */
export const ttlSeconds = 8
const signals = ["SIGKILL", "SIGTERM", "SIGSTOP"] as const
type Signal = (typeof signals)[number]
/** The placement is settled when every actor has run in the same process for this long. */
const quietMs = 3_000
const limitMs = 180_000
/** A frozen process is continued this long after its actors run elsewhere. */
const thawAfterMs = 3_000

export interface Round {
  readonly signal: Signal
  /** Actors that ran in the process that got the signal. */
  readonly moved: number
  /** How long no process ran each of these actors, in seconds. */
  readonly silence: { readonly median: number; readonly most: number }
  /** The longest time for which no process ran an actor of the other processes, until each process ran actors again; seconds. */
  readonly othersSilence: number
  /** The number of beats with an older epoch after a newer one. */
  readonly doubles: number
  /** Moved actors whose epoch did not grow. */
  readonly sameEpochs: number
}

interface Stage {
  readonly census: Census.Census
  readonly members: Map<string, ChildHandle>
  readonly launch: () => Promise<void>
  readonly close: () => Promise<void>
}

const until = async (what: string, holds: () => boolean): Promise<void> => {
  for (const endMs = Date.now() + limitMs; Date.now() < endMs; await sleep(Beat.everyMs / 2)) if (holds()) return
  throw new Error(`never: ${what}`)
}

const wantActors = async (nc: NatsConnection) => {
  const kv = await nc.jetstream().views.kv(Placement.bucket, { bindOnly: true })
  for (let at = 0; at < actors; at++) await kv.put(Subject.kvKey(Beat.kind, String(at)), "")
}

const open = async (ground: Ground): Promise<Stage> => {
  const home = join(ground.folder, "placement")
  await mkdir(home, { recursive: true })
  const password = () => randomBytes(12).toString("base64url")
  const passwords = { engine: password(), gateway: password(), reader: password(), operator: password() }
  const { child: nats, port } = await ground.backends.startNats(ground.natsProgram, home, { passwords })
  const url = `nats://127.0.0.1:${port}`
  const nc = await connect({ servers: url, user: "engine", pass: passwords.engine, inboxPrefix: "_INBOX_engine" })
  const census = Census.make()
  nc.subscribe(Beat.subject, { callback: (_, message) => census.take(message.json<Beat.Beat>()) })
  const members = new Map<string, ChildHandle>()
  let launched = 0
  const launch = async () => {
    const name = `process ${++launched}`
    const runnerPort = await ground.ports.freePort()
    const env = {
      PATH: process.env["PATH"] ?? "",
      NATS_URL: url,
      NATS_ENGINE_PASSWORD: passwords.engine,
      PLACEMENT: "cluster",
      PLACEMENT_TTL: `${ttlSeconds} seconds`,
      RUNNER_HOST: "127.0.0.1",
      RUNNER_PORT: String(runnerPort),
      BENCH_PROCESS: name
    }
    const program = join(process.cwd(), ".cache/bench/bench/placement/Child.js")
    members.set(
      name,
      ground.children.start(name, process.execPath, [program], { log: join(home, `${launched}.log`), graceMs: limitMs, env })
    )
  }
  const close = async () => {
    for (const { pid, stop, isUp } of members.values()) {
      if (isUp() && pid !== undefined) process.kill(pid, "SIGCONT")
      await stop()
    }
    await nc.close()
    await nats.stop()
  }
  try {
    for (let at = 0; at < processes; at++) await launch()
    await until("the first process has made the bucket", () => census.processes().length === processes)
    await wantActors(nc)
    return { census, members, launch, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Every actor runs, each process runs some, and nothing has moved for a while. */
const settled = ({ census }: Stage) =>
  until("all actors run in three processes", () => {
    const shares = census.shares(Date.now())
    return (
      shares.size === processes &&
      [...shares.values()].reduce((sum, one) => sum + one, 0) === actors &&
      census.quietMs(Date.now()) > quietMs
    )
  })

const medianOf = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const suffer = async (stage: Stage, signal: Signal): Promise<Round> => {
  const { census, launch, members } = stage
  await settled(stage)
  const [victim = ""] = [...census.shares(Date.now())].sort(([, a], [, b]) => b - a)[0] ?? []
  const pid = members.get(victim)?.pid ?? 0
  const before = census.holdings(victim)
  const fromMs = Date.now()
  process.kill(pid, signal)
  await until(`the actors of ${victim} run elsewhere`, () => [...before.keys()].every((name) => census.holder(name) !== victim))
  const silences = [...before.keys()].map((name) => census.silenceMs(name, fromMs) / 1_000)
  const sameEpochs = [...before].filter(([name, epoch]) => census.epoch(name) <= epoch).length
  if (signal === "SIGSTOP") {
    await sleep(thawAfterMs)
    process.kill(pid, "SIGCONT")
  } else {
    members.delete(victim)
    await launch()
  }
  await settled(stage)
  const others = census.names().filter((name) => !before.has(name))
  return {
    signal,
    moved: before.size,
    silence: { median: medianOf(silences), most: Math.max(...silences) },
    othersSilence: Math.max(...others.map((name) => census.silenceMs(name, fromMs) / 1_000)),
    doubles: census.doubles(fromMs),
    sameEpochs
  }
}

export const run = async (ground: Ground, say: (text: string) => void): Promise<ReadonlyArray<Round>> => {
  const stage = await open(ground)
  try {
    const done: Array<Round> = []
    for (const signal of signals)
      for (let round = 0; round < rounds; round++) {
        const one = await suffer(stage, signal)
        say(JSON.stringify(one))
        done.push(one)
      }
    return done
  } finally {
    await stage.close()
  }
}
