import { Effect, Either } from "effect"
import { SettlementRepo } from "../../store/settlements/SettlementRepo.ts"
import type { Delivered } from "../../streams/DurableRead.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as RowWriter from "./RowWriter.ts"

export const kind = "life-writer"

const batchMax = 100

const rowsOf = ({ subject, data }: Delivered): Either.Either<ReadonlyArray<SettlementRepo.Settlement>, string> =>
  Either.flatMap(Subjects.Life.read(subject, data), ({ as_of, happenings }) => {
    const settledAt = new Date(as_of)
    if (Number.isNaN(settledAt.getTime())) return Either.left(`no time: ${as_of}`)
    return Either.right(
      happenings.flatMap((one) =>
        one.kind === "settled" && one.contract.expiry !== null
          ? [
              {
                exchange: one.exchange,
                tradingsymbol: one.contract.tradingsymbol,
                expiry: one.contract.expiry,
                price: one.price,
                source: one.source,
                settledAt
              }
            ]
          : []
      )
    )
  })

/** Saves final settlement prices to Postgres and notifies the director, so that strategies realise the settled positions. */
export const make = Effect.gen(function* () {
  const repo = yield* SettlementRepo
  const jetStream = yield* JetStream
  const look = jetStream.notify(Subjects.Changed.at({ what: "strategies" }), Subjects.Changed.encode({ v: 1, request_id: "-" }))
  return yield* RowWriter.make({
    name: kind,
    stream: Subjects.Life.stream,
    filter: Subjects.Life.filter(),
    batchMax,
    rowsOf,
    save: (rows) => Effect.tap(repo.save(rows), (count) => (count > 0 ? Effect.ignoreLogged(look) : Effect.void)),
    saved: (count) => Metrics.settlementsSaved("record", count)
  })
})
