import { Effect, Layer } from "effect"
import * as CandleWriter from "./CandleWriter.ts"
import * as Director from "./Director.ts"
import * as GreeksActor from "./GreeksActor.ts"
import * as InstrumentLoader from "./InstrumentLoader.ts"
import * as M2mActor from "./M2mActor.ts"
import * as Placement from "./Placement.ts"
import { RecordActor } from "./RecordActor.ts"
import { seed } from "./Seed.ts"
import { supervise } from "./Supervisor.ts"
import * as TickerActor from "./TickerActor.ts"

const Kinds = Layer.effect(
  Placement.ActorKinds,
  Effect.gen(function* () {
    const ticker = yield* TickerActor.make
    const greeks = yield* GreeksActor.make
    const m2m = yield* M2mActor.make
    return {
      [TickerActor.kind]: ([account = ""]) => ticker(account),
      [GreeksActor.kind]: ([exchange = "", underlying = ""]) => greeks(exchange, underlying),
      [M2mActor.kind]: ([owner = "", strategy = ""]) => m2m(owner, strategy)
    }
  })
)

/** Instruments first, then what an empty database is seeded with: the director finds both. */
const Ready = Layer.effectDiscard(Effect.zipRight(InstrumentLoader.load, seed))

/** Every actor of this process, and the two that watch Postgres for them. */
export const layer = Layer.mergeAll(
  Placement.layer.pipe(Layer.provide(Kinds), Layer.provide(RecordActor.Default)),
  Layer.scopedDiscard(Effect.flatMap(Director.make, (actor) => Effect.forkScoped(supervise("director", "1", actor)))),
  Layer.scopedDiscard(Effect.flatMap(CandleWriter.make, (actor) => Effect.forkScoped(supervise("candle-writer", "1", actor))))
).pipe(Layer.provide(Ready))
