import type { Connection } from "./Connection.ts"

/** Under load a flush starts at most this often. */
const flushEveryMsMax = 50
/** Flushing takes at most one part in this many of the process's time, until `flushEveryMsMax` is reached. */
const flushShare = 4
/** A flush that needs a shorter pause than this needs none. */
const idleMs = 1

/** The connections that have something to write, and the timers that write it. */
export interface Flushing {
  readonly add: (connection: Connection) => void
  /** Forgets a connection that is gone. */
  readonly drop: (connection: Connection) => void
  readonly flush: () => void
  readonly stop: () => void
}

export const make = (): Flushing => {
  /** Connections with something new. */
  const waiting = new Set<Connection>()
  /** Connections that are behind. They are tried again even when nothing new comes, and the others do not wait for them. */
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
