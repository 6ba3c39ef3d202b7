/** The work after folding a batch: publishing, dead letters and snapshots. */
import { Effect } from "effect"
import type { JetStream, Message } from "../../streams/JetStream.ts"
import type { Snapshots } from "../../streams/Snapshots.ts"
import type * as Board from "./Board.ts"
import * as DeadLetters from "./DeadLetters.ts"
import * as Fold from "./Fold.ts"
import * as Metrics from "./Metrics.ts"
import * as Outputs from "./Outputs.ts"
import type { Poisons } from "./Poisons.ts"
import { requestHeader } from "./RequestHeader.ts"
import * as RunStart from "./RunStart.ts"
import type { Setup } from "./Setup.ts"

/** While only clocks come, a snapshot is saved this often. */
const idleSaveMs = 300_000

const logDefinition = ({ subject, seq, header }: Message) =>
  Effect.logInfo("definition taken").pipe(Effect.annotateLogs({ subject, seq, request_id: header(requestHeader) || "-" }))

export const make = (jetStream: JetStream, snapshots: Snapshots, poisons: Poisons) => {
  const publish = Outputs.make(jetStream)
  const deadLetter = DeadLetters.send(jetStream)

  /** Saves the state, if it has folded anything since it was saved or restored. */
  const save = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>) =>
    Effect.suspend(() => {
      const { recordCreatedMs, seq } = run
      if (seq === run.savedSeq) return Effect.void
      return Effect.map(snapshots.save(setup.key, setup.layout, run.state, { recordCreatedMs, seq }), () => {
        run.savedSeq = seq
        run.savedAtMs = performance.now()
        run.isChanged = false
      })
    })

  /**
   * True if the state differs from the stored one by more than market time, or if the stored one is so old that the clocks since then
   * should not be folded again.
   */
  const isDue = (run: Fold.Run<unknown>) => run.isChanged || performance.now() - run.savedAtMs > idleSaveMs

  /** If a snapshot cannot be saved the run goes on: the previous snapshot is older, but still correct. */
  const savePeriodically = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>) =>
    Effect.suspend(() => {
      run.saveAtMs += RunStart.snapshotEveryMs * Math.ceil((performance.now() - run.saveAtMs) / RunStart.snapshotEveryMs)
      return isDue(run) ? save(setup, run) : Effect.void
    }).pipe(
      Effect.catchAll((error) => {
        Metrics.snapshotFailures(setup.name)
        return Effect.logWarning("snapshot not saved, trying again at the next interval").pipe(
          Effect.annotateLogs({ key: setup.key, cause: error.message })
        )
      })
    )

  const publishOutputs = (name: string, board: Board.Board, outputs: Fold.Folded["outputs"]) =>
    Effect.flatMap(publish(board, outputs), ({ published, silenced, unfit }) => {
      Metrics.published(name, published)
      Metrics.silenced(name, silenced)
      for (const { message } of outputs) if (message.stream === DeadLetters.stream) Metrics.deadLetters(name)
      const bury = ({ subject, seq, reason }: Board.Outcome["unfit"][number]) =>
        deadLetter(name, { subject, seq, data: new Uint8Array() }, reason)
      return unfit.length === 0 ? Effect.void : Effect.forEach(unfit, bury, { discard: true })
    })

  /** Handles what few batches have: refused messages, definitions and ends. True if the run must end and rebuild. */
  const settleRest = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>, folded: Fold.Folded) =>
    Effect.gen(function* () {
      for (const message of folded.definitions) yield* logDefinition(message)
      for (const { message, reason } of folded.refused) yield* deadLetter(setup.name, message, reason)
      if (folded.end === "rebuild") return true
      if (folded.end !== undefined) {
        yield* poisons.add(setup.name, run, folded.end)
        return yield* folded.end
      }
      // The lease may have ended while we published. A snapshot of ours would then overwrite the new owner's.
      if (performance.now() > run.saveAtMs && run.board.lease.isHeld()) yield* savePeriodically(setup, run)
      return false
    })

  /** Publishes a folded batch and does what else follows from it. True if the run must end and rebuild. */
  const settle = <S, O extends { readonly seq: number }>(setup: Setup<S, O>, run: Fold.Run<S>, folded: Fold.Folded) =>
    Effect.suspend(() => {
      const rest = () =>
        Fold.hasOnlyOutputs(folded) && performance.now() <= run.saveAtMs ? Effect.succeed(false) : settleRest(setup, run, folded)
      return folded.outputs.length === 0 ? rest() : Effect.flatMap(publishOutputs(setup.name, run.board, folded.outputs), rest)
    })

  return { save, settle } as const
}
