/** Folds what a run begins with: the newest references, keyframes and definitions. */
import { Effect, Either } from "effect"
import type { JetStream, Message } from "../../streams/JetStream.ts"
import * as Record from "../../streams/Record.ts"
import * as DeadLetters from "./DeadLetters.ts"
import * as Fold from "./Fold.ts"
import * as Metrics from "./Metrics.ts"
import type { Poisons } from "./Poisons.ts"
import type { Setup } from "./Setup.ts"

export const make = (jetStream: JetStream, poisons: Poisons) => {
  const deadLetter = DeadLetters.send(jetStream)

  /** A start publishes no outputs of what it folds, except the dead letter of a strategy that cannot be computed. */
  const sendLetter = <S, O extends { readonly seq: number }>({ name, route }: Setup<S, O>, output: O) => {
    const { encode, stream, subject } = route(output)
    if (stream !== DeadLetters.stream) return Effect.void
    Metrics.deadLetters(name)
    return jetStream.publish(subject, encode(undefined), { msgId: `${subject}:${output.seq}` })
  }

  const foldKnown = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>, message: Message) =>
    Effect.gen(function* () {
      if (poisons.of(run).has(message.seq)) return
      const input = Record.decode(message)
      if (input._tag === "Refused") return yield* deadLetter(setup.name, message, input.reason)
      const decided = Either.try({
        try: () => setup.decider().decide(run.state, input),
        catch: (cause) => new Fold.Poisoned({ message, cause })
      })
      if (Either.isLeft(decided)) {
        yield* poisons.add(setup.name, run, decided.left)
        return yield* decided.left
      }
      const [state, outputs] = decided.right
      run.state = state
      yield* Effect.forEach(outputs, (output) => sendLetter(setup, output), { discard: true })
    })

  return <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>, messages: ReadonlyArray<Message>) =>
    Effect.forEach(messages, (message) => foldKnown(setup, run, message), { discard: true })
}
