import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Cause, Data, Duration, Effect, Exit, ParseResult, Schema, type Types } from "effect"
import { Api } from "../contract/Api.ts"
import type { Sent } from "../contract/shared/Input.ts"
import * as Problem from "../contract/shared/Problem.ts"

/** How long an answer is waited for, unless told otherwise. */
const answerMsMax = 30_000

/** No answer came: no network, no gateway, or not in time. */
export class Unreachable extends Data.TaggedError("Unreachable")<{ readonly detail: string; readonly cause: unknown }> {
  override get message(): string {
    return this.detail
  }
}

/** Refused with a status that the contract does not name for this endpoint, such as 413 or 500; in its error form where the gateway wrote it. */
export class Refused extends Data.TaggedError("Refused")<Problem.Body & { readonly status: number }> {
  override get message(): string {
    return this.detail
  }
}

/** What was sent or answered is not of the contract's form. */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly detail: string; readonly cause: ParseResult.ParseError }> {
  override get message(): string {
    return this.detail
  }
}

/** What any call may fail with beside its own errors. */
export type Failure = Problem.Invalid | Unreachable | Refused | Unreadable

interface Kinds<A, E> {
  readonly effect: Effect.Effect<A, E>
  readonly promise: Promise<A>
}
type Kind = keyof Kinds<unknown, unknown>

type Method<Endpoint, GroupError, K extends Kind> = [Endpoint] extends [
  HttpApiEndpoint.HttpApiEndpoint<
    infer _Name,
    infer _Method,
    infer Path,
    infer UrlParams,
    infer Payload,
    infer Headers,
    infer Success,
    infer Error,
    infer _R,
    infer _RE
  >
]
  ? (
      request: Types.Simplify<HttpApiEndpoint.HttpApiEndpoint.ClientRequest<Sent<Path>, Sent<UrlParams>, Sent<Payload>, Headers, false>>
    ) => Kinds<Success, Error | GroupError | Failure>[K]
  : never

type Methods<Group, K extends Kind> = [Group] extends [
  HttpApiGroup.HttpApiGroup<infer _Id, infer Endpoints, infer GroupError, infer _R, infer _Top>
]
  ? { readonly [Endpoint in Endpoints as HttpApiEndpoint.HttpApiEndpoint.Name<Endpoint>]: Method<Endpoint, GroupError, K> }
  : never

type GroupsOf<A> = A extends HttpApi.HttpApi<infer _Id, infer Groups, infer _E, infer _R> ? Groups : never
type Group = GroupsOf<typeof Api>
type Top = Extract<Group, { readonly topLevel: true }>
type Nested = Extract<Group, { readonly topLevel: false }>
type Client<K extends Kind> = Methods<Top, K> & {
  readonly [Name in Nested["identifier"]]: Methods<HttpApiGroup.HttpApiGroup.WithName<Nested, Name>, K>
}

/** Every endpoint of the contract, by group and name: `effects.strategies.get({ path: { id: 1 } })`. */
export type Effects = Client<"effect">
/** The same as promises, which reject with the errors themselves. */
export type Promises = Client<"promise">

export interface Options {
  /** http://host:port */
  readonly url: string
  readonly token: () => string | Promise<string>
  readonly onUnauthorized?: () => void
  readonly answerMsMax?: number
}

const decodeBody = Schema.decodeUnknown(Problem.Body)

/** An answer that the contract does not have, with what the gateway says about it. */
const refusalOf = ({ response, request }: HttpClientError.ResponseError): Effect.Effect<never, Refused> =>
  response.json.pipe(
    Effect.flatMap(decodeBody),
    Effect.catchAll(() =>
      Effect.succeed({
        detail: `${request.method} ${request.url} answered ${response.status}`,
        code: "unknown",
        request_id: "-",
        errors: []
      })
    ),
    Effect.flatMap((body) => new Refused({ ...body, status: response.status }))
  )

const failureOf = (error: unknown): Effect.Effect<never, unknown> => {
  if (error instanceof HttpClientError.ResponseError) return refusalOf(error)
  if (error instanceof HttpClientError.RequestError) return new Unreachable({ detail: "The gateway does not answer", cause: error })
  if (error instanceof ParseResult.ParseError) return new Unreadable({ detail: error.message, cause: error })
  return Effect.fail(error)
}

const mapMethods = (client: object, map: (method: (request: unknown) => Effect.Effect<unknown, unknown>) => unknown): object =>
  Object.fromEntries(
    Object.entries(client).map(([name, method]) => [name, typeof method === "function" ? map(method) : mapMethods(method, map)])
  )

/** The REST interface as effects, made of the contract that the gateway itself is made of. */
export const effects = (options: Options): Effects => {
  const timeout = Duration.millis(options.answerMsMax ?? answerMsMax)
  const late = () => new Unreachable({ detail: `The gateway does not answer within ${Duration.format(timeout)}`, cause: undefined })
  const authorized = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.tryPromise({
      try: async () => HttpClientRequest.bearerToken(request, await options.token()),
      catch: (cause) => new HttpClientError.RequestError({ request, reason: "Transport", cause, description: "no token" })
    })
  const made = HttpApiClient.make(Api, {
    baseUrl: options.url,
    // Another origin's gateway would have to allow tracing headers, and has no use for them.
    transformClient: (client) => client.pipe(HttpClient.mapRequestEffect(authorized), HttpClient.withTracerPropagation(false))
  }).pipe(Effect.provide(FetchHttpClient.layer), Effect.runSync)
  return mapMethods(
    made,
    (method) => (request: unknown) =>
      method(request).pipe(
        Effect.timeoutFail({ duration: timeout, onTimeout: late }),
        Effect.catchAll(failureOf),
        Effect.tapError((error) => Effect.sync(() => error instanceof Problem.Unauthorized && options.onUnauthorized?.()))
      )
  ) as Effects
}

/** The edge to programs without Effect: each call runs by itself and rejects with the error that the effect would have failed with. */
export const promises = (client: Effects): Promises =>
  mapMethods(client, (method) => async (request: unknown) => {
    const exit = await Effect.runPromiseExit(method(request))
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    return exit.value
  }) as Promises
