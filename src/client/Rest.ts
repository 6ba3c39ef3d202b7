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

/** Default timeout of an answer. */
const answerMsMax = 30_000

/** No answer: no network, no gateway, or a timeout. */
export class Unreachable extends Data.TaggedError("Unreachable")<{ readonly detail: string; readonly cause: unknown }> {
  override get message(): string {
    return this.detail
  }
}

/**
 * The gateway answered with a status that the contract does not define for this endpoint, such as 413 or 500. If possible, it has the
 * gateway's error fields.
 */
export class Refused extends Data.TaggedError("Refused")<Problem.Body & { readonly status: number }> {
  override get message(): string {
    return this.detail
  }
}

/** The request or the answer does not match the contract. */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly detail: string; readonly cause: ParseResult.ParseError }> {
  override get message(): string {
    return this.detail
  }
}

/** Failures of any call, in addition to the endpoint's errors. */
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
/** The same endpoints as promises. They reject with the same errors. */
export type Promises = Client<"promise">

export interface Options {
  /** http://host:port */
  readonly url: string
  readonly token: () => string | Promise<string>
  readonly onUnauthorized?: () => void
  readonly answerMsMax?: number
}

const decodeBody = Schema.decodeUnknown(Problem.Body)

/** Turns an answer outside the contract into an error with the gateway's text. */
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

/** The REST interface as effects, built from the same contract as the gateway. */
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
    // A gateway of another origin would have to allow tracing headers, and it does not use them.
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

/** For programs without Effect: each call runs at once, and rejects with the error that the effect would have failed with. */
export const promises = (client: Effects): Promises =>
  mapMethods(client, (method) => async (request: unknown) => {
    const exit = await Effect.runPromiseExit(method(request))
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    return exit.value
  }) as Promises
