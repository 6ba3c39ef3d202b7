import type { Mark } from "../domain/strategy/StrategyMessage.ts"

export interface Marked {
  readonly mark: Mark
  /** The mark's sequence in STRAT. */
  readonly seq: number
}

/** Strategies whose mark is kept; the one marked longest ago goes first. */
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
    return this.marked(owner, strategyId)?.mark
  }

  apply(owner: string, mark: Mark, seq: number): void {
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
