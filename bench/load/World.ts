/** The platform of bench/pipeline with stored history that can be requested. */
import { ConfigProvider, Effect, Layer, Logger, LogLevel } from "effect"
import * as IndiaTime from "../../src/domain/IndiaTime.ts"
import * as InstrumentHours from "../../src/domain/market/InstrumentHours.ts"
import { shipped } from "../../src/domain/rules/Shipped.ts"
import { BarRepo } from "../../src/store/BarRepo.ts"
import { PostgresLive } from "../../src/store/Postgres.ts"
import type { Ground } from "../pipeline/Ground.ts"
import type * as Universe from "../pipeline/Universe.ts"
import * as Pipeline from "../pipeline/World.ts"

export interface World extends Pipeline.World {
  /** The instruments with stored minutes, and their first and last minute, UNIX ms. */
  readonly past: { readonly symbol: string; readonly fromMs: number; readonly toMs: number }
}

/** The session of a Monday one to two weeks back, as the broker's history would give it. */
const savePast = async (databaseUrl: string, { spec, instruments, underlyingOf }: Universe.Universe): Promise<World["past"]> => {
  const spot = instruments.find(({ expiry }, row) => expiry === null && underlyingOf[row] === 0)
  const aWeekBack = new Date(spec.nowMs - 7 * IndiaTime.dayMs)
  const day = IndiaTime.istDate(aWeekBack.getTime() - ((aWeekBack.getUTCDay() + 6) % 7) * IndiaTime.dayMs)
  const session = InstrumentHours.usual(shipped, { segment: "NSE_CM", security: "other" }, IndiaTime.istMidnightMs(day))
  if (session === undefined) throw new Error(`the rulebook has no hours of ${day}`)
  const { opensAtMs: fromMs, closesAtMs } = session
  const sessionMinutes = (closesAtMs - fromMs) / IndiaTime.minuteMs
  const of = { exchange: spot?.exchange ?? "", instrumentToken: spot?.token ?? 0, tradingsymbol: spot?.tradingsymbol ?? "", minutes: 1 }
  const bars = Array.from({ length: sessionMinutes }, (_, minute) => {
    const price = 2_450_000 + 500 * (minute % 40)
    const prices = { open: price, high: price + 900, low: price - 700, close: price + 400 }
    return {
      ...of,
      ...prices,
      source: "broker" as const,
      at: new Date(fromMs + minute * IndiaTime.minuteMs),
      volume: 0,
      oi: null,
      complete: true
    }
  })
  const save = Effect.flatMap(BarRepo, (repo) => Effect.zipRight(repo.save(bars), repo.markFetched(of, [day]))).pipe(
    Effect.provide(BarRepo.Default.pipe(Layer.provide(PostgresLive))),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["DATABASE_URL", databaseUrl]]))),
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )
  await Effect.runPromise(save)
  return { symbol: `${spot?.exchange}:${spot?.tradingsymbol}`, fromMs, toMs: fromMs + (sessionMinutes - 1) * IndiaTime.minuteMs }
}

export const open = async (ground: Ground, spec: Universe.Spec, rate: number): Promise<World> => {
  const world = await Pipeline.open(ground, { kind: "platform", shape: "split", spec, rate })
  try {
    return { ...world, past: await savePast(world.databaseUrl ?? "", world.universe) }
  } catch (error) {
    await world.close()
    throw error
  }
}
