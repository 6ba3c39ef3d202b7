import { readdirSync, readFileSync } from "node:fs"

/** Kernel ticks a second in /proc's processor times: 100 on every Linux. */
const ticksPerSecond = 100
const pageBytes = 4_096

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** Resolution 10 ms. */
const coarseSeconds = (pid: number): number => {
  const text = read(`/proc/${pid}/stat`)
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond
}
/**
 * Processor seconds of a process with all its threads, in steps of nanoseconds (the kernel's sched-stats.rst). The steps of
 * /proc/<pid>/stat are too coarse for the little that a bare server takes in a round. The time of ended threads is not included, but these
 * processes end none.
 */
export const cpuSeconds = (pid: number): number => {
  try {
    const folder = `/proc/${pid}/task`
    const spent = readdirSync(folder).map((thread) => Number(readFileSync(`${folder}/${thread}/schedstat`, "utf8").split(" ")[0]))
    return spent.reduce((sum, nanos) => sum + nanos, 0) / 1e9
  } catch {
    return coarseSeconds(pid)
  }
}

export const residentBytes = (pid: number): number => Number(read(`/proc/${pid}/statm`).split(" ")[1] ?? 0) * pageBytes

/** Seconds that all processors have worked, for any program. */
export const busySeconds = (): number => {
  const [, ...fields] = (read("/proc/stat").split("\n")[0] ?? "").split(/\s+/)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields.map(Number)
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond
}

export type Parts = Readonly<Record<string, number>>

export interface Sample {
  readonly atMs: number
  /** Seconds that all processors have worked, for any program. */
  readonly busy: number
  readonly cpu: Readonly<Record<string, number>>
}

export const sample = (pids: Parts): Sample => ({
  atMs: performance.now(),
  busy: busySeconds(),
  cpu: Object.fromEntries(Object.entries(pids).map(([part, pid]) => [part, cpuSeconds(pid)]))
})

const watchEveryMs = 250

/** Resident memory of each part while it runs. */
export const watchMemory = (pids: Parts) => {
  const seen = new Map<string, Array<number>>(Object.keys(pids).map((part) => [part, []]))
  const timer = setInterval(() => {
    for (const [part, pid] of Object.entries(pids)) seen.get(part)?.push(residentBytes(pid))
  }, watchEveryMs)
  return {
    stop: (): ReadonlyMap<string, ReadonlyArray<number>> => {
      clearInterval(timer)
      return seen
    },
    /** Number of samples so far, which marks the position in each list. */
    count: (): number => seen.values().next().value?.length ?? 0
  }
}
