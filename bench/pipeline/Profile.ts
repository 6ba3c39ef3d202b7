/** Processor profiles as tables: where the time itself was spent, by function and by file. */
import { readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"

interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

const rowsMax = 45

const placeOf = (url: string): string =>
  /\/\.cache\/bench\/((?:src|bench)\/.*)$/.exec(url)?.[1] ?? /node_modules\/(.*)$/.exec(url)?.[1] ?? (url === "" ? "(engine)" : url)

const tableOf = (part: string, profile: CpuProfile): string => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
  const byFunction = new Map<string, number>()
  const byPlace = new Map<string, number>()
  let [all, idle] = [0, 0]
  for (const [at, id] of profile.samples.entries()) {
    const frame = nodes.get(id)
    const micros = profile.timeDeltas[at] ?? 0
    const name = frame?.functionName || "(anonymous)"
    all += micros
    if (name === "(idle)" || name === "(program)") {
      if (name === "(idle)") idle += micros
      if (name === "(idle)") continue
    }
    const place = placeOf(frame?.url ?? "")
    const key = `${name} ${place}:${(frame?.lineNumber ?? 0) + 1}`
    byFunction.set(key, (byFunction.get(key) ?? 0) + micros)
    const group = place.startsWith("src/") || place.startsWith("bench/") ? place : (/^(@[^/]+\/[^/]+|[^/]+)/.exec(place)?.[1] ?? place)
    byPlace.set(group, (byPlace.get(group) ?? 0) + micros)
  }
  const busy = all - idle
  const lines = (of: Map<string, number>) =>
    [...of]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, rowsMax)
      .map(([name, micros]) => `${((100 * micros) / busy).toFixed(1).padStart(5)} %  ${(micros / 1e3).toFixed(0).padStart(6)} ms  ${name}`)
  return [
    `### ${part}: ${(busy / 1e6).toFixed(2)} s busy of ${(all / 1e6).toFixed(2)} s`,
    "",
    ...lines(byFunction),
    "",
    "by file or package",
    "",
    ...lines(byPlace),
    ""
  ].join("\n")
}

/** Every profile of the folder, which is empty afterwards. */
export const read = async (folder: string): Promise<string> => {
  const texts: Array<string> = []
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile"))) {
    texts.push(tableOf(file.replace(".cpuprofile", ""), JSON.parse(await readFile(join(folder, file), "utf8")) as CpuProfile))
    await rm(join(folder, file))
  }
  return texts.join("\n")
}
