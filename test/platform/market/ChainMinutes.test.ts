import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import { observer } from "../../store/Stores.ts"
import { ask, eventually, natsClient, type Running, readAll, start } from "../PlatformWorld.ts"
import { recordedWorld, sixMinutes } from "../record/RecordedWorld.ts"

type Minute = ChainMessage.ChainMinute

/** The state of a chain by its published deltas, up to the window of a minute. */
const folded = (deltas: ReadonlyArray<ChainMessage.Chain>, { expiry, window }: Minute) => {
  const rows = new Map<string, Record<string, unknown>>()
  let newest: ChainMessage.Chain | undefined
  for (const delta of deltas) {
    if (delta.expiry !== expiry || delta.window > window) continue
    newest = delta
    for (const [at, strike] of delta.columns.strike.entries()) {
      const row = Object.fromEntries(Object.entries(delta.columns).map(([name, column]) => [name, column?.[at]]))
      rows.set(`${String(strike).padStart(8, "0")} ${delta.columns.side[at]}`, row)
    }
  }
  return { newest, rows: [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row) }
}
/** Times of quotes move without a change of the row's numbers, and a delta does not repeat the row then. */
const untimed = ({ time: _time, priced_at: _pricedAt, tradingsymbol: _name, ...row }: Record<string, unknown>) => row

/** The rows of the table in the form of the message. A decimal has its shortest text, as in JSON. */
const storedChains = Effect.flatMap(
  SqlClient.SqlClient,
  (
    sql
  ) => sql`SELECT c.expiry::text, to_char(c.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS minute, c.spot::float8, c.forward::float8,
    c.forward_source, c.atm_strike::float8, c.atm_iv, c.max_pain::float8, c.pcr_oi, c.pcr_volume, c.call_oi::float8, c.put_oi::float8, c.convention,
    (SELECT json_agg(json_build_object('tradingsymbol', s.tradingsymbol, 'exchange', s.exchange, 'strike', s.strike, 'side', s.side,
        'instrument_token', s.instrument_token, 'last_price', s.last_price, 'bid', s.bid, 'ask', s.ask, 'volume', s.volume, 'oi', s.oi,
        'oi_change', s.oi_change, 'iv', s.iv, 'delta', s.delta, 'gamma', s.gamma, 'theta', s.theta, 'vega', s.vega, 'rho', s.rho,
        'quality', s.quality) ORDER BY s.strike, s.side)
      FROM strike_minutes s WHERE s.underlying_exchange = c.exchange AND s.underlying = c.underlying AND s.expiry = c.expiry AND s.at = c.at) AS rows
    FROM chain_minutes c ORDER BY c.expiry, c.at`
)
/** The same of a published message. */
const expected = (minute: Minute) => {
  const { tradingsymbol, time: _time, priced_at: _pricedAt, price_change: _change, ...columns } = minute.columns
  const {
    v: _v,
    as_of: _asOf,
    valued_at: _valuedAt,
    seq: _seq,
    exchange: _exchange,
    underlying: _underlying,
    window: _window,
    oi_coverage: _coverage,
    // It follows from the stored rows.
    straddle: _straddle,
    ...rest
  } = minute
  const { oi_change_from: _from, columns: _columns, ...head } = rest
  const rows = tradingsymbol.map((name, at) => ({
    tradingsymbol: name,
    exchange: "NFO",
    ...Object.fromEntries(Object.entries(columns).map(([field, column]) => [field, column[at]]))
  }))
  return { ...head, rows }
}

const last = <A>(all: ReadonlyArray<A>): A | undefined => all[all.length - 1]

/** Compares each endpoint of chains over time with the published messages of one expiry. */
const servedAs = (running: Running, minutes: ReadonlyArray<Minute>) =>
  Effect.gen(function* () {
    const [first] = minutes
    assert(first !== undefined)
    const of = `symbol=NIFTY&expiry=${first.expiry}&from=2026-08-19&to=2026-08-19`
    const row = (minute: Minute, strike: number | null, side: "CE" | "PE") => {
      const at = minute.columns.strike.findIndex((one, place) => one === strike && minute.columns.side[place] === side)
      return at < 0 ? undefined : Object.fromEntries(Object.entries(minute.columns).map(([name, column]) => [name, column?.[at]]))
    }
    const dates = minutes.map(({ minute }) => minute)

    const history = (yield* ask(running, `/fo/strikes/history?${of}&strikes=24000,24100`)).body
    assert.deepStrictEqual(
      history.points.map(({ date, forward, strike, call, put }: Record<string, unknown>) => ({ date, forward, strike, call, put })),
      minutes.flatMap((minute) =>
        [24_000, 24_100].map((strike) => {
          const view = (side: "CE" | "PE") => {
            const {
              time: _time,
              priced_at: _pricedAt,
              price_change: _change,
              strike: _strike,
              side: _side,
              ...option
            } = row(minute, strike, side) ?? {}
            return option
          }
          return { date: minute.minute, forward: minute.forward, strike, call: view("CE"), put: view("PE") }
        })
      )
    )

    const series = (yield* ask(running, `/fo/moneyness-series?${of}&metric=iv&bucket=ATM,OTM1`)).body
    assert.deepStrictEqual(
      series.points.map(({ date, values }: { date: string; values: ReadonlyArray<{ call_strike: number; call: number }> }) => [
        date,
        values[0]?.call_strike,
        values[0]?.call,
        values[1]?.call
      ]),
      minutes.map((minute) => [minute.minute, minute.atm_strike, minute.atm_iv, row(minute, (minute.atm_strike ?? 0) + 50, "CE")?.["iv"]])
    )

    const decay = (yield* ask(running, `/fo/premium-decay?${of}`)).body
    assert.strictEqual(decay.call_strike, first.atm_strike)
    const premium = (minute: Minute) =>
      (["CE", "PE"] as const).reduce(
        (sum, side) => sum + Math.round(100 * Number(row(minute, first.atm_strike, side)?.["last_price"])),
        0
      ) / 100
    assert.deepStrictEqual(
      decay.points.map(({ date, premium }: { date: string; premium: number }) => [date, premium]),
      minutes.map((minute) => [minute.minute, premium(minute)])
    )

    const spread = (yield* ask(running, `/fo/strike-distribution/history?${of}&metric=oi`)).body
    assert.deepStrictEqual(
      spread.points.map(({ date, call_total, put_total }: Record<string, unknown>) => [date, call_total, put_total]),
      minutes.map((minute) => [minute.minute, minute.call_oi, minute.put_oi])
    )
    assert.deepStrictEqual(
      [history, series, decay, spread].map(({ total }) => total),
      [1, 1, 1, 1].map(() => dates.length)
    )

    const rank = (yield* ask(running, "/fo/iv-rank?symbol=NIFTY")).body
    const term = rank.term_structure.find(({ expiry }: { expiry: string }) => expiry === first.expiry)
    assert.deepInclude(rank, { rank: null, reason: "too_few_days", days_counted: 0 })
    assert.deepInclude(term, { atm_iv: last(minutes)?.atm_iv, atm_strike: last(minutes)?.atm_strike })
  })

describe("chains of each minute", () => {
  it.scopedLive(
    "a recorded market's chains are stored once a minute as they were published and served so, also after a restart that reads the stream again",
    () =>
      Effect.gen(function* () {
        const { config, nats, databaseUrl } = yield* recordedWorld(sixMinutes())
        const running = yield* start(config)
        const nc = yield* natsClient(nats)
        const minutes = yield* eventually(
          "six minutes of two expiries are published",
          readAll<Minute>(nc, "OPT_MINUTE", "opt.minute.NSE.NIFTY.>"),
          (found) => found.length >= 12
        )
        const db = observer(databaseUrl)
        const stored = Effect.provide(storedChains, db).pipe(Effect.orDie)
        const byTime = (a: Minute, b: Minute) => (`${a.expiry} ${a.minute}` < `${b.expiry} ${b.minute}` ? -1 : 1)
        const wanted = [...minutes].sort(byTime).map(expected)
        const rows = yield* eventually("all are stored", stored, (found) => found.length === minutes.length)
        assert.deepStrictEqual(rows, wanted)
        assert.strictEqual(new Set(minutes.map(({ minute }) => minute)).size, minutes.length / 2, "each minute has both expiries once")

        const deltas = yield* readAll<ChainMessage.Chain>(nc, "OPT", "opt.delta.NSE.NIFTY.>")
        for (const minute of minutes) {
          const { newest, rows: followed } = folded(deltas, minute)
          const columns = Object.entries(minute.columns)
          const own = minute.columns.strike.map((_, at) =>
            untimed(Object.fromEntries(columns.map(([name, column]) => [name, column?.[at]])))
          )
          assert.deepStrictEqual(own, followed.map(untimed), `${minute.expiry} ${minute.minute}`)
          assert(newest !== undefined)
          const { spot, forward, max_pain, pcr_oi } = newest
          assert.deepInclude(minute, { spot, forward, max_pain, pcr_oi })
        }

        const nearest = [...minutes].sort(byTime).filter(({ expiry }, _, all) => expiry === all[0]?.expiry)
        yield* servedAs(running, nearest)

        yield* running.stop
        const jsm = yield* Effect.promise(() => nc.jetstreamManager())
        yield* Effect.promise(() => jsm.consumers.delete("OPT_MINUTE", "chain-writer"))
        const again = yield* start(config)
        yield* eventually(
          "the stream is read again",
          Effect.promise(() =>
            jsm.consumers.info("OPT_MINUTE", "chain-writer").then(
              ({ num_pending, num_ack_pending, delivered }) =>
                num_pending + num_ack_pending === 0 && delivered.consumer_seq >= minutes.length,
              () => false
            )
          ),
          (isRead) => isRead
        )
        assert.deepStrictEqual(yield* stored, wanted)
        yield* servedAs(again, nearest)
      }),
    300_000
  )
})
