/** Read events are removed from the front in goes of this many: one by one would move all the others each time. */
const compactAt = 1_024

/** Events that wait for one reader. When they are too many the source has to stop, and goes on once all of them are read. */
export interface Inbox<A> {
  readonly isFull: () => boolean
  readonly put: (event: A) => void
  /** The reader gets what is left, then the end. */
  readonly end: () => void
  readonly iterator: AsyncIterator<A, undefined, undefined>
}

export const make = <A>(options: { readonly max: number; readonly onDrained: () => void; readonly onLeft: () => void }): Inbox<A> => {
  const events: Array<A> = []
  let read = 0
  let isEnded = false
  const waiting: Array<() => void> = []
  const wake = (): void => {
    for (const go of waiting.splice(0)) go()
  }
  const compact = (): void => {
    events.splice(0, read)
    read = 0
  }
  const next = async (): Promise<IteratorResult<A, undefined>> => {
    while (true) {
      if (read >= compactAt || read === events.length) compact()
      const event = events[read]
      if (event !== undefined) {
        read++
        return { done: false, value: event }
      }
      if (isEnded) return { done: true, value: undefined }
      const changed = new Promise<void>((resolve) => waiting.push(resolve))
      // What is told within this call is heard too.
      options.onDrained()
      await changed
    }
  }
  return {
    isFull: () => events.length - read >= options.max,
    put: (event) => {
      events.push(event)
      wake()
    },
    end: () => {
      isEnded = true
      wake()
    },
    iterator: {
      next,
      return: async () => {
        options.onLeft()
        events.length = read = 0
        return { done: true, value: undefined }
      }
    }
  }
}
