import { Effect } from "effect"

/** A queue of items for one reader. */
export interface HandOver<A, E> {
  /** Gives items to the reader, and returns the items for which there was no room. */
  readonly offer: (items: Array<A>) => Array<A>
  /** Gives items to the reader, and waits until there is room for all. */
  readonly offerAll: (items: Array<A>) => Effect.Effect<void>
  /** Ends the queue. The reader gets `outcome` after it has taken the waiting items. */
  readonly end: (outcome: Effect.Effect<never, E>) => void
  /**
   * Calls `look` with all waiting items, and again for each arrival, until it returns false. The offering code calls it directly, so a
   * reader that only looks needs no turn of a fiber. One reader at a time.
   */
  readonly takeWhile: (look: (items: ReadonlyArray<A>) => boolean) => Effect.Effect<void, E>
  /** Takes all waiting items; waits for the first. */
  readonly takeAll: Effect.Effect<ReadonlyArray<A>, E>
  /** The number of items that wait for the reader. */
  readonly waiting: () => number
}

/** At most `queueMax` items wait while the reader is busy. */
export const make = <A, E>(queueMax: number): HandOver<A, E> => {
  let queue: Array<A> = []
  let reader: ((items: ReadonlyArray<A>) => void) | undefined
  /** Wakes the fiber that waits for items or for the end. */
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
      /** A defect in `look` fails the reader and not the code that offers. */
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
  // Items are taken only after the wait, so an interrupted wait loses nothing.
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
