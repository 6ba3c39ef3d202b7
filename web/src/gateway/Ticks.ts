import type { Tick } from "./Contract.ts"
import * as Live from "./Live.ts"

export interface Ticks {
  /** Calls the listener with each tick of the instrument, until the returned function is called. */
  readonly listen: (token: number, listener: (tick: Tick) => void) => () => void
  readonly close: () => void
}

/** One connection to /ws/ticks, shared by all parts of the page. */
export const make = (options: Live.Options): Ticks => {
  const listeners = new Map<number, Set<(tick: Tick) => void>>()
  const live = Live.open(options.client.ticks, options, (event) => {
    if (event.type !== "tick") return
    for (const listener of listeners.get(event.data.instrument_token) ?? []) listener(event.data)
  })
  return {
    listen: (token, listener) => {
      const known = listeners.get(token)
      const all = known ?? new Set()
      all.add(listener)
      listeners.set(token, all)
      if (known === undefined) live.subscribe([token])
      return () => {
        all.delete(listener)
        if (all.size > 0 || listeners.get(token) !== all) return
        listeners.delete(token)
        live.unsubscribe([token])
      }
    },
    close: live.close
  }
}
