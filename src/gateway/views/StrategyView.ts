import { Schema } from "effect"
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

/** The newest mark of every strategy. */
export class StrategyView {
  readonly #marks = new Map<string, Marked>()

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
    this.#marks.delete(key)
    this.#marks.set(key, { mark, seq })
    if (this.#marks.size <= marksMax) return
    const oldest = this.#marks.keys().next().value
    if (oldest !== undefined) this.#marks.delete(oldest)
  }

  clear(): void {
    this.#marks.clear()
  }
}
