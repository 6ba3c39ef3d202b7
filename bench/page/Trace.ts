/** The parts of Chromium's trace format that are read: complete events, times in microseconds; `tdur` is the thread's processor time. */
interface Event {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly tdur?: number
}

const parts = ["script", "style", "layout", "paint", "other"] as const
export type Part = (typeof parts)[number]

/** Processor time of the page's main thread for its frames, ms. */
export interface Frames {
  readonly frames: number
  /** Frames per second on this machine. The other values do not depend on its other work. */
  readonly perSecond: number
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Share of the frames whose main-thread work fits into a sixtieth of a second. */
  readonly inTime: number
  /** Means per frame. */
  readonly parts: Readonly<Record<Part, number>>
}

export const categories = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]
export const frameMs = 1000 / 60
const task = "ThreadControllerImpl::RunTask"
/** The last step of the main thread for a frame. */
const commit = "Commit"
/** The page's script when it draws. */
const animation = "FireAnimationFrame"
/** None of these events contains another of them. */
const partOf: Readonly<Record<string, Part>> = {
  FunctionCall: "script",
  [animation]: "script",
  UpdateLayoutTree: "style",
  Layout: "layout",
  PrePaint: "paint",
  Paint: "paint",
  Layerize: "paint",
  Commit: "paint"
}

const quantile = (sorted: Float64Array, share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0

/** A frame's cost is all work of its thread since the previous frame, including the reading of messages. */
export const read = (text: string): Frames => {
  const { traceEvents } = JSON.parse(text) as { readonly traceEvents: ReadonlyArray<Event> }
  // Chromium has internal pages, which have frames too.
  const asked = traceEvents.find(({ name }) => name === animation)
  const commits = traceEvents
    .filter(({ name, pid, tid }) => name === commit && pid === asked?.pid && tid === asked.tid)
    .sort((a, b) => a.ts - b.ts)
  const [first, last] = [commits[0], commits.at(-1)]
  if (first === undefined || last === undefined || first === last) throw new Error("The trace has no frames: is the page in view?")
  const own = traceEvents
    .filter(({ pid, tid, ts }) => pid === first.pid && tid === first.tid && ts >= first.ts && ts < last.ts)
    .sort((a, b) => a.ts - b.ts)
  const costs = new Float64Array(commits.length - 1)
  const sums: Record<Part, number> = { script: 0, style: 0, layout: 0, paint: 0, other: 0 }
  let at = 0
  let total = 0
  for (const { name, ts, tdur = 0 } of own) {
    const part = partOf[name]
    if (part !== undefined) sums[part] += tdur / 1000
    if (name !== task) continue
    while ((commits[at + 1]?.ts ?? Number.POSITIVE_INFINITY) <= ts) at++
    costs[at] = (costs[at] ?? 0) + tdur / 1000
    total += tdur / 1000
  }
  const frames = costs.length
  sums.other = total - sums.script - sums.style - sums.layout - sums.paint
  const inTime = costs.filter((cost) => cost <= frameMs).length / frames
  costs.sort()
  return {
    frames,
    perSecond: frames / ((last.ts - first.ts) / 1e6),
    mean: total / frames,
    p50: quantile(costs, 0.5),
    p99: quantile(costs, 0.99),
    max: quantile(costs, 1),
    inTime,
    parts: Object.fromEntries(parts.map((part) => [part, sums[part] / frames])) as Record<Part, number>
  }
}
