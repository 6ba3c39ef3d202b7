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
  /** Of whoever waits for the queue to be filled, or for the end. */
  let wake = () => {}
  let ended: Effect.Effect<never, E> | undefined
  const room = Effect.unsafeMakeLatch(true)

  const offer = (items: Array<A>): Array<A> => {
    if (ended !== undefined || items.length === 0) return []
    // A reader waits only when the queue is empty.
    if (reader !== undefined) {
      reader(items)
      return []
    }
    const free = queueMax - queue.length
    const fits = items.length <= free
    for (const item of fits ? items : items.slice(0, free)) queue.push(item)
    wake()
    return fits ? [] : items.slice(free)
  }
  const offerAll = (items: Array<A>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const rest = offer(items)
      if (rest.length === 0) return Effect.void
      room.unsafeClose()
      return Effect.zipRight(room.await, offerAll(rest))
    })
  const takeQueue = (): ReadonlyArray<A> => {
    const items = queue
    queue = []
    room.unsafeOpen()
    return items
  }

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
      while (queue.length > 0) if (!isContent(takeQueue())) return
      if (ended !== undefined) return resume(ended)
      const leave = () => {
        reader = undefined
        wake = () => {}
      }
      reader = (items) => {
        if (!isContent(items)) leave()
      }
      wake = () => {
        leave()
        if (ended !== undefined) resume(ended)
      }
      return Effect.sync(leave)
    })

  const filled = Effect.async<void>((resume) => {
    wake = () => resume(Effect.void)
    return Effect.sync(() => {
      wake = () => {}
    })
  })
  // Taken where they are used: an interrupted wait loses nothing.
  const takeAll: Effect.Effect<ReadonlyArray<A>, E> = Effect.suspend(() =>
    queue.length > 0 ? Effect.sync(takeQueue) : (ended ?? Effect.zipRight(filled, takeAll))
  )

  return {
    offer,
    offerAll,
    takeAll,
    waiting: () => queue.length,
    end: (outcome) => {
      ended ??= outcome
      room.unsafeOpen()
      wake()
    },
    takeWhile
  }
}
