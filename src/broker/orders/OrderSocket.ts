/** A connection to Kite's ticker that carries no instrument: the broker sends the account's order messages on it. */
import { Deferred, Duration, Effect, Queue, Schedule } from "effect"
import type * as KiteSocket from "../KiteSocket.ts"
import { defaults } from "../KiteSocket.ts"
import * as Metrics from "../Metrics.ts"
import * as SocketInbox from "../SocketInbox.ts"
import * as SocketLink from "../SocketLink.ts"

/** The most messages that may wait. Further ones are dropped and counted; the next reading of the order book has their content. */
export const waitingMax = 10_000
const reportEveryMs = 1_000

export interface Options {
  readonly account: string
  readonly address: KiteSocket.Address
  readonly settings: Pick<KiteSocket.Settings, "backoffMaxMs" | "livenessMs">
}

/** Connects, and reconnects after every end, until the scope closes. Returns the queue of the messages' data. */
export const make = ({ account, address, settings: { backoffMaxMs, livenessMs } }: Options) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const messages = yield* Effect.acquireRelease(Queue.dropping<unknown>(waitingMax), Queue.shutdown)
    const onText = ({ data, type }: SocketInbox.KiteText) => {
      if (type === "order" && !messages.unsafeOffer(data)) Metrics.orderMessagesDropped(account)
    }
    const inbox = new SocketInbox.SocketInbox(account, { onFrame: () => {}, onText }, defaults.textBytesMax)
    const options: SocketLink.Options = {
      where: { account, op: "order socket" },
      settings: defaults,
      clock,
      receive: inbox.receive.bind(inbox)
    }
    const connectOnce = Effect.gen(function* () {
      const { ended, ...at } = yield* address
      const link = yield* SocketLink.open({ ended, ...at }, options)
      yield* Effect.logInfo("the socket for orders is open")
      return yield* Deferred.await(link.ended).pipe(
        Effect.raceFirst(Effect.flatMap(ended, (reason) => new SocketLink.LinkEnded({ reason }))),
        Effect.raceFirst(SocketLink.watchLiveness(link, livenessMs, clock)),
        Effect.raceFirst(Effect.forever(Effect.zipRight(Effect.sleep(reportEveryMs), inbox.report)))
      )
    }).pipe(Effect.scoped, Effect.ensuring(inbox.report))
    const backoff = Schedule.exponential(defaults.backoffBaseMs).pipe(
      Schedule.jittered,
      Schedule.modifyDelay((_, delay) => Duration.min(delay, Duration.millis(backoffMaxMs))),
      // If more time than the longest backoff has passed since the last attempt, a connection was open meanwhile, so the backoff begins
      // again.
      Schedule.resetAfter(Duration.millis(backoffMaxMs * 2))
    )
    yield* connectOnce.pipe(
      Effect.tapError((error) => Effect.logWarning(`the socket for orders is lost, reconnecting: ${error.message}`)),
      Effect.retry(backoff),
      Effect.annotateLogs({ account }),
      Effect.forkScoped
    )
    return messages as Queue.Dequeue<unknown>
  })
