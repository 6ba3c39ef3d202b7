import type { WriterStatus } from "../../domain/WriterStatus.ts"

export interface HeardWriter {
  readonly status: WriterStatus
  /** When NATS stored it, UNIX ms by the server's clock. */
  readonly atMs: number
}

/** More than the writers of the program. Without a limit, messages with foreign names of writers could fill the memory. */
export const writersMax = 20

/** The newest status of every writer to Postgres. */
export class WriterView {
  readonly #heard = new Map<string, HeardWriter>()

  apply(status: WriterStatus, atMs: number): void {
    if (this.#heard.has(status.name) || this.#heard.size < writersMax) this.#heard.set(status.name, { status, atMs })
  }

  all(): ReadonlyArray<HeardWriter> {
    return [...this.#heard.values()]
  }

  clear(): void {
    this.#heard.clear()
  }
}
