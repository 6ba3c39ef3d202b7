/** The start of a run: the state from the snapshot, or from the record if there is no usable snapshot. */
import { Effect, Either, Option } from "effect"
import { JetStream, type Message, NatsError } from "../../streams/JetStream.ts"
import * as Keyframes from "../../streams/Keyframes.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Record from "../../streams/Record.ts"
import { Snapshots } from "../../streams/Snapshots.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "./DeadLetters.ts"
import * as Fold from "./Fold.ts"
import type { Lease } from "./Leases.ts"
import * as LeftPlace from "./LeftPlace.ts"
import * as Metrics from "./Metrics.ts"
import * as Outputs from "./Outputs.ts"
import type { Poisons } from "./Poisons.ts"
import * as RecordPlace from "./RecordPlace.ts"
import type { Setup } from "./Setup.ts"

/** The start fails if the newest outputs cannot be read within this time. */
const outputsReadMax = "30 seconds"
export const snapshotEveryMs = 10_000
/** Subjects that are looked up at the same time. */
const lookUpsMax = 8

/** Spreads the snapshots of a process's actors over the interval. */
const snapshotPhaseMs = (key: string): number => {
  let hash = 0
  for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) >>> 0
  return hash % snapshotEveryMs
}

/** Notes the newest message of every subject that the filter matches. */
const noteAll = (board: Outputs.Board, stream: string, filter: string) =>
  Effect.gen(function* () {
    const read = yield* OrderedRead.make({ stream, filters: [filter], start: { _tag: "LastPerSubject" } })
    for (let left = read.pendingAtStart; left > 0; ) {
      for (const item of yield* read.takeAll) {
        if (item._tag === "Gap") continue
        Outputs.note(board, item)
        left = item.pending
      }
    }
    board.wholeStreams.add(stream)
  }).pipe(
    Effect.scoped,
    Effect.timeoutFail({
      duration: outputsReadMax,
      onTimeout: () => new NatsError({ op: `read ${filter}`, cause: new Error("the newest message of each subject did not arrive") })
    })
  )

export const make = (poisons: Poisons) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const snapshots = yield* Snapshots
    const deadLetter = DeadLetters.send(jetStream)
    const placeLeft = LeftPlace.make(jetStream, snapshots)

    const noteOutputs = <S, O extends { readonly seq: number }>({ outputs }: Setup<S, O>, board: Outputs.Board) =>
      Effect.forEach(
        outputs,
        ({ stream, filter }) =>
          Subject.hasWildcard(filter) ? noteAll(board, stream, filter) : Outputs.lookUp(jetStream.last, board, stream, filter),
        { discard: true }
      ).pipe(Effect.provideService(JetStream, jetStream))

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
        run.state = decided.right[0]
      })

    const foldAll = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>, messages: ReadonlyArray<Message>) =>
      Effect.forEach(messages, (message) => foldKnown(setup, run, message), { discard: true })

    /**
     * Begins at the newest keyframes. If this version cannot use the snapshot, it begins at the keyframes before the snapshot's position, so that
     * later messages are folded. The newest references are folded first, because keyframes mean nothing without them. Accounts write their
     * keyframes at different times, and the fold begins at the oldest: until the newest, the state holds prices that came later.
     */
    const startWithoutSnapshot = <S, O extends { readonly seq: number }>(
      setup: Setup<S, O>,
      run: Fold.Run<S>,
      record: { readonly firstSeq: number; readonly lastSeq: number },
      leftAt: Option.Option<Keyframes.Position>
    ) =>
      Effect.gen(function* () {
        Metrics.rebuilds(setup.name)
        const underlyings = setup.frames.flatMap((subject) => Subjects.Frame.match(subject) ?? [])
        const keyframes = yield* Option.match(leftAt, {
          onNone: () => Keyframes.newest(underlyings),
          onSome: (place) => Keyframes.before(underlyings, place)
        })
        const place = yield* RecordPlace.find({ setup, keyframes, underlyings, record, leftAt })
        run.seq = place.afterSeq
        const references = yield* Effect.forEach(setup.references, (subject) => jetStream.last(Record.stream, subject), {
          concurrency: lookUpsMax
        })
        const own = setup.definition === undefined ? Option.none() : yield* jetStream.last(Record.stream, setup.definition)
        const earlier = Option.filter(own, ({ seq }) => place.isSilent || seq <= run.seq)
        if (!place.isSilent) run.silentUntilSeq = Math.max(0, ...keyframes.map(({ seq }) => seq))
        yield* foldAll(setup, run, [...references.flatMap(Option.toArray), ...keyframes, ...Option.toArray(earlier)])
        Metrics.keyframesFolded(setup.name, keyframes.length)
      }).pipe(Effect.provideService(JetStream, jetStream))

    return <S, O extends { readonly seq: number }>(setup: Setup<S, O>, lease: Lease) =>
      Effect.gen(function* () {
        const info = yield* jetStream.info(Record.stream)
        const { createdMs, firstSeq, lastSeq } = info
        const run: Fold.Run<S> = {
          key: setup.key,
          board: Outputs.board(setup.key, lease, createdMs),
          state: setup.decider().initial,
          seq: 0,
          silentUntilSeq: 0,
          recordCreatedMs: createdMs,
          saveAtMs: performance.now() + snapshotPhaseMs(setup.key)
        }
        const saved = Option.filter(
          yield* snapshots.load(setup.key, setup.layout),
          (one) => one.recordCreatedMs === createdMs && firstSeq <= one.seq + 1 && lastSeq >= one.seq
        )
        yield* noteOutputs(setup, run.board)
        if (Option.isNone(saved)) yield* startWithoutSnapshot(setup, run, info, yield* placeLeft(run.board, info))
        else {
          run.state = saved.value.state as S
          run.seq = saved.value.seq
        }
        return run
      })
  })
