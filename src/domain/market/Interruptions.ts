import * as IndiaTime from "../IndiaTime.ts"
import type { Break } from "../record/Break.ts"

/** Plain data: when packets of an account were missing; UNIX ms, both ends included, infinite while it lasts. */
export interface Interruption {
  readonly account: string
  readonly cause: Break["cause"]
  fromMs: number
  toMs: number
  /**
   * For each instrument token, the receive time of the first packet that another account brought during the interruption. Placement moves
   * instruments to another account. For those instruments the interruption is over then, because their first account may never start again.
   */
  readonly takenOverMs: Map<number, number>
}

/** The most interruptions that a reader remembers. When there are more, the two oldest are merged into one that covers both. */
export const interruptionsMax = 64
/** An instrument that trades seldom shows the volume of the interruption only with its next packet, at most a day later. */
const rememberedMs = IndiaTime.dayMs

const isOpen = ({ toMs }: Interruption): boolean => toMs === Number.POSITIVE_INFINITY

/** Adds an interruption. An open one ends with the next one of its account and cause. */
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

/** Ends the account's open interruptions, because its ticker has started again. */
export const onStart = (known: ReadonlyArray<Interruption>, account: string, atMs: number): void => {
  for (const one of known) if (one.account === account && isOpen(one)) one.toMs = Math.max(one.fromMs, atMs)
}

/** The open interruptions of other accounts. Nearly always there are none, so that no packet has to be checked. */
export const lastingOfOthers = (known: ReadonlyArray<Interruption>, account: string): ReadonlyArray<Interruption> =>
  known.length === 0 ? known : known.filter((one) => isOpen(one) && one.account !== account)

/** Ends the open interruptions of other accounts for one instrument, because another account now brings it. */
export const takeOver = (lasting: ReadonlyArray<Interruption>, token: number, atMs: number): void => {
  for (const { fromMs, takenOverMs } of lasting) if (atMs >= fromMs && !takenOverMs.has(token)) takenOverMs.set(token, atMs)
}

/** Whether packets of an instrument may be missing from a span, its end excluded. */
export const overlaps = (known: ReadonlyArray<Interruption>, token: number, fromMs: number, toMs: number): boolean =>
  known.some((one) => one.fromMs < toMs && Math.min(one.toMs, one.takenOverMs.get(token) ?? one.toMs) >= fromMs)

/** Forgets interruptions that no open bar can need. */
export const forget = (known: Array<Interruption>, nowMs: number): void => {
  for (let at = known.length - 1; at >= 0; at--) if ((known[at] as Interruption).toMs < nowMs - rememberedMs) known.splice(at, 1)
}
