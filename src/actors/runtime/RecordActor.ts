import { Data, Effect, Either, Option } from "effect"
import type { Decider } from "../../domain/Decider.ts"
import type * as RecordInput from "../../domain/record/RecordInput.ts"
import { FrameFeed, type Item, type Taken } from "../../streams/FrameFeed.ts"
import { JetStream, type Message, NatsError } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Record from "../../streams/Record.ts"
import { Snapshots } from "../../streams/Snapshots.ts"
import * as DeadLetters from "./DeadLetters.ts"
import { type Lease, Leases, Replaced } from "./Leases.ts"
import * as Metrics from "./Metrics.ts"
import * as Outputs from "./Outputs.ts"

export interface Setup<S, O extends { readonly seq: number }> {
  readonly name: string
  /** The actor's in the bucket of actors, and its snapshot's. */
  readonly key: string
  /** Which layout of state the decider has; a snapshot of another one is not used. */
  readonly layout: string
  readonly decider: Decider<S, RecordInput.RecordInput, O>
  /** Subjects of the frames to fold. */
  readonly frames: ReadonlyArray<string>
  /** Subjects of instrument definitions: known before the first frame even when they are older than where a rebuild begins. */
  readonly references: ReadonlyArray<string>
  /** The strategy's own definition, if this actor has one; it counts from its place in the record on. */
  readonly definition?: string
  /** True for an input that this setup cannot take (it follows other underlyings): the run ends with "rebuild". */
  readonly outgrown?: (input: RecordInput.RecordInput) => boolean
  readonly route: (output: O) => Outputs.Published
  /** Where all outputs go, for an actor with very many subjects: what stands there is read at once, not subject by subject. */
  readonly outputs?: { readonly stream: string; readonly filter: string }
}

/** A message on which the decider threw. It is in the dead letters and will be passed over from the last snapshot on. */
export class Poisoned extends Data.TaggedError("Poisoned")<{ readonly message: Message; readonly cause: unknown }> {}

/** Which REST request a definition is the result of: the director writes it, the actors' logs show it. */
export const requestHeader = "Tarang-Request"
/** A rebuild without a snapshot reads at most so many messages of the past. */
const historyMax = 100_000
const snapshotEveryMs = 10_000
const poisonMax = 1_000
/** What stands on an actor's subjects is read within this, or its start has failed. */
const outputsReadMax = "30 seconds"

/** What one run of an actor holds. It is folded where messages come from while the fiber waits, and settled by the fiber: never both at once. */
interface Run<S> {
  readonly key: string
  readonly board: Outputs.Board
  state: S
  /** Newest record sequence folded and published. */
  seq: number
  readonly recordCreatedMs: number
  saveAtMs: number
}

/** Where in the interval the snapshots of an actor fall: not all of a process at once. */
const phaseMs = (key: string): number => {
  let hash = 0
  for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) >>> 0
  return hash % snapshotEveryMs
}

interface Folded {
  readonly outputs: Array<{ readonly seq: number; readonly message: Outputs.Published }>
  readonly refused: Array<{ readonly message: Message; readonly reason: string }>
  readonly definitions: Array<Message>
  readonly end?: "rebuild" | Poisoned | undefined
}

/** Folds a batch as far as it goes. A throw leaves the state unusable, so it ends the run. */
const foldBatch = <S, O extends { readonly seq: number }>(
  { decider, outgrown, route }: Setup<S, O>,
  run: Run<S>,
  items: ReadonlyArray<Item>,
  poison: ReadonlySet<number>
): Folded => {
  const folded: Folded = { outputs: [], refused: [], definitions: [] }
  let inHand: Item | undefined
  const foldAll = (): "rebuild" | undefined => {
    for (const item of items) {
      inHand = item
      if (item._tag === "Gap") return "rebuild"
      const { input, seq } = item
      if (input._tag === "Reference" || input._tag === "Definition") folded.definitions.push(item)
      if (input._tag === "Refused") folded.refused.push({ message: item, reason: input.reason })
      else if (!poison.has(seq)) {
        if (outgrown?.(input) === true) return "rebuild"
        const [state, outputs] = decider.decide(run.state, input)
        run.state = state
        for (const output of outputs) folded.outputs.push({ seq: output.seq, message: route(output) })
      }
      run.seq = seq
    }
    return undefined
  }
  const end = Either.try({ try: foldAll, catch: (cause) => new Poisoned({ message: inHand as Taken, cause }) })
  return { ...folded, end: Either.merge(end) }
}

/** Nothing came of it but outputs: how nearly every batch ends. */
const isUneventful = ({ refused, definitions, end }: Folded): boolean =>
  refused.length === 0 && definitions.length === 0 && end === undefined

/**
 * Drives a decider from the record. Restores the snapshot or starts afresh, folds whole batches, publishes what comes out under the sequence
 * that caused it, stays silent on what an earlier run published, and saves its state now and then and at the end. Recovery and first start
 * are this one path; whatever fails in it is left to the supervisor.
 */
export class RecordActor extends Effect.Service<RecordActor>()("actors/runtime/RecordActor", {
  effect: Effect.gen(function* () {
    const jetStream = yield* JetStream
    const feed = yield* FrameFeed
    const snapshots = yield* Snapshots
    const leases = yield* Leases
    /** By actor and record (another record's numbers mean other messages): sequences on which its decider threw; they outlive the run that met them. */
    const poisons = new Map<string, Set<number>>()
    const noPoison: ReadonlySet<number> = new Set()
    const publish = Outputs.make(jetStream)
    const deadLetter = DeadLetters.send(jetStream)
    const poisonKey = <S>({ key, recordCreatedMs }: Run<S>) => `${key} ${recordCreatedMs}`
    /** In the dead letters first: what is passed over without a trace would be lost. */
    const passOver = <S>(name: string, run: Run<S>, { message, cause }: Poisoned) =>
      Effect.gen(function* () {
        yield* deadLetter(name, message, String(cause))
        const known = poisons.get(poisonKey(run)) ?? new Set()
        poisons.set(poisonKey(run), known)
        known.add(message.seq)
        const [oldest] = known
        if (known.size > poisonMax && oldest !== undefined) known.delete(oldest)
      })

    /** Without a snapshot: from the oldest definition or the bounded past on; what is older is known from the newest definitions. */
    const startAfresh = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>, firstSeq: number, lastSeq: number) =>
      Effect.gen(function* () {
        Metrics.rebuilds(setup.name)
        const look = (find: typeof jetStream.last) =>
          Effect.forEach(setup.references, (subject) => find(Record.stream, subject), { concurrency: 8 })
        const oldest = Math.min(lastSeq + 1, ...(yield* look(jetStream.first)).flatMap(Option.toArray).map(({ seq }) => seq))
        run.seq = Math.max(oldest - 1, firstSeq - 1, lastSeq - historyMax, 0)
        const own = setup.definition === undefined ? Option.none() : yield* jetStream.last(Record.stream, setup.definition)
        const known = [...(yield* look(jetStream.last)), Option.filter(own, ({ seq }) => seq <= run.seq)].flatMap(Option.toArray)
        for (const message of known) {
          if (poisons.get(poisonKey(run))?.has(message.seq) === true) continue
          const input = Record.decode(message)
          if (input._tag === "Refused") {
            yield* deadLetter(setup.name, message, input.reason)
            continue
          }
          const decided = Either.try({
            try: () => setup.decider.decide(run.state, input),
            catch: (cause) => new Poisoned({ message, cause })
          })
          if (Either.isLeft(decided)) {
            yield* passOver(setup.name, run, decided.left)
            return yield* decided.left
          }
          run.state = decided.right[0]
        }
      })

    const start = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, lease: Lease) =>
      Effect.gen(function* () {
        const { createdMs, firstSeq, lastSeq } = yield* jetStream.info(Record.stream)
        const run: Run<S> = {
          key: setup.key,
          board: Outputs.board(setup.key, lease, createdMs),
          state: setup.decider.initial,
          seq: 0,
          recordCreatedMs: createdMs,
          saveAtMs: performance.now() + phaseMs(setup.key)
        }
        const saved = Option.filter(
          yield* snapshots.load(setup.key, setup.layout),
          (one) => one.recordCreatedMs === createdMs && firstSeq <= one.seq + 1 && lastSeq >= one.seq
        )
        if (Option.isNone(saved)) yield* startAfresh(setup, run, firstSeq, lastSeq)
        else {
          run.state = saved.value.state as S
          run.seq = saved.value.seq
        }
        if (setup.outputs !== undefined) yield* noteAll(run.board, setup.outputs.stream, setup.outputs.filter)
        return run
      })

    const save = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>) =>
      snapshots.save(setup.key, setup.layout, run.state, { recordCreatedMs: run.recordCreatedMs, seq: run.seq })

    /** The snapshot before is still good, only older: that a new one cannot be saved is no reason to stop. */
    const saveNow = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>) =>
      Effect.suspend(() => {
        run.saveAtMs += snapshotEveryMs * Math.ceil((performance.now() - run.saveAtMs) / snapshotEveryMs)
        return save(setup, run)
      }).pipe(
        Effect.catchAll((error) => {
          Metrics.snapshotFailures(setup.name)
          return Effect.logWarning("snapshot not saved, trying again at the next turn").pipe(
            Effect.annotateLogs({ key: setup.key, cause: error.message })
          )
        })
      )

    /** What an earlier run left on all the subjects of a filter. */
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
        board.isWhole = true
      }).pipe(
        Effect.scoped,
        Effect.provideService(JetStream, jetStream),
        Effect.timeoutFail({
          duration: outputsReadMax,
          onTimeout: () => new NatsError({ op: `read ${filter}`, cause: new Error("the newest of each subject did not come") })
        })
      )

    const emit = <S>(name: string, run: Run<S>, outputs: Folded["outputs"]) =>
      Effect.flatMap(publish(run.board, outputs), ({ published, silenced, unfit }) => {
        Metrics.published(name, published)
        Metrics.silenced(name, silenced)
        const bury = ({ subject, seq, reason }: Outputs.Outcome["unfit"][number]) =>
          deadLetter(name, { subject, seq, data: new Uint8Array() }, reason)
        return unfit.length === 0 ? Effect.void : Effect.forEach(unfit, bury, { discard: true })
      })

    const told = ({ subject, seq, header }: Message) =>
      Effect.logInfo("definition taken").pipe(Effect.annotateLogs({ subject, seq, request_id: header(requestHeader) || "-" }))

    /** What a batch leads to beside its outputs; true when it is time to rebuild. */
    const settleRest = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>, folded: Folded) =>
      Effect.gen(function* () {
        for (const message of folded.definitions) yield* told(message)
        for (const { message, reason } of folded.refused) yield* deadLetter(setup.name, message, reason)
        if (folded.end === "rebuild") return true
        if (folded.end !== undefined) {
          yield* passOver(setup.name, run, folded.end)
          return yield* folded.end
        }
        // The publishing may have outlasted the lease, and a snapshot of ours would take back the new owner's.
        if (performance.now() > run.saveAtMs && run.board.lease.isHeld()) yield* saveNow(setup, run)
        return false
      })
    /** All that a batch leads to but its folding; true when it is time to rebuild. */
    const settle = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>, folded: Folded) =>
      Effect.suspend(() => {
        const rest = () =>
          isUneventful(folded) && performance.now() <= run.saveAtMs ? Effect.succeed(false) : settleRest(setup, run, folded)
        return folded.outputs.length === 0 ? rest() : Effect.flatMap(emit(setup.name, run, folded.outputs), rest)
      })

    /** One run: ends with "rebuild" when the record or the setup moved on from under it. */
    const runOnce = <S, O extends { readonly seq: number }>(setup: Setup<S, O>) =>
      Effect.gen(function* () {
        const lease = yield* leases.of(setup.key)
        const current = yield* start(setup, lease)
        const poison = poisons.get(poisonKey(current)) ?? noPoison
        const subscription = yield* feed.subscribe({
          frames: setup.frames,
          definitions: [...setup.references, ...(setup.definition === undefined ? [] : [setup.definition])],
          afterSeq: current.seq
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => Metrics.lag.forget(setup.key)))
        // State and outputs belong together: a stop waits for the batch in hand, and what failed half-way is not saved.
        let inHand: Folded | undefined
        yield* Effect.addFinalizer(() => (inHand === undefined && lease.isHeld() ? Effect.ignoreLogged(save(setup, current)) : Effect.void))

        /** Folds; false when something has to be done about what came of it. */
        const fold = (items: ReadonlyArray<Item>): boolean => {
          inHand = foldBatch(setup, current, items, poison)
          Metrics.folded(setup.name, items.length)
          Metrics.lag.set(setup.key, Math.max(0, feed.lastSeq() - current.seq))
          if (!lease.isHeld() || inHand.outputs.length > 0 || !isUneventful(inHand) || performance.now() > current.saveAtMs) return false
          inHand = undefined
          return true
        }
        const settleInHand = Effect.suspend(() => {
          if (inHand === undefined) return Effect.succeed(false)
          if (!lease.isHeld()) return new Replaced({ key: setup.key })
          return Effect.map(settle(setup, current, inHand), (isOver) => {
            if (!isOver) inHand = undefined
            return isOver
          })
        })
        yield* Effect.uninterruptibleMask((restore) => {
          const read = Effect.exit(restore(subscription.takeWhile(fold)))
          const once = Effect.flatMap(read, (end) => Effect.zipLeft(settleInHand, end))
          return Effect.gen(function* () {
            while (!(yield* once));
          })
        })
        yield* Effect.logWarning("rebuilding from the record")
        yield* snapshots.drop(setup.key)
        return "rebuild" as const
      }).pipe(Effect.scoped, Effect.annotateLogs({ actor: setup.name }))

    /** Runs an actor until it fails; `setup` is asked again when the record or what it asked for moved on. */
    const run = <S, O extends { readonly seq: number }, E, R>(setup: Effect.Effect<Setup<S, O>, E, R>) =>
      Effect.forever(Effect.flatMap(setup, runOnce))

    return { run } as const
  })
}) {}
