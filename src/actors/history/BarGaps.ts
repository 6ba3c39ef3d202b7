import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { BarRepo } from "../../store/history/BarRepo.ts"
import * as Metrics from "../runtime/Metrics.ts"

/** Time between two looks for incomplete bars. */
const lookEvery = "30 seconds"
/** After this time the broker has the candle of a minute. */
export const settledAfterMs = 2 * IndiaTime.minuteMs
/** Only gaps of this span are looked for; it covers a long weekend. Older gaps are filled when somebody asks for their day. */
export const lookBackMs = 5 * IndiaTime.dayMs
/** The most gaps of one look. They are fetched one at a time, which leaves the broker's rate limit free for people's questions. */
export const gapsMax = 20
/** The broker has no candle of a minute without a trade, so a gap may remain. It is given up after this many answers. */
export const triesMax = 3
/** The most gaps whose tries are remembered. When there are more, all are forgotten and tried again. */
const rememberedMax = 100_000

const keyOf = ({ exchange, tradingsymbol, from, to }: BarRepo.Gap): string =>
  `${exchange} ${tradingsymbol} ${from.getTime()} ${to.getTime()}`

/**
 * Fills minutes with lost packets from the broker's history: minutes whose bar is incomplete, and the minutes without a bar between them.
 * The incomplete bars stay stored, and readers prefer the broker's bars there.
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
