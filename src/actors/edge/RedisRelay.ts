import { Effect } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { Redis } from "../../store/Redis.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "redis-relay"

/** The channel on which services of the old system listen; undefined for a subject that the old system did not have. */
export const channelOf = (subject: string): string | undefined => {
  const options = Subjects.ChainDelta.match(subject)
  if (options !== undefined) return `ticker:${options.underlying.toLowerCase()}:options`
  const state = Subjects.UnderlyingState.match(subject)
  return state === undefined ? undefined : `ticker:${state.underlying.toLowerCase()}:underlying`
}

const isMessage = (item: Message | OrderedRead.Gap): item is Message => item._tag === "Message"

/**
 * Repeats chain deltas and the underlyings' states on Redis channels, for services that still listen there. It starts at the newest message,
 * because Redis channels keep no past. Messages that come while Redis is away are dropped and counted.
 */
export const make = Effect.gen(function* () {
  const redis = yield* Redis
  const jetStream = yield* JetStream
  const refuse = DeadLetters.send(jetStream)

  /** Redis answers each message of a pipeline separately, so some may have failed. */
  const send = (messages: ReadonlyArray<Message>) =>
    redis
      .use(async (client) => {
        const batch = client.pipeline()
        for (const { subject, data } of messages) {
          const channel = channelOf(subject)
          if (channel !== undefined) batch.publish(channel, Buffer.from(data))
        }
        const answers = (await batch.exec()) ?? []
        return answers.filter(([error]) => error === null).length
      })
      .pipe(
        Effect.orElseSucceed(() => 0),
        Effect.flatMap((sent) =>
          Effect.sync(() => {
            Metrics.relayed("redis", sent)
            Metrics.relayDropped("redis", messages.length - sent)
          })
        )
      )
  const relay = (stream: string, filter: string) =>
    Effect.gen(function* () {
      const { takeAll } = yield* OrderedRead.make({ stream, filters: [filter], start: { _tag: "New" } })
      const guard = new OutputGuard()
      while (true) {
        const accepted: Array<Message> = []
        for (const message of (yield* takeAll).filter(isMessage)) {
          const refusal = guard.refusal(message)
          if (refusal === undefined) accepted.push(message)
          else yield* refuse(kind, message, refusal)
        }
        yield* send(accepted)
      }
    })
  return Effect.all(
    [
      relay(Subjects.ChainDelta.stream, Subjects.ChainDelta.filter()),
      relay(Subjects.UnderlyingState.stream, Subjects.UnderlyingState.filter())
    ],
    { concurrency: 2, discard: true }
  ).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))
})
