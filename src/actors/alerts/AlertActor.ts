import { Data, Effect, Either, Option } from "effect"
import { type Input, inputOf, onDay } from "../../domain/alerts/AlertRule.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { AlertRepo, type Step } from "../../store/alerts/AlertRepo.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as Admission from "./Admission.ts"
import { readings } from "./Inputs.ts"
import { Watching } from "./Watching.ts"

export const kind = "alerts"

/** Alerts are read again this often, and at once when a user changed one. */
const loadEvery = "5 seconds"
/** The place in a stream is saved this often while no alert changes. */
const saveEveryMs = 1_000
/** The most messages before the place that are read again, only to recognise duplicates and messages of a replaced process. */
const lookBackMax = 500

const inputs: ReadonlyArray<Input> = ["packet", "instrument", "chain", "strategy", "feed"]

/** The stream was made again, so the saved sequences do not apply to it. The actor starts again. */
export class StreamMadeAgain extends Data.TaggedError("StreamMadeAgain")<{ readonly stream: string }> {
  override get message() {
    return `stream ${this.stream} was made again`
  }
}

/** Loads the alerts of an input, and the place in its stream. */
const alertsOf = (input: Input, repo: AlertRepo, jetStream: JetStream, registry: InstrumentRegistry) => {
  const { stream } = readings[input]
  let day: Instrument.Master | undefined
  /** Where to continue: after the saved place, or, without one, after the newest message of the stream. */
  const begin = Effect.gen(function* () {
    const { createdMs, firstSeq, lastSeq } = yield* jetStream.info(stream)
    const saved = Option.filter(yield* repo.place(input), ({ epoch }) => epoch === createdMs)
    const seq = Option.match(saved, { onNone: () => lastSeq, onSome: ({ seq }) => Math.max(seq, firstSeq - 1) })
    yield* repo.step([], { input, epoch: createdMs, seq })
    return { epoch: createdMs, seq, readFrom: Math.max(seq - lookBackMax, firstSeq - 1, 0) }
  })
  /**
   * Loads the present alerts. A new alert is decided from the first message that arrives after this load. An alert whose instrument the
   * day's list lacks waits. Before the first list all alerts on instruments wait. They lose no message, because nothing is read meanwhile.
   */
  const load = (watching: Watching, epoch: number) =>
    Effect.gen(function* () {
      const { lastSeq } = yield* jetStream.info(stream)
      const stored = (yield* repo.watched).filter(({ watch }) => inputOf(watch) === input)
      const present = registry.current()
      const all = stored.flatMap((alert) => {
        const watch = onDay(alert.watch, present)
        return watch === undefined ? [] : [{ ...alert, watch }]
      })
      const taken = yield* Effect.forEach(all, (alert) =>
        alert.inputEpoch === epoch
          ? Effect.succeed(alert)
          : Effect.as(repo.takeUp(alert, epoch, lastSeq), { ...alert, inputEpoch: epoch, inputSeq: lastSeq })
      )
      watching.set(taken)
      day = present
      Metrics.alertsWatched(input, watching.size)
    })
  /** True if there is another list of instruments than at the load, so tokens may name other instruments. */
  const hasNewList = () => day !== registry.current()
  return { begin, load, hasNewList }
}

type Item = Message | OrderedRead.Gap

interface Setup {
  readonly input: Input
  readonly repo: AlertRepo
  readonly jetStream: JetStream
  readonly refuse: ReturnType<typeof DeadLetters.send>
  readonly alerts: ReturnType<typeof alertsOf>
}

/** One run of an input: its alerts, and the place in the stream where it continues. */
interface Run extends Setup {
  readonly watching: Watching
  readonly admit: (message: Message) => Admission.Verdict
  readonly place: Effect.Effect.Success<Setup["alerts"]["begin"]>
}

/** The changes that messages cause. A message that cannot be read becomes a dead letter. */
const decide = ({ input, refuse, watching }: Run, messages: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const steps: Array<Step> = []
    for (const message of messages) {
      const taken = watching.take(message, input)
      if (Either.isLeft(taken)) yield* refuse(kind, message, taken.left)
      else steps.push(...taken.right)
    }
    return steps
  })

/** The messages to decide. A message of a replaced process becomes a dead letter. */
const admitted = ({ admit, input, place, refuse, watching }: Run, items: ReadonlyArray<Item>) =>
  Effect.gen(function* () {
    const { stream } = readings[input]
    const messages: Array<Message> = []
    for (const item of items) {
      if (item._tag === "Gap") {
        if (item.recreated) return yield* new StreamMadeAgain({ stream })
        yield* Effect.logWarning("alerts miss messages that the stream dropped").pipe(Effect.annotateLogs({ stream, ...item }))
      } else if (watching.isWanted(item.subject)) {
        const verdict = admit(item)
        if (item.seq <= place.seq) continue
        if (verdict === true) messages.push(item)
        else if (verdict !== false) yield* refuse(kind, item, verdict)
      }
    }
    return messages
  })

/** Decides messages, and saves the changed alerts, their events and the place in the stream. */
const makeWork = (run: Run) =>
  Effect.map(SteadyTime.nowMs, (startedMs) => {
    const { alerts, input, place, repo, watching } = run
    let savedAtMs = startedMs
    return (items: ReadonlyArray<Item>) =>
      Effect.gen(function* () {
        const messages = yield* admitted(run, items)
        const seq = items.reduce((most, item) => Math.max(most, item._tag === "Gap" ? item.to : item.seq), place.seq)
        const steps = yield* decide(run, messages)
        const nowMs = yield* SteadyTime.nowMs
        if (steps.length === 0 && nowMs - savedAtMs < saveEveryMs) return
        savedAtMs = nowMs
        let isSaved = yield* repo.step(steps, { input, epoch: place.epoch, seq })
        // It is not saved if a user changed an alert meanwhile. Then these messages are decided again with the present alerts.
        while (!isSaved) {
          yield* alerts.load(watching, place.epoch)
          isSaved = yield* repo.step(yield* decide(run, messages), { input, epoch: place.epoch, seq })
        }
      })
  })

/**
 * Reads the stream of a run. While there is no alert, nothing is read and the place does not advance, perhaps for days. So the read begins
 * shortly before the first message that an alert needs.
 */
const open = ({ input, place, watching }: Run, filters: ReadonlyArray<string>) =>
  Effect.suspend(() => {
    const seq = Math.max(place.readFrom, watching.fromSeq - lookBackMax)
    return OrderedRead.make({ stream: readings[input].stream, filters, start: { _tag: "After", seq } })
  })

/** Decides alerts until other subjects have to be read, or a new list of instruments comes. Without alerts it reads nothing. */
const runInput = (setup: Setup, news: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { alerts, input } = setup
    const reading = readings[input]
    const place = yield* alerts.begin
    const watching = new Watching()
    const run: Run = { ...setup, watching, admit: Admission.make(reading), place }
    yield* alerts.load(watching, place.epoch)
    const filters = reading.filters(watching.subjects)
    const work = yield* makeWork(run)
    const alone = (yield* Effect.makeSemaphore(1)).withPermits(1)

    /** False, with nothing done, if there is a new list. The next run reads these messages again. */
    const workUnlessNew = (items: ReadonlyArray<Item>) =>
      Effect.suspend(() => (alerts.hasNewList() ? Effect.succeed(false) : Effect.as(work(items), true)))
    const isReadWhole = Effect.sync(() => reading.filters(watching.subjects).join(" ") === filters.join(" "))
    const follow = Effect.flatMap(open(run, filters), ({ takeAll }) =>
      Effect.repeat(
        Effect.flatMap(takeAll, (items) => alone(workUnlessNew(items))),
        { while: (isDone) => isDone }
      )
    )
    const reload = Effect.repeat(
      Effect.zipRight(Effect.timeoutOption(news, loadEvery), alone(Effect.zipRight(alerts.load(watching, place.epoch), isReadWhole))),
      { while: (isWhole) => isWhole }
    )
    return yield* Effect.raceFirst(watching.size === 0 ? Effect.never : follow, reload)
  }).pipe(Effect.scoped, Effect.provideService(JetStream, setup.jetStream))

/**
 * Decides the alerts of one input from the messages of its stream, each in the stream's order. The changed alerts, their events and the
 * place in the stream are saved in one transaction. So alerts also fire for messages that were published while no actor ran, and do not
 * fire twice after a crash. The actor has a separate read of the stream, because its waits for Postgres must not delay actors that share a
 * read of the record.
 */
const makeInput = (input: Input) =>
  Effect.gen(function* () {
    const repo = yield* AlertRepo
    const jetStream = yield* JetStream
    const registry = yield* InstrumentRegistry
    const alerts = alertsOf(input, repo, jetStream, registry)
    const setup: Setup = { input, repo, jetStream, refuse: DeadLetters.send(jetStream), alerts }
    return (news: Effect.Effect<void>) => Effect.forever(runInput(setup, news))
  })

/** Decides the alerts of all users. */
export const make = Effect.gen(function* () {
  const jetStream = yield* JetStream
  const all = yield* Effect.forEach(inputs, makeInput)
  return Effect.gen(function* () {
    const latches = yield* Effect.forEach(all, () => Effect.makeLatch(false))
    yield* LiveMessages.listen(jetStream.nc, Subjects.Changed.at({ what: "alerts" }), () => {
      for (const latch of latches) latch.unsafeOpen()
    })
    const runs = all.map((run, at) => {
      const latch = latches[at]
      return run(latch === undefined ? Effect.never : Effect.zipRight(latch.await, latch.close))
    })
    return yield* Effect.all(runs, { concurrency: "unbounded", discard: true })
  }).pipe(Effect.scoped)
})
