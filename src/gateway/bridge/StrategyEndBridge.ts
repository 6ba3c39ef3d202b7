import { Effect, Either } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import type * as StrategyDefinition from "../../domain/record/StrategyDefinition.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Views } from "../views/Views.ts"
import { follow, reader } from "./StreamReader.ts"

/** The last definition of a strategy contains this text. Definitions without it need no decoding. */
const endedText = '"ended":true'

const decode = (data: Uint8Array): Either.Either<StrategyDefinition.Definition | undefined, unknown> =>
  Buffer.from(data.buffer, data.byteOffset, data.length).includes(endedText)
    ? Subjects.StrategyDefinition.decodeEither(data)
    : Either.right(undefined)

/** Reads from the record which strategies have ended. A strategy that ended has no more marks, and /health waits for none. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const views = yield* Views
    const { stream } = Subjects.StrategyDefinition
    views.strategies.forgetEnds()
    const { lastSeq } = yield* js.info(stream)
    const read = yield* OrderedRead.make({
      stream,
      filters: [Subjects.StrategyDefinition.filter()],
      start: { _tag: "After", seq: lastSeq }
    })
    const ends = reader<StrategyDefinition.Definition | undefined>(
      { decode, isOf: (subject, definition) => definition === undefined || Subjects.StrategyDefinition.isOf(subject, definition) },
      new OutputGuard(),
      () => undefined,
      (definition, { seq }) => {
        if (definition?.ended === true) views.strategies.end(definition.owner, definition.strategy_id, seq)
      }
    )
    yield* follow({ stream, read, reader: ends, caughtUp, applied: () => {} })
  })
