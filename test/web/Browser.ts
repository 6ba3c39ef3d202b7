import { readFile, writeFile } from "node:fs/promises"
import * as Net from "node:net"
import { join } from "node:path"
import { HttpServer } from "@effect/platform"
import { Context, Effect, Exit } from "effect"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { afterAll, beforeAll } from "vitest"
import { chromium as bringChromium, isUnwanted } from "../../scripts/lib/chromium.mjs"
import { buildWeb, dist } from "../../scripts/lib/web.mjs"
import { waitMsMax } from "../Patience.ts"
import { begin, type World } from "../platform/PlatformWorld.ts"
import { answerOf, bounded } from "./Bounded.ts"

const bringMsMax = 600_000
/** A busy machine closes a tab or a browser in seconds. Only one that hangs takes longer than this. */
const closeMsMax = 60_000

/** Skips the page's tests only if TARANG_CHROMIUM=none asks for it. */
export const skip = isUnwanted()

/** Brings Chromium and builds the page before the first test of a file, because both can take minutes on a fresh machine. */
export const prepare = () => {
  beforeAll(async () => void (await Promise.all([bring(), buildWeb()])), bringMsMax)
  afterAll(async () => {
    const one = await launched
    launched = undefined
    if (one !== undefined) await answerOf("the browser's end", one.close(), closeMsMax)
  })
}

let brought: ReturnType<typeof bringChromium> | undefined
const bring = () => {
  brought ??= bringChromium()
  return brought
}

/** The built page's folder; it is built if its sources changed. */
export const built = Effect.promise(async () => {
  await buildWeb()
  return dist
})

const launch = async (): Promise<Browser> => {
  const { program, env } = await bring()
  return chromium.launch({
    executablePath: program,
    env: { ...process.env, ...env },
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync"
    ]
  })
}

let launched: Promise<Browser> | undefined
/** The browser of this file's tests. Each tab has a context of its own, so tests share no storage, cookies or cache. */
const browser = () => {
  launched ??= launch()
  return launched
}

export interface Tab {
  readonly page: Page
  /** Errors and refusals that the page wrote to its console, each with its address, without those of /health. */
  readonly problems: ReadonlyArray<string>
  /** Requested addresses, without their query. */
  readonly requests: ReadonlySet<string>
}

/** An empty tab with a new profile, closed with the scope. */
export const tab = (options: BrowserContextOptions = {}) =>
  Effect.gen(function* () {
    const page = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const page = await answerOf("a new tab", (await browser()).newPage({ viewport: { width: 1440, height: 900 }, ...options }))
        page.setDefaultTimeout(waitMsMax)
        return page
      }),
      // If the test has already failed, its failure is reported beside this one.
      (page) => Effect.promise(() => answerOf("the tab's end", page.close(), closeMsMax))
    ).pipe(Effect.map((page) => bounded(page, "page")))
    const problems: Array<string> = []
    const requests = new Set<string>()
    page.on("console", (message) => {
      const { url } = message.location()
      const isProblem = message.type() === "error" || message.type() === "warning"
      // A busy machine may answer a probe late, and /health is then 503. The page shows it, which is not an error of the page.
      if (isProblem && !url.endsWith("/health")) problems.push(`${message.text()} ${url}`)
    })
    page.on("crash", () => problems.push("the page's process ended"))
    page.on("pageerror", (error) => problems.push(error.message))
    page.on("request", (request) => requests.add(request.url().split(/[?#]/, 1)[0] ?? ""))
    page.on("websocket", (socket) => requests.add(socket.url().split("?", 1)[0] ?? ""))
    return { page, problems, requests } satisfies Tab
  })

/** One process with the given roles on a port (0: any free one). `stop` ends it, the scope at the latest. */
export const run = (config: Readonly<Record<string, string>>, roles: ReadonlyArray<"actors" | "gateway">, port = 0) =>
  Effect.gen(function* () {
    const { exit, stop, logs } = yield* begin({ ...config, GATEWAY_PORT: String(port) }, roles)
    if (Exit.isFailure(exit)) return yield* Effect.dieMessage(`not started: ${exit.cause}`)
    yield* Effect.addFinalizer(() => stop)
    const server = Context.getOption(exit.value, HttpServer.HttpServer)
    const address = server._tag === "Some" ? server.value.address : undefined
    const at = address?._tag === "TcpAddress" ? address.port : 0
    return { url: `http://127.0.0.1:${at}`, port: at, logs, stop }
  })

/** A relay before the simulator's socket that can hold back all the broker's messages: connected but mute. */
export const relay = ({ simulator, config }: World) =>
  Effect.gen(function* () {
    const target = new URL(simulator.wsUrl)
    const upstreams = new Set<Net.Socket>()
    let isMute = false
    const server = yield* Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<Net.Server>((resolve) => {
            const server = Net.createServer((client) => {
              const upstream = Net.connect(Number(target.port), target.hostname)
              upstreams.add(upstream)
              upstream.on("data", (bytes) => client.write(bytes))
              client.on("data", (bytes) => upstream.write(bytes))
              for (const [one, other] of [
                [client, upstream],
                [upstream, client]
              ] as const) {
                one.on("error", () => other.destroy())
                one.on("close", () => {
                  upstreams.delete(upstream)
                  other.destroy()
                })
              }
              if (isMute) upstream.pause()
            })
            server.listen(0, "127.0.0.1", () => resolve(server))
          })
      ),
      (server) =>
        Effect.sync(() => {
          for (const upstream of upstreams) upstream.destroy()
          server.close()
        })
    )
    const { port } = server.address() as Net.AddressInfo
    const file = config["ACCOUNTS_FILE"] ?? ""
    yield* Effect.promise(async () => {
      const accounts = JSON.parse(await readFile(file, "utf8")) as ReadonlyArray<object>
      const through = simulator.wsUrl.replace(`:${target.port}`, `:${port}`)
      await writeFile(file, JSON.stringify(accounts.map((account) => ({ ...account, ws_root: through }))))
    })
    return {
      mute: (next: boolean) => {
        isMute = next
        for (const upstream of upstreams) {
          if (next) upstream.pause()
          else upstream.resume()
        }
      }
    }
  })

const shots = process.env["TARANG_SCREENSHOTS"]
/** Saves a picture of the page in the folder that TARANG_SCREENSHOTS names, if set. */
export const picture = (page: Page, name: string) =>
  shots === undefined ? Effect.void : Effect.promise(() => page.screenshot({ path: join(shots, `${name}.png`) }))
