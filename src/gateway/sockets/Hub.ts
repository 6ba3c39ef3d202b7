import { Effect } from "effect"
import type { Connection, Topic } from "./Connection.ts"

/** Under load a flush starts at most this often. */
const flushEveryMsMax = 50
/** Flushing takes at most one part in this many of the process's time, until `flushEveryMsMax` is reached. */
const flushShare = 4
/** Rounds shorter than this are idle: what comes next leaves at once. */
const idleMs = 1

/**
 * Who listens to what. Publishing is synchronous: a text is made once for all members and put into their queues; `flush` lets the
 * queues go, at once while that is cheap, else when the pause is over.
 */
export class Hub extends Effect.Service<Hub>()("gateway/sockets/Hub", {
  scoped: Effect.gen(function* () {
    const topics = new Map<Topic, Set<Connection>>()
    /** Those with something new. */
    const waiting = new Set<Connection>()
    /** Those that are behind; looked at again even when nothing new comes, and never a reason for the others to wait. */
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
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        clearTimeout(pauseTimer)
        clearTimeout(heldTimer)
      })
    )

    return {
      join: (topic: Topic, connection: Connection): void => {
        // One that is closing leaves its topics once, perhaps before this.
        if (!connection.isOpen) return
        const members = topics.get(topic)
        if (members === undefined) topics.set(topic, new Set([connection]))
        else members.add(connection)
      },
      leave: (topic: Topic, connection: Connection): void => {
        const members = topics.get(topic)
        members?.delete(connection)
        if (members?.size === 0) topics.delete(topic)
        connection.forget(topic)
      },
      /** A connection that is gone; its topics were left one by one. */
      drop: (connection: Connection): void => {
        waiting.delete(connection)
        held.delete(connection)
      },
      hasMembers: (topic: Topic): boolean => topics.has(topic),

      /** Every member gets it. */
      event: (topic: Topic, text: string): void => {
        for (const connection of topics.get(topic) ?? []) {
          connection.event(topic, text)
          waiting.add(connection)
        }
      },
      /** Everyone who listens to an instrument gets it, once; nothing newer replaces it. */
      eventToReaders: (name: string, text: string): number => {
        const readers = new Set<Connection>()
        for (const [topic, members] of topics) {
          if (typeof topic === "number") for (const connection of members) readers.add(connection)
        }
        for (const connection of readers) {
          connection.event(name, text)
          waiting.add(connection)
        }
        return readers.size
      },
      /** Every member gets it or, when it has not taken the one before yet, the whole newest state instead. */
      state: (topic: Topic, change: string, whole: () => string): void => {
        for (const connection of topics.get(topic) ?? []) {
          connection.state(topic, change, whole)
          waiting.add(connection)
        }
      },
      /** One member gets the whole state: it has just asked for it. */
      stateTo: (connection: Connection, topic: Topic, whole: () => string): void => {
        connection.state(topic, undefined, whole)
        waiting.add(connection)
      },
      /** One member has something that came past the hub. */
      touch: (connection: Connection): void => {
        waiting.add(connection)
      },
      flush: (): void => {
        if (pauseTimer !== undefined || waiting.size === 0) return
        const waitMs = nextAtMs - performance.now()
        if (waitMs <= 0) flushNow()
        else
          pauseTimer = setTimeout(() => {
            pauseTimer = undefined
            flushNow()
          }, waitMs)
      }
    } as const
  })
}) {}
