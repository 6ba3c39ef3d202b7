import { Effect } from "effect"
import type { Since } from "../../contract/sockets/SocketMessages.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import type { Reached } from "../views/Views.ts"

/** How long a gateway that has just started, or is behind another one, may take to reach the client's position. */
const reachMsMax = 5_000
const pollMs = 20

/** Waits until the stream has been read up to the client's position, or is another stream. Returns false on a timeout. */
export const isReached = (at: () => Reached, since: Since): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const untilMs = (yield* SteadyTime.nowMs) + reachMsMax
    while (true) {
      const { epoch, seq } = at()
      if (seq !== undefined && (epoch !== since.epoch || seq >= since.seq)) return true
      if ((yield* SteadyTime.nowMs) > untilMs) return false
      yield* Effect.sleep(pollMs)
    }
  })

/** The message that the sequences `from` to `to` of the stream `epoch` will never reach this client. */
export const gapOf = (epoch: number, from: number, to: number) => ({ type: "gap", epoch, from, to })
