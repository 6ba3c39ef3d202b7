/** Keeps one connection subscribed to what is wanted. It sends only differences, but after a reconnect all subscriptions. */
import { Effect } from "effect"
import * as Subscription from "../domain/accounts/Subscription.ts"

/** A flag that fibers can await: `isSet` and `isClear` are latches of which always exactly one is open. */
const makeFlag = Effect.map(Effect.all([Effect.makeLatch(false), Effect.makeLatch(true)]), ([isSet, isClear]) => ({
  isSet: isSet.await,
  isClear: isClear.await,
  set: (value: boolean): void => {
    const [opens, closes] = value ? [isSet, isClear] : [isClear, isSet]
    closes.unsafeClose()
    opens.unsafeOpen()
  }
}))

export const make = (chunkTokens: number) =>
  Effect.gen(function* () {
    let wanted: Subscription.Wanted = new Map()
    let held: Subscription.Held = new Map()
    const isWanted = yield* makeFlag
    const changed = yield* Effect.makeLatch(false)
    return {
      somethingWanted: isWanted.isSet,
      nothingWanted: isWanted.isClear,
      want: (next: Subscription.Wanted): void => {
        wanted = new Map(next)
        isWanted.set(wanted.size > 0)
        changed.unsafeOpen()
      },
      /** Forgets what the last connection was subscribed to. */
      forget: (): void => {
        held = new Map()
      },
      /** The only writer of a connection. `held` changes only after a message has left; `onSent` is called when all messages have. */
      keepSubscribed: <E>(
        send: (text: string) => Effect.Effect<void, E>,
        onSent?: (wanted: Subscription.Wanted) => void
      ): Effect.Effect<never, E> =>
        Effect.gen(function* () {
          while (true) {
            changed.unsafeClose()
            const target = wanted
            for (const command of Subscription.diff(held, target, chunkTokens)) {
              yield* send(Subscription.format(command))
              held = Subscription.apply(held, command)
            }
            onSent?.(target)
            yield* Effect.logDebug(`broker socket holds ${held.size} subscriptions`)
            yield* changed.await
          }
        }),
      wantedCount: (): number => wanted.size,
      /** Tokens whose subscription and mode have both been sent. */
      subscribedCount: (): number => [...held.values()].filter((mode) => mode !== null).length
    } as const
  })
export type SocketSubscriber = Effect.Effect.Success<ReturnType<typeof make>>
