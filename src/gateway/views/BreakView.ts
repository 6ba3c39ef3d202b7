import { BoundedMap } from "../../domain/BoundedMap.ts"
import type { Break } from "../../domain/record/Break.ts"

/** One interruption of what an account streams, over all underlyings that it touches. */
export interface Interruption {
  readonly account: string
  readonly cause: Break["cause"]
  readonly from: Date
  /** Null while it lasts. */
  readonly to: Date | null
  readonly underlyings: ReadonlySet<string>
  /** Packets known to be lost; null where nobody can count them. */
  readonly packets: number | null
}

/** Interruptions that are remembered; the oldest is forgotten first. */
export const interruptionsMax = 20

const keyOf = ({ account, cause, from }: Break): string => `${account} ${cause} ${from.getTime()}`

/** The newest interruptions of the record. */
export class BreakView {
  readonly #known = new BoundedMap<string, Interruption>(interruptionsMax)

  /** Returns the interruption when this break is its first, or ends it; further underlyings of a known one are no news. */
  apply(message: Break): Interruption | undefined {
    const { account, cause, exchange, from, packets, to, underlying } = message
    const key = keyOf(message)
    const before = this.#known.get(key)
    const name = `${exchange}.${underlying}`
    const isRepeated = before?.underlyings.has(name) === true
    const added = isRepeated ? 0 : packets
    const next: Interruption = {
      account,
      cause,
      from,
      to: to ?? before?.to ?? null,
      underlyings: new Set(before?.underlyings).add(name),
      packets: before === undefined ? packets : before.packets === null || added === null ? null : before.packets + added
    }
    this.#known.set(key, next)
    return before === undefined || (before.to === null && next.to !== null) ? next : undefined
  }

  /** Oldest first. */
  all(): ReadonlyArray<Interruption> {
    return [...this.#known.values()]
  }

  clear(): void {
    this.#known.clear()
  }
}
