import { Effect } from "effect"

/** Continues after everything that the event loop has ready, so that sockets and timers get a turn. Effect's own yield does not reach them. */
export const nextTurn = Effect.async<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})
