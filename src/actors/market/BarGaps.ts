import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { BarRepo } from "../../store/BarRepo.ts"
import * as Metrics from "../runtime/Metrics.ts"

/** Time between two looks for incomplete bars. */
const lookEvery = "30 seconds"
/** The broker has the candle of a minute by then. */
export const settledAfterMs = 2 * IndiaTime.minuteMs
/** Older gaps are filled when somebody asks for their day. The span covers a long weekend. */
export const lookBackMs = 5 * IndiaTime.dayMs
/** Gaps of one look. They are fetched one after another, so that people's questions find the broker's rate free. */
export const gapsMax = 20
/** The broker has no candle of a minute without a trade, so a gap may stay. It is given up after this many answers. */
export const triesMax = 3
/** Gaps whose tries are remembered. Beyond it all are forgotten and tried again. */
const rememberedMax = 100_000

const keyOf = ({ exchange, tradingsymbol, from, to }: BarRepo.Gap): string =>
  `${exchange} ${tradingsymbol} ${from.getTime()} ${to.getTime()}`

/**
 * Fills from the broker's history the minutes in which packets were lost: those that a bar marks incomplete, and the ones without a bar
 * between them. Our incomplete bars stay, and readers prefer the broker's there.
 */
export const make = (fill: (gap: BarRepo.Gap) => Effect.Effect<unknown, unknown>, nowMs: () => number) =>
  Effect.gen(function* () {
    const repo = yield* BarRepo
    const tries = new Map<string, number>()
    const isOpen = (gap: BarRepo.Gap): boolean => (tries.get(keyOf(gap)) ?? 0) < triesMax

    const fillOne = (gap: BarRepo.Gap) => {
      if (tries.size >= rememberedMax) tries.clear()
      tries.set(keyOf(gap), (tries.get(keyOf(gap)) ?? 0) + 1)
      return Effect.match(fill(gap), {
        // The answer's error is in the log already.
        onFailure: () => Metrics.barGaps("failed", 1),
        onSuccess: () => Metrics.barGaps("asked", 1)
      })
    }
    const look = Effect.gen(function* () {
      const atMs = nowMs()
      const gaps = yield* repo.gaps(new Date(atMs - lookBackMs), new Date(atMs - settledAfterMs))
      yield* Effect.forEach(gaps.filter(isOpen).slice(0, gapsMax), fillOne, { discard: true })
    })
    const keep = look.pipe(
      Effect.catchAll((error) => Effect.logWarning("cannot look for incomplete bars", error)),
      Effect.delay(lookEvery),
      Effect.forever
    )
    return { look, keep } as const
  })
