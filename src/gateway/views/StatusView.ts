/** A status as it was read. */
export interface Heard<Status> {
  readonly status: Status
  /** When NATS stored it, UNIX ms by the server's clock. */
  readonly atMs: number
}

/** The newest status of every reporter. Reporters beyond `max` are ignored. Without a limit, messages with foreign names could fill the memory. */
export class StatusView<Status> {
  readonly #heard = new Map<string, Heard<Status>>()
  readonly #nameOf: (status: Status) => string
  readonly #max: number

  constructor(nameOf: (status: Status) => string, max: number) {
    this.#nameOf = nameOf
    this.#max = max
  }

  apply(status: Status, atMs: number): void {
    const name = this.#nameOf(status)
    if (this.#heard.has(name) || this.#heard.size < this.#max) this.#heard.set(name, { status, atMs })
  }

  all(): ReadonlyArray<Heard<Status>> {
    return [...this.#heard.values()]
  }

  clear(): void {
    this.#heard.clear()
  }
}
