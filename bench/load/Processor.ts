import { readdirSync, readFileSync } from "node:fs"
import * as Machine from "../pipeline/Machine.ts"

/**
 * Processor seconds of a process with all its threads, in nanoseconds' steps (sched-stats.rst of the kernel): /proc/<pid>/stat counts by 10 ms, which
 * is much of what a bare server takes in a round.
 */
const seconds = (pid: number): number => {
  try {
    const folder = `/proc/${pid}/task`
    const spent = readdirSync(folder).map((thread) => Number(readFileSync(`${folder}/${thread}/schedstat`, "utf8").split(" ")[0]))
    return spent.reduce((sum, nanos) => sum + nanos, 0) / 1e9
  } catch {
    return Machine.cpuSeconds(pid)
  }
}

export interface Sample {
  readonly atMs: number
  /** Seconds that all processors have worked, whoever for. */
  readonly busy: number
  /** Seconds, by part. */
  readonly cpu: Readonly<Record<string, number>>
}

export const sample = (pids: Machine.Parts): Sample => ({
  atMs: performance.now(),
  busy: Machine.busySeconds(),
  cpu: Object.fromEntries(Object.entries(pids).map(([part, pid]) => [part, seconds(pid)]))
})
