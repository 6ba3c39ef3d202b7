import type { Tick } from "./Contract.ts"
import * as Live from "./Live.ts"

export interface Ticks {
  /** Listens to a token until the answer is called. */
  readonly listen: (token: number, listener: (tick: Tick) => void) => () => void
  readonly close: () => void
}

/** One connection to /ws/ticks, shared by everything on the page that wants ticks. */
export const make = (options: Pick<Live.Options, "token" | "onState" | "onRefused">): Ticks => {
  const listeners = new Map<number, Set<(tick: Tick) => void>>()
  const live = Live.make({
    ...options,
    path: "/ws/ticks",
    onOpen: (send) => {
      if (listeners.size > 0) send({ action: "subscribe", tokens: [...listeners.keys()] })
    },
    onMessage: (message) => {
      if (message.type !== "tick" || !("data" in message)) return
      const tick = message.data as Tick
      for (const listener of listeners.get(tick.instrument_token) ?? []) listener(tick)
    }
  })
  return {
    listen: (token, listener) => {
      const known = listeners.get(token)
      const all = known ?? new Set()
      all.add(listener)
      listeners.set(token, all)
      if (known === undefined) live.send({ action: "subscribe", tokens: [token] })
      return () => {
        all.delete(listener)
        if (all.size > 0 || listeners.get(token) !== all) return
        listeners.delete(token)
        live.send({ action: "unsubscribe", tokens: [token] })
      }
    },
    close: live.close
  }
}
