import type { ProcessHealth } from "../../domain/accounts/ProcessHealth.ts"
import { BoundedMap } from "../../domain/BoundedMap.ts"
import type { Heard } from "./StatusView.ts"

/** More than the processes of any cluster. Without a limit, messages with foreign names of processes could fill the memory. */
export const processesMax = 256

/** The newest report of every process of actors. */
export class ProcessView {
  readonly #heard = new BoundedMap<string, Heard<ProcessHealth>>(processesMax)

  apply(status: ProcessHealth, atMs: number): void {
    this.#heard.renew(status.process, { status, atMs })
  }

  all(): ReadonlyArray<Heard<ProcessHealth>> {
    return [...this.#heard.values()]
  }

  clear(): void {
    this.#heard.clear()
  }
}
