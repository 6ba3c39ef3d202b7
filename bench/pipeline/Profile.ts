/** Processor profiles as tables: where the time was spent, by function and by file. */
import { readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"

interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly children?: ReadonlyArray<number>
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

const rowsMax = 45
/** Start-up (modules, layers, compiled schemas, first connections) is excluded from a profile of a running pipeline. */
const startMicros = 9e6

const placeOf = (url: string): string =>
  /\/\.cache\/bench\/((?:src|bench)\/.*)$/.exec(url)?.[1] ?? /node_modules\/(.*)$/.exec(url)?.[1] ?? (url === "" ? "(engine)" : url)

interface Times {
  /** Microseconds by node. */
  readonly self: ReadonlyMap<number, number>
  readonly all: number
  readonly idle: number
}

const timesOf = ({ nodes, samples, timeDeltas }: CpuProfile): Times => {
  const idleId = nodes.find(({ callFrame }) => callFrame.functionName === "(idle)")?.id
  const self = new Map<number, number>()
  let all = 0
  let sinceStart = 0
  for (const [at, id] of samples.entries()) {
    const micros = timeDeltas[at] ?? 0
    sinceStart += micros
    if (sinceStart < startMicros) continue
    all += micros
    self.set(id, (self.get(id) ?? 0) + micros)
  }
  const idle = self.get(idleId ?? -1) ?? 0
  self.delete(idleId ?? -1)
  return { self, all, idle }
}

const keyOf = ({ callFrame }: CpuProfile["nodes"][number]): string =>
  `${callFrame.functionName || "(anonymous)"} ${placeOf(callFrame.url)}:${callFrame.lineNumber + 1}`

/** Time of our own functions with everything they call. A recursive function counts once. */
const inclusive = ({ nodes }: CpuProfile, { self }: Times): ReadonlyMap<string, number> => {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const total = new Map<string, number>()
  const walk = (id: number, above: ReadonlySet<string>): number => {
    const node = byId.get(id)
    if (node === undefined) return 0
    const key = keyOf(node)
    const inside = above.has(key) ? above : new Set([...above, key])
    const sum = (node.children ?? []).reduce((rest, child) => rest + walk(child, inside), self.get(id) ?? 0)
    if (!above.has(key) && / (src|bench)\//.test(key)) total.set(key, (total.get(key) ?? 0) + sum)
    return sum
  }
  walk(nodes[0]?.id ?? 0, new Set())
  return total
}

const groupOf = (place: string): string =>
  /^(src|bench)\//.test(place) ? place.replace(/:\d+$/, "") : (/^(@[^/]+\/[^/]+|[^/]+)/.exec(place)?.[1] ?? place)

const tableOf = (part: string, profile: CpuProfile): string => {
  const times = timesOf(profile)
  const byFunction = new Map<string, number>()
  const byGroup = new Map<string, number>()
  for (const node of profile.nodes) {
    const micros = times.self.get(node.id) ?? 0
    const key = keyOf(node)
    const group = groupOf(placeOf(node.callFrame.url))
    byFunction.set(key, (byFunction.get(key) ?? 0) + micros)
    byGroup.set(group, (byGroup.get(group) ?? 0) + micros)
  }
  const busy = times.all - times.idle
  const lines = (title: string, of: ReadonlyMap<string, number>) => [
    title,
    "",
    ...[...of]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, rowsMax)
      .map(([name, micros]) => `${((100 * micros) / busy).toFixed(1).padStart(5)} %  ${(micros / 1e3).toFixed(0).padStart(6)} ms  ${name}`),
    ""
  ]
  return [
    `### ${part}: ${(busy / 1e6).toFixed(2)} s busy of ${(times.all / 1e6).toFixed(2)} s`,
    "",
    ...lines("itself", byFunction),
    ...lines("our own functions with all they call", inclusive(profile, times)),
    ...lines("by file or package", byGroup)
  ].join("\n")
}

/** Reads and removes all profiles of the folder. */
export const read = async (folder: string): Promise<string> => {
  const texts: Array<string> = []
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile"))) {
    texts.push(tableOf(file.replace(".cpuprofile", ""), JSON.parse(await readFile(join(folder, file), "utf8")) as CpuProfile))
    await rm(join(folder, file))
  }
  return texts.join("\n")
}
