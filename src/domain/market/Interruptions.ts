import * as IndiaTime from "../IndiaTime.ts"
import type { Break } from "../record/Break.ts"

/** Plain data: when packets of an account were missing; UNIX ms, both ends included, infinite while it lasts. */
export interface Interruption {
  readonly account: string
  readonly cause: Break["cause"]
  fromMs: number
  toMs: number
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
  known.push({ account, cause, fromMs, toMs })
  if (known.length <= interruptionsMax) return
  const [oldest, next] = known.splice(0, 2) as [Interruption, Interruption]
  known.unshift({ ...next, fromMs: Math.min(oldest.fromMs, next.fromMs), toMs: Math.max(oldest.toMs, next.toMs) })
}

/** The account's ticker has started again: what lasted until now is over. */
export const onStart = (known: ReadonlyArray<Interruption>, account: string, atMs: number): void => {
  for (const one of known) if (one.account === account && isOpen(one)) one.toMs = Math.max(one.fromMs, atMs)
}

/** Whether packets of a span, its end excluded, may be missing. */
export const overlaps = (known: ReadonlyArray<Interruption>, fromMs: number, toMs: number): boolean =>
  known.some((one) => one.fromMs < toMs && one.toMs >= fromMs)

/** Forgets what no open bar can need. */
export const forget = (known: Array<Interruption>, nowMs: number): void => {
  for (let at = known.length - 1; at >= 0; at--) if ((known[at] as Interruption).toMs < nowMs - rememberedMs) known.splice(at, 1)
}
