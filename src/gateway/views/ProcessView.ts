import type { ProcessHealth } from "../../domain/accounts/ProcessHealth.ts"

export interface HeardProcess {
  readonly status: ProcessHealth
  /** When NATS stored it, UNIX ms by the server's clock. */
  readonly atMs: number
}

/** More than the processes of any cluster. Without a limit, messages with foreign names of processes could fill the memory. */
export const processesMax = 256

/** The newest report of every process of actors. */
export class ProcessView {
  readonly #heard = new Map<string, HeardProcess>()

  apply(status: ProcessHealth, atMs: number): void {
    this.#heard.delete(status.process)
    this.#heard.set(status.process, { status, atMs })
    const [oldest] = this.#heard.keys()
    if (this.#heard.size > processesMax && oldest !== undefined) this.#heard.delete(oldest)
  }

  all(): ReadonlyArray<HeardProcess> {
    return [...this.#heard.values()]
  }

  clear(): void {
    this.#heard.clear()
  }
}
