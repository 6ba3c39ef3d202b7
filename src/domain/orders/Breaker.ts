/** One account's circuit breaker. It counts failures of the broker's health in a row; a rejected order is not such a failure. */
export type Breaker =
  | { readonly state: "closed"; readonly failures: number }
  | { readonly state: "open"; readonly untilMs: number }
  /** Some requests are let through to see whether the broker is healthy again. */
  | { readonly state: "half_open"; readonly trials: number }

export interface Limits {
  readonly failuresMax: number
  readonly openMs: number
  readonly trialsMax: number
}
export const defaults: Limits = { failuresMax: 5, openMs: 60_000, trialsMax: 3 }

/** Counted as `circuit_breaker_opens` and `circuit_breaker_closes`. */
export type Change = "opened" | "closed"

export const closed: Breaker = { state: "closed", failures: 0 }

/** Asks to send one request now. Null: it must not be sent. */
export const admit = (limits: Limits, breaker: Breaker, nowMs: number): Breaker | null => {
  switch (breaker.state) {
    case "closed":
      return breaker
    case "open":
      return nowMs < breaker.untilMs ? null : { state: "half_open", trials: 1 }
    case "half_open":
      return breaker.trials < limits.trialsMax ? { state: "half_open", trials: breaker.trials + 1 } : null
  }
}

/** When a refused request may ask again. While all trials are in flight, only their results decide; they come within `openMs`. */
export const retryAtMs = (limits: Limits, breaker: Breaker, nowMs: number): number =>
  breaker.state === "open" ? breaker.untilMs : nowMs + limits.openMs

const opened = (limits: Limits, nowMs: number): readonly [Breaker, Change] => [{ state: "open", untilMs: nowMs + limits.openMs }, "opened"]

/** Takes the result of an admitted request. */
export const settle = (limits: Limits, breaker: Breaker, isFailure: boolean, nowMs: number): readonly [Breaker, Change | null] => {
  // A result that comes while the breaker is open belongs to a request that was sent before.
  if (breaker.state === "open") return [breaker, null]
  if (!isFailure) return [closed, breaker.state === "half_open" ? "closed" : null]
  if (breaker.state === "half_open" || breaker.failures + 1 >= limits.failuresMax) return opened(limits, nowMs)
  return [{ state: "closed", failures: breaker.failures + 1 }, null]
}
