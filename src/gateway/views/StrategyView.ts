import { Schema } from "effect"
import { BoundedMap } from "../../domain/BoundedMap.ts"
import { Mark } from "../../domain/strategy/StrategyMessage.ts"

const decode = Schema.decodeSync(Mark)

export interface Marked {
  /** In its encoded form. */
  readonly mark: typeof Mark.Encoded
  /** The mark's sequence in STRAT. */
  readonly seq: number
}

/** Number of strategies whose mark is kept. The strategy with the oldest mark is dropped first. */
export const marksMax = 100_000
/** Number of ends of strategies that are remembered. The oldest is dropped first. */
const endsMax = 10_000

interface Kept extends Marked {
  /** When it came, on this process's monotonic clock, ms. */
  readonly atMs: number
}

/** The newest mark of every strategy. */
export class StrategyView {
  /** The strategy with the oldest mark comes first. */
  readonly #marks = new BoundedMap<string, Kept>(marksMax)
  /** The record's sequence at which a strategy ended. A mark from before may come after it. */
  readonly #endedAt = new BoundedMap<string, number>(endsMax)

  static key(owner: string, strategyId: number): string {
    return `${strategyId} ${owner}`
  }

  marked(owner: string, strategyId: number): Marked | undefined {
    return this.#marks.get(StrategyView.key(owner, strategyId))
  }

  mark(owner: string, strategyId: number): Mark | undefined {
    const mark = this.marked(owner, strategyId)?.mark
    return mark === undefined ? undefined : decode(mark)
  }

  apply(owner: string, { mark, seq }: Marked): void {
    const key = StrategyView.key(owner, mark.strategy_id)
    const endedSeq = this.#endedAt.get(key)
    if (endedSeq !== undefined && mark.seq < endedSeq) return
    this.#marks.renew(key, { mark, seq, atMs: performance.now() })
  }

  /** The strategy ended at this sequence of the record. */
  end(owner: string, strategyId: number, endedSeq: number): void {
    const key = StrategyView.key(owner, strategyId)
    this.#marks.delete(key)
    this.#endedAt.renew(key, endedSeq)
  }

  /** Another record counts from the beginning. */
  forgetEnds(): void {
    this.#endedAt.clear()
  }

  /** True if a strategy that has not ended had a mark since an instant of this process's monotonic clock. */
  hasMarkSince(sinceMs: number): boolean {
    for (const { atMs } of this.#marks.values()) if (atMs >= sinceMs) return true
    return false
  }

  clear(): void {
    this.#marks.clear()
  }
}
