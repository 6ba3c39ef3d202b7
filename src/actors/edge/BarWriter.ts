import { Effect, Either } from "effect"
import type * as Bar from "../../domain/market/Bar.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { BarRepo, type NewBar } from "../../store/history/BarRepo.ts"
import type { Delivered } from "../../streams/DurableRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as RowWriter from "./RowWriter.ts"

export const kind = "bar-writer"

/** The minute bars of nine thousand instruments close at the same time. */
const batchMax = 2_000
/** Every message with a closed bar contains this text. Most messages have only open bars, and need no parsing. */
const closedMark = Buffer.from('"closed":true')

const isClosing = ({ data }: Delivered): boolean => Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(closedMark)

/** The columns take only whole numbers, and no market has values beyond 2^53. */
const isSavable = ({ at, open, high, low, close, volume, oi }: NewBar): boolean =>
  !Number.isNaN(at.getTime()) && [open, high, low, close, volume, oi ?? 0].every(Number.isSafeInteger)

/** Throws when the rulebook does not know the price unit of the token's segment. */
const toRows = ({ exchange, instrument_token, tradingsymbol, bars }: Bar.Bars): Either.Either<ReadonlyArray<NewBar>, string> => {
  const scale = Instrument.priceScale(instrument_token)
  const units = (rupees: number): number => Math.round(rupees * scale)
  const rows = bars
    .filter(({ closed }) => closed)
    .map(
      ({ timestamp, open, high, low, close, volume, oi, complete }): NewBar => ({
        exchange: Instrument.exchangeOf(instrument_token, exchange),
        instrumentToken: instrument_token,
        tradingsymbol,
        minutes: 1,
        source: "live",
        at: new Date(timestamp),
        open: units(open),
        high: units(high),
        low: units(low),
        close: units(close),
        volume,
        oi,
        complete
      })
    )
  return rows.every(isSavable) ? Either.right(rows) : Either.left("a bar has no time, or a value that is not a safe integer")
}

/** One bar that cannot be read must not stop the writer, so an exception about its token becomes the reason for refusing it. */
const rowsIn = (bars: Bar.Bars): Either.Either<ReadonlyArray<NewBar>, string> =>
  Either.flatMap(Either.try({ try: () => toRows(bars), catch: String }), (rows) => rows)

const rowsOf = (message: Delivered): Either.Either<ReadonlyArray<NewBar>, string> =>
  isClosing(message) ? Either.flatMap(Subjects.Bars.read(message.subject, message.data), rowsIn) : Either.right([])

/** Writes closed one-minute bars to Postgres, once each. One-second bars stay in their stream only. */
export const make = Effect.flatMap(BarRepo, ({ save }) =>
  RowWriter.make({
    name: kind,
    stream: Subjects.Bars.stream,
    filter: Subjects.Bars.filter({ interval: "1m" }),
    batchMax,
    rowsOf,
    save,
    saved: (count) => Metrics.candlesSaved("bars", count)
  })
)
