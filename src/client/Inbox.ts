/** Read events are removed from the front in batches of this size. Removing them singly would move all others each time. */
const compactAt = 1_024

/** Events that wait for one reader. When there are too many, the source must pause. It resumes once all of them are read. */
export interface Inbox<A> {
  readonly isFull: () => boolean
  readonly put: (event: A) => void
  /** Ends the inbox: the reader gets the remaining events, then the end. */
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
      // Events that are added within this call are delivered too.
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
