import { Effect, Either, FiberHandle, Option, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Catalogue from "../../domain/indicators/Catalogue.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { apiErrorOf, JetStream } from "../../streams/JetStream.ts"
import * as KeyValue from "../../streams/KeyValue.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as ServerErrors from "../../streams/ServerErrors.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as BarWriter from "../edge/BarWriter.ts"
import * as Placement from "../placement/Placement.ts"
import * as Board from "../runtime/Board.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import { Leases } from "../runtime/Leases.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as Outputs from "../runtime/Outputs.ts"
import * as IndicatorRun from "./IndicatorRun.ts"
import * as IndicatorSeed from "./IndicatorSeed.ts"

export const kind = "indicators"
export const key = (exchange: string, tradingsymbol: string, timeframe: string) => Subject.kvKey(kind, exchange, tradingsymbol, timeframe)

/** The ids of the indicators that somebody wants: the value of the actor's key in the bucket of actors. */
export const Desired = Schema.parseJson(Schema.Struct({ v: Schema.Literal(1), indicators: Schema.Array(Schema.String) }))
const decodeDesired = Schema.decodeUnknown(Desired)

/** The sequence of MD_BARS up to which every bar is in Postgres. */
const writtenSeqOf = (jetStream: JetStream) =>
  jetStream
    .request("place of the bar writer", () => jetStream.jsm.consumers.info(Subjects.Bars.stream, BarWriter.kind))
    .pipe(
      Effect.map(({ ack_floor }) => ack_floor.stream_seq),
      Effect.catchIf(
        (error) => apiErrorOf(error)?.err_code === ServerErrors.consumerNotFound, // the writer has not begun
        () => Effect.succeed(0)
      )
    )

/**
 * Computes the indicators of one instrument and timeframe while its bars form. Each run is seeded from the bars in Postgres, and continues
 * with the bars that the bar writer had not written at that time. So no bar is missed or counted twice, and values equal those computed
 * from the stored bars.
 */
export const make = Effect.gen(function* () {
  const jetStream = yield* JetStream
  const leases = yield* Leases
  const clock = yield* MarketClock
  const seedFrom = yield* IndicatorSeed.make
  const actors = yield* KeyValue.open(Placement.bucket)
  const publish = Outputs.make(jetStream)
  const refuse = DeadLetters.send(jetStream)
  const { stream } = Subjects.Bars

  /** Runs until the values must be seeded again: on a new day, or after lost messages. Returns that day. */
  const runOnce = (
    exchange: string,
    tradingsymbol: string,
    timeframe: KiteHistory.Interval,
    readies: ReadonlyArray<Catalogue.Ready>,
    fromDay: string
  ) =>
    Effect.gen(function* () {
      const actorKey = key(exchange, tradingsymbol, timeframe.short)
      const lease = yield* leases.of(actorKey)
      const { createdMs, firstSeq } = yield* jetStream.info(stream)
      const afterSeq = Math.max(yield* writtenSeqOf(jetStream), firstSeq - 1, 0)
      const seeded = yield* seedFrom(exchange, tradingsymbol, timeframe, readies, fromDay)
      const run: IndicatorRun.Run = { ...seeded, timeframe, isChanged: false, isFinal: true }
      const board = Board.make(actorKey, lease, createdMs)
      const send = (outputs: ReadonlyArray<IndicatorRun.Output>) =>
        Effect.map(publish(board, outputs), ({ published }) => Metrics.indicatorValues(timeframe.short, published))
      const nowMs = clock.unsafeNow()
      const { newestMs } = run.state
      // At the start of a later day, the older bars' values were already published on their own day.
      if (newestMs !== null && fromDay === IndicatorRun.anyDay)
        yield* send(IndicatorRun.outputsOf(run, afterSeq, IndiaTime.isoTime(nowMs), run.closesMs(newestMs) <= nowMs))
      const under = Instrument.underlyingOf(seeded.instrument)
      if (under === null) return yield* Effect.never // an instrument without an underlying has no bars
      const { takeAll } = yield* OrderedRead.make({
        stream,
        filters: [
          Subjects.Bars.at({ interval: "1m", exchange: under.exchange, underlying: under.name, token: String(seeded.instrument.token) })
        ],
        start: { _tag: "After", seq: afterSeq }
      })
      const guard = new OutputGuard()
      while (true) {
        const { outputs, nextDay } = yield* IndicatorRun.fold(
          run,
          (message, reason) => refuse(kind, message, reason),
          guard,
          yield* takeAll
        )
        if (outputs.length > 0) yield* send(outputs)
        if (nextDay !== undefined) return nextDay
      }
    }).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))

  return (exchange: string, tradingsymbol: string, timeframeName: string) =>
    Effect.gen(function* () {
      const timeframe = KiteHistory.byAlias(timeframeName)
      if (timeframe === undefined) return yield* Effect.dieMessage(`no timeframe ${timeframeName}`)
      const running = yield* FiberHandle.make<void, unknown>()
      const obey = ({ value }: KeyValue.Change) =>
        Option.match(value, {
          onNone: () => Effect.void, // this actor ends when nobody wants it
          onSome: (bytes) =>
            Effect.gen(function* () {
              const { indicators } = yield* decodeDesired(new TextDecoder().decode(bytes))
              // An id that this version does not know belongs to a newer one, which runs beside this one.
              const readies = indicators.flatMap((id) => Option.toArray(Either.getRight(Catalogue.parse(id))))
              if (readies.length === 0) return yield* FiberHandle.clear(running)
              const runs = Effect.iterate(IndicatorRun.anyDay, {
                while: () => true,
                body: (day) => runOnce(exchange, tradingsymbol, timeframe, readies, day)
              })
              yield* FiberHandle.run(running, Effect.asVoid(runs))
            })
        })
      const changes = yield* actors.watch(key(exchange, tradingsymbol, timeframe.short))
      const follow = Effect.forever(Effect.flatMap(changes.takeAll, (all) => Effect.forEach(all.slice(-1), obey, { discard: true })))
      return yield* Effect.raceFirst(follow, FiberHandle.join(running))
    }).pipe(Effect.scoped)
})
