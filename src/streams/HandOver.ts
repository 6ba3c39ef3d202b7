import { Effect } from "effect"

/** Items on their way to one reader. */
export interface HandOver<A, E> {
  /** Gives items to the reader; answers those that found no room. */
  readonly offer: (items: Array<A>) => Array<A>
  /** The same, but waits for room. */
  readonly offerAll: (items: Array<A>) => Effect.Effect<void>
  /** Nothing comes any more: `outcome` is the reader's once it has taken what waits. */
  readonly end: (outcome: Effect.Effect<never, E>) => void
  /**
   * Shows what comes to `look`, all that is there at once, until it answers false. It is called where the items come from: a reader that is
   * content with looking costs no fiber a turn. One reader at a time.
   */
  readonly takeWhile: (look: (items: ReadonlyArray<A>) => boolean) => Effect.Effect<void, E>
  /** All that is there; waits for the first. */
  readonly takeAll: Effect.Effect<ReadonlyArray<A>, E>
  /** How many wait for the reader. */
  readonly waiting: () => number
}

/** At most `queueMax` items wait while the reader is busy. */
export const make = <A, E>(queueMax: number): HandOver<A, E> => {
  let queue: Array<A> = []
  let reader: ((items: ReadonlyArray<A>) => void) | undefined
  let ended: Effect.Effect<never, E> | undefined
  let endReader: (() => void) | undefined
  const room = Effect.unsafeMakeLatch(true)

  const offer = (items: Array<A>): Array<A> => {
    if (ended !== undefined) return []
    // A reader waits only when the queue is empty.
    if (reader !== undefined) {
      reader(items)
      return []
    }
    const free = queueMax - queue.length
    if (items.length <= free) {
      for (const item of items) queue.push(item)
      return []
    }
    for (const item of items.slice(0, free)) queue.push(item)
    return items.slice(free)
  }
  const offerAll = (items: Array<A>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const rest = offer(items)
      if (rest.length === 0) return Effect.void
      room.unsafeClose()
      return Effect.zipRight(room.await, offerAll(rest))
    })

  const takeWhile = (look: (items: ReadonlyArray<A>) => boolean) =>
    Effect.async<void, E>((resume) => {
      /** A defect of the reader is the reader's, not that of whoever offers. */
      const isContent = (items: ReadonlyArray<A>): boolean => {
        try {
          if (look(items)) return true
          resume(Effect.void)
        } catch (defect) {
          resume(Effect.die(defect))
        }
        return false
      }
      while (queue.length > 0) {
        const items = queue
        queue = []
        room.unsafeOpen()
        if (!isContent(items)) return
      }
      if (ended !== undefined) return resume(ended)
      const leave = () => {
        reader = undefined
        endReader = undefined
      }
      reader = (items) => {
        if (!isContent(items)) leave()
      }
      endReader = () => {
        leave()
        resume(ended ?? Effect.void)
      }
      return Effect.sync(leave)
    })

  const takeAll = Effect.suspend(() => {
    let taken: ReadonlyArray<A> = []
    const take = (items: ReadonlyArray<A>) => {
      taken = items
      return false
    }
    return Effect.map(takeWhile(take), () => taken)
  })

  return {
    offer,
    offerAll,
    takeAll,
    waiting: () => queue.length,
    end: (outcome) => {
      ended ??= outcome
      room.unsafeOpen()
      endReader?.()
    },
    takeWhile
  }
}
