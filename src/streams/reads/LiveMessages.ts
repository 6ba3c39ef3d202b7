/** Messages as NATS delivers them, without a stream: those from before, and those that get lost on the way, do not come. */
import { type Duration, Effect, Either, type Scope } from "effect"
import type { Msg, NatsConnection } from "nats"
import type { Subject } from "../Subject.ts"
import * as Subjects from "../Subjects.ts"

type Connection = Pick<NatsConnection, "subscribe">

/** Calls `heard` with each message of a subject until the scope closes. */
export const listen = (nc: Connection, subject: string, heard: (message: Msg) => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() =>
        nc.subscribe(subject, {
          callback: (error, message) => {
            if (error === null) heard(message)
          }
        })
      ),
      (subscription) => Effect.sync(() => subscription.unsubscribe())
    )
  )

/** Calls `heard` with the body of each message of a kind, and `unreadable` for a body that cannot be read. */
export const listenTo = <Template extends string, A, I>(
  nc: Connection,
  subject: Subject<Template, A, I>,
  heard: (body: A) => void,
  unreadable: () => void = () => {}
): Effect.Effect<void, never, Scope.Scope> =>
  listen(nc, subject.filter(), ({ data }) => Either.match(subject.decodeEither(data), { onLeft: unreadable, onRight: heard }))

/**
 * Returns an effect that waits until somebody announces that `what` has changed. It waits at most for `lookEvery`, because an announcement can
 * get lost, and the first time not at all.
 */
export const changes = (
  nc: Connection,
  what: string,
  lookEvery: Duration.DurationInput
): Effect.Effect<Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const news = yield* Effect.makeLatch(true)
    yield* listen(nc, Subjects.Changed.at({ what }), () => news.unsafeOpen())
    return Effect.zipRight(Effect.timeoutOption(news.await, lookEvery), news.close)
  })
