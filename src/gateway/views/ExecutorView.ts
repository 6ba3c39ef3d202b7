import type { ExecutorStatus } from "../../domain/ExecutorStatus.ts"
import { accountsMax } from "./TickerView.ts"

export interface HeardExecutor {
  readonly status: ExecutorStatus
  /** When NATS stored it, UNIX ms by the server's clock. */
  readonly atMs: number
}

/** The newest status of every account's executor of orders. */
export class ExecutorView {
  readonly #heard = new Map<string, HeardExecutor>()

  apply(status: ExecutorStatus, atMs: number): void {
    if (this.#heard.has(status.account_id) || this.#heard.size < accountsMax) this.#heard.set(status.account_id, { status, atMs })
  }

  all(): ReadonlyArray<HeardExecutor> {
    return [...this.#heard.values()]
  }

  clear(): void {
    this.#heard.clear()
  }
}
