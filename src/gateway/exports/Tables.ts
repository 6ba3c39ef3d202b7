import { Effect, Option } from "effect"
import type { StoredMetric } from "../../contract/history/ChainHistoryApi.ts"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { Of, Which } from "../../store/chains/ChainMinuteRepo.ts"
import type { StoredChain, StoredStrike } from "../../store/chains/ChainMinuteRows.ts"
import type { StoredCandle } from "../../store/history/StoredBars.ts"
import type { ChainHistory, Wanted } from "../history/ChainHistory.ts"
import * as ChainHistoryView from "../history/ChainHistoryView.ts"
import type { Piece, Table } from "./Download.ts"
import type { Column, Row } from "./Table.ts"

type Failure = Problem.NotFound | Problem.Invalid | Problem.Unavailable

/** Minutes that one piece reads: of a whole chain (a few thousand options), of some places from the money, and of totals. */
const chainMinutes = 20
const placeMinutes = 200
const totalMinutes = 1_000

const time = (name: string): Column => ({ name, kind: "time" })
const text = (name: string): Column => ({ name, kind: "text" })
const integer = (name: string): Column => ({ name, kind: "integer" })
const number = (name: string): Column => ({ name, kind: "number" })

/** A table that is read at once. The limits of its endpoint bound its length. */
export const whole = (
  name: string,
  columns: ReadonlyArray<Column>,
  rows: Effect.Effect<ReadonlyArray<Row>, Failure>
): Table<0, Failure> => ({
  name,
  columns,
  first: 0,
  read: () => Effect.map(rows, (found): Piece<0> => ({ rows: found, next: Option.none() }))
})

/** A table of minutes. Each piece begins after the last minute of the previous piece. */
const byMinutes = <Found extends { readonly at: Date }>(
  name: string,
  columns: ReadonlyArray<Column>,
  first: Of,
  read: (of: Of) => Effect.Effect<ReadonlyArray<Found>, Failure>,
  rowsOf: (found: ReadonlyArray<Found>) => ReadonlyArray<Row>
): Table<Of, Failure> => ({
  name,
  columns,
  first,
  read: (of) =>
    Effect.map(read(of), (found): Piece<Of> => {
      const last = found.at(-1)
      const next = last === undefined ? undefined : { ...of, from: new Date(last.at.getTime() + IndiaTime.minuteMs) }
      return { rows: rowsOf(found), next: Option.fromNullable(next).pipe(Option.filter(({ from, to }) => from <= to)) }
    })
})

export const bars = (candles: Effect.Effect<ReadonlyArray<StoredCandle>, Failure>): Table<0, Failure> =>
  whole(
    "bars",
    [
      time("date"),
      ...["open", "high", "low", "close"].map(number),
      integer("volume"),
      integer("oi"),
      text("source"),
      { name: "complete", kind: "integer" }
    ],
    Effect.map(candles, (found) =>
      found.map(({ atMs, open, high, low, close, volume, oi, source, complete }) => [
        ...[atMs, open, high, low, close, volume, oi, source],
        complete ? 1 : 0
      ])
    )
  )

const totalsRow = (row: StoredChain): Row => [
  ...[row.at.getTime(), row.expiry, row.spot, row.forward, row.atmStrike, row.atmIv, row.maxPain],
  ...[row.pcrOi, row.pcrVolume, row.callOi, row.putOi]
]
const strikeRow = (row: StoredStrike): Row => [
  ...[row.at.getTime(), row.forward, row.exchange, row.tradingsymbol, row.strike, row.side, row.lastPrice, row.bid, row.ask],
  ...[row.volume, row.oi, row.oiChange, row.iv, row.delta, row.gamma, row.theta, row.vega, row.rho, row.quality]
]
const strikeColumns = [
  ...[time("date"), number("forward"), text("exchange"), text("tradingsymbol"), number("strike"), text("side")],
  ...["last_price", "bid", "ask"].map(number),
  ...["volume", "oi", "oi_change"].map(integer),
  ...["iv", "delta", "gamma", "theta", "vega", "rho"].map(number),
  text("quality")
]

/** The tables of stored chains. */
export const ofChains = (history: ChainHistory) => {
  const strikesOf = (which: Which) => (of: Of) => history.strikesOf(of, which)
  return {
    chains: (wanted: Wanted) =>
      Effect.map(history.whole(wanted, totalMinutes), (of) =>
        byMinutes(
          "chains",
          [
            ...[time("date"), text("expiry")],
            ...["spot", "forward", "atm_strike", "atm_iv", "max_pain", "pcr_oi", "pcr_volume"].map(number),
            ...["call_oi", "put_oi"].map(integer)
          ],
          of,
          history.totalsOf,
          (rows) => rows.map(totalsRow)
        )
      ),
    strikes: (wanted: Wanted, strikes: ReadonlyArray<number> | undefined) =>
      Effect.map(history.whole(wanted, chainMinutes), (of) => {
        const which: Which = strikes === undefined ? { _tag: "All" } : { _tag: "Prices", strikes }
        return byMinutes("strikes", strikeColumns, of, strikesOf(which), (rows) => rows.map(strikeRow))
      }),
    moneyness: (wanted: Wanted, metric: StoredMetric, buckets: ReadonlyArray<string>) =>
      Effect.map(history.whole(wanted, placeMinutes), (of) =>
        byMinutes(
          "moneyness-series",
          [time("date"), ...["forward"].map(number), text("bucket"), ...["call_strike", "call", "put_strike", "put"].map(number)],
          of,
          strikesOf({ _tag: "NearMoney", steps: ChainHistoryView.stepsOf(buckets) }),
          (rows) =>
            ChainHistoryView.minutesOf(rows).flatMap((minute) => {
              const { date, forward, values } = ChainHistoryView.moneynessPoint(minute, metric, buckets)
              return values.map((one) => [Date.parse(date), forward, one.bucket, one.call_strike, one.call, one.put_strike, one.put])
            })
        )
      ),
    distribution: (wanted: Wanted, metric: StoredMetric) =>
      Effect.map(history.whole(wanted, chainMinutes), (of) =>
        byMinutes(
          "strike-distribution",
          [time("date"), ...["forward", "call_total", "put_total", "call_peak", "put_peak", "centre"].map(number)],
          of,
          strikesOf({ _tag: "All" }),
          (rows) =>
            ChainHistoryView.minutesOf(rows).map((minute) => {
              const one = ChainHistoryView.distributionPoint(minute, metric)
              return [Date.parse(one.date), one.forward, one.call_total, one.put_total, one.call_peak, one.put_peak, one.centre]
            })
        )
      ),
    decay: (wanted: Wanted, steps: number) =>
      whole(
        "premium-decay",
        [...[time("date"), number("call_strike"), number("put_strike")], ...["premium", "change", "expected", "residual"].map(number)],
        Effect.map(history.decay(wanted, steps), ({ pair, points }) =>
          points.map(({ date, premium, change, expected, residual }) => [
            ...[Date.parse(date), pair?.call ?? null, pair?.put ?? null],
            ...[premium, change, expected, residual]
          ])
        )
      )
  } as const
}
