import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, TestClock } from "effect"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Contracts from "../../src/simulator/Contracts.ts"
import * as RecordedMarket from "../../src/simulator/recorded/RecordedMarket.ts"
import * as Recording from "../../src/simulator/recorded/Recording.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import type * as SimulatorOptions from "../../src/simulator/SimulatorOptions.ts"
import { absent, type Client, first, login, recorded, second, subscriber, until } from "./SimulatorWorld.ts"

const header = "timestamp,expiry,strike,option_type,spot,ltp,volume,oi,oi_chg,iv"
const csv = [
  header,
  "202608191127,25-Aug-2026,24000,CE,24052.400390625,120.35,650,1300,0,0.1",
  "202608191127,25-Aug-2026,24000,PE,24052.400390625,70.5,1300,2600,0,9",
  "202608191128,25-Aug-2026,24000,CE,24060.69921875,125,715,1365,65,0.1",
  "202608191128,01-Sep-2026,24100,PE,24060.69921875,150.05,65,130,0,0.1",
  "202608191130,25-Aug-2026,24000,PE,24049.94921875,71.1,1365,2535,-65,9"
].join("\n")

const nifty = Contracts.underlyingByName.get("NIFTY")!
const known = [
  Contracts.contract(nifty, 50_001, "2026-08-25", 2_400_000, "CE"),
  Contracts.contract(nifty, 50_002, "2026-08-25", 2_400_000, "PE"),
  Contracts.contract(nifty, 50_003, "2026-08-25", 2_410_000, "CE")
]
const stamp = (minute: string) => Date.parse(`2026-08-19T${minute}:00+05:30`) / 1000

/** Files in a temporary folder, removed with the scope. */
const files = (contents: Readonly<Record<string, string | Uint8Array>>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "tarang-recording-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    ),
    (folder) => {
      for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content)
      return (name: string) => join(folder, name)
    }
  )

const start = (
  market: Omit<Extract<SimulatorOptions.MarketOptions, { readonly mode: "recorded" }>, "mode" | "underlying"> & {
    readonly underlying?: string
  }
) =>
  Simulator.make({ accounts: [first, second], market: { mode: "recorded", underlying: "NIFTY", ...market } }).pipe(
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )

/** The log messages of an effect, in order. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
  return Effect.map(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)), (value) => ({ value, lines }))
}

const subscribeAll = (client: Client, simulator: Simulator.Service) => {
  const tokens = [...simulator.market.rowByToken.keys()]
  client.send({ a: "subscribe", v: tokens })
  client.send({ a: "mode", v: ["full", tokens] })
}
const ended = (simulator: Simulator.Service) => until("the end of the recording", () => simulator.market.status().state === "ended")
const market = (simulator: Simulator.Service) =>
  Effect.promise(() => fetch(`${simulator.url}/market`).then((answer) => answer.json() as Promise<Record<string, unknown>>))

describe("Recording", () => {
  it("reads snapshots, contracts and paise; a float32 spot is rounded", () => {
    const recording = Recording.parse(csv)
    expect(recording.skipped).toEqual([])
    expect([...recording.previousOi]).toEqual([["2026-08-19", [1300, 2600, 130]]])
    expect(recording.contracts).toEqual([
      { expiry: "2026-08-25", strike: 2_400_000, type: "CE" },
      { expiry: "2026-08-25", strike: 2_400_000, type: "PE" },
      { expiry: "2026-09-01", strike: 2_410_000, type: "PE" }
    ])
    expect(recording.snapshots).toEqual([
      { time: stamp("11:27"), spot: 2_405_240, contract: [0, 1], lastPrice: [12_035, 7_050], volume: [650, 1300], oi: [1300, 2600] },
      { time: stamp("11:28"), spot: 2_406_070, contract: [0, 2], lastPrice: [12_500, 15_005], volume: [715, 65], oi: [1365, 130] },
      { time: stamp("11:30"), spot: 2_404_995, contract: [1], lastPrice: [7_110], volume: [1365], oi: [2535] }
    ])
  })

  it("finds columns by name, with any order, line ends and byte order mark", () => {
    const [names = [], ...rows] = csv.split("\n").map((line) => line.split(",").reverse())
    const turned = `\uFEFF${[names, ...rows].map((fields) => fields.join(",")).join("\r\n")}\r\n`
    expect(Recording.parse(turned)).toEqual(Recording.parse(csv))
  })

  it("skips each malformed row, and reports its line and the reason", () => {
    const row = (fields: Partial<Record<string, string>>) =>
      header
        .split(",")
        .map(
          (name) =>
            fields[name] ??
            {
              timestamp: "202608191127",
              expiry: "25-Aug-2026",
              strike: "24000",
              option_type: "CE",
              spot: "24052.4",
              ltp: "1",
              volume: "1",
              oi: "1"
            }[name] ??
            "0"
        )
        .join(",")
    const bad: ReadonlyArray<readonly [Partial<Record<string, string>>, string]> = [
      [{ timestamp: "202613191127" }, "timestamp"],
      [{ timestamp: "202608192527" }, "timestamp"],
      [{ timestamp: "yesterday" }, "timestamp"],
      [{ expiry: "31-Feb-2026" }, "expiry"],
      [{ expiry: "25-Foo-2026" }, "expiry"],
      [{ option_type: "FUT" }, "option_type"],
      [{ strike: "0" }, "strike"],
      [{ strike: "-1" }, "strike"],
      [{ spot: "NaN" }, "spot"],
      [{ ltp: "" }, "ltp"],
      [{ ltp: "99999999999" }, "ltp"],
      [{ volume: "1.5" }, "volume"],
      [{ volume: "4294967296" }, "volume"],
      [{ oi: "many" }, "oi"],
      [{ oi_chg: "1.5" }, "oi_chg"]
    ]
    const text = [
      header,
      row({}),
      ...bad.map(([fields]) => row(fields)),
      "too,few,fields",
      row({ expiry: "2026-08-25", option_type: "PE" })
    ].join("\n")
    const { skipped, snapshots, contracts } = Recording.parse(text)
    expect(skipped.map(({ line, reason }) => [line, reason.split(" ")[0]])).toEqual([
      ...bad.map(([, column], index) => [index + 3, column]),
      [bad.length + 3, "3"]
    ])
    expect([snapshots.length, contracts.map((one) => [one.expiry, one.type])]).toEqual([
      1,
      [
        ["2026-08-25", "CE"],
        ["2026-08-25", "PE"]
      ]
    ])
  })

  it("of two rows of one snapshot and contract the later counts and the earlier is reported; snapshots are sorted", () => {
    const lines = csv.split("\n")
    const recording = Recording.parse([lines[0], lines[5], lines[1], lines[3], lines[1]?.replace("120.35", "121.35")].join("\n"))
    expect(recording.skipped).toEqual([{ line: 3, reason: "line 5 has the same snapshot and contract" }])
    expect(recording.snapshots.map((snapshot) => [snapshot.time, snapshot.lastPrice])).toEqual([
      [stamp("11:27"), [12_135]],
      [stamp("11:28"), [12_500]],
      [stamp("11:30"), [7_110]]
    ])
  })

  it("a row without a spot price keeps its option; the snapshot takes the spot of a row that has one", () => {
    const [first = "", ...rows] = csv.split("\n")
    const zero = rows.map((row) => row.replace(/,2\d{4}\.\d+,/, ",0,"))
    expect(Recording.parse([first, ...zero].join("\n"))).toEqual({
      ...Recording.parse(csv),
      snapshots: Recording.parse(csv).snapshots.map((one) => ({ ...one, spot: null }))
    })
    const mixed = [first, zero[0], rows[1], rows[2]?.replace(/,2\d{4}\.\d+,/, ",,")].join("\n")
    expect(Recording.parse(mixed).snapshots.map(({ spot }) => spot)).toEqual([2_405_240, null])
  })

  it("with a malformed header everything is skipped, and the missing columns are reported", () => {
    expect(Recording.parse("timestamp,strike\n1,2\n").skipped).toEqual([
      { line: 1, reason: "the header lacks expiry, option_type, spot, ltp, volume, oi" }
    ])
    expect(Recording.parse("")).toEqual({ contracts: [], previousOi: new Map(), snapshots: [], skipped: [] })
  })

  it("takes the previous session's open interest from a contract's first row, and none from a file that lacks it", () => {
    const lines = csv.split("\n")
    const changed = (index: number, change: string) => lines[index]?.replace(/,[^,]*,([^,]*)$/, `,${change},$1`) ?? ""
    const ofText = (text: string) => [...Recording.parse(text).previousOi.values()]
    const previousOf = (...rows: ReadonlyArray<string>) => ofText([header, ...rows].join("\n"))
    expect(previousOf(changed(1, "-200"), changed(2, "+600"), changed(3, "99"))).toEqual([[1500, 2000]])
    expect(previousOf(changed(1, ""), changed(2, "2601"))).toEqual([[null, null]])
    expect(ofText(csv.replaceAll("oi_chg", "other"))).toEqual([[null, null, null]])
  })

  it("a recording of several days has the previous open interest of each day: its first row's, else the last value of the day before", () => {
    const rows = (day: string, oi: number, change: string) =>
      ["0915", "0916"].map((minute, at) => `202608${day}${minute},25-Aug-2026,24000,CE,24010.5,152.3,650,${oi + at * 65},${change}`)
    const text = (change: string) =>
      [
        "timestamp,expiry,strike,option_type,spot,ltp,volume,oi,oi_chg",
        ...rows("19", 1300, "300"),
        ...rows("20", 2600, change),
        ...rows("21", 3900, "")
      ].join("\n")
    const days = ["2026-08-19", "2026-08-20", "2026-08-21"]
    expect([...Recording.parse(text("1000")).previousOi]).toEqual(days.map((day, at) => [day, [[1000, 1600, 2665][at]]]))
    expect([...Recording.parse(text("")).previousOi]).toEqual(days.map((day, at) => [day, [[1000, 1365, 2665][at]]]))
  })
})

/** A share as Kite's dump lists it (case 8 of the public bug reports). */
const share: Instrument.Instrument = {
  token: 4_267_265,
  exchangeToken: 16_669,
  tradingsymbol: "BAJAJ-AUTO",
  name: "BAJAJ AUTO",
  expiry: null,
  strike: 0,
  tickSize: 50,
  lotSize: 1,
  instrumentType: "EQ",
  segment: "NSE",
  exchange: "NSE"
}

describe("RecordedMarket", () => {
  it("the dump decides what the underlying is: a share stays the share with its token, and indices the indices", () => {
    const option: Instrument.Instrument = {
      ...Contracts.contract({ ...nifty, name: "BAJAJ-AUTO" }, 50_009, "2026-08-25", 900_000, "CE"),
      lotSize: 75
    }
    const dump = [share, option]
    const underlying = RecordedMarket.underlyingOf("BAJAJ-AUTO", dump)
    expect(underlying).toMatchObject({ symbol: "BAJAJ-AUTO", token: 4_267_265, exchange: "NSE", derivatives: "NFO" })
    const wanted = [
      { expiry: "2026-08-25", strike: 900_000, type: "CE" },
      { expiry: "2026-08-25", strike: 910_000, type: "CE" }
    ] as const
    const { spot, contracts, madeUp } = RecordedMarket.resolve(underlying, wanted, dump, "2026-08-18")
    expect([spot, contracts[0], contracts[1]?.lotSize, madeUp.length]).toEqual([share, option, 75, 1])
    expect(RecordedMarket.underlyingOf("NIFTY", [Contracts.spotInstrument(nifty), ...known])).toMatchObject({
      symbol: "NIFTY 50",
      token: nifty.token
    })
    const sensex = Contracts.underlyingByName.get("SENSEX")!
    const listed = [Contracts.spotInstrument(sensex), Contracts.contract(sensex, 50_001, "2026-08-27", 8_000_000, "CE")]
    expect(RecordedMarket.underlyingOf("SENSEX", listed)).toMatchObject({ exchange: "BSE", derivatives: "BFO", token: sensex.token })
    // Without a row of the dump the rulebook says which names are shares.
    const kind = (name: string) => Instrument.segmentOf(RecordedMarket.underlyingOf(name, []).token)
    expect([kind("BAJAJ-AUTO"), kind("NIFTYFPI")]).toEqual([Instrument.Segment.NSE, Instrument.Segment.INDICES])
  })

  it.scopedLive("a day whose spot column is zero is played to its end: every option's packet, and time passes", () =>
    Effect.gen(function* () {
      const zero = csv.replaceAll(/,2\d{4}\.\d+,/g, ",0,")
      const path = yield* files({ "day.csv": zero, "dump.csv": Instrument.formatCsv(known) })
      const simulator = yield* start({ file: path("day.csv"), instruments: path("dump.csv"), speed: "max" })
      const clients = [yield* subscriber(simulator, first, "raw"), yield* subscriber(simulator, second, "raw")]
      for (const client of clients) subscribeAll(client, simulator)
      yield* ended(simulator)
      const columns = Frame.makeColumns()
      const seen: Array<readonly [number, number, number]> = []
      for (const frame of clients[0]?.raw ?? []) {
        Frame.decode(frame, columns)
        for (let row = 0; row < columns.count; row++) seen.push([columns.token[row]!, columns.exchangeTime[row]!, columns.lastPrice[row]!])
      }
      expect(seen.length).toBe(5 + 1)
      expect(seen.some(([token]) => token === nifty.token)).toBe(false)
      expect(seen.at(-1)?.[1]).toBe(stamp("11:30") + 60)
    })
  )

  it.scopedLive(
    "takes tokens from the dump, invents and reports the others, and serves the dump, the index and the invented contracts",
    () =>
      Effect.gen(function* () {
        const path = yield* files({ "day.csv.gz": gzipSync(csv), "dump.csv.gz": gzipSync(Instrument.formatCsv(known)) })
        const { value: simulator, lines } = yield* logged(
          start({ file: path("day.csv.gz"), instruments: path("dump.csv.gz"), speed: "max" })
        )
        const madeUp = simulator.market.instruments.at(-1)!
        expect(madeUp).toMatchObject({
          tradingsymbol: "NIFTY2690124100PE",
          exchangeToken: 16_000_001,
          token: 16_000_001 * 256 + 2,
          lotSize: 65,
          expiry: "2026-09-01"
        })
        expect(simulator.market.instruments).toEqual([Contracts.spotInstrument(nifty), ...known, madeUp])
        expect(lines).toContain(`NIFTY2690124100PE is not in ${path("dump.csv.gz")}: made-up token ${madeUp.token}`)
        const { kite } = yield* login(simulator.url)
        const served = yield* Effect.promise(() => kite.getInstruments())
        expect(served.filter((row) => row.exchange !== undefined).map((row) => Number(row.instrument_token))).toEqual(
          simulator.market.instruments.map((one) => one.token)
        )
        expect(yield* market(simulator)).toEqual({
          time: "2026-08-19T05:57:00.000Z",
          speed: "max",
          state: "waiting",
          mode: "recorded",
          underlying: "NIFTY",
          instruments: [256265, known[0]!.token, known[1]!.token, madeUp.token],
          previous_oi: [null, 1300, 2600, 130],
          recording: { contracts: 3, not_in_dump: 1, lines_skipped: 0, counted: "units", counted_by: "values" }
        })
      })
  )

  it.scopedLive("needs no dump, no gzip and no known underlying", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": csv })
      const plain = yield* start({ file: path("day.csv"), speed: "max" })
      expect(plain.market.instruments.map((one) => one.tradingsymbol)).toEqual([
        "NIFTY 50",
        "NIFTY26AUG24000CE",
        "NIFTY26AUG24000PE",
        "NIFTY2690124100PE"
      ])
      expect(plain.market.instruments.slice(1).map((one) => one.exchangeToken)).toEqual([16_000_001, 16_000_002, 16_000_003])
      const other = yield* start({ file: path("day.csv"), speed: 1, underlying: "MYINDEX" })
      expect(other.market.instruments[0]).toMatchObject({ tradingsymbol: "MYINDEX", token: 16_000_000 * 256 + 9, segment: "INDICES" })
      const bank = yield* start({ file: path("day.csv"), speed: 1, underlying: "BANKNIFTY" })
      expect(bank.market.instruments[0]).toMatchObject({ tradingsymbol: "NIFTY BANK", token: 260105 })
    })
  )

  it.scopedLive("serves units of a file that counts contracts: by the dump's lot, the rulebook's lot of the day, or the option", () =>
    Effect.gen(function* () {
      const contracts = csv.replace("650,1300,0", "10,20,3").replace("1300,2600,0", "20,41,-1")
      const dump = Instrument.formatCsv(known.map((one) => ({ ...one, lotSize: 50 })))
      const path = yield* files({
        "contracts.csv": contracts,
        "units.csv": csv,
        "old.csv": contracts.replaceAll("2026", "2025"),
        "dump.csv": dump
      })
      const found = (of: Parameters<typeof start>[0]) =>
        Effect.map(start(of), ({ market: { columns, recorded, instruments, rowByToken } }) => {
          const call = instruments.find((one) => one.strike === 2_400_000 && one.instrumentType === "CE")!
          const row = rowByToken.get(call.token)!
          const { counted, counted_by } = recorded!.facts
          return [counted, counted_by, call.lotSize, columns.oi[row], columns.volume[row], recorded!.previousOi()[row]]
        })
      expect(yield* found({ file: path("contracts.csv"), instruments: path("dump.csv"), speed: 1 })).toEqual([
        "contracts",
        "values",
        50,
        1000,
        500,
        850
      ])
      expect(yield* found({ file: path("contracts.csv"), speed: 1 })).toEqual(["contracts", "values", 65, 1300, 650, 1105])
      expect(yield* found({ file: path("old.csv"), speed: 1 })).toEqual(["contracts", "values", 75, 1500, 750, 1275])
      expect(yield* found({ file: path("units.csv"), speed: 1 })).toEqual(["units", "values", 65, 1300, 650, 1300])
      expect(yield* found({ file: path("units.csv"), speed: 1, oi: "contracts" })).toEqual([
        "contracts",
        "option",
        65,
        84_500,
        42_250,
        84_500
      ])
      expect(yield* found({ file: path("contracts.csv"), speed: 1, oi: "units" })).toEqual(["units", "option", 65, 20, 10, 17])
    })
  )

  it.scopedLive("plays every snapshot in order to every connection, then closes the last windows and ends", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv.gz": gzipSync(csv), "dump.csv": Instrument.formatCsv(known) })
      const simulator = yield* start({ file: path("day.csv.gz"), instruments: path("dump.csv"), speed: "max" })
      const all = yield* subscriber(simulator, first)
      const one = yield* subscriber(simulator, second)
      expect((yield* market(simulator))["state"]).toBe("waiting")
      one.send({ a: "subscribe", v: [known[0]!.token] })
      one.send({ a: "mode", v: ["full", [known[0]!.token]] })
      subscribeAll(all, simulator)
      yield* ended(simulator)
      const made = simulator.market.instruments.at(-1)!.token
      const [ce, pe] = [known[0]!.token, known[1]!.token]
      expect(all.packets.map((packet) => [packet.token, packet.lastPrice, packet.volume, packet.oi, packet.exchangeTime])).toEqual([
        [256265, 2_405_240, 0, 0, stamp("11:27")],
        [ce, 12_035, 650, 1300, stamp("11:27")],
        [pe, 7_050, 1300, 2600, stamp("11:27")],
        [256265, 2_406_070, 0, 0, stamp("11:28")],
        [ce, 12_500, 715, 1365, stamp("11:28")],
        [made, 15_005, 65, 130, stamp("11:28")],
        [256265, 2_404_995, 0, 0, stamp("11:30")],
        [pe, 7_110, 1365, 2535, stamp("11:30")],
        [256265, 2_404_995, 0, 0, stamp("11:31")]
      ])
      // The closing index packet also goes to a connection without a subscription to the index.
      expect(one.packets.map((packet) => [packet.token, packet.kind, packet.exchangeTime])).toEqual([
        [ce, 184, stamp("11:27")],
        [ce, 184, stamp("11:28")],
        [256265, 32, stamp("11:31")]
      ])
      expect(all.packets[7]).toMatchObject({
        open: 7_050,
        high: 7_110,
        low: 7_050,
        oiDayHigh: 2600,
        oiDayLow: 2535,
        lastTradeTime: stamp("11:30")
      })
      expect(
        all.packets.every((packet) => [...packet.bids, ...packet.asks].every((level) => level.price === 0 && level.quantity === 0))
      ).toBe(true)
      expect(yield* market(simulator)).toMatchObject({ time: "2026-08-19T06:01:00.000Z", state: "ended" })
      expect(simulator.stats()).toMatchObject({ conflated: 0, undelivered: 0 })
    })
  )

  it.scopedLive("after its end heartbeats go on, and REST and new subscribers get the last values", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": csv })
      const simulator = yield* start({ file: path("day.csv"), speed: "max" })
      const early = yield* subscriber(simulator, first)
      subscribeAll(early, simulator)
      yield* ended(simulator)
      const late = yield* subscriber(simulator, second)
      subscribeAll(late, simulator)
      yield* until("the last packets", () => late.packets.length >= 8)
      const last = new Map(late.packets.map((packet) => [packet.token, packet.lastPrice]))
      expect([...last.values()].sort((left, right) => left - right)).toEqual([7_110, 12_500, 15_005, 2_404_995])
      yield* until("a heartbeat", () => late.frames.includes(-1))
      const { kite } = yield* login(simulator.url)
      const quotes = yield* Effect.promise(() => kite.getQuote(["NFO:NIFTY26AUG24000PE", "NSE:NIFTY 50"]))
      expect(quotes["NFO:NIFTY26AUG24000PE"]).toMatchObject({ last_price: 71.1, volume: 1365, oi: 2535 })
      expect(quotes["NSE:NIFTY 50"]).toMatchObject({ last_price: 24049.95 })
    })
  )

  it.scopedLive("advances only when all clients have the snapshot: a client that does not read delays it, one that leaves does not", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": csv })
      const simulator = yield* start({ file: path("day.csv"), speed: "max" })
      const held = yield* subscriber(simulator, first)
      const other = yield* subscriber(simulator, second)
      for (const client of [held, other]) subscribeAll(client, simulator)
      yield* until("both subscriptions", () => simulator.stats().subscriptions === 8)
      held.socket.pause()
      yield* until("the first snapshot", () => other.packets.length >= 3)
      // A round trip on the other connection shows that no more packets are coming.
      other.send({ a: "subscribe", v: [256265] })
      yield* until("the answer", () => other.packets.length >= 4)
      expect([simulator.market.status().timeMs / 1000, simulator.market.status().state]).toEqual([stamp("11:27"), "running"])
      held.socket.terminate()
      yield* ended(simulator)
      expect(simulator.stats().undelivered).toBe(0)
    })
  )

  it.scoped("begins when subscriptions have settled: it waits for clients that have signed in, and no client misses a snapshot", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": csv })
      const simulator = yield* start({ file: path("day.csv"), speed: "max" })
      const state = () => simulator.market.status().state
      const [early, late] = [yield* subscriber(simulator, first), yield* subscriber(simulator, second)]
      subscribeAll(early, simulator)
      yield* until("the first subscription", () => simulator.stats().subscriptions === 4)
      yield* TestClock.adjust("4 seconds")
      expect(state()).toBe("waiting")
      subscribeAll(late, simulator)
      yield* until("the second subscription", () => simulator.stats().subscriptions === 8)
      yield* TestClock.adjust("400 millis")
      expect(state()).toBe("waiting")
      yield* TestClock.adjust("1 second")
      yield* until("the end of the recording", () => state() === "ended")
      expect(late.packets).toEqual(early.packets)
      expect(late.packets[0]).toMatchObject({ token: 256265, exchangeTime: stamp("11:27") })
    })
  )

  it.scoped("a client that signed in only for REST delays the start by five seconds", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": csv })
      const simulator = yield* start({ file: path("day.csv"), speed: "max" })
      yield* login(simulator.url, second)
      const client = yield* subscriber(simulator, first)
      subscribeAll(client, simulator)
      yield* until("the subscription", () => simulator.stats().subscriptions === 4)
      yield* TestClock.adjust("4 seconds")
      expect(simulator.market.status().state).toBe("waiting")
      yield* TestClock.adjust("2 seconds")
      yield* until("the end of the recording", () => simulator.market.status().state === "ended")
    })
  )

  it.scoped("waits ten seconds for a connection that does not read, then counts it and goes on", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": csv })
      const simulator = yield* start({ file: path("day.csv"), speed: "max" })
      const client = yield* subscriber(simulator)
      subscribeAll(client, simulator)
      yield* until("the subscription", () => simulator.stats().subscriptions === 4)
      client.socket.pause()
      const at = () => [simulator.market.status().timeMs / 1000, simulator.stats().undelivered]
      yield* TestClock.adjust("2 seconds")
      expect(at()).toEqual([stamp("11:27"), 0])
      yield* TestClock.adjust("9 seconds")
      expect(at()).toEqual([stamp("11:28"), 1])
      client.socket.resume()
      yield* until("the pong", () => simulator.market.status().state === "ended")
      expect(simulator.stats()).toMatchObject({ undelivered: 1, conflated: 0 })
    })
  )

  it.scopedLive("plays at a speed: recorded seconds per second", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": csv })
      const simulator = yield* start({ file: path("day.csv"), speed: 240 })
      const client = yield* subscriber(simulator)
      subscribeAll(client, simulator)
      const startedAt = performance.now()
      yield* ended(simulator)
      // Four recorded minutes (three to the last snapshot, one more to close) and half a second of settling.
      expect(performance.now() - startedAt).toBeGreaterThan(1_400)
      expect((yield* market(simulator))["speed"]).toBe(240)
    })
  )

  it.scopedLive("skips malformed rows with a log line each, and reports their number", () =>
    Effect.gen(function* () {
      const path = yield* files({ "day.csv": `${csv}\n202608191131,25-Aug-2026,24000,XX,24049,1,1,1,0,0\nnonsense\n` })
      const { value: simulator, lines } = yield* logged(start({ file: path("day.csv"), speed: "max" }))
      expect(lines.filter((line) => line.includes("skipped"))).toEqual([
        `${path("day.csv")} line 7 skipped: option_type "XX" is neither CE nor PE`,
        `${path("day.csv")} line 8 skipped: 1 fields, but the header has 10`
      ])
      expect((yield* market(simulator))["recording"]).toMatchObject({ lines_skipped: 2 })
    })
  )

  it.scopedLive("names a file that cannot be played, and the reason", () =>
    Effect.gen(function* () {
      const path = yield* files({ "empty.csv": header, "broken.gz": new Uint8Array([0x1f, 0x8b, 1, 2, 3]), "day.csv": csv })
      const message = (options: { readonly file: string; readonly instruments?: string }) =>
        Effect.map(Effect.flip(start({ ...options, speed: "max" })), (error) => error.message)
      expect(yield* message({ file: path("empty.csv") })).toBe(`${path("empty.csv")}: it holds no rows`)
      expect(yield* message({ file: path("absent.csv") })).toContain(`${path("absent.csv")}: cannot be read (ENOENT`)
      expect(yield* message({ file: path("broken.gz") })).toContain(`${path("broken.gz")}: cannot be read (`)
      expect(yield* message({ file: path("day.csv"), instruments: path("empty.csv") })).toBe(
        `${path("empty.csv")}: no instrument can be read from it`
      )
    })
  )

  const file = recorded("nse/nifty_option_chain_20260819.csv.gz")
  const dump = recorded("nse/kite_instruments_nfo_bfo_2026-08-18.csv.gz")
  it.scopedLive.skipIf(file === undefined || dump === undefined)(
    `two accounts get every packet of a real afternoon, and the last values of all contracts stay ${absent}`,
    () =>
      Effect.gen(function* () {
        const { value: simulator, lines } = yield* logged(start({ file: file ?? "", instruments: dump, speed: "max" }))
        expect(lines.filter((line) => line.includes("made-up token")).length).toBe(4)
        const clients = [yield* subscriber(simulator, first, "raw"), yield* subscriber(simulator, second, "raw")] as const
        for (const client of clients) subscribeAll(client, simulator)
        yield* ended(simulator)
        expect(simulator.stats()).toMatchObject({ conflated: 0, undelivered: 0 })
        const frames = clients[0].raw
        expect(Buffer.concat(clients[1].raw).equals(Buffer.concat(frames))).toBe(true)
        const bySymbol = new Map(
          simulator.market.instruments.map((one) => [`${one.name} ${one.expiry} ${one.strike} ${one.instrumentType}`, one.token])
        )
        const last = new Map<number, ReadonlyArray<number>>()
        let rows = 0
        // Read by hand, not by Recording: expiry as 25-Aug-2026.
        for (const line of gunzipSync(readFileSync(file ?? ""))
          .toString()
          .trim()
          .split("\n")
          .slice(1)) {
          const [, expiry = "", strike, type, , ltp, volume, oi] = line.split(",")
          const day = new Date(`${expiry} UTC`).toISOString().slice(0, 10)
          const token = bySymbol.get(`NIFTY ${day} ${Number(strike) * 100} ${type}`) ?? 0
          last.set(token, [Math.round(Number(ltp) * 100), Number(volume) * 65, Number(oi) * 65]) // the file counts contracts
          rows++
        }
        const columns = Frame.makeColumns()
        const received = new Map<number, ReadonlyArray<number>>()
        const times: Array<number> = []
        for (const frame of frames) {
          expect(Frame.decode(frame, columns).bad).toBe(0)
          for (let row = 0; row < columns.count; row++) {
            const { lastPrice, volume, oi, token, exchangeTime } = columns
            times.push(exchangeTime[row]!)
            if (columns.kind[row] === Frame.Kind.full) received.set(token[row]!, [lastPrice[row]!, volume[row]!, oi[row]!])
          }
        }
        expect(received).toEqual(last)
        expect(times.length).toBe(rows + 102 + 1)
        expect(times.every((time, index) => index === 0 || time >= times[index - 1]!)).toBe(true)
      }),
    300_000
  )
})
