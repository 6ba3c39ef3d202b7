import { BoundedMap } from "../../domain/BoundedMap.ts"
import type { StoreFaults } from "../../domain/StoreFaults.ts"

type Fault = StoreFaults["faults"][number]

/** A process reports each second while it has faults. After this long without a report its faults do not count. */
const keptMs = 10_000
/** Each start of a process has a new name, so the reports of ended processes must not pile up. */
const processesMax = 256

/** The streams that NATS does not store, as the processes that publish there report them. */
export class StoreFaultView {
  readonly #byProcess = new BoundedMap<string, { readonly faults: ReadonlyArray<Fault>; readonly atMs: number }>(processesMax)

  /** `nowMs` is this process's monotonic time. */
  apply({ faults, process }: StoreFaults, nowMs: number): void {
    if (faults.length > 0) this.#byProcess.renew(process, { faults, atMs: nowMs })
    else this.#byProcess.delete(process)
  }

  /** Each stream once, with its oldest fault. */
  all(nowMs: number): ReadonlyArray<Fault> {
    const found = new Map<string, Fault>()
    for (const { atMs, faults } of this.#byProcess.values()) {
      if (nowMs - atMs > keptMs) continue
      for (const fault of faults) {
        const known = found.get(fault.stream)
        if (known === undefined || fault.since < known.since) found.set(fault.stream, fault)
      }
    }
    return [...found.values()]
  }
}
