/** The platform of bench/pipeline as clients of its gateway see it: an address, tokens that it accepts, and a past that it can be asked for. */
import { ConfigProvider, Effect, Layer, Logger, LogLevel } from "effect"
import { SignJWT } from "jose"
import * as Calendar from "../../src/domain/market/Calendar.ts"
import * as Expiry from "../../src/domain/market/Expiry.ts"
import { BarRepo } from "../../src/store/BarRepo.ts"
import { PostgresLive } from "../../src/store/Postgres.ts"
import * as Universe from "../pipeline/Universe.ts"
import * as Pipeline from "../pipeline/World.ts"

export interface World extends Pipeline.World {
  readonly port: number
  readonly jwt: string
  /** Whose minutes there are, and their first and last, UNIX ms. */
  readonly past: { readonly symbol: string; readonly fromMs: number; readonly toMs: number }
}

const sign = (secret: string): Promise<string> =>
  new SignJWT({ role: "user", email: "bench@example.org", name: Universe.owner })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(Universe.owner)
    .setIssuer("tarang")
    .setAudience("tarang")
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret))

const sessionMinutes = (Calendar.closeOfDayMs - Calendar.openOfDayMs) / Expiry.minuteMs

/** The session of a Monday one to two weeks back, as the broker's history would have it. */
const savePast = async (databaseUrl: string, { spec, instruments, underlyingOf }: Universe.Universe): Promise<World["past"]> => {
  const spot = instruments.find(({ expiry }, row) => expiry === null && underlyingOf[row] === 0)
  const aWeekBack = new Date(spec.nowMs - 7 * Expiry.dayMs)
  const day = Expiry.istDate(aWeekBack.getTime() - ((aWeekBack.getUTCDay() + 6) % 7) * Expiry.dayMs)
  const fromMs = Expiry.istMidnightMs(day) + Calendar.openOfDayMs
  const of = { instrumentToken: spot?.token ?? 0, tradingsymbol: spot?.tradingsymbol ?? "", minutes: 1 }
  const bars = Array.from({ length: sessionMinutes }, (_, minute) => {
    const price = 2_450_000 + 500 * (minute % 40)
    const prices = { open: price, high: price + 900, low: price - 700, close: price + 400 }
    return {
      ...of,
      ...prices,
      source: "broker" as const,
      at: new Date(fromMs + minute * Expiry.minuteMs),
      volume: 0,
      oi: null,
      complete: true
    }
  })
  const save = Effect.flatMap(BarRepo, (repo) => Effect.zipRight(repo.save(bars), repo.markTold(of, [day]))).pipe(
    Effect.provide(BarRepo.Default.pipe(Layer.provide(PostgresLive))),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["DATABASE_URL", databaseUrl]]))),
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )
  await Effect.runPromise(save)
  return { symbol: `${spot?.exchange}:${spot?.tradingsymbol}`, fromMs, toMs: fromMs + (sessionMinutes - 1) * Expiry.minuteMs }
}

export const open = async (ground: Pipeline.Ground, spec: Universe.Spec, rate: number): Promise<World> => {
  // What the gateway is started with says where it answers, by which secret, and what it reads.
  let env: Readonly<Record<string, string>> = {}
  const start: Pipeline.Ground["children"]["start"] = (name, program, args, options) => {
    if ("env" in options) env = options.env as Readonly<Record<string, string>>
    return ground.children.start(name, program, args, options)
  }
  const world = await Pipeline.open({ ...ground, children: { start } }, { kind: "platform", shape: "split", spec, rate })
  try {
    const past = await savePast(env["DATABASE_URL"] ?? "", world.universe)
    return { ...world, port: Number(env["GATEWAY_PORT"]), jwt: await sign(env["JWT_SECRET"] ?? ""), past }
  } catch (error) {
    await world.close()
    throw error
  }
}
