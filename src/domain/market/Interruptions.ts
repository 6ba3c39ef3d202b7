import * as IndiaTime from "../IndiaTime.ts"
import type { Break } from "../record/Break.ts"

/** Plain data: when packets of an account were missing; UNIX ms, both ends included, infinite while it lasts. */
export interface Interruption {
  readonly account: string
  readonly cause: Break["cause"]
  fromMs: number
  toMs: number
  /**
   * By instrument token, the receive time of the first packet that another account brought meanwhile. Placement moves instruments to another
   * account, and the interruption is over for those that it streams: their first account may never start again.
   */
  readonly takenOverMs: Map<number, number>
}

/** Interruptions that a reader remembers. Beyond it the two oldest become one that covers both. */
export const interruptionsMax = 64
/** An instrument that trades seldom learns of the volume of the interruption with its next packet, at most a day later. */
const rememberedMs = IndiaTime.dayMs

const isOpen = ({ toMs }: Interruption): boolean => toMs === Number.POSITIVE_INFINITY

/** Takes an interruption in. One that lasts is ended by the next one of its account and cause. */
export const note = (known: Array<Interruption>, { account, cause, from, to }: Break): void => {
  const fromMs = from.getTime()
  const toMs = to === null ? Number.POSITIVE_INFINITY : to.getTime()
  const before = known.find((one) => one.account === account && one.cause === cause && (isOpen(one) || one.fromMs === fromMs))
  if (before !== undefined) {
    before.fromMs = Math.min(before.fromMs, fromMs)
    before.toMs = toMs
    return
  }
  known.push({ account, cause, fromMs, toMs, takenOverMs: new Map() })
  if (known.length <= interruptionsMax) return
  const [oldest, next] = known.splice(0, 2) as [Interruption, Interruption]
  const both = { fromMs: Math.min(oldest.fromMs, next.fromMs), toMs: Math.max(oldest.toMs, next.toMs) }
  known.unshift({ ...next, ...both, takenOverMs: new Map() })
}

/** The account's ticker has started again: what lasted until now is over. */
export const onStart = (known: ReadonlyArray<Interruption>, account: string, atMs: number): void => {
  for (const one of known) if (one.account === account && isOpen(one)) one.toMs = Math.max(one.fromMs, atMs)
}

/** The interruptions of other accounts that last. Nearly always there are none, and then no packet is looked at. */
export const lastingOfOthers = (known: ReadonlyArray<Interruption>, account: string): ReadonlyArray<Interruption> =>
  known.length === 0 ? known : known.filter((one) => isOpen(one) && one.account !== account)

/** An account brings an instrument: for this instrument, lasting interruptions of other accounts are over. */
export const takeOver = (lasting: ReadonlyArray<Interruption>, token: number, atMs: number): void => {
  for (const { fromMs, takenOverMs } of lasting) if (atMs >= fromMs && !takenOverMs.has(token)) takenOverMs.set(token, atMs)
}

/** Whether packets of an instrument may be missing from a span, its end excluded. */
export const overlaps = (known: ReadonlyArray<Interruption>, token: number, fromMs: number, toMs: number): boolean =>
  known.some((one) => one.fromMs < toMs && Math.min(one.toMs, one.takenOverMs.get(token) ?? one.toMs) >= fromMs)

/** Forgets what no open bar can need. */
export const forget = (known: Array<Interruption>, nowMs: number): void => {
  for (let at = known.length - 1; at >= 0; at--) if ((known[at] as Interruption).toMs < nowMs - rememberedMs) known.splice(at, 1)
}
