import type { Ack, Acks, Outgoing } from "./Acks.ts"

export interface Bursts {
  /**
   * Publishes messages of one stream in order, and calls `done` once, later: with the acknowledgement of the last one when all are stored, or
   * with the error. After an error any of them may be stored.
   */
  readonly send: (messages: ReadonlyArray<Outgoing>, done: (result: Ack | Error) => void) => void
  /** Fails the bursts that wait for their turn, because the connection was lost. */
  readonly lose: () => void
}

interface Burst {
  readonly messages: ReadonlyArray<Outgoing>
  readonly done: (result: Ack | Error) => void
}

/**
 * Messages of a connection's bursts that may be on their way. A server that cannot store them as fast as they come lets 10,000 wait for a
 * stream and drops more, so ten processes may send at the same time.
 */
export const openMax = 1_000

/**
 * Publishes with two acknowledgements for each burst. Each acknowledgement costs a process as much as the message itself, and values of
 * strategies come by thousands. A stream with one replica takes in order what one connection sends. So the last message is stored behind all
 * others, and the distance to the first one shows that none of them was dropped.
 */
export const make = (send: Acks["send"]): Bursts => {
  let waiting: Array<Burst> = []
  let open = 0

  const begin = (burst: Burst): void => {
    const { messages, done } = burst
    const [first, last] = [messages[0] as Outgoing, messages[messages.length - 1] as Outgoing]
    let left = messages.length === 1 ? 1 : 2
    let firstSeq: number | undefined
    let failure: Error | undefined
    open += messages.length
    const end = (result: Ack | Error): void => {
      left--
      if (result instanceof Error) failure ??= result
      firstSeq ??= result instanceof Error ? undefined : result.seq
      if (left > 0) return
      open -= messages.length
      if (failure === undefined && !(result instanceof Error) && result.seq - (firstSeq ?? 0) < messages.length - 1)
        failure = new Error(`the stream ${result.stream} did not take all messages between ${firstSeq} and ${result.seq}`)
      done(failure ?? result)
      beginWaiting()
    }
    send(first.subject, first.data, first.headers, end)
    if (messages.length > 1) send(last.subject, last.data, last.headers, end, messages.slice(1, -1))
  }
  const beginWaiting = (): void => {
    while (waiting.length > 0 && hasRoom(waiting[0] as Burst)) begin(waiting.shift() as Burst)
  }
  const hasRoom = ({ messages }: Burst): boolean => open === 0 || open + messages.length <= openMax

  return {
    send: (messages, done) => {
      waiting.push({ messages, done })
      beginWaiting()
    },
    lose: () => {
      const lost = waiting
      waiting = []
      for (const { done } of lost) done(new Error("connection to NATS lost"))
    }
  }
}
