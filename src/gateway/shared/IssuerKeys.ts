import { type Clock, Duration } from "effect"
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWTHeaderParameters, type JWTVerifyGetKey } from "jose"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import * as Metrics from "./Metrics.ts"

/** Keys older than this are fetched again. */
const renewAfterMs = Duration.toMillis("10 minutes")
/** The least time between two fetches while no key is known: nobody can sign in meanwhile. */
const firstPauseMs = 1_000

export interface Settings {
  readonly url: URL
  /** How long the issuer may take to answer. */
  readonly answerMsMax: number
  /** The least time between two fetches while keys are known, so that tokens with unknown keys cannot flood the issuer. */
  readonly cooldownMs: number
  /** Keys that could not be renewed for this long are no longer trusted. */
  readonly staleMsMax: number
}

/** The issuer's keys cannot be fetched, and this process holds no keys that are young enough. */
export class NoKeys extends Error {}

const fetchKeys = async ({ answerMsMax, url }: Settings): Promise<JWTVerifyGetKey> => {
  const response = await fetch(url, {
    redirect: "error",
    headers: { accept: "application/json, application/jwk-set+json" },
    signal: AbortSignal.timeout(answerMsMax)
  })
  if (!response.ok) throw new Error(`the issuer answered ${response.status}`)
  return createLocalJWKSet((await response.json()) as JSONWebKeySet)
}

/**
 * The signing keys of an identity provider. While it is away, known keys serve for a limited time, and an unknown key is unknown at once.
 * All callers share one fetch, and a fetch that failed counts for the pause before the next one.
 */
export const make = (settings: Settings, clock: Clock.Clock, failed: (cause: unknown) => void): JWTVerifyGetKey => {
  const { cooldownMs, staleMsMax } = settings
  const nowMs = () => SteadyTime.unsafeNowMs(clock)
  let known: { readonly keys: JWTVerifyGetKey; readonly atMs: number } | undefined
  let triedMs = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined
  let lastFailure: unknown

  const trusted = () => (known !== undefined && nowMs() - known.atMs <= staleMsMax ? known : undefined)
  const mayFetch = () => nowMs() - triedMs >= (trusted() === undefined ? Math.min(firstPauseMs, cooldownMs) : cooldownMs)
  /** Never rejects. */
  const fetchOnce = (): Promise<void> => {
    if (running !== undefined) return running
    triedMs = nowMs()
    running = fetchKeys(settings)
      .then(
        (keys) => {
          known = { keys, atMs: nowMs() }
          Metrics.keyFetches("ok")
        },
        (cause) => {
          lastFailure = cause
          Metrics.keyFetches("failed")
          failed(cause)
        }
      )
      .finally(() => {
        running = undefined
      })
    return running
  }

  return async (header: JWTHeaderParameters, token: FlattenedJWSInput) => {
    if (trusted() === undefined) {
      if (running !== undefined || mayFetch()) await fetchOnce()
    } else if (nowMs() - (known?.atMs ?? 0) >= renewAfterMs && mayFetch()) void fetchOnce()
    const before = trusted()
    if (before === undefined) throw new NoKeys("the issuer's keys cannot be fetched", { cause: lastFailure })
    try {
      return await before.keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(running !== undefined || mayFetch())) throw error
      await fetchOnce()
      const after = trusted()
      if (after === undefined || after === before) throw error
      return await after.keys(header, token)
    }
  }
}
