import { readFileSync } from "node:fs"

/** Kernel ticks a second of /proc's processor times: 100 on every Linux there is. */
const ticksPerSecond = 100
const pageBytes = 4_096

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** User and system seconds of a process with all its threads. */
export const cpuSeconds = (pid: number): number => {
  const text = read(`/proc/${pid}/stat`)
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond
}

export const residentBytes = (pid: number): number => Number(read(`/proc/${pid}/statm`).split(" ")[1] ?? 0) * pageBytes

/** Seconds that all processors together have worked, whoever for. */
export const busySeconds = (): number => {
  const [, ...fields] = (read("/proc/stat").split("\n")[0] ?? "").split(/\s+/)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields.map(Number)
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond
}

export type Parts = Readonly<Record<string, number>>

export interface Sample {
  readonly atMs: number
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
    /** Samples so far: marks the place in each list. */
    count: (): number => seen.values().next().value?.length ?? 0
  }
}
