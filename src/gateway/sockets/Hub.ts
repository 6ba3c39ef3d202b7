import { Effect } from "effect"
import type { Connection, Topic } from "./Connection.ts"
import * as Flushing from "./Flushing.ts"

/**
 * Knows which connections subscribe to which topics. Publishing is synchronous: it queues one text for every member of a topic. `flush`
 * writes the queues, at once while that is cheap, otherwise after a pause.
 */
export class Hub extends Effect.Service<Hub>()("gateway/sockets/Hub", {
  scoped: Effect.gen(function* () {
    const topics = new Map<Topic, Set<Connection>>()
    const { add, drop, flush, stop } = Flushing.make()
    yield* Effect.addFinalizer(() => Effect.sync(stop))

    return {
      join: (topic: Topic, connection: Connection): void => {
        // A closing connection leaves its topics once, perhaps before this call.
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
      /** Forgets a closed connection, which has already left its topics. */
      drop,
      hasMembers: (topic: Topic): boolean => topics.has(topic),

      /** Queues a text for every member. */
      event: (topic: Topic, text: string): void => {
        for (const connection of topics.get(topic) ?? []) {
          connection.event(topic, text)
          add(connection)
        }
      },
      /** Queues a text once for every connection that listens to any instrument. No newer text replaces it. Returns their number. */
      eventToReaders: (name: string, text: string): number => {
        const readers = new Set<Connection>()
        for (const [topic, members] of topics) {
          if (typeof topic === "number") for (const connection of members) readers.add(connection)
        }
        for (const connection of readers) {
          connection.event(name, text)
          add(connection)
        }
        return readers.size
      },
      /** Queues a change for every member. A member that has not taken the previous change gets the whole newest state instead. */
      state: (topic: Topic, change: string, whole: () => string): void => {
        for (const connection of topics.get(topic) ?? []) {
          connection.state(topic, change, whole)
          add(connection)
        }
      },
      /** Queues the whole state for one member that has just subscribed. */
      stateTo: (connection: Connection, topic: Topic, whole: () => string): void => {
        connection.state(topic, undefined, whole)
        add(connection)
      },
      /** Includes a connection that was given something directly in the next flush. */
      touch: add,
      flush
    } as const
  })
}) {}
