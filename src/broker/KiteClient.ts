import type { Agent as HttpAgent } from "node:http"
import type { Agent as HttpsAgent } from "node:https"
import { Effect, Either, type Exit, Metric, ParseResult, RateLimiter, Redacted, Schema } from "effect"
import { KiteConnect } from "kiteconnect"
import * as RateLimit from "../domain/accounts/RateLimit.ts"
import * as SteadyTime from "../loop/SteadyTime.ts"
import * as Turn from "../loop/Turn.ts"
import type { Account } from "./Account.ts"
import type { Family, Within } from "./Budgets.ts"
import * as EgressAddress from "./EgressAddress.ts"
import * as KiteError from "./KiteError.ts"
import * as Metrics from "./Metrics.ts"
import * as Redaction from "./Redaction.ts"

/** An instance of kiteconnect's client; the name `KiteConnect` is the type of its constructor. */
export type Kite = InstanceType<typeof KiteConnect>

/** Kite's HTTP answer, not interpreted yet. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | null
  readonly body: string
}

export interface Call<A> {
  /** Names the call in errors, logs and metrics. */
  readonly op: string
  readonly token: Redacted.Redacted | null
  readonly run: (kite: Kite) => Promise<unknown>
  readonly read: (answer: Answer) => Either.Either<A, string>
  /** Further secrets that the call carries; errors and logs redact them. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted>
  /** Whether the answer itself is a secret. */
  readonly isAnswerSecret?: boolean
  /** `order` requests are not delayed here: the account's executor keeps their limits, and a wait here would come after its last check. */
  readonly family?: Family | "order"
  readonly timeoutMs?: number
  readonly bytesMax?: number
}

export interface Settings {
  readonly requestTimeoutMs: number
  /** The account's budget in the whole cluster; without it only this client's own pace is kept. */
  readonly within?: Within
  /** Called when the broker refuses a request with 429, but not for orders, which have separate limits. */
  readonly limited?: (forMs: number, op: string) => Effect.Effect<void>
  /** Connections that only this client uses. By default it shares those of the process. */
  readonly agents?: { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent }
}
export const defaults: Settings = { requestTimeoutMs: 10_000 }

/** Limit of an answer's bytes. A call with longer answers, such as the instruments dump, sets `bytesMax`. */
export const answerBytesMax = 8 * 1024 * 1024
/**
 * The pace of one client, so that it does not ask for the shared budget (Budgets.ts) in bursts: one quote call per second, three of
 * history, and ten others, spaced slightly wider. Orders and `state` requests have no pace here. Quotes are spaced from the end of one call
 * to the start of the next, because Kite counts calls on arrival.
 */
export const quoteSpacingMs = 1_050
const otherSpacingMs = 110
const historicalSpacingMs = 350

interface RequestOptions {
  readonly [option: string]: unknown
}
interface Sender {
  request: (options: RequestOptions) => Promise<unknown>
}

const isSender = (value: unknown): value is Sender =>
  (typeof value === "object" || typeof value === "function") && value !== null && "request" in value && typeof value.request === "function"

/** kiteconnect sends everything through this one method of its HTTP client. */
const senderOf = (kite: Kite): Sender => {
  const sender: unknown = Reflect.get(kite, "requestInstance")
  if (!isSender(sender)) throw new Error("this version of kiteconnect has no requestInstance.request: KiteClient cannot wrap it")
  return sender
}

interface Tap {
  readonly signal: AbortSignal
  readonly bytesMax: number
  answer: Answer | undefined
}

const header = (headers: unknown, name: string): string | null => {
  const value: unknown = typeof headers === "object" && headers !== null ? Reflect.get(headers, name) : undefined
  return typeof value === "string" ? value : null
}

/**
 * kiteconnect loses the HTTP status, reads times in the host's zone and accepts answers of an unknown content type. Therefore each request
 * carries a response transformer that keeps the raw answer, and we ignore kiteconnect's own result.
 */
const wrap = (kite: Kite, agents: Settings["agents"]) => {
  const sender = senderOf(kite)
  const send = sender.request.bind(sender)
  let current: Tap | undefined
  sender.request = (options) => {
    const tap = current
    if (tap === undefined) return Promise.reject(new Error("a call to Kite did not go through KiteClient.send"))
    return send({
      ...options,
      ...agents,
      signal: tap.signal,
      timeout: 0, // only `send` limits the time; it aborts the signal
      maxRedirects: 0, // Kite's API has none, and a redirect would carry the Authorization header elsewhere
      maxContentLength: tap.bytesMax,
      validateStatus: () => true,
      transformResponse: [
        (data: unknown, headers: unknown, status: unknown) => {
          tap.answer = {
            status: typeof status === "number" ? status : 0,
            contentType: header(headers, "content-type") ?? "",
            retryAfter: header(headers, "retry-after"),
            body: typeof data === "string" ? data : ""
          }
          return ""
        }
      ]
    })
  }
  // kiteconnect calls `request` synchronously inside its methods, so no other call can use this tap.
  return (token: Redacted.Redacted | null, tap: Tap, run: (kite: Kite) => Promise<unknown>): Promise<unknown> => {
    current = tap
    kite.setAccessToken(token === null ? "" : Redacted.value(token))
    const sent = run(kite)
    current = undefined
    return sent
  }
}

/** kiteconnect keeps only the text of a failure below HTTP. That text ends with the system's error code. */
const codeIn = (error: unknown): string => {
  const message: unknown = typeof error === "object" && error !== null && "message" in error ? error.message : undefined
  const [, code] = typeof message === "string" ? (/error code: ([A-Z][A-Z0-9_]*)$/.exec(message) ?? []) : []
  return code ?? KiteError.codeOf(error)
}

const Envelope = Schema.parseJson(
  Schema.Union(
    Schema.Struct({ status: Schema.Literal("success"), data: Schema.Unknown }),
    Schema.Struct({ status: Schema.Literal("error"), message: Schema.optional(Schema.Unknown), error_type: Schema.String }),
    Schema.Struct({ error_type: Schema.String, message: Schema.optional(Schema.Unknown) })
  )
)
const decodeEnvelope = Schema.decodeUnknownEither(Envelope)
const envelopes = new WeakMap<Answer, ReturnType<typeof decodeEnvelope>>()
/** The envelope of an answer. It is parsed only once, because an order book may have megabytes. */
const envelopeOf = (answer: Answer) => {
  const known = envelopes.get(answer)
  if (known !== undefined) return known
  const envelope = decodeEnvelope(answer.body)
  envelopes.set(answer, envelope)
  return envelope
}

/** The place where a schema failed, without the value, which may be a secret. */
const placeOf = (error: ParseResult.ParseError): string => {
  const issue = ParseResult.ArrayFormatter.formatErrorSync(error)[0]
  return issue === undefined
    ? "does not have the documented form"
    : `data${issue.path.map((key) => `.${String(key)}`).join("")} is not as documented`
}

/** Reads a successful JSON answer: decodes its `data`. */
export const json = <A, I>(schema: Schema.Schema<A, I>): ((answer: Answer) => Either.Either<A, string>) => {
  const decode = Schema.decodeUnknownEither(schema)
  return (answer) => {
    const envelope = envelopeOf(answer)
    if (Either.isLeft(envelope) || "error_type" in envelope.right) return Either.left("is not a JSON object with status and data")
    return Either.mapLeft(decode(envelope.right.data), placeOf)
  }
}

/** Reads a successful CSV answer as text. */
export const csv = (answer: Answer): Either.Either<string, string> =>
  answer.contentType.includes("text/csv") ? Either.right(answer.body) : Either.left("is not text/csv")

const errorTypeOf = (text: string): KiteError.ErrorType => KiteError.errorTypes.find((known) => known === text) ?? "GeneralException"

const retryAfterMs = (text: string | null): number | null =>
  text !== null && /^\d{1,6}(\.\d+)?$/.test(text.trim()) ? Number(text) * 1000 : null

/** Turns an answer into its value or into a typed error. */
const interpret = <A>(account: Account, call: Call<A>, answer: Answer): Either.Either<A, KiteError.KiteError> => {
  const where = { account: account.accountId, op: call.op }
  const { status } = answer
  const secrets = [account.apiKey, account.apiSecret, ...(call.token === null ? [] : [call.token]), ...(call.secrets ?? [])]
  const clean = (text: string) => Redaction.excerpt(text, secrets)
  const envelope = envelopeOf(answer)
  const refusal = Either.isRight(envelope) && "error_type" in envelope.right ? envelope.right : null
  const reason = clean(typeof refusal?.message === "string" ? refusal.message : "no reason given")
  if (status === 429)
    return Either.left(new KiteError.RateLimited({ ...where, status, retryAfterMs: retryAfterMs(answer.retryAfter), reason }))
  if (refusal !== null) {
    const errorType = errorTypeOf(refusal.error_type)
    return Either.left(
      errorType === "TokenException"
        ? new KiteError.SessionExpired({ ...where, status, reason })
        : new KiteError.KiteRefused({ ...where, status, errorType, reason })
    )
  }
  const read = status >= 200 && status < 300 ? call.read(answer) : Either.left("is not an error in Kite's form")
  return Either.mapLeft(
    read,
    (problem) =>
      new KiteError.UnparsableResponse({
        ...where,
        status,
        contentType: clean(answer.contentType || "without content type"),
        problem,
        excerpt: call.isAnswerSecret === true ? `(withheld, ${answer.body.length} characters)` : clean(answer.body)
      })
  )
}

const failed = <A>(account: Account, call: Call<A>, timeoutMs: number, bytesMax: number, error: unknown): KiteError.KiteError => {
  const code = codeIn(error)
  const where = { account: account.accountId, op: call.op }
  if (code === "ERR_BAD_RESPONSE")
    return new KiteError.UnparsableResponse({
      ...where,
      status: 0,
      contentType: "unknown",
      problem: `it ended early or is longer than ${bytesMax} bytes`,
      excerpt: "(not kept)"
    })
  return KiteError.ofCode({ ...where, host: new URL(account.root).hostname, code, timeoutMs })
}

const outcomeOf = (exit: Exit.Exit<unknown, KiteError.KiteError>): string => {
  if (exit._tag === "Success") return "200"
  if (exit.cause._tag !== "Fail") return "interrupted"
  const { error } = exit.cause
  return "status" in error && error.status !== null && error.status > 0 ? String(error.status) : error._tag
}

/** Counts and times one call, whether it succeeds or fails. */
export const observed = <A, R>(op: string, self: Effect.Effect<A, KiteError.KiteError, R>) =>
  Effect.gen(function* () {
    const startMs = yield* SteadyTime.nowMs
    const exit = yield* Effect.exit(self)
    const tookMs = (yield* SteadyTime.nowMs) - startMs
    yield* Metric.update(Metrics.requests.pipe(Metric.tagged("op", op), Metric.tagged("status", outcomeOf(exit))), 1)
    yield* Metric.update(Metrics.requestSeconds.pipe(Metric.tagged("op", op)), tookMs / 1000)
    return yield* exit
  })

/** A limiter that runs one call at a time and starts each at least `spacingMs` after the end of the previous call. */
const makeSpacing = (spacingMs: number) =>
  Effect.map(Effect.makeSemaphore(1), (semaphore) => {
    let endedMs = Number.NEGATIVE_INFINITY
    return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      SteadyTime.nowMs.pipe(
        Effect.flatMap((nowMs) => Effect.sleep(Math.max(0, endedMs + spacingMs - nowMs))),
        Effect.zipRight(self),
        Effect.ensuring(
          Effect.map(SteadyTime.nowMs, (nowMs) => {
            endedMs = nowMs
          })
        ),
        semaphore.withPermits(1)
      )
  })

/** Sends calls to Kite for one account, within Kite's rate limits and with typed errors. It never retries. */
export const make = (account: Account, settings: Settings = defaults) =>
  Effect.gen(function* () {
    const history = yield* RateLimiter.make({ limit: 1, interval: historicalSpacingMs })
    const limits: Readonly<Record<Family | "order", RateLimiter.RateLimiter>> = {
      order: (self) => self,
      state: (self) => self,
      quote: yield* makeSpacing(quoteSpacingMs),
      historical: history,
      backfill: history,
      other: yield* RateLimiter.make({ limit: 1, interval: otherSpacingMs })
    }
    const kite = yield* Effect.sync(() => new KiteConnect({ api_key: Redacted.value(account.apiKey), root: account.root }))
    const dispatch = yield* Effect.sync(() => wrap(kite, settings.agents))

    const within: Within = settings.within ?? (() => (self) => self)
    const paced = ({ family = "other", op }: Pick<Call<unknown>, "family" | "op">) => {
      const { [family]: limited } = limits
      return <A>(self: Effect.Effect<A, KiteError.KiteError>): Effect.Effect<A, KiteError.KiteError> =>
        limited(family === "order" ? self : within(family, op)(self))
    }

    const send = <A>(call: Call<A>): Effect.Effect<A, KiteError.KiteError> => {
      const timeoutMs = call.timeoutMs ?? settings.requestTimeoutMs
      const bytesMax = call.bytesMax ?? answerBytesMax
      const request = Effect.tryPromise({
        try: async (signal) => {
          const tap: Tap = { signal, bytesMax, answer: undefined }
          return await dispatch(call.token, tap, call.run).then(
            () => tap.answer,
            (error: unknown) => {
              if (tap.answer === undefined) throw error
              return tap.answer
            }
          )
        },
        catch: (error) => failed(account, call, timeoutMs, bytesMax, error)
      })
      return Effect.zipRight(EgressAddress.check(account, call.op), request).pipe(
        Effect.flatMap((answer) =>
          answer === undefined ? Effect.dieMessage(`${call.op} sent no request`) : interpret(account, call, answer)
        ),
        // An order whose answer has arrived must not count as lost because this process stood still.
        (self) =>
          Turn.inTime(self, timeoutMs, () => new KiteError.KiteTimeout({ account: account.accountId, op: call.op, afterMs: timeoutMs })),
        Effect.tapErrorTag("RateLimited", ({ op, retryAfterMs }) =>
          call.family === "order" ? Effect.void : (settings.limited?.(RateLimit.restMs(retryAfterMs), op) ?? Effect.void)
        ),
        Effect.tapErrorTag("UnparsableResponse", (error) => Effect.logWarning(error.message)),
        (self) => observed(call.op, self),
        paced(call),
        Effect.annotateLogs({ account: account.accountId }),
        Effect.withSpan(`KiteClient.${call.op}`)
      )
    }
    return { account, settings, send } as const
  })
export type KiteClient = Effect.Effect.Success<ReturnType<typeof make>>
