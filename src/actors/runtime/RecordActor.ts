import { Effect } from "effect"
import { FrameFeed, type Item } from "../../streams/FrameFeed.ts"
import * as Members from "../../streams/feed/Members.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Patience from "../../streams/Patience.ts"
import { Snapshots } from "../../streams/Snapshots.ts"
import * as DeadLetters from "./DeadLetters.ts"
import * as Fold from "./Fold.ts"
import { Leases, Replaced } from "./Leases.ts"
import * as Metrics from "./Metrics.ts"
import * as Poisons from "./Poisons.ts"
import * as RunStart from "./RunStart.ts"
import * as Settle from "./Settle.ts"
import type { Setup } from "./Setup.ts"

/** Logs what a run that ends while NATS is away leaves to the next start. Nothing is lost: the record has all inputs. */
const leftBehind = ({ savedSeq, seq }: Fold.Run<unknown>, unsettled: Fold.Folded | undefined) =>
  seq === savedSeq && unsettled === undefined
    ? Effect.void
    : Effect.logWarning("ends without NATS: the next start folds the record again from the saved state").pipe(
        Effect.annotateLogs({ seq, saved_seq: savedSeq, outputs_left: unsettled?.outputs.length ?? 0 })
      )

/**
 * Drives a decider from the record. A run restores the snapshot or rebuilds the state, folds whole batches, and publishes their outputs under
 * the sequence that caused them. It does not publish again what an earlier run has published. It saves its state periodically and at its end.
 * The first start and a recovery are the same code; every failure is left to the supervisor.
 */
export class RecordActor extends Effect.Service<RecordActor>()("actors/runtime/RecordActor", {
  effect: Effect.gen(function* () {
    const jetStream = yield* JetStream
    const feed = yield* FrameFeed
    const snapshots = yield* Snapshots
    const leases = yield* Leases
    const poisons = Poisons.make(DeadLetters.send(jetStream))
    const start = yield* RunStart.make(poisons)
    const patiently = Patience.make(jetStream)

    const { save, settle } = Settle.make(jetStream, snapshots, poisons)

    /**
     * Folds and settles batches in turn until the run must rebuild. The feed folds each batch inside its own callback, and stops reading at
     * the first batch that needs settling. This fiber settles that batch and lets the feed read on. A stop waits until the batch is settled.
     */
    const foldRecord = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>) =>
      Effect.gen(function* () {
        const { lease } = run.board
        const poison = poisons.of(run)
        const subscription = yield* feed.subscribe({
          frames: setup.frames,
          definitions: [...setup.references, ...(setup.breaks ?? []), ...(setup.strategies === undefined ? [] : [Members.everyStrategy])],
          afterSeq: run.seq
        })
        /** The batch that is in the state while its outputs are not all published yet. */
        let unsettled: Fold.Folded | undefined
        // State and outputs belong together: the state is saved only if every batch in it was settled.
        yield* Effect.addFinalizer(() => {
          if (!jetStream.isConnected()) return leftBehind(run, unsettled)
          return unsettled === undefined && lease.isHeld() ? Effect.ignoreLogged(save(setup, run)) : Effect.void
        })

        /** True if the feed may read on, because the batch changed only the state. */
        const fold = (items: ReadonlyArray<Item>): boolean => {
          const folded = Fold.foldBatch(setup, run, items, poison)
          Metrics.folded(setup.name, items.length)
          Metrics.lag.set(setup.key, Math.max(0, feed.lastSeq() - run.seq))
          const isSettled =
            lease.isHeld() && folded.outputs.length === 0 && Fold.hasOnlyOutputs(folded) && performance.now() <= run.saveAtMs
          unsettled = isSettled ? undefined : folded
          return isSettled
        }
        const settleBatch = Effect.suspend(() => {
          if (unsettled === undefined) return Effect.succeed(false)
          if (!lease.isHeld()) return new Replaced({ key: setup.key })
          return Effect.map(settle(setup, run, unsettled), (mustRebuild) => {
            if (!mustRebuild) unsettled = undefined
            return mustRebuild
          })
        })
        yield* Effect.uninterruptibleMask((restore) => {
          const readUntilUnsettled = Effect.exit(restore(subscription.takeWhile(fold)))
          // `readEnd` fails after the batch was settled, if reading failed or was interrupted.
          const turn = Effect.flatMap(readUntilUnsettled, (readEnd) => Effect.zipLeft(settleBatch, readEnd))
          return Effect.gen(function* () {
            while (!(yield* turn));
          })
        })
      })

    /** One run. It ends with "rebuild" when the record has a gap. */
    const runOnce = <S, O extends { readonly seq: number }>(setup: Setup<S, O>) =>
      Effect.gen(function* () {
        const lease = yield* leases.of(setup.key)
        const run = yield* patiently({ actor: setup.name, isWanted: lease.isHeld }, start(setup, lease))
        yield* Effect.addFinalizer(() => Effect.sync(() => Metrics.lag.forget(setup.key)))
        yield* foldRecord(setup, run)
        yield* Effect.logWarning("rebuilding from the record")
        yield* snapshots.drop(setup.key)
        return "rebuild" as const
      }).pipe(Effect.scoped, Effect.annotateLogs({ actor: setup.name }))

    /** Runs an actor until it fails. Each run gets a new setup. */
    const run = <S, O extends { readonly seq: number }, E, R>(setup: Effect.Effect<Setup<S, O>, E, R>) =>
      Effect.forever(Effect.flatMap(setup, runOnce))

    return { run } as const
  })
}) {}
