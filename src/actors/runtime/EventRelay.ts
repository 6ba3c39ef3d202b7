import { Effect } from "effect"

export interface Relay<Event extends { readonly eventId: number }, E1, E2, E3> {
  /** The oldest events that wait in Postgres, in their order. */
  readonly waiting: Effect.Effect<ReadonlyArray<Event>, E1>
  /** Notes how many events were found waiting. */
  readonly found: (count: number) => void
  readonly publish: (event: Event) => Effect.Effect<unknown, E2>
  /** Marks events as published. */
  readonly published: (eventIds: ReadonlyArray<number>) => Effect.Effect<unknown, E3>
}

/**
 * Publishes one batch of events and returns how many there were. An event is marked after NATS has it, so a crash may publish it twice.
 * Within two minutes the server removes the duplicate by its message id. After that, readers recognise it by its `event_id`.
 */
export const publishBatch = <Event extends { readonly eventId: number }, E1, E2, E3>({
  found,
  publish,
  published,
  waiting
}: Relay<Event, E1, E2, E3>): Effect.Effect<number, E1 | E2 | E3> =>
  Effect.gen(function* () {
    const events = yield* waiting
    found(events.length)
    if (events.length === 0) return 0
    for (const event of events) yield* publish(event)
    yield* published(events.map(({ eventId }) => eventId))
    return events.length
  })
