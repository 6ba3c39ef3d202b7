import { Effect } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import { RequestId } from "../../contract/shared/RequestId.ts"
import * as Asks from "../../streams/Asks.ts"
import { JetStream } from "../../streams/JetStream.ts"

/** Sends questions to the engine that only it can answer, because it holds the broker's sessions. */
export class Engine extends Effect.Service<Engine>()("gateway/shared/Engine", {
  effect: Effect.gen(function* () {
    const js = yield* JetStream
    const away = (detail: string) => Effect.fail(new Problem.Unavailable({ detail }))
    return {
      /** Fails with 503 if the engine does not answer, NATS is unreachable, or the engine gives a reason why it cannot. */
      ask: <Q, A>(of: Asks.Ask<Q, A>, question: Q): Effect.Effect<A, Problem.Unavailable> =>
        Effect.gen(function* () {
          if (!js.isConnected()) return yield* away("NATS unavailable")
          return yield* Asks.ask(of, question, yield* RequestId)
        }).pipe(
          Effect.provideService(JetStream, js),
          Effect.catchTags({
            NatsError: (error) => Effect.zipRight(Effect.logWarning("engine not asked", error), away("NATS unavailable")),
            NoAnswer: (error) => Effect.zipRight(Effect.logWarning("engine does not answer", error), away("Engine unavailable: no answer")),
            Declined: ({ detail }) => away(`Engine: ${detail}`)
          })
        )
    } as const
  })
}) {}
