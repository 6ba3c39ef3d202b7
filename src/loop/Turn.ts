import { type Duration, Effect } from "effect"

/** Continues after everything that the event loop has ready, so that sockets and timers get a turn. Effect's own yield does not reach them. */
export const nextTurn = Effect.async<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})

/** After a stall, timers come before sockets. In these turns what came from the network meanwhile is read, and what follows from it. */
export const turnsAfterStall = Effect.repeatN(nextTurn, 3)

/**
 * Fails with `late` if the effect has not ended within the time. A process that was busy itself finds both the answer and the end of the time
 * when it continues, and must see the answer first.
 */
export const inTime = <A, E, R, Late>(
  self: Effect.Effect<A, E, R>,
  within: Duration.DurationInput,
  late: () => Late
): Effect.Effect<A, E | Late, R> => {
  const end = Effect.sleep(within).pipe(Effect.zipRight(turnsAfterStall), Effect.zipRight(Effect.failSync(late)))
  // The end of a race interrupts the other side and waits for it. In a finalizer both sides would be uninterruptible.
  return Effect.raceFirst(Effect.interruptible(Effect.disconnect(self)), Effect.interruptible(end))
}
