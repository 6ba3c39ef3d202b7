import { execFile, spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Exit, Layer } from "effect"
import { KiteTicker } from "kiteconnect"
import { build } from "../../../scripts/lib/build.mjs"
import { majors, nodeOf } from "../../../scripts/lib/nodes.mjs"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { ask, eventually, natsClient, type Running as Platform, spareAccount, start, token, type World, world } from "../PlatformWorld.ts"

/** Only an example that hangs reaches this limit. */
const exampleMsMax = 300_000
const timeoutMs = 600_000

interface Facts {
  readonly world: World
  readonly platform: Platform
  /** The values that `npm start` prints. */
  readonly env: Readonly<Record<string, string>>
  /** A folder with a run.json that holds the same values. */
  readonly folder: string
}
class Running extends Context.Tag("test/Running")<Running, Facts>() {}

type Option = { readonly last_price: number } | null
/** Waits until two chains have a price of every option, another underlying has its spot, and the demo strategy has a value. */
const whole = (running: Platform) =>
  Effect.gen(function* () {
    const { body } = yield* eventually("expiries", ask(running, "/fo/expiries?symbol=NIFTY"), (answer) => answer.body.expiries?.length > 1)
    const [near, next] = body.expiries as ReadonlyArray<string>
    for (const path of [`NIFTY&expiry=${near}`, `NIFTY&expiry=${next}`])
      yield* eventually(
        `the chain of ${path}`,
        ask(running, `/fo/strikes?symbol=${path}`),
        ({ body: { strikes = [] } }) =>
          strikes.length > 0 &&
          strikes.every(({ call, put }: { call: Option; put: Option }) => Math.min(call?.last_price ?? 0, put?.last_price ?? 0) > 0)
      )
    const { body: bank } = yield* ask(running, "/fo/expiries?symbol=BANKNIFTY")
    yield* eventually(
      "BANKNIFTY's spot",
      ask(running, `/fo/strikes?symbol=BANKNIFTY&expiry=${bank.expiries[0]}`),
      (answer) => answer.body.spot > 0
    )
    yield* eventually("a mark of the demo strategy", ask(running, "/strategies/1"), ({ body }) => body.latest?.complete === true)
  })

const RunningLive = Layer.scoped(
  Running,
  Effect.gen(function* () {
    // The examples import the package by its name, so it must be built.
    yield* Effect.promise(build)
    const backends = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 })
    const running = yield* start({ ...backends.config, SEED_USER: "demo" })
    yield* whole(running)
    const jwt = yield* token()
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "tarang-run-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
    )
    const facts = { gateway_url: running.url, nats_url: backends.nats.operatorUrl, token: jwt }
    yield* Effect.promise(() => writeFile(join(folder, "run.json"), JSON.stringify(facts)))
    return {
      world: backends,
      platform: running,
      folder,
      env: { GATEWAY_URL: running.url, NATS_URL: backends.nats.operatorUrl, TOKEN: jwt }
    }
  })
)

/** The lines that an example prints until it ends. Any other end is a defect here. */
const run = (program: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.async<ReadonlyArray<string>>((resume) => {
    const { NATS_URL, GATEWAY_URL, TOKEN, TARANG_DATA, ...rest } = process.env
    const options = { env: { ...rest, ...env }, timeout: exampleMsMax, maxBuffer: 64 * 1024 * 1024 }
    execFile(program, [...args], options, (error, stdout, stderr) =>
      resume(
        error === null
          ? Effect.succeed(stdout.trimEnd().split("\n"))
          : Effect.dieMessage(`${args.join(" ")}: ${error.message}\n${stdout.slice(-2_000)}\n${stderr}`)
      )
    )
  })
const example = (env: Readonly<Record<string, string>>, name: string, ...args: ReadonlyArray<string>) =>
  run(process.execPath, [`examples/${name}`, ...args], env)

const countOf = (lines: ReadonlyArray<string>, pattern: RegExp) => lines.filter((line) => pattern.test(line)).length

/** The README's code blocks of one language, as printed. */
const snippets = (language: string) =>
  [...readFileSync("README.md", "utf8").matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, code = ""]) => code)
const snippetWith = (language: string, text: string) => {
  const found = snippets(language).filter((code) => code.includes(text))
  assert.strictEqual(found.length, 1, `README: one ${language} block with ${text}`)
  return found[0] ?? ""
}

/** A folder in which the README's snippets find the same files as in a clone while npm start runs. */
const clone = Effect.gen(function* () {
  const { folder } = yield* Running
  const home = join(folder, "clone")
  yield* Effect.promise(async () => {
    await mkdir(join(home, ".data"), { recursive: true })
    await mkdir(join(home, "node_modules"), { recursive: true })
    await copyFile(join(folder, "run.json"), join(home, ".data/run.json"))
    const root = join(import.meta.dirname, "../../..")
    const links = [["tarang", root], ...["nats", "ws"].map((name) => [name, join(root, "node_modules", name)])] as const
    for (const [name = "", to = ""] of links)
      if (!existsSync(join(home, "node_modules", name))) await symlink(to, join(home, "node_modules", name))
  })
  return home
})

/** The output of a program that runs until it is stopped, once `holds` accepts it. A program that ends by itself is a defect. */
const until = (program: string, file: string, cwd: string, holds: (text: string) => boolean) =>
  Effect.async<string>((resume) => {
    const child = spawn(program, [file], { cwd, stdio: ["ignore", "pipe", "pipe"] })
    let text = ""
    let errors = ""
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString()
    })
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (holds(text)) child.kill("SIGKILL")
    })
    child.once("close", () => resume(holds(text) ? Effect.succeed(text) : Effect.dieMessage(`${file} ended: ${text}\n${errors}`)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** kiteconnect's code has the parser, but its types do not. */
interface KiteTick {
  readonly instrument_token: number
  readonly mode: string
  readonly last_price: number
  readonly oi?: number
  readonly volume_traded?: number
  readonly depth?: { readonly buy: ReadonlyArray<{ readonly price: number }>; readonly sell: ReadonlyArray<{ readonly price: number }> }
}
const kiteTicks = (bytes: Uint8Array): ReadonlyArray<KiteTick> =>
  (new KiteTicker({ api_key: "", access_token: "" }) as unknown as { parseBinary: (bytes: Uint8Array) => Array<KiteTick> }).parseBinary(
    bytes
  )

const price = "\\d+(?:\\.\\d+)?"

layer(RunningLive, { excludeTestServices: true })("Examples", (it) => {
  it.effect(
    "nats.mjs: a client of NATS alone sees ticks, deltas, chains and marks, by the address in run.json",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* Running
        const lines = yield* example({ TARANG_DATA: folder }, "nats.mjs", "2")
        const line = (subject: string, rest: string) => new RegExp(`^${subject}  \\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z  ${rest}$`)
        assert.strictEqual(countOf(lines, line("md\\.tick\\.NSE\\.\\w+", `\\d+ instruments, first \\d+ at ${price}`)), 2)
        assert.strictEqual(countOf(lines, line("opt\\.delta\\.NSE\\.\\w+\\.[\\d-]{10}", `\\d+ rows changed, forward ${price}`)), 2)
        assert.strictEqual(
          countOf(lines, line("opt\\.chain\\.NSE\\.\\w+\\.[\\d-]{10}", `\\d+ rows, spot ${price}, max pain ${price}, pcr ${price}`)),
          2
        )
        assert.strictEqual(
          countOf(lines, line("strat\\.m2m\\.demo\\.1", `m2m -?${price}, unrealised -?${price}, net delta (?:null|-?${price}(?:e-\\d+)?)`)),
          2
        )
        assert.strictEqual(lines.length, 8)
      }),
    timeoutMs
  )

  it.effect(
    "own.mjs: a user hears its own strategies from NATS, with its token as the password",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* Running
        const lines = yield* example({ TARANG_DATA: folder }, "own.mjs", "2")
        assert.strictEqual(countOf(lines, new RegExp(`^strat\\.m2m\\.demo\\.1  \\S+Z  m2m -?${price}, total (?:null|-?${price})$`)), 2)
        assert.strictEqual(lines.length, 2)
      }),
    timeoutMs
  )

  it.effect(
    "latest.mjs: the reader has the state of every underlying and chain at once, then what changes",
    () =>
      Effect.gen(function* () {
        const { world } = yield* Running
        const lines = yield* example({ NATS_URL: world.nats.readerUrl }, "latest.mjs", "3")
        const states = lines.filter((line) => line.startsWith("state  ")).map((line) => line.split("  ")[1])
        assert.includeMembers(states, ["und.state.NSE.NIFTY", "und.state.NSE.BANKNIFTY"])
        assert.isAtLeast(states.filter((subject) => subject?.startsWith("opt.chain.NSE.NIFTY.")).length, 2)
        assert.strictEqual(new Set(states).size, states.length)
        assert.strictEqual(countOf(lines, new RegExp(`^live   (?:und\\.state|opt\\.chain)\\.\\S+  \\S+Z  spot ${price}, `)), 3)
      }),
    timeoutMs
  )

  it.effect(
    "frames.mjs: kiteconnect's own parser reads the frames",
    () =>
      Effect.gen(function* () {
        const { env } = yield* Running
        const lines = yield* example(env, "frames.mjs", "NSE.NIFTY", "20")
        const heads = lines.filter((line) => line.startsWith("md.frame."))
        assert.strictEqual(heads.length, 20)
        const head = /^md\.frame\.NSE\.NIFTY {2}sim[12] \d+ \d+ \d+ \d{13} simulator [\d,-]+ md\.frame\.NSE\.NIFTY$/
        assert.strictEqual(countOf(heads, head), 20)
        assert.strictEqual(
          countOf(lines, new RegExp(`^  \\d+  full  last ${price}, oi (?:\\d+|-), best bid (?:${price}|-)$`)),
          lines.length - 20
        )
        assert.isAtLeast(lines.length, 40)
      }),
    timeoutMs
  )

  for (const major of majors) {
    it.effect(
      `README's snippets run as printed on Node ${major}`,
      () =>
        Effect.gen(function* () {
          const node = yield* Effect.promise(() => nodeOf(major))
          const home = yield* clone
          const javascript = (text: string, holds: RegExp) =>
            Effect.gen(function* () {
              const file = join(home, `snippet-${major}.mjs`)
              yield* Effect.promise(() => writeFile(file, snippetWith("js", text)))
              return yield* until(node, file, home, (printed) => holds.test(printed))
            })
          yield* javascript('connect } from "nats"', new RegExp(`^opt\\.chain\\.NSE\\.\\S+ ${price}$`, "m"))
          yield* javascript('make } from "tarang/client"', new RegExp(`^${price} \\d+$`, "m"))
          yield* javascript("/fo/stream", /strike/)

          const script = join(home, `snippet-${major}.sh`)
          yield* Effect.promise(() => writeFile(script, `set -euo pipefail\ncd ${home}\n${snippetWith("sh", "/fo/strikes")}`))
          const [answer = ""] = yield* run("bash", [script], { PATH: `${dirname(node)}:${process.env["PATH"]}` })
          assert.isAbove((JSON.parse(answer) as { strikes: ReadonlyArray<unknown> }).strikes.length, 3)
        }),
      { timeout: timeoutMs }
    )
  }

  it.effect("kiteconnect's parser reads a stored frame like ours", () =>
    Effect.gen(function* () {
      const { world } = yield* Running
      const nc = yield* natsClient(world.nats, "operator")
      const stored = yield* Effect.promise(async () =>
        (await nc.jetstreamManager({ apiPrefix: "tarang.JS.API", checkAPI: false })).streams.getMessage("MD_FRAMES", {
          last_by_subj: "md.frame.NSE.NIFTY"
        })
      )
      const columns = Frame.makeColumns()
      assert.deepStrictEqual(Frame.decode(stored.data, columns), { bad: 0 })
      const ticks = kiteTicks(stored.data)
      assert.isAbove(ticks.length, 0)
      assert.deepStrictEqual(
        ticks.map((tick) => [
          tick.instrument_token,
          tick.last_price,
          tick.volume_traded ?? 0,
          tick.oi ?? 0,
          tick.depth?.buy[0]?.price ?? 0
        ]),
        Array.from({ length: columns.count }, (_, row) => [
          columns.token[row],
          (columns.lastPrice[row] ?? 0) / 100,
          columns.volume[row],
          columns.oi[row],
          (columns.bidPrice[row * Frame.depthLevels] ?? 0) / 100
        ])
      )
    }).pipe(Effect.scoped)
  )

  it.effect(
    "rest.sh: curl with the token reads health, chains and strategies",
    () =>
      Effect.gen(function* () {
        const { folder } = yield* Running
        const answers = Effect.map(run("bash", ["examples/rest.sh"], { TARANG_DATA: folder }), (lines) =>
          lines.map((line) => JSON.parse(line))
        )
        // On a busy machine a probe may get no answer for a second. /health is then 503, which ends curl, and the next try succeeds.
        const ended = yield* eventually(
          "all is well",
          Effect.exit(answers),
          (exit) => Exit.isSuccess(exit) && exit.value[0].status === "ok"
        )
        const [health, expiries, strikes, maxPain, pcr, strategies] = yield* ended
        assert.strictEqual(health.status, "ok")
        const asked = { symbol: "NIFTY", expiry: expiries.expiries[0] }
        for (const answer of [strikes, maxPain, pcr]) assert.deepInclude(answer, asked)
        assert.isAbove(strikes.strikes.length, 10)
        assert.isTrue(strikes.strikes.every((row: { call: { last_price: number } | null }) => (row.call?.last_price ?? 0) > 0))
        assert.include(maxPain.strikes, maxPain.max_pain)
        assert.isAbove(pcr.pcr_oi, 0)
        assert.deepInclude(strategies.strategies[0], { strategy_id: 1, name: "Demo iron condor" })
      }),
    timeoutMs
  )

  it.effect(
    "client.mjs: ticks, a chain and the strategies' marks stream to the typed client, which asks REST what there is",
    () =>
      Effect.gen(function* () {
        const { env } = yield* Running
        const lines = yield* example(env, "client.mjs", "3")
        const number = `-?${price}(?:e-\\d+)?`
        assert.strictEqual(countOf(lines, new RegExp(`^tick  [A-Z0-9 &-]+ last ${price}, delta (?:null|${number})$`)), 3)
        // Each connection begins with a whole chain. On a busy machine one may be lost, and made again.
        const lost = countOf(lines, /^state {2}waiting/)
        const between = (count: number, least: number) => assert.isTrue(least <= count && count <= least + lost, lines.join("\n"))
        between(countOf(lines, new RegExp(`^update  chain of NIFTY [\\d-]{10}: \\d{2} strikes, spot ${price}$`)), 1)
        assert.strictEqual(countOf(lines, /^update {2}(?:chain|delta) of NIFTY/), 3)
        assert.strictEqual(countOf(lines, new RegExp(`^m2m  strategy 1: m2m ${number}, net delta (?:null|${number})$`)), 3)
        between(countOf(lines, /^state {2}open $/), 3)
      }),
    timeoutMs
  )

  it.effect(
    "kiteconnect.mjs: the official client logs in to the spare account and streams, and the platform's sessions go on",
    () =>
      Effect.gen(function* () {
        const { world, platform, env } = yield* Running
        const { accountId: account_id, userId: user_id, apiKey: api_key, apiSecret: api_secret } = spareAccount
        const spare = { account_id, user_id, api_key, api_secret, root: world.simulator.url, ws_root: world.simulator.wsUrl }
        const sessions = Effect.map(ask(platform, "/health"), ({ body }) =>
          Object.values<{ state: string; ticks: number; incarnation: number }>(body.ticker.accounts)
        )
        const before = yield* sessions
        const lines = yield* example({ ...env, SIMULATOR_ACCOUNT: JSON.stringify(spare) }, "kiteconnect.mjs", "3")
        assert.strictEqual(lines[0], "SPARE (Simulated SPARE) has 1000000 rupees")
        assert.match(lines[1] ?? "", new RegExp(`^NIFTY 50 last ${price}$`))
        assert.isAtLeast(countOf(lines, new RegExp(`^tick 256265 last ${price}$`)), 3)
        const after = yield* eventually("the platform's ticks go on", sessions, (now) =>
          now.every(({ state, ticks }, at) => state === "streaming" && ticks > (before[at]?.ticks ?? 0))
        )
        assert.deepStrictEqual(
          after.map(({ incarnation }) => incarnation),
          before.map(({ incarnation }) => incarnation)
        )
      }),
    timeoutMs
  )

  it.effect("an example without a run.json explains what to do", () =>
    Effect.gen(function* () {
      const { folder } = yield* Running
      const text = yield* Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            const { NATS_URL, ...rest } = process.env
            const env = { ...rest, TARANG_DATA: join(folder, "nowhere") }
            execFile(process.execPath, ["examples/nats.mjs", "1"], { env, timeout: exampleMsMax }, (error, _, stderr) =>
              resolve(`${error?.code} ${stderr}`)
            )
          })
      )
      assert.include(text, "run.json: run npm start first, or set NATS_URL, GATEWAY_URL and TOKEN.")
      assert.match(text, /^1 /)
    })
  )
})

const sources = readdirSync("src", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => ({ name: entry.name, text: readFileSync(join(entry.parentPath, entry.name), "utf8") }))
const found = (texts: ReadonlyArray<string>, pattern: RegExp) =>
  [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, name = ""]) => name)))].sort()
const missingIn = (file: string, names: ReadonlyArray<string>) => {
  const document = readFileSync(join("docs", file), "utf8")
  return names.filter((name) => !document.includes(`\`${name}\``))
}

describe("Documents", () => {
  it("operations.md names every variable that the platform reads", () => {
    const texts = sources.map(({ text }) => text)
    // Config.string("X"), Config.literal("a", "b")("X"), Config.array(item, "X") and our own readers of one name.
    const names = [
      ...found(texts, /Config\.\w+\("([A-Z][A-Z0-9_]+)"/g),
      ...found(texts, /Config\.literal\([^)]*\)\("([A-Z][A-Z0-9_]+)"/g),
      ...found(texts, /Config\.array\([\s\S]*?,\s*"([A-Z][A-Z0-9_]+)"/g),
      ...found(texts, /\b(?:nonNegative|milliseconds)\("([A-Z][A-Z0-9_]+)"/g)
    ]
    for (const known of ["ROLES", "LOG_LEVEL", "DATABASE_URL", "MARKET_CLOCK", "KITE_LIVENESS", "SIMULATOR_RATE"])
      assert.include(names, known)
    assert.deepStrictEqual(missingIn("operations.md", names), [])
  })

  it("operations.md names every metric", () => {
    const texts = sources.filter(({ name }) => name.endsWith("Metrics.ts")).map(({ text }) => text)
    const names = found(texts, /\(\s*"([a-z]+(?:_[a-z]+)+)",/g)
    for (const known of ["ticks_total", "frame_packets", "kite_request_duration_seconds", "dependency_up"]) assert.include(names, known)
    assert.deepStrictEqual(missingIn("operations.md", names), [])
  })

  it("subjects.md names every subject and stream", () => {
    const templates = Object.values(Subjects).flatMap((subject) => ("template" in subject ? [subject.template] : []))
    assert.isAtLeast(templates.length, 13)
    assert.deepStrictEqual(
      missingIn(
        "subjects.md",
        templates.map((template) => template.replaceAll("{", "<").replaceAll("}", ">"))
      ),
      []
    )
    const document = readFileSync("docs/subjects.md", "utf8")
    for (const { name } of Streams.specs({ bytesMax: 1, hoursMax: 1, replicas: 1 })) assert.include(document, `| ${name} |`)
  })
})
