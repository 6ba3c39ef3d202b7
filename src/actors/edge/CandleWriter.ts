import { Effect, Either } from "effect"
import { CandleRepo, type NewCandle } from "../../store/strategies/CandleRepo.ts"
import type { Delivered } from "../../streams/DurableRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as RowWriter from "./RowWriter.ts"

export const kind = "candle-writer"

const batchMax = 500

const rowsOf = ({ subject, data }: Delivered): Either.Either<ReadonlyArray<NewCandle>, string> =>
  Either.flatMap(Subjects.Candle.read(subject, data), (candle) => {
    const minute = new Date(candle.timestamp)
    return Number.isNaN(minute.getTime())
      ? Either.left(`no time: ${candle.timestamp}`)
      : Either.right([{ ...candle, strategyId: candle.strategy_id, minute, totalPnl: candle.total_pnl ?? null }])
  })

/** Writes closed minute candles to Postgres, once each (the key is strategy and minute). */
export const make = Effect.flatMap(CandleRepo, ({ save }) =>
  RowWriter.make({
    name: kind,
    stream: Subjects.Candle.stream,
    filter: Subjects.Candle.filter(),
    batchMax,
    rowsOf,
    save,
    saved: (count) => Metrics.candlesSaved("m2m", count)
  })
)
