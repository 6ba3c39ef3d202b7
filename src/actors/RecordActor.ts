import { Data, Effect, Either, Option } from "effect"
import type { Decider } from "../domain/Decider.ts"
import * as FrameHeader from "../domain/market/FrameHeader.ts"
import * as RecordInput from "../domain/market/RecordInput.ts"
import { FrameFeed } from "../streams/FrameFeed.ts"
import { JetStream, type Message } from "../streams/JetStream.ts"
import type { Gap } from "../streams/OrderedRead.ts"
import { Snapshots } from "../streams/Snapshots.ts"
import * as Subjects from "../streams/Subjects.ts"
import { Leases } from "./Leases.ts"
import * as Metrics from "./Metrics.ts"
import type { Lease } from "./RunnerStorage.ts"

/** A message to publish for an output. `covers` names a subject whose newest sequence the message itself must state. */
export interface Published {
  readonly stream: string
  readonly subject: string
  readonly encode: (coveredSeq: number | undefined) => Uint8Array
  readonly covers?: { readonly stream: string; readonly subject: string }
}

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
  readonly route: (output: O) => Published
}

/** This process may no longer run the actor, as after a freeze: whoever may has gone on from what was published. */
export class Replaced extends Data.TaggedError("Replaced")<{ readonly key: string }> {
  override get message() {
    return `the lease for ${this.key} has ended`
  }
}

/** A message on which the decider threw. It is in the dead letters and will be passed over from the last snapshot on. */
export class Poisoned extends Data.TaggedError("Poisoned")<{ readonly message: Message; readonly cause: unknown }> {}

/** Which REST request a definition is the result of: the director writes it, the actors' logs show it. */
export const requestHeader = "Tarang-Request"
/** A rebuild without a snapshot reads at most so many messages of the past. */
const historyMax = 100_000
const snapshotEveryMs = 10_000
const poisonMax = 1_000
const reasonMax = 500
/** Subjects that are published side by side. */
const publishConcurrency = 64
/** Which record message an output is the result of, and how many that one caused on the subject before: `<created ms of MD_FRAMES> <sequence> <count>`. */
const inputHeader = "Tarang-Input"
const record = Subjects.Frame.stream

type Decoded = RecordInput.RecordInput | { readonly _tag: "Refused"; readonly message: Message; readonly reason: string }

const either = <A>(message: Message, decoded: Either.Either<A, unknown>, make: (value: A) => RecordInput.RecordInput): Decoded =>
  Either.match(decoded, { onLeft: (error) => ({ _tag: "Refused", message, reason: String(error) }), onRight: make })

/** A record message as the decider's input. */
export const decode = (message: Message): Decoded => {
  const { subject, seq, data } = message
  const refuse = (reason: string): Decoded => ({ _tag: "Refused", message, reason })
  const frame = Subjects.Frame.match(subject)
  if (frame !== undefined) {
    const input = RecordInput.frame(seq, frame.exchange, frame.underlying, message.header(FrameHeader.name), data)
    return typeof input === "string" ? refuse(input) : input
  }
  const clock = Subjects.Clock.match(subject)
  if (clock !== undefined) {
    const input = RecordInput.clock(seq, clock.account, data)
    return typeof input === "string" ? refuse(input) : input
  }
  if (Subjects.MarketReference.match(subject) !== undefined) {
    return either(message, Subjects.MarketReference.decodeEither(data), (value) => RecordInput.reference(seq, value))
  }
  if (Subjects.StrategyDefinition.match(subject) !== undefined) {
    return either(message, Subjects.StrategyDefinition.decodeEither(data), (value) => RecordInput.definition(seq, value))
  }
  return refuse("unknown subject")
}

/** An output's: the record sequence that caused it, and how many that one had caused on its subject before. */
interface Place {
  readonly seq: number
  readonly nth: number
}

const isServed = ({ seq, nth }: Place, to: Place | undefined): boolean =>
  to !== undefined && (seq < to.seq || (seq === to.seq && nth <= to.nth))

/** What one run of an actor holds; only its fiber touches it. */
interface Run<S> {
  readonly key: string
  readonly lease: Lease
  state: S
  /** Newest record sequence folded and published. */
  seq: number
  readonly recordCreatedMs: number
  /** Newest sequence in the output's own stream, by subject. */
  readonly published: Map<string, number>
  /** What an earlier run published last on a subject. */
  readonly servedTo: Map<string, Place>
  savedAtMs: number
}

interface Folded<O> {
  readonly outputs: Array<O>
  readonly refused: Array<{ readonly message: Message; readonly reason: string }>
  readonly end?: "rebuild" | Poisoned
}

const decide = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>, message: Message, input: RecordInput.RecordInput) =>
  Either.try({ try: () => setup.decider.decide(run.state, input), catch: (cause) => new Poisoned({ message, cause }) })

/** Folds a batch as far as it goes. A throw leaves the state unusable, so it ends the run. */
const foldBatch = <S, O extends { readonly seq: number }>(
  setup: Setup<S, O>,
  run: Run<S>,
  messages: ReadonlyArray<Message | Gap>,
  poison: ReadonlySet<number>
): Folded<O> => {
  const folded: Folded<O> = { outputs: [], refused: [] }
  for (const message of messages) {
    if (message._tag === "Gap") return { ...folded, end: "rebuild" }
    const input = poison.has(message.seq) ? undefined : decode(message)
    if (input?._tag === "Refused") folded.refused.push(input)
    else if (input !== undefined) {
      if (setup.outgrown?.(input) === true) return { ...folded, end: "rebuild" }
      const decided = decide(setup, run, message, input)
      if (Either.isLeft(decided)) return { ...folded, end: decided.left }
      const [state, outputs] = decided.right
      run.state = state
      for (const output of outputs) folded.outputs.push(output)
    }
    run.seq = message.seq
  }
  return folded
}

/**
 * Drives a decider from the record. Restores the snapshot or starts afresh, folds whole batches, publishes what comes out under the sequence
 * that caused it, stays silent on what an earlier run published, and saves its state now and then and at the end. Recovery and first start
 * are this one path; whatever fails in it is left to the supervisor.
 */
export class RecordActor extends Effect.Service<RecordActor>()("actors/RecordActor", {
  effect: Effect.gen(function* () {
    const jetStream = yield* JetStream
    const feed = yield* FrameFeed
    const snapshots = yield* Snapshots
    const leases = yield* Leases
    /** By actor and record (another record's numbers mean other messages): sequences on which its decider threw; they outlive the run that met them. */
    const poisons = new Map<string, Set<number>>()
    const noPoison: ReadonlySet<number> = new Set()
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

    const deadLetter = (name: string, message: Message, reason: string) =>
      Effect.gen(function* () {
        Metrics.deadLetters(name)
        yield* Effect.logError("message refused").pipe(Effect.annotateLogs({ subject: message.subject, seq: message.seq, reason }))
        yield* jetStream.publish(Subjects.deadLetter(name), message.data, {
          msgId: `${name}:${message.subject}:${message.seq}`,
          headers: {
            "Tarang-Subject": message.subject,
            "Tarang-Seq": String(message.seq),
            "Tarang-Reason": reason.replaceAll(/\s+/g, " ").slice(0, reasonMax)
          }
        })
      })

    /** Without a snapshot: from the oldest definition or the bounded past on; what is older is known from the newest definitions. */
    const startAfresh = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>, firstSeq: number, lastSeq: number) =>
      Effect.gen(function* () {
        Metrics.rebuilds(setup.name)
        const look = (find: typeof jetStream.last) =>
          Effect.forEach(setup.references, (subject) => find(record, subject), { concurrency: 8 })
        const oldest = Math.min(lastSeq + 1, ...(yield* look(jetStream.first)).flatMap(Option.toArray).map(({ seq }) => seq))
        run.seq = Math.max(oldest - 1, firstSeq - 1, lastSeq - historyMax, 0)
        const own = setup.definition === undefined ? Option.none() : yield* jetStream.last(record, setup.definition)
        const known = [...(yield* look(jetStream.last)), Option.filter(own, ({ seq }) => seq <= run.seq)].flatMap(Option.toArray)
        for (const message of known) {
          if (poisons.get(poisonKey(run))?.has(message.seq) === true) continue
          const input = decode(message)
          if (input._tag === "Refused") {
            yield* deadLetter(setup.name, message, input.reason)
            continue
          }
          const decided = decide(setup, run, message, input)
          if (Either.isLeft(decided)) {
            yield* passOver(setup.name, run, decided.left)
            return yield* decided.left
          }
          run.state = decided.right[0]
        }
      })

    const start = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, lease: Lease) =>
      Effect.gen(function* () {
        const { createdMs, firstSeq, lastSeq } = yield* jetStream.info(record)
        const run: Run<S> = {
          key: setup.key,
          lease,
          state: setup.decider.initial,
          seq: 0,
          recordCreatedMs: createdMs,
          published: new Map(),
          servedTo: new Map(),
          savedAtMs: performance.now()
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
        return run
      })

    const save = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>) =>
      Effect.zipRight(
        snapshots.save(setup.key, setup.layout, run.state, { recordCreatedMs: run.recordCreatedMs, seq: run.seq }),
        Effect.sync(() => {
          run.savedAtMs = performance.now()
        })
      )

    /** What an earlier run left on a subject: looked up once, before the first publish to it. */
    const lookUp = <S>(run: Run<S>, stream: string, subject: string) =>
      run.published.has(subject)
        ? Effect.void
        : Effect.map(jetStream.last(stream, subject), (found) => {
            run.published.set(subject, Option.isSome(found) ? found.value.seq : 0)
            const [createdMs, seq, nth = 0] = Option.isSome(found) ? found.value.header(inputHeader).split(" ").map(Number) : []
            if (createdMs === run.recordCreatedMs && seq !== undefined) run.servedTo.set(subject, { seq, nth })
          })

    const publishOne = <S>(run: Run<S>, place: Place, { stream, subject, encode, covers }: Published) =>
      Effect.gen(function* () {
        yield* lookUp(run, stream, subject)
        if (covers !== undefined) yield* lookUp(run, covers.stream, covers.subject)
        if (isServed(place, run.servedTo.get(subject))) return false
        // Asked for each: a server that is slow to answer may hold a batch up for longer than a lease lasts.
        if (!run.lease.isHeld()) return yield* new Replaced({ key: run.key })
        const input = `${run.recordCreatedMs} ${place.seq} ${place.nth}`
        const data = encode(covers === undefined ? undefined : run.published.get(covers.subject))
        const ack = yield* jetStream.publish(subject, data, { msgId: `${subject}:${input}`, headers: { [inputHeader]: input } })
        run.published.set(subject, ack.seq)
        return true
      })

    /** Subjects side by side, each one's messages in order; what states another's sequence goes after it. */
    const emit = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Run<S>, outputs: ReadonlyArray<O>) =>
      Effect.gen(function* () {
        const lanes = new Map<string, Array<{ readonly place: Place; readonly message: Published }>>()
        const newest = new Map<string, Place>() // by subject
        for (const { seq, message } of outputs.map((output) => ({ seq: output.seq, message: setup.route(output) }))) {
          const before = newest.get(message.subject)
          const place: Place = { seq, nth: before?.seq === seq ? before.nth + 1 : 0 }
          newest.set(message.subject, place)
          const lane = message.covers?.subject ?? message.subject
          const queue = lanes.get(lane) ?? []
          lanes.set(lane, queue)
          queue.push({ place, message })
        }
        const sent = yield* Effect.forEach(
          lanes.values(),
          (queue) => Effect.forEach(queue, ({ place, message }) => publishOne(run, place, message)),
          { concurrency: publishConcurrency }
        )
        const flat = sent.flat()
        const fresh = flat.filter(Boolean).length
        Metrics.published(setup.name, fresh)
        Metrics.silenced(setup.name, flat.length - fresh)
      })

    /** One run: ends with "rebuild" when the record or the setup moved on from under it. */
    const runOnce = <S, O extends { readonly seq: number }>(setup: Setup<S, O>) =>
      Effect.gen(function* () {
        const lease = yield* leases.of(setup.key)
        const current = yield* start(setup, lease)
        const poison = poisons.get(poisonKey(current)) ?? noPoison
        const definitions = new Set([...setup.references, ...(setup.definition === undefined ? [] : [setup.definition])])
        const subscription = yield* feed.subscribe({
          frames: setup.frames,
          others: (subject) => definitions.has(subject) || Subjects.Clock.match(subject) !== undefined,
          afterSeq: current.seq
        })
        // State and outputs belong together: a stop waits for the batch in hand, and what failed half-way is not saved.
        let whole = true
        yield* Effect.addFinalizer(() => (whole && lease.isHeld() ? Effect.ignoreLogged(save(setup, current)) : Effect.void))

        const told = ({ subject, seq, header }: Message) =>
          Effect.logInfo("definition taken").pipe(Effect.annotateLogs({ subject, seq, request_id: header(requestHeader) || "-" }))
        const step = (messages: ReadonlyArray<Message | Gap>) =>
          Effect.gen(function* () {
            whole = false
            const { outputs, refused, end } = foldBatch(setup, current, messages, poison)
            for (const message of messages) {
              if (message._tag === "Message" && definitions.has(message.subject)) yield* told(message)
            }
            if (!lease.isHeld()) return yield* new Replaced({ key: setup.key })
            yield* emit(setup, current, outputs)
            for (const { message, reason } of refused) yield* deadLetter(setup.name, message, reason)
            Metrics.folded(setup.name, messages.length)
            Metrics.lag(setup.key, Math.max(0, feed.lastSeq() - current.seq))
            if (end === "rebuild") return true
            if (end !== undefined) {
              yield* passOver(setup.name, current, end)
              return yield* end
            }
            // The publishing may have outlasted the lease, and a snapshot of ours would take back the new owner's.
            if (performance.now() - current.savedAtMs > snapshotEveryMs && lease.isHeld()) yield* save(setup, current)
            whole = true
            return false
          })
        while (!(yield* Effect.flatMap(subscription.takeAll, (messages) => Effect.uninterruptible(step(messages)))));
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
