import { assert, describe, it } from "@effect/vitest"
import type { Happening } from "../../../src/domain/record/Lives.ts"
import type { Contract } from "../../../src/domain/record/Reference.ts"
import type * as RuleSet from "../../../src/domain/rules/RuleSet.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import { ist } from "../market/Ist.ts"
import { contract, nfo, Recorder, settings, spot, spotToken } from "../record/Recorder.ts"
import { outage } from "../rules/Outage.ts"

const tokens = { call: nfo(5_001), put: nfo(5_002), next: nfo(5_003) }
const option = (token: number, kind: "CE" | "PE", strike: number, expiry: string): Contract =>
  contract({ instrument_token: token, kind, strike, expiry, tradingsymbol: `NIFTY${expiry}${strike}${kind}`, segment: "NFO-OPT" })

const livesOf = (recorder: Recorder, exchange = "NSE", underlying = "NIFTY"): ReadonlyArray<readonly [asOf: string, Happening]> => {
  const decider = UnderlyingDecider.make({ exchange, underlying, settings })
  return Deciding.fold(decider, decider.initial, recorder.inputs)[1].flatMap((output) =>
    output.kind === "life" ? output.message.happenings.map((one) => [output.message.as_of, one] as const) : []
  )
}
const shown = (lives: ReturnType<typeof livesOf>, ...kinds: ReadonlyArray<string>) =>
  lives
    .filter(([, { kind }]) => kinds.includes(kind))
    .map(([asOf, one]) => [
      asOf.slice(0, 19),
      one.kind,
      one.contract.tradingsymbol,
      ...(one.kind === "settled" ? [one.price.toFixed(), one.source] : [])
    ])

/** An expiry day: the index's last tick, then the exchange's computed close. */
const expiryDay = (day: string, endsAt: string, closeAt: string) => {
  const chain = [spot, option(tokens.call, "CE", 24_500, day), option(tokens.put, "PE", 24_600, day)]
  return (
    new Recorder()
      .clock(ist(`${day}T09:00:00`))
      .reference(chain)
      .frame(ist(`${day}T15:14:00`), [{ token: spotToken, price: 24_555, exchangeMs: ist(`${day}T15:14:00`) }])
      .clock(ist(`${day}T${endsAt}`) - 1_000)
      .clock(ist(`${day}T${endsAt}`))
      .frame(ist(`${day}T${closeAt}`), [{ token: spotToken, price: 24_550.35, exchangeMs: ist(`${day}T${closeAt}`) }])
      // A clock of the same instant comes before its packets.
      .clock(ist(`${day}T${closeAt}`) + 60_000)
      .clock(ist(`${day}T23:58:00`))
  )
}

describe("lives of contracts", () => {
  it("BE-DAY-03 BE-DAY-02 in July 2026 options end at 15:30 and settle when the close is computed, at 15:40", () => {
    assert.deepStrictEqual(shown(livesOf(expiryDay("2026-07-28", "15:30:00", "15:40:00")), "expired", "settled"), [
      ["2026-07-28T10:00:00", "expired", "NIFTY2026-07-2824500CE"],
      ["2026-07-28T10:00:00", "expired", "NIFTY2026-07-2824600PE"],
      ["2026-07-28T10:11:00", "settled", "NIFTY2026-07-2824500CE", "50.35", "underlying_close"],
      ["2026-07-28T10:11:00", "settled", "NIFTY2026-07-2824600PE", "49.65", "underlying_close"]
    ])
  })

  it("BE-DAY-03 BE-DAY-02 in August 2026 they end at 15:40, when the auction's close of 15:35 is known already", () => {
    const recorder = new Recorder()
      .clock(ist("2026-08-04T09:00:00"))
      .reference([spot, option(tokens.call, "CE", 24_500, "2026-08-04")])
      .frame(ist("2026-08-04T15:35:00"), [{ token: spotToken, price: 24_499.9, exchangeMs: ist("2026-08-04T15:35:00") }])
      .clock(ist("2026-08-04T15:39:59"))
      .clock(ist("2026-08-04T15:40:00"))
      .clock(ist("2026-08-04T15:41:00"))
    assert.deepStrictEqual(shown(livesOf(recorder), "expired", "settled"), [
      ["2026-08-04T10:10:00", "expired", "NIFTY2026-08-0424500CE"],
      ["2026-08-04T10:11:00", "settled", "NIFTY2026-08-0424500CE", "0", "underlying_close"]
    ])
  })

  it("does not invent a settlement price that is missing from the record", () => {
    const recorder = new Recorder()
      .clock(ist("2026-07-27T15:29:00"))
      .reference([spot, option(tokens.call, "CE", 24_500, "2026-07-28")])
      .frame(ist("2026-07-27T15:29:30"), [{ token: spotToken, price: 24_700, exchangeMs: ist("2026-07-27T15:29:30") }])
      .clock(ist("2026-07-29T08:00:00"))
    assert.deepStrictEqual(shown(livesOf(recorder), "settled"), [])
    assert.strictEqual(shown(livesOf(recorder), "expired").length, 1)
  })

  it("a commodity without a spot settles on its future, at the end of its evening", () => {
    const future = contract({ instrument_token: 6_001 * 256 + 7, kind: "FUT", expiry: "2026-07-20", tradingsymbol: "CRUDEOIL26JULFUT" })
    const put = contract({
      instrument_token: 6_002 * 256 + 7,
      kind: "PE",
      strike: 5_800,
      expiry: "2026-07-16",
      tradingsymbol: "CRUDEOIL26JUL5800PE"
    })
    const at = ist("2026-07-16T23:29:00")
    const recorder = new Recorder()
      .clock(ist("2026-07-16T09:00:00"))
      .reference([future, put], "CRUDEOIL", "MCX")
      .frame(at, [{ token: future.instrument_token, price: 5_730, exchangeMs: at }], { exchange: "MCX", underlying: "CRUDEOIL" })
      .clock(ist("2026-07-16T23:30:00"))
      .clock(ist("2026-07-16T23:31:00"))
    assert.deepStrictEqual(shown(livesOf(recorder, "MCX", "CRUDEOIL"), "expired", "settled"), [
      ["2026-07-16T18:00:00", "expired", "CRUDEOIL26JUL5800PE"],
      ["2026-07-16T18:01:00", "settled", "CRUDEOIL26JUL5800PE", "70", "future_last_price"]
    ])
  })

  it("BE-DAY-04 a new day's reference reports new and changed contracts, and a reused token belongs only to the new contract", () => {
    const old = option(tokens.call, "CE", 24_500, "2026-07-28")
    const other = option(tokens.call, "PE", 25_000, "2026-08-11")
    const recorder = new Recorder()
      .clock(ist("2026-07-28T09:00:00"))
      .reference([spot, old])
      .frame(ist("2026-07-28T15:29:00"), [{ token: tokens.call, price: 55, oi: 100, exchangeMs: ist("2026-07-28T15:29:00") }])
      .clock(ist("2026-07-28T15:29:01"))
      // A packet arrives for the reused token before a reference names its new contract.
      .frame(ist("2026-07-29T09:15:00"), [{ token: tokens.call, price: 480, oi: 999, exchangeMs: ist("2026-07-29T09:15:00") }])
      .clock(ist("2026-07-29T09:15:01"))
      .reference([
        spot,
        other,
        { ...old, tradingsymbol: "NIFTY26AUGFUT", kind: "FUT", expiry: "2026-08-25", instrument_token: tokens.next }
      ])
      .frame(ist("2026-07-29T09:15:02"), [{ token: tokens.call, price: 481, oi: 999, exchangeMs: ist("2026-07-29T09:15:02") }])
      .clock(ist("2026-07-29T09:15:03"))
      .reference([spot, { ...other, lot_size: 65 }])
      .clock(ist("2026-07-29T09:15:04"))
    assert.deepStrictEqual(
      shown(livesOf(recorder), "listed", "changed").map((one) => one.slice(1)),
      [
        ["listed", "NIFTY 50"],
        ["listed", "NIFTY2026-07-2824500CE"],
        ["listed", "NIFTY2026-08-1125000PE"],
        ["listed", "NIFTY26AUGFUT"],
        ["changed", "NIFTY2026-08-1125000PE"]
      ]
    )
    const decider = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
    const prices = Deciding.fold(decider, decider.initial, recorder.inputs)[1].flatMap((output) =>
      output.kind === "tick"
        ? output.message.columns.instrument_token.map((token, row) => [token, output.message.columns.last_price[row]])
        : []
    )
    assert.deepStrictEqual(prices, [
      [tokens.call, 55],
      [tokens.call, 481]
    ])
  })

  it("BE-DAY-02 BE-SVC-04 an entry that comes during the expiry day moves the end of contracts that end with their session", () => {
    const evening = outage("2026-07-16", ["MCX"], "continuous 09:00-20:00")
    const token = (7_001 << 8) | 7
    const crude = { exchange: "MCX", underlying: "CRUDEOIL" } as const
    const call = { ...option(token, "CE", 5_700, "2026-07-16"), tradingsymbol: "CRUDEOIL26JUL5700CE", segment: "MCX-OPT" }
    const recorder = new Recorder().clock(ist("2026-07-16T09:00:00")).reference([call], "CRUDEOIL", "MCX")
    const before = recorder.inputs.length
    recorder.clock(ist("2026-07-16T19:59:59")).clock(ist("2026-07-16T20:00:00")).clock(ist("2026-07-16T23:30:00"))
    const endsUnder = (rules: RuleSet.RuleSet) => {
      const [first, second] = [shipped, rules].map((own) => UnderlyingDecider.make({ ...crude, settings, ends: own }))
      if (first === undefined || second === undefined) return []
      const [state] = Deciding.fold(first, first.initial, recorder.inputs.slice(0, before))
      const [after, outputs] = Deciding.fold(second, state, recorder.inputs.slice(before))
      const ended = outputs.flatMap((one) => (one.kind === "life" ? one.message.happenings.map(() => one.message.as_of.slice(11, 16)) : []))
      return [...ended, new Date(after.chains[0]?.chain.expiryMs ?? Number.NaN).toISOString().slice(11, 16)]
    }
    assert.deepStrictEqual(endsUnder(shipped), ["18:00", "18:00"])
    assert.deepStrictEqual(endsUnder(evening), ["14:30", "14:30"])
  })
})
