import { Effect } from "effect"
import type { Since } from "../../contract/sockets/SocketMessages.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import * as Turn from "../../loop/Turn.ts"
import type { Reached } from "../views/Views.ts"

/** How long a gateway that has just started, or is behind another one, may take to reach the client's position. */
const reachMsMax = 5_000
const pollMs = 20

/** Waits until the stream has been read up to the client's position, or is another stream. Returns false on a timeout. */
export const isReached = (at: () => Reached, since: Since): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const untilMs = (yield* SteadyTime.nowMs) + reachMsMax
    const isThere = () => {
      const { epoch, seq } = at()
      return seq !== undefined && (epoch !== since.epoch || seq >= since.seq)
    }
    while (!isThere()) {
      if ((yield* SteadyTime.nowMs) > untilMs) {
        yield* Turn.turnsAfterStall
        return isThere()
      }
      yield* Effect.sleep(pollMs)
    }
    return true
  })

/** The message that the sequences `from` to `to` of the stream `epoch` will never reach this client. */
export const gapOf = (epoch: number, from: number, to: number) => ({ type: "gap", epoch, from, to })
