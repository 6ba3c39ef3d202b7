/**
 * Random faults of a soak run, from a seed. They concern the broker's sockets, sessions and limits, and NATS. Each fault ends by itself.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Random } from "../../src/simulator/Random.ts"

export interface Hands {
  readonly accounts: ReadonlyArray<string>
  /** Asks the simulator's admin port. */
  readonly admin: (method: string, path: string, body: unknown) => Promise<void>
  /** Open connections to the broker. */
  readonly connections: () => number
  /** Process id of NATS. */
  readonly natsPid: () => number
}

/** The longest that one fault lasts, ms. */
const lastsMsMax = 6_000
/** The mean pause between the end of a fault and the next one, ms. */
const pauseMs = 6_000

type Fault = (hands: Hands, random: Random) => Promise<void>

const oneOf = <A>(random: Random, all: ReadonlyArray<A>): A => all[Math.floor(random.next() * all.length)] as A
const lasts = (random: Random) => sleep(500 + random.next() * (lastsMsMax - 500))

const ofSocket =
  (kind: string): Fault =>
  async ({ admin, connections }, random) => {
    const open = connections()
    if (open === 0) return
    const place = Math.floor(random.next() * open)
    // If another connection has closed meanwhile, no connection has this place, and nothing happens.
    await admin("POST", "/sockets/fail", { place, kind, ...(kind === "slow" ? { delay_ms: 200 } : {}) })
  }

const all: Readonly<Record<string, Fault>> = {
  "socket dropped": async ({ accounts, admin }, random) => admin("POST", "/sockets/cut", { account_id: oneOf(random, accounts) }),
  "half-open socket": ofSocket("half_open"),
  "half a packet": ofSocket("half_frame"),
  "malformed packet": ofSocket("bad_frame"),
  "malformed text": ofSocket("bad_text"),
  "token lost": async ({ accounts, admin }, random) => {
    const account_id = oneOf(random, accounts)
    await admin("POST", "/sessions/expire", { account_id })
    await admin("POST", "/sockets/cut", { account_id })
  },
  "logins refused": async ({ accounts, admin }, random) => {
    const account_id = oneOf(random, accounts)
    await admin("PUT", "/refusals", { logins: 1_000_000, upgrades: 0 })
    await admin("POST", "/sessions/expire", { account_id })
    await admin("POST", "/sockets/cut", { account_id })
    await lasts(random)
    await admin("PUT", "/refusals", { logins: 0, upgrades: 0 })
  },
  "429": async ({ accounts, admin }, random) => {
    const account_id = oneOf(random, accounts)
    await admin("PUT", "/limit", { account_id, retry_after_s: 3 })
    await admin("POST", "/sockets/cut", { account_id })
    await lasts(random)
    await admin("PUT", "/limit", { account_id, retry_after_s: null })
  },
  "NATS frozen": async ({ natsPid }, random) => {
    const pid = natsPid()
    process.kill(pid, "SIGSTOP")
    await sleep(500 + random.next() * 2_500)
    process.kill(pid, "SIGCONT")
  }
}

/** Makes faults one at a time until it is stopped. Returns how often each kind happened. */
export const make = (hands: Hands, seed: number) => {
  const random = new Random(seed)
  const counts: Record<string, number> = Object.fromEntries(Object.keys(all).map((kind) => [kind, 0]))
  let isOver = false
  const run = async () => {
    while (!isOver) {
      await sleep(-Math.log(1 - random.next()) * pauseMs)
      if (isOver) return
      const kind = oneOf(random, Object.keys(all))
      counts[kind] = (counts[kind] ?? 0) + 1
      await all[kind]?.(hands, random)
    }
  }
  const running = run()
  return {
    stop: async (): Promise<Readonly<Record<string, number>>> => {
      isOver = true
      await running
      return counts
    }
  }
}
