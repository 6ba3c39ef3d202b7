/** How the next order request fails. What fails is the answer, the request, or both. */
export type Fault =
  /** It is carried out, and the connection breaks without an answer. */
  | { readonly kind: "drop_reply" }
  /** The connection breaks before it is carried out. */
  | { readonly kind: "lose" }
  /** The connection breaks, and it is carried out this much later. */
  | { readonly kind: "late"; readonly afterMs: number }
  /** The proxy in front of the broker answers 504. */
  | { readonly kind: "gateway_timeout"; readonly isCarriedOut: boolean }
  /** It is refused with 429. */
  | { readonly kind: "too_many" }

/** Faults that wait for order requests, the first first. */
export class Faults {
  readonly #waiting: Array<Fault> = []

  add(...faults: ReadonlyArray<Fault>): void {
    this.#waiting.push(...faults)
  }

  clear(): void {
    this.#waiting.length = 0
  }

  take(): Fault | undefined {
    return this.#waiting.shift()
  }
}
