import { BoundedMap } from "../../domain/BoundedMap.ts"
import type { IndicatorValue } from "../../domain/indicators/IndicatorMessage.ts"

export interface Valued {
  readonly value: IndicatorValue
  /** The value's sequence in IND. */
  readonly seq: number
}

/** Subjects whose newest value is kept. The one with the oldest value is dropped first. */
export const valuesMax = 50_000

/** The newest value of every streamed indicator, by its subject. */
export class IndicatorView {
  readonly #values = new BoundedMap<string, Valued>(valuesMax)

  find(subject: string): Valued | undefined {
    return this.#values.get(subject)
  }

  apply(subject: string, valued: Valued): void {
    this.#values.renew(subject, valued)
  }

  clear(): void {
    this.#values.clear()
  }
}
