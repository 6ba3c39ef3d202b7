/** The platform of bench/pipeline with stored history that can be requested. */
import { ConfigProvider, Effect, Layer, Logger, LogLevel } from "effect"
import * as IndiaTime from "../../src/domain/IndiaTime.ts"
import * as Coverage from "../../src/domain/market/Coverage.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as InstrumentHours from "../../src/domain/market/InstrumentHours.ts"
import * as KiteHistory from "../../src/domain/market/KiteHistory.ts"
import type * as Hours from "../../src/domain/rules/Hours.ts"
import { shipped } from "../../src/domain/rules/Shipped.ts"
import { BarRepo, type NewBar } from "../../src/store/history/BarRepo.ts"
import { PostgresLive } from "../../src/store/Postgres.ts"
import type { Ground } from "../pipeline/Ground.ts"
import type * as Universe from "../pipeline/Universe.ts"
import * as Pipeline from "../pipeline/World.ts"

export interface World extends Pipeline.World {
  /** The instruments with stored minutes: each underlying and its future, as a request names them. */
  readonly symbols: ReadonlyArray<string>
  /** The first and last minute of their newest whole session, UNIX ms. */
  readonly past: { readonly fromMs: number; readonly toMs: number }
}

/** Timeframes of the indicators that are asked for. */
export const timeframes = ["1m", "5m", "15m"] as const
/** The slowest of them at 15 minutes needs the sessions of about 45 days. */
const pastDays = 60

const symbolOf = ({ exchange, tradingsymbol }: Instrument.Instrument): string => `${exchange}:${tradingsymbol}`

/** The sessions of the last days, today's left out. */
const sessionsOf = (instrument: Instrument.Instrument, nowMs: number): ReadonlyArray<Hours.Session> => {
  const place = InstrumentHours.placeOf(shipped, instrument, true)
  const todayMs = IndiaTime.istMidnightMs(IndiaTime.istDate(nowMs))
  return InstrumentHours.during(shipped, place, Coverage.daysIn({ fromMs: todayMs - pastDays * IndiaTime.dayMs, toMs: todayMs - 1 }))
}

/** Every minute of the sessions, as the platform would have stored it from its own ticks. */
const barsOf = (instrument: Instrument.Instrument, sessions: ReadonlyArray<Hours.Session>): ReadonlyArray<NewBar> =>
  sessions.flatMap(({ closesAtMs, opensAtMs }) =>
    Array.from({ length: (closesAtMs - opensAtMs) / IndiaTime.minuteMs }, (_, minute): NewBar => {
      const price = 2_450_000 + 500 * (minute % 40)
      return {
        exchange: instrument.exchange,
        instrumentToken: instrument.token,
        tradingsymbol: instrument.tradingsymbol,
        minutes: 1,
        source: "live",
        at: new Date(opensAtMs + minute * IndiaTime.minuteMs),
        ...{ open: price, high: price + 900, low: price - 700, close: price + 400 },
        volume: Instrument.isIndex(instrument.token) ? 0 : 75 * (1 + (minute % 7)),
        oi: null,
        complete: true
      }
    })
  )

/**
 * Stores the past of each underlying and its future. Today has only what the run streams. The broker's stand-in has no history, so its days
 * are marked as fetched.
 */
const savePast = async (databaseUrl: string, { spec, instruments }: Universe.Universe): Promise<Pick<World, "past" | "symbols">> => {
  const charted = instruments.filter(({ strike }) => strike === 0)
  const today = IndiaTime.istDate(spec.nowMs)
  const newest = charted[0] === undefined ? undefined : sessionsOf(charted[0], spec.nowMs).at(-1)
  if (newest === undefined) throw new Error(`the rulebook has no session in the ${pastDays} days before ${today}`)
  const save = Effect.gen(function* () {
    const repo = yield* BarRepo
    for (const instrument of charted) {
      yield* repo.save(barsOf(instrument, sessionsOf(instrument, spec.nowMs)))
      const { exchange, token: instrumentToken, tradingsymbol } = instrument
      for (const name of timeframes) {
        const minutes = KiteHistory.byAlias(name)?.minutes ?? 0
        yield* repo.markFetched({ exchange, instrumentToken, tradingsymbol, minutes }, [today])
      }
    }
  }).pipe(
    Effect.provide(BarRepo.Default.pipe(Layer.provide(PostgresLive))),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["DATABASE_URL", databaseUrl]]))),
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )
  await Effect.runPromise(save)
  return { symbols: charted.map(symbolOf), past: { fromMs: newest.opensAtMs, toMs: newest.closesAtMs - IndiaTime.minuteMs } }
}

export const open = async (ground: Ground, spec: Universe.Spec, rate: number): Promise<World> => {
  const world = await Pipeline.open(ground, { kind: "platform", shape: "split", spec, rate })
  try {
    return { ...world, ...(await savePast(world.databaseUrl ?? "", world.universe)) }
  } catch (error) {
    await world.close()
    throw error
  }
}
