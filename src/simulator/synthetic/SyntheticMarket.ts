/**
 * A market made from a seed. Spot prices walk within a band around their base prices; futures and options follow from one volatility smile.
 * Tick j belongs to a fixed time and a fixed instrument. The packets therefore depend on the settings and on market time alone,
 * not on how often `advance` is called.
 */
import { Clock, Effect } from "effect"
import type { Market, Outlet } from "../Market.ts"
import { Random } from "../Random.ts"
import { SpotPath } from "./SpotPath.ts"
import * as SyntheticBook from "./SyntheticBook.ts"
import * as SyntheticHistory from "./SyntheticHistory.ts"
import * as SyntheticListing from "./SyntheticListing.ts"
import type { Settings } from "./SyntheticSettings.ts"
import * as SyntheticTick from "./SyntheticTick.ts"

export interface SyntheticMarket extends Market {
  /** Moves market time to `nowMs` and publishes the ticks up to it. After a gap of over a second only the last second's ticks are published. */
  readonly advance: (nowMs: number, publish: Outlet["publish"]) => void
}

const gapMsMax = 1000
const publishRowsMax = 512
const advanceEveryMs = 20

const shuffled = (length: number, random: Random): Uint32Array => {
  const order = Uint32Array.from({ length }, (_, index) => index)
  for (let last = length - 1; last > 0; last--) {
    const other = random.bits() % (last + 1)
    const held = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = held
  }
  return order
}

/** The ticks of a book: every row once per round, in one shuffled order, evenly spread over time. */
const makeAdvance = (settings: Settings, book: SyntheticBook.Book, path: SpotPath, random: Random): SyntheticMarket["advance"] => {
  const rows = book.columns.count
  const ticksPerMs = (rows * settings.rate) / 1000
  const order = shuffled(rows, random)
  // Rows of a batch are distinct: a batch is never longer than a round.
  const due = new Uint32Array(Math.min(rows, publishRowsMax))
  let ticks = 0
  /** Applies the next ticks, as many as `due` holds; returns how many rows have changed. */
  const nextBatch = (total: number): number => {
    let count = 0
    for (let taken = 0; taken < due.length && ticks < total; taken++) {
      const row = order[ticks % rows] ?? 0
      ticks++
      const atMs = settings.startMs + ticks / ticksPerMs
      path.moveTo(atMs)
      if (SyntheticBook.expiryMsOf(book, row) <= atMs) continue
      SyntheticTick.tickRow(book, row, atMs, settings.volumeLotsMax, random)
      due[count++] = row
    }
    return count
  }
  return (nowMs, publish) => {
    const total = Math.floor((nowMs - settings.startMs) * ticksPerMs)
    ticks = Math.max(ticks, total - Math.floor(ticksPerMs * gapMsMax))
    while (ticks < total) {
      const count = nextBatch(total)
      if (count > 0) publish(due, count)
    }
  }
}

export const make = (settings: Settings): SyntheticMarket => {
  const listed = SyntheticListing.make(settings)
  const book = SyntheticBook.make(settings, listed)
  const path = new SpotPath(settings, book)
  const random = new Random(settings.seed + 0x5eed)
  const publishUpTo = makeAdvance(settings, book, path, random)
  const rowByToken = new Map(listed.map((one, row) => [one.instrument.token, row]))
  let timeMs = settings.startMs
  const advance: SyntheticMarket["advance"] = (nowMs, publish) => {
    publishUpTo(nowMs, publish)
    timeMs = Math.max(timeMs, nowMs)
  }
  for (let row = 0; row < listed.length; row++) SyntheticTick.seedRow(book, row, settings.startMs, settings.volumeLotsMax, random)
  return {
    mode: "synthetic",
    underlying: null,
    instruments: listed.map((one) => one.instrument),
    columns: book.columns,
    rowByToken,
    minutes: (token, { fromMs, toMs }) => {
      const row = rowByToken.get(token)
      return row === undefined
        ? []
        : SyntheticHistory.minutesOf(book, settings, path.minutes, row, { fromMs, toMs: Math.min(toMs, timeMs) })
    },
    status: () => ({ timeMs, speed: 1, state: "running" }),
    advance,
    run: (outlet) =>
      Effect.forever(
        Effect.zipRight(
          Effect.sleep(advanceEveryMs),
          Effect.map(Clock.currentTimeMillis, (nowMs) => advance(nowMs, outlet.publish))
        )
      )
  }
}
