/** A simulator's options, and the environment variables that set them. */
import { readFile } from "node:fs/promises"
import { Config, ConfigError, Data, Effect, Either, Option, ParseResult, Schema } from "effect"
import * as IndiaTime from "../domain/IndiaTime.ts"
import * as DaysMarket from "./days/DaysMarket.ts"
import type { OpeningHolding } from "./portfolio/Ledger.ts"
import type * as RecordedMarket from "./recorded/RecordedMarket.ts"
import type * as Sessions from "./Sessions.ts"
import * as SyntheticSettings from "./synthetic/SyntheticSettings.ts"

export type MarketOptions =
  | ({ readonly mode: "synthetic" } & Partial<SyntheticSettings.Settings>)
  | ({ readonly mode: "recorded" } & RecordedMarket.Settings)
  | ({ readonly mode: "days" } & Pick<DaysMarket.Settings, "days"> & Partial<DaysMarket.Settings>)

export interface Options {
  /** The default is 127.0.0.1. */
  readonly host?: string
  /** The default is 0, which takes any free port. */
  readonly port?: number
  readonly accounts: ReadonlyArray<Sessions.Account>
  readonly market: MarketOptions
  /** Whether Kite's request rates are enforced (one quote and ten other requests per second and api_key); the default is no. */
  readonly rateLimits?: boolean
  /** How long the order book does not show a new order; the default is 0. */
  readonly orderBookLagMs?: number
  /** The rupees of each account in each segment at the start; the default is ten lakh. */
  readonly openingCash?: number
  /** The shares of each account at the start; none by default. */
  readonly openingHoldings?: ReadonlyArray<OpeningHolding>
  /** The port of the admin API, where a test asks for the true state and for faults; 0 takes any free port. Without it there is no admin API. */
  readonly adminPort?: number
  /** The address to which postbacks of all accounts go. Without it no postback is sent. */
  readonly postbackUrl?: string
}

/** The reason never quotes the file, because the file contains secrets. */
export class AccountsError extends Data.TaggedError("AccountsError")<{ readonly file: string; readonly reason: string }> {
  override get message(): string {
    return `ACCOUNTS_FILE ${this.file}: ${this.reason}; docs/operations.md shows the form`
  }
}

const AccountsFile = Schema.parseJson(
  Schema.NonEmptyArray(
    Schema.Struct({
      account_id: Schema.NonEmptyString,
      api_key: Schema.NonEmptyString,
      api_secret: Schema.NonEmptyString,
      user_id: Schema.NonEmptyString,
      redirect_url: Schema.optional(Schema.String)
    })
  )
)

const accountsProblem = (error: ParseResult.ParseError): string => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  if (issue === undefined || issue.path.length === 0) return "is not a JSON list with an account in it"
  const field = issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("")
  return `${field} ${issue._tag === "Missing" ? "is missing" : "is not valid"}`
}

/** Reads the accounts that may log in: a JSON array of {account_id, api_key, api_secret, user_id, redirect_url?}. Other fields are ignored. */
const readAccounts = (file: string): Effect.Effect<ReadonlyArray<Sessions.Account>, AccountsError> =>
  Effect.tryPromise(() => readFile(file, "utf8")).pipe(
    Effect.mapError(({ error }) => `cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown error"})`),
    Effect.flatMap((text) => Effect.mapError(Schema.decode(AccountsFile)(text), accountsProblem)),
    Effect.mapError((reason) => new AccountsError({ file, reason })),
    Effect.map((accounts) =>
      accounts.map((one) => ({
        accountId: one.account_id,
        apiKey: one.api_key,
        apiSecret: one.api_secret,
        userId: one.user_id,
        redirectUrl: one.redirect_url
      }))
    )
  )

const speedOf = (text: string): Either.Either<number | "max", ConfigError.ConfigError> => {
  const speed = Number(text)
  if (text === "max") return Either.right("max")
  return speed > 0 && Number.isFinite(speed)
    ? Either.right(speed)
    : Either.left(ConfigError.InvalidData(["SIMULATOR_SPEED"], `"${text}" is neither a number above 0 nor max`))
}

const nonNegative = (name: string, fallback: number): Config.Config<number> =>
  Config.number(name).pipe(
    Config.withDefault(fallback),
    Config.validate({ message: `${name} must be 0 or more`, validation: (value) => value >= 0 && Number.isFinite(value) })
  )

/** NIFTY=24500,BANKNIFTY=57500 */
const basePricesOf = (text: string): Either.Either<Readonly<Record<string, number>>, ConfigError.ConfigError> => {
  const prices: Record<string, number> = {}
  const names = SyntheticSettings.products.map((product) => product.name)
  for (const part of text.split(",").filter((one) => one.trim() !== "")) {
    const [name = "", price = ""] = part.split("=").map((one) => one.trim())
    if (!names.includes(name) || !(Number(price) > 0 && Number(price) < 1e7)) {
      return Either.left(
        ConfigError.InvalidData(["SIMULATOR_BASE_PRICES"], `"${part}" is not NAME=rupees with one of these names: ${names.join(", ")}`)
      )
    }
    prices[name] = Number(price)
  }
  return Either.right(prices)
}

const syntheticConfig = Config.all({
  seed: Config.integer("SIMULATOR_SEED").pipe(Config.withDefault(SyntheticSettings.defaults.seed)),
  rate: nonNegative("SIMULATOR_RATE", SyntheticSettings.defaults.rate),
  basePrices: Config.string("SIMULATOR_BASE_PRICES").pipe(Config.withDefault(""), Config.mapOrFail(basePricesOf)),
  variation: nonNegative("SIMULATOR_VARIATION", SyntheticSettings.defaults.variation),
  volumeLotsMax: Config.integer("SIMULATOR_VOLUME_LOTS").pipe(
    Config.withDefault(SyntheticSettings.defaults.volumeLotsMax),
    Config.validate({ message: "SIMULATOR_VOLUME_LOTS must be 1 or more", validation: (lots) => lots >= 1 })
  ),
  strikesEachSide: Config.integer("SIMULATOR_STRIKES").pipe(
    Config.withDefault(SyntheticSettings.defaults.strikesEachSide),
    Config.validate({ message: "SIMULATOR_STRIKES must be 0 to 200", validation: (strikes) => strikes >= 0 && strikes <= 200 })
  )
}).pipe(Config.map((settings): MarketOptions => ({ mode: "synthetic", ...settings })))

const recordedConfig = Config.all({
  file: Config.nonEmptyString("SIMULATOR_FILE"),
  instruments: Config.nonEmptyString("SIMULATOR_INSTRUMENTS").pipe(Config.option, Config.map(Option.getOrUndefined)),
  underlying: Config.nonEmptyString("SIMULATOR_UNDERLYING").pipe(Config.withDefault("NIFTY")),
  speed: Config.string("SIMULATOR_SPEED").pipe(Config.withDefault("1"), Config.mapOrFail(speedOf)),
  oi: Config.literal("contracts", "units")("SIMULATOR_OI").pipe(Config.option, Config.map(Option.getOrUndefined))
}).pipe(Config.map((settings): MarketOptions => ({ mode: "recorded", ...settings })))

const daysMax = 400

/** M&M:2026-07-29:2, a share of the simulated days that becomes two on that day. */
const splitOf = (text: string): Either.Either<DaysMarket.Settings["splits"], ConfigError.ConfigError> => {
  const [name = "", on = "", factor = ""] = text.split(":")
  const shares = DaysMarket.shares
  return shares.includes(name) && IndiaTime.isIsoDate(on) && Number.isInteger(Number(factor)) && Number(factor) > 1
    ? Either.right([{ name, on, factor: Number(factor) }])
    : Either.left(
        ConfigError.InvalidData(["SIMULATOR_SPLIT"], `"${text}" is not NAME:YYYY-MM-DD:N with one of these shares: ${shares.join(", ")}`)
      )
}

const daysConfig = Config.all({
  from: Config.nonEmptyString("SIMULATOR_FROM").pipe(
    Config.validate({ message: "SIMULATOR_FROM must be a day YYYY-MM-DD", validation: IndiaTime.isIsoDate })
  ),
  count: Config.integer("SIMULATOR_DAYS").pipe(
    Config.withDefault(10),
    Config.validate({ message: `SIMULATOR_DAYS must be 1 to ${daysMax}`, validation: (days) => days >= 1 && days <= daysMax })
  ),
  seed: Config.integer("SIMULATOR_SEED").pipe(Config.withDefault(DaysMarket.defaults.seed)),
  speed: Config.string("SIMULATOR_SPEED").pipe(Config.withDefault("max"), Config.mapOrFail(speedOf)),
  splits: Config.string("SIMULATOR_SPLIT").pipe(
    Config.mapOrFail(splitOf),
    Config.option,
    Config.map(Option.getOrElse(() => DaysMarket.defaults.splits))
  )
}).pipe(Config.map(({ from, count, ...rest }): MarketOptions => ({ mode: "days", days: DaysMarket.daysFrom(from, count), ...rest })))

const marketConfigs = { synthetic: syntheticConfig, recorded: recordedConfig, days: daysConfig }

/** A setting that may be absent. */
const given = <const Name extends string, A>(name: Name, config: Config.Config<A>): Config.Config<{ readonly [K in Name]?: A }> =>
  config.pipe(
    Config.option,
    Config.map(Option.match({ onNone: () => ({}), onSome: (value) => ({ [name]: value }) as { readonly [K in Name]?: A } }))
  )

/** The environment of `npm run simulator`. An error names the variable that is wrong. */
export const fromEnvironment = Effect.gen(function* () {
  const mode = yield* Config.literal("synthetic", "recorded", "days")("SIMULATOR_MARKET").pipe(Config.withDefault("synthetic" as const))
  return {
    host: yield* Config.string("SIMULATOR_HOST").pipe(Config.withDefault("127.0.0.1")),
    port: yield* Config.integer("SIMULATOR_PORT").pipe(Config.withDefault(0)),
    accounts: yield* readAccounts(yield* Config.nonEmptyString("ACCOUNTS_FILE")),
    ...(yield* given("adminPort", Config.integer("SIMULATOR_ADMIN_PORT"))),
    ...(yield* given("postbackUrl", Config.nonEmptyString("SIMULATOR_POSTBACK_URL"))),
    rateLimits: yield* Config.boolean("SIMULATOR_RATE_LIMITS").pipe(Config.withDefault(true)),
    market: yield* marketConfigs[mode]
  } satisfies Options
})
