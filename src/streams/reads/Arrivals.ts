import * as HandOver from "../HandOver.ts"
import type { Message } from "../JetStream.ts"
import * as Metrics from "../Metrics.ts"

/** Messages that the stream no longer holds. `recreated`: the stream was deleted and made again, so its sequences began again. */
export interface Gap {
  readonly _tag: "Gap"
  readonly from: number
  readonly to: number
  readonly recreated: boolean
}

/** The buffer between the socket and the reader. Items that arrive in one chunk of the socket are handed over together. */
export class Arrivals {
  /** This queue has no limit of its own: the fetch credit limits what the server sends. */
  readonly out = HandOver.make<Message | Gap, never>(Number.POSITIVE_INFINITY)
  private readonly stream: string
  private items: Array<Message | Gap> = []

  constructor(stream: string) {
    this.stream = stream
  }

  add(item: Message | Gap): void {
    // The client reads a chunk without a pause, so a microtask runs after its last message.
    if (this.items.push(item) === 1) queueMicrotask(this.handOver)
  }

  waiting(): number {
    return this.out.waiting() + this.items.length
  }

  private readonly handOver = (): void => {
    const items = this.items
    this.items = []
    Metrics.readMessages(this.stream, items.length)
    this.out.offer(items)
  }
}
