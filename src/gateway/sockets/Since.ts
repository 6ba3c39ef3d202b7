import { Clock, Effect } from "effect"
import type { Since } from "../../contract/sockets/SocketMessages.ts"
import type { Reached } from "../views/Views.ts"

/** A gateway that has just started, or is behind the one the client comes from, gets so long to be where the client was. */
const reachMsMax = 5_000
const pollMs = 20

/** Until the stream has been read as far as the client had it, or turns out to be another stream. False when that took too long. */
export const isReached = (at: () => Reached, since: Since): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const untilMs = (yield* Clock.currentTimeMillis) + reachMsMax
    while (true) {
      const { epoch, seq } = at()
      if (seq !== undefined && (epoch !== since.epoch || seq >= since.seq)) return true
      if ((yield* Clock.currentTimeMillis) > untilMs) return false
      yield* Effect.sleep(pollMs)
    }
  })

/** `from` to `to` of the stream `epoch` never reach this client. */
export const gapOf = (epoch: number, from: number, to: number) => ({ type: "gap", epoch, from, to })
