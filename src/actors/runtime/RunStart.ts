/** The start of a run: the state from the snapshot, or from the record if there is no usable snapshot. */
import { Effect, Either, Option } from "effect"
import * as Keyframe from "../../domain/record/Keyframe.ts"
import * as Members from "../../streams/feed/Members.ts"
import { JetStream, type Message, NatsError } from "../../streams/JetStream.ts"
import * as KeyframeReads from "../../streams/KeyframeReads.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Record from "../../streams/Record.ts"
import { Snapshots } from "../../streams/Snapshots.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Board from "./Board.ts"
import * as DeadLetters from "./DeadLetters.ts"
import type * as Fold from "./Fold.ts"
import type { Lease } from "./Leases.ts"
import * as LeftPlace from "./LeftPlace.ts"
import * as Metrics from "./Metrics.ts"
import type { Poisons } from "./Poisons.ts"
import * as RecordPlace from "./RecordPlace.ts"
import type { OutputSubject, Setup, StrategiesOf } from "./Setup.ts"
import * as StartFold from "./StartFold.ts"

/** The start fails if the newest outputs or definitions cannot be read within this time. */
const newestReadMax = "30 seconds"
export const snapshotEveryMs = 10_000
/** Subjects that are looked up at the same time. */
const lookUpsMax = 8

/** Spreads the snapshots of a process's actors over the interval. */
const snapshotPhaseMs = (key: string): number => {
  let hash = 0
  for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) >>> 0
  return hash % snapshotEveryMs
}

const within = (op: string) =>
  Effect.timeoutFail({
    duration: newestReadMax,
    onTimeout: () => new NatsError({ op, cause: new Error("the newest message of each subject did not arrive") })
  })

/** Notes the newest message of every subject that the filter matches. */
const noteAll = (board: Board.Board, stream: string, filter: string) =>
  Effect.gen(function* () {
    const read = yield* OrderedRead.make({ stream, filters: [filter], start: { _tag: "LastPerSubject" } })
    for (let left = read.pendingAtStart; left > 0; ) {
      for (const item of yield* read.takeAll) {
        if (item._tag === "Gap") continue
        Board.note(board, item)
        left = item.pending
      }
    }
    board.wholeStreams.add(stream)
  }).pipe(Effect.scoped, within(`read ${filter}`))

/** The newest definitions of the strategies that an actor takes, in the record's order. Unreadable ones go to `refuse`. */
const newestDefinitions = <E>({ takes }: StrategiesOf, refuse: (message: Message, reason: string) => Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const read = yield* OrderedRead.make({ stream: Record.stream, filters: [Members.everyStrategy], start: { _tag: "LastPerSubject" } })
    const found: Array<Message> = []
    for (let left = read.pendingAtStart; left > 0; ) {
      for (const item of yield* read.takeAll) {
        if (item._tag === "Gap") continue
        const taken = takes(item)
        if (Either.isLeft(taken)) yield* refuse(item, taken.left)
        else if (taken.right) found.push(item)
        left = item.pending
      }
    }
    return found
  }).pipe(Effect.scoped, within(`read ${Members.everyStrategy}`))

export const make = (poisons: Poisons) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const snapshots = yield* Snapshots
    const deadLetter = DeadLetters.send(jetStream)
    const placeLeft = LeftPlace.make(jetStream, snapshots)

    const noteOutputs = (outputs: ReadonlyArray<OutputSubject>, board: Board.Board) =>
      Effect.forEach(
        outputs,
        ({ stream, filter }) =>
          Subject.hasWildcard(filter) ? noteAll(board, stream, filter) : Board.lookUp(jetStream.last, board, stream, filter),
        { discard: true, concurrency: lookUpsMax }
      ).pipe(Effect.provideService(JetStream, jetStream))

    /** The newest definitions of the actor's strategies. */
    const definitionsOf = <S, O extends { readonly seq: number }>({ name, strategies }: Setup<S, O>) =>
      strategies === undefined
        ? Effect.succeed<ReadonlyArray<Message>>([])
        : newestDefinitions(strategies, (message, reason) => deadLetter(name, message, reason)).pipe(
            Effect.provideService(JetStream, jetStream)
          )

    const foldAll = StartFold.make(jetStream, poisons)

    /**
     * Begins at the newest keyframes. If this version cannot use the snapshot, it begins at keyframes long enough before the snapshot's
     * position (`Keyframe.settledBy`), so that from that position on it publishes what an uninterrupted run publishes. The newest
     * references are folded first, because keyframes cannot be read without them. Accounts write their keyframes at different times, and
     * the fold begins at the oldest keyframe. Until it reaches the newest keyframe, the state contains prices from later in the record.
     */
    const startWithoutSnapshot = <S, O extends { readonly seq: number }>(
      setup: Setup<S, O>,
      run: Fold.Run<S>,
      record: { readonly firstSeq: number; readonly lastSeq: number },
      leftAt: Option.Option<LeftPlace.Left>,
      definitions: ReadonlyArray<Message>
    ) =>
      Effect.gen(function* () {
        Metrics.rebuilds(setup.name)
        const underlyings = setup.frames.flatMap((subject) => Subjects.Frame.match(subject) ?? [])
        const keyframes = yield* Option.match(leftAt, {
          onNone: () => KeyframeReads.newest(underlyings),
          onSome: (left) =>
            KeyframeReads.before(underlyings, left, Number.isNaN(left.marketMs) ? undefined : Keyframe.settledBy(left.marketMs))
        })
        const place = yield* RecordPlace.find({ setup, keyframes, underlyings, record, leftAt })
        run.seq = place.afterSeq
        const references = yield* Effect.forEach(setup.references, (subject) => jetStream.last(Record.stream, subject), {
          concurrency: lookUpsMax
        })
        const earlier = definitions.filter(({ seq }) => place.isSilent || seq <= run.seq)
        const settledSeqs = Option.toArray(leftAt).flatMap((left) => (left.isSettled ? [left.seq] : []))
        run.silentUntilSeq = Math.max(0, ...settledSeqs, ...(place.isSilent ? [] : keyframes.map(({ seq }) => seq)))
        yield* foldAll(setup, run, [...references.flatMap(Option.toArray), ...keyframes, ...earlier])
        Metrics.keyframesFolded(setup.name, keyframes.length)
      }).pipe(Effect.provideService(JetStream, jetStream))

    return <S, O extends { readonly seq: number }>(setup: Setup<S, O>, lease: Lease) =>
      Effect.gen(function* () {
        const info = yield* jetStream.info(Record.stream)
        const { createdMs, firstSeq, lastSeq } = info
        const run: Fold.Run<S> = {
          key: setup.key,
          board: Board.make(setup.key, lease, createdMs),
          state: setup.decider().initial,
          seq: 0,
          silentUntilSeq: 0,
          recordCreatedMs: createdMs,
          savedSeq: undefined,
          savedAtMs: Number.NEGATIVE_INFINITY,
          isChanged: true,
          saveAtMs: performance.now() + snapshotPhaseMs(setup.key)
        }
        const saved = Option.filter(
          yield* snapshots.load(setup.key, setup.layout),
          (one) => one.recordCreatedMs === createdMs && firstSeq <= one.seq + 1 && lastSeq >= one.seq
        )
        yield* noteOutputs(setup.outputs, run.board)
        if (Option.isNone(saved)) {
          const definitions = yield* definitionsOf(setup)
          // An actor with a snapshot looks up the outputs of a strategy before it publishes the first one.
          yield* noteOutputs(
            definitions.flatMap(({ subject }) => setup.strategies?.outputs(subject) ?? []),
            run.board
          )
          yield* startWithoutSnapshot(setup, run, info, yield* placeLeft(run.board, info), definitions)
        } else {
          run.state = saved.value.state as S
          run.seq = saved.value.seq
          run.savedSeq = run.seq
          run.savedAtMs = performance.now()
          run.isChanged = false
        }
        return run
      })
  })
