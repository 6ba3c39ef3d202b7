import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as Board from "../../../src/actors/runtime/Board.ts"
import * as Fold from "../../../src/actors/runtime/Fold.ts"
import * as Poisons from "../../../src/actors/runtime/Poisons.ts"
import * as Settle from "../../../src/actors/runtime/Settle.ts"
import type { Setup } from "../../../src/actors/runtime/Setup.ts"
import type { Taken } from "../../../src/streams/FrameFeed.ts"
import type { JetStream } from "../../../src/streams/JetStream.ts"
import type { Snapshots } from "../../../src/streams/Snapshots.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { Recorder, spotToken, startMs } from "../../domain/record/Recorder.ts"
import { heldLease } from "../HeldLease.ts"

type Count = { inputs: number }
/** An actor that only counts, so that nothing but its snapshots reaches NATS. */
const setup: Setup<Count, { readonly seq: number }> = {
  name: "count",
  key: "count.1",
  layout: "1",
  decider: () => ({ initial: { inputs: 0 }, decide: (state) => [{ inputs: state.inputs + 1 }, []] }),
  frames: [Subjects.Frame.at({ exchange: "NSE", underlying: "NIFTY" })],
  references: [],
  route: () => {
    throw new Error("it has no outputs")
  },
  outputs: []
}
const noJetStream = {} as JetStream
/** More than the five minutes after which clocks alone are saved. */
const longMs = 301_000

const runOf = (run: Partial<Fold.Run<Count>> = {}): Fold.Run<Count> => ({
  key: setup.key,
  board: Board.make(setup.key, heldLease, 1),
  state: { inputs: 0 },
  seq: 0,
  silentUntilSeq: 0,
  recordCreatedMs: 1,
  savedSeq: undefined,
  savedAtMs: Number.NEGATIVE_INFINITY,
  isChanged: true,
  saveAtMs: 0,
  ...run
})

/** Folds and settles one batch when a snapshot is due, and returns whether a snapshot was written. */
const actor = (run: Fold.Run<Count>) => {
  const written: Array<number> = []
  const snapshots = {
    save: (_key: string, _layout: string, _state: unknown, { seq }: { readonly seq: number }) => Effect.sync(() => void written.push(seq)),
    position: () => Effect.succeed(Option.none())
  } as unknown as Snapshots
  const { save, settle } = Settle.make(
    noJetStream,
    snapshots,
    Poisons.make(() => Effect.void)
  )
  const recorder = new Recorder()
  const batch = (add: (recorder: Recorder) => Recorder) =>
    Effect.gen(function* () {
      const from = recorder.inputs.length
      add(recorder)
      const items = recorder.inputs.slice(from).map((input) => ({ _tag: "Taken", seq: input.seq, input }) as unknown as Taken)
      run.saveAtMs = performance.now() - 1
      const before = written.length
      assert.isFalse(yield* settle(setup, run, Fold.foldBatch(setup, run, items, new Set())))
      assert.isAbove(run.saveAtMs, performance.now(), "the next one is due later")
      return written.length > before
    })
  return { batch, written, save: save(setup, run) }
}
const frame = (recorder: Recorder) => recorder.frame(startMs, [{ token: spotToken, price: 100 }]).clock(startMs + 100)
const clocks = (recorder: Recorder) => recorder.clock(startMs + 200).clock(startMs + 300)

describe("Snapshots", () => {
  it.effect("are written when something changed, and not while only clocks come", () =>
    Effect.gen(function* () {
      const run = runOf()
      const { batch } = actor(run)
      assert.isTrue(yield* batch(frame), "the first")
      for (let round = 0; round < 5; round++) assert.isFalse(yield* batch(clocks), "only clocks")
      assert.isTrue(yield* batch(frame), "a frame")
      assert.isFalse(yield* batch(clocks), "only clocks again")
      assert.strictEqual(run.state.inputs, 2 + 2 + 6 * 2, "every input is in the state all the same")
    })
  )

  it.effect("after five minutes of clocks one is written, so that a start does not fold them again", () =>
    Effect.gen(function* () {
      const run = runOf()
      const { batch } = actor(run)
      yield* batch(frame)
      run.savedAtMs = performance.now() - longMs
      assert.isTrue(yield* batch(clocks))
      assert.isFalse(yield* batch(clocks))
    })
  )

  it.effect("a restored state that has folded nothing is not written; at the end of a run a state that folded only clocks is", () =>
    Effect.gen(function* () {
      const run = runOf({ seq: 40, savedSeq: 40, savedAtMs: performance.now(), isChanged: false })
      const { batch, save, written } = actor(run)
      yield* save
      assert.deepStrictEqual(written, [])
      assert.isFalse(yield* batch(clocks), "restored, and only clocks")
      yield* save
      assert.deepStrictEqual(written, [2])
      yield* save
      assert.deepStrictEqual(written, [2], "once")
    })
  )
})
