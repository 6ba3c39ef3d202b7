import { writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { chromium } from "playwright-core"
import type * as ChromiumModule from "../scripts/lib/chromium.mjs"
import type * as WebModule from "../scripts/lib/web.mjs"
import * as Gateway from "./page/Gateway.ts"
import * as Trace from "./page/Trace.ts"

const rows = 400
/** The platform's own pace (a window is 250 ms), a gateway's largest pace (one flush per 50 ms), and one update per frame. */
const paces = [4, 20, 60]
const rounds = 3
const warmMs = 2_000
const roundMs = 5_000
const root = process.cwd()

const launch = async () => {
  const { chromium: bring } = (await import(pathToFileURL(join(root, "scripts/lib/chromium.mjs")).href)) as typeof ChromiumModule
  const { program, env } = await bring()
  return chromium.launch({
    executablePath: program,
    env: { ...process.env, ...env },
    args: ["--headless", "--no-sandbox", "--disable-gpu"]
  })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The round with the least interference: other programs share this thread's caches. */
const measure = async (folder: string, perSecond: number): Promise<Trace.Frames> => {
  const gateway = await Gateway.start(folder, { rows, perSecond })
  const browser = await launch()
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(gateway.url)
    await page.waitForSelector("tr.atm")
    await pause(warmMs)
    const money = page.locator("tr.atm")
    const found: Array<Trace.Frames> = []
    for (let round = 0; round < rounds; round++) {
      const seen = new Set([await money.innerText()])
      await browser.startTracing(page, { categories: [...Trace.categories] })
      await pause(roundMs / 2)
      seen.add(await money.innerText())
      await pause(roundMs / 2)
      const trace = (await browser.stopTracing()).toString()
      seen.add(await money.innerText())
      if (seen.size < 2) throw new Error("The page does not show what it is sent: nothing was measured.")
      found.push(Trace.read(trace))
    }
    return found.reduce((best, one) => (one.mean < best.mean ? one : best))
  } finally {
    await browser.close()
    gateway.stop()
  }
}

const ms = (value: number): string => value.toFixed(2)
const line = (perSecond: number, { frames, inTime, mean, p50, p99, max, parts, perSecond: shown }: Trace.Frames): string =>
  `| ${[
    perSecond,
    ...[mean, p50, p99, max, parts.script, parts.style, parts.layout, parts.paint, parts.other].map(ms),
    `${(inTime * 100).toFixed(1)} %`,
    shown.toFixed(0),
    frames
  ].join(" | ")} |`

const report = (results: ReadonlyArray<readonly [number, Trace.Frames]>, version: string): string => `# Page

\`npm run bench -- page\` on Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown processor"}, ${cpus().length} cores,
Chromium ${version}, headless and without a graphics card; load average ${loadavg()[0]?.toFixed(1)} while it ran.

The chain of ${rows} strikes on a screen of 1440 x 900; every number of every row, calls and puts, changes with each update. Processor time of the
page's main thread between one frame and the next, in ms: reading and applying messages, script, style, layout, paint. A frame at 60 a second
has ${frameText} ms. The best of ${rounds} rounds of ${roundMs / 1000} s. The last two columns are what this machine showed while it also painted without a
graphics card and did what else it had to; the others are the page's own work.

| updates / s | mean | p50 | p99 | max | script | style | layout | paint | other | in time | frames / s | frames |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
${results.map(([perSecond, frames]) => line(perSecond, frames)).join("\n")}
`
const frameText = Trace.frameMs.toFixed(1)

const main = async (): Promise<void> => {
  const { buildWeb, dist } = (await import(pathToFileURL(join(root, "scripts/lib/web.mjs")).href)) as typeof WebModule
  await buildWeb()
  const browser = await launch()
  const version = browser.version()
  await browser.close()
  const results: Array<readonly [number, Trace.Frames]> = []
  for (const pace of paces) results.push([pace, await measure(dist, pace)])
  const text = report(results, version)
  const folder = join(root, "bench/reports")
  // `entries` proves rows of docs/behaviours.md by their ids. No row asks for these numbers.
  const measured = results.map(([updates_per_second, frames]) => ({ rows, updates_per_second, ...frames }))
  writeFileSync(join(folder, "page.json"), `${JSON.stringify({ name: "page", entries: [], measured }, null, 2)}\n`)
  writeFileSync(join(folder, "page.md"), text)
  process.stdout.write(text)
}
main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
