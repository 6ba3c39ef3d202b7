import { Effect, Either } from "effect"
import type * as Bar from "../../domain/market/Bar.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { BarRepo, type NewBar } from "../../store/BarRepo.ts"
import type { Delivered } from "../../streams/DurableRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as RowWriter from "./RowWriter.ts"

export const kind = "bar-writer"

/** A minute of nine thousand instruments ends at once. */
const batchMax = 2_000
/** What a message that closes a bar has in it; open bars are most of what comes, and are not worth a parse. */
const closedMark = Buffer.from('"closed":true')

const isClosing = ({ data }: Delivered): boolean => Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(closedMark)

/** A column takes whole numbers only, and a value beyond 2^53 is none of a market. */
const isSavable = ({ at, open, high, low, close, volume, oi }: NewBar): boolean =>
  !Number.isNaN(at.getTime()) && [open, high, low, close, volume, oi ?? 0].every(Number.isSafeInteger)

const rowsIn = ({ instrument_token, tradingsymbol, bars }: Bar.Bars): Either.Either<ReadonlyArray<NewBar>, string> => {
  const scale = Instrument.priceScale(instrument_token)
  const units = (rupees: number): number => Math.round(rupees * scale)
  const rows = bars
    .filter(({ closed }) => closed)
    .map(
      ({ timestamp, open, high, low, close, volume, oi, complete }): NewBar => ({
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
  return rows.every(isSavable) ? Either.right(rows) : Either.left("a bar without a time, or with a value beyond any market's")
}

const rowsOf = (message: Delivered): Either.Either<ReadonlyArray<NewBar>, string> =>
  isClosing(message) ? Either.flatMap(Subjects.Bars.read(message.subject, message.data), rowsIn) : Either.right([])

/** Writes closed one-minute bars to Postgres, once each; bars of a second live in their stream only. */
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
