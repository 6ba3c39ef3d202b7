/**
 * A separate process: users that ask over HTTP, each on a connection that is kept. Requests are due at instants that are fixed beforehand,
 * and times count from then. So a server that stalls gets no fewer requests, and the wait for a connection is counted.
 */
import { Agent, request } from "node:http"
import * as Child from "../pipeline/Child.ts"

export interface Ask {
  /** The name under which it is counted. */
  readonly name: string
  /** The paths that are requested in turn. */
  readonly paths: ReadonlyArray<string>
  readonly perSecond: number
}
export interface Load {
  readonly port: number
  readonly jwt: string
  readonly users: number
  readonly asks: ReadonlyArray<Ask>
}
/** The answers since the last call. */
export interface Answered {
  /** By name, from when it was due to its last byte, ms. */
  readonly times: Readonly<Record<string, Float64Array>>
  /** Answers other than 200 with a body, and the first of them. */
  readonly failed: number
  readonly failure: string | null
  readonly bytes: number
  /** How far this process fell behind its schedule at most. The times include it. */
  readonly lateMaxMs: number
}

const timeoutMs = 10_000
const finishMsMax = 15_000

let times = new Map<string, Array<number>>()
let counts = { failed: 0, failure: null as string | null, bytes: 0, lateMaxMs: 0 }
let openRequests = 0
let isRunning = false
let agents: ReadonlyArray<Agent> = []
let ended: Promise<void> = Promise.resolve()

const fail = (why: string) => {
  counts.failed++
  counts.failure ??= why
}

const send = ({ port, jwt }: Load, name: string, path: string, agent: Agent, dueMs: number): void => {
  openRequests++
  let isDone = false
  const done = (problem?: string) => {
    if (isDone) return
    isDone = true
    openRequests--
    if (problem === undefined) times.get(name)?.push(performance.now() - dueMs)
    else fail(`${path}: ${problem}`)
  }
  const sent = request({ host: "127.0.0.1", port, path, agent, headers: { authorization: `Bearer ${jwt}` } }, (response) => {
    let bytes = 0
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length
    })
    response.on("end", () => {
      counts.bytes += bytes
      done(response.statusCode === 200 && bytes > 0 ? undefined : `status ${response.statusCode} with ${bytes} bytes`)
    })
    response.on("error", (error) => done(error.message))
  })
  sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer in ${timeoutMs} ms`)))
  sent.on("error", (error) => done(error.message))
  sent.end()
}

const run = (load: Load): Promise<void> => {
  const startMs = performance.now()
  // Each kind of request starts at a different instant, so that they do not always coincide.
  const lanes = load.asks.map((ask, at) => ({ ask, sent: 0, firstMs: (1_000 * (at + 1)) / (ask.perSecond * (load.asks.length + 1)) }))
  let turn = 0
  return new Promise((resolve) => {
    const wake = () => {
      const nowMs = performance.now()
      for (const lane of lanes) {
        const dueMs = () => startMs + lane.firstMs + (lane.sent * 1_000) / lane.ask.perSecond
        while (dueMs() <= nowMs) {
          counts.lateMaxMs = Math.max(counts.lateMaxMs, nowMs - dueMs())
          const agent = agents[turn++ % agents.length]
          const path = lane.ask.paths[lane.sent % lane.ask.paths.length]
          if (agent !== undefined && path !== undefined) send(load, lane.ask.name, path, agent, dueMs())
          lane.sent++
        }
      }
      if (isRunning) setTimeout(wake, 1)
      else resolve()
    }
    wake()
  })
}

const take = (): Answered => {
  const answered = { ...counts, times: Object.fromEntries([...times].map(([name, values]) => [name, Float64Array.from(values)])) }
  for (const name of times.keys()) times.set(name, [])
  counts = { failed: 0, failure: null, bytes: 0, lateMaxMs: 0 }
  return answered
}

Child.serve({
  start: (load: Load) => {
    times = new Map(load.asks.map(({ name }) => [name, []]))
    agents = Array.from({ length: load.users }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    isRunning = true
    ended = run(load)
  },
  take,
  /** Records the answers that have not been returned yet. A request without an answer fails at its timeout. */
  stop: async (): Promise<Answered> => {
    isRunning = false
    await ended
    const endMs = performance.now() + finishMsMax
    while (openRequests > 0 && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const agent of agents) agent.destroy()
    return take()
  }
})
