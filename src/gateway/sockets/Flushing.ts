import type { Connection } from "./Connection.ts"

/** Under load a flush starts at most this often. */
const flushEveryMsMax = 50
/** The largest share of the process's time for flushing is one in this many, until `flushEveryMsMax` is reached. */
const flushShare = 4
/** A pause shorter than this is skipped. */
const idleMs = 1

/** The connections with queued data, and the timers that flush them. */
export interface Flushing {
  readonly add: (connection: Connection) => void
  /** Forgets a closed connection. */
  readonly drop: (connection: Connection) => void
  readonly flush: () => void
  readonly stop: () => void
}

export const make = (): Flushing => {
  /** Connections with new data. */
  const waiting = new Set<Connection>()
  /** Connections that are behind. They are retried even without new data, and the others do not wait for them. */
  const held = new Set<Connection>()
  let pauseTimer: NodeJS.Timeout | undefined
  let heldTimer: NodeJS.Timeout | undefined
  let nextAtMs = 0

  const flushOne = (connection: Connection, nowMs: number): void => {
    if (connection.flush(nowMs)) held.add(connection)
    else held.delete(connection)
  }
  const watchHeld = (): void => {
    if (held.size === 0) return
    heldTimer ??= setTimeout(() => {
      heldTimer = undefined
      const nowMs = performance.now()
      for (const connection of held) flushOne(connection, nowMs)
      watchHeld()
    }, flushEveryMsMax)
  }
  const flushNow = (): void => {
    const startedMs = performance.now()
    for (const connection of waiting) flushOne(connection, startedMs)
    waiting.clear()
    watchHeld()
    const endedMs = performance.now()
    const pauseMs = (endedMs - startedMs) * flushShare
    nextAtMs = endedMs + (pauseMs < idleMs ? 0 : Math.min(pauseMs, flushEveryMsMax))
  }
  return {
    add: (connection) => void waiting.add(connection),
    drop: (connection) => {
      waiting.delete(connection)
      held.delete(connection)
    },
    flush: () => {
      if (pauseTimer !== undefined || waiting.size === 0) return
      const waitMs = nextAtMs - performance.now()
      if (waitMs <= 0) flushNow()
      else
        pauseTimer = setTimeout(() => {
          pauseTimer = undefined
          flushNow()
        }, waitMs)
    },
    stop: () => {
      clearTimeout(pauseTimer)
      clearTimeout(heldTimer)
    }
  }
}
