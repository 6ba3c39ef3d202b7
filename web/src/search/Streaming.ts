import { type Api, listed } from "../gateway/Api.ts"
import type { FoEnabled } from "../gateway/Contract.ts"
import * as StreamPlan from "./StreamPlan.ts"

/** Largest number of instruments per request. */
const batchMax = 1_000
/** How often, and how many times, the spot is requested after it was subscribed. */
const spotEveryMs = 500
const spotTries = 10

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Subscribes all tokens. The error names the first one that was refused. */
const subscribe = async (api: Api, tokens: ReadonlyArray<number>): Promise<number> => {
  let done = 0
  for (let at = 0; at < tokens.length; at += batchMax) {
    const subscriptions = tokens.slice(at, at + batchMax).map((instrument_token) => ({ instrument_token, requested_mode: "FULL" as const }))
    const { created, updated, refused } = await api.subscriptions.saveAll({ payload: { subscriptions } })
    done += created + updated
    const [first] = refused
    if (first !== undefined) throw new Error(`${refused.length} of ${subscriptions.length} instruments are not streamed: ${first.message}`)
  }
  return done
}

const contractsOf = (api: Api, underlying: string, expiry: string) =>
  listed(async (page) => {
    const { total, instruments } = await api.instruments.search({ urlParams: { underlying, expiry, ...page } })
    return { total, items: instruments }
  })

/** The gateway's spot, awaited for some seconds; undefined if it stays unknown, for example in a closed market. */
const spotOf = async (api: Api, symbol: string, expiry: string): Promise<number | undefined> => {
  for (let tried = 0; tried < spotTries; tried++) {
    const { spot } = await api.fo.strikes({ urlParams: { symbol, expiry } })
    if (spot !== null) return spot
    await pause(spotEveryMs)
  }
  return undefined
}

/** Streams an expiry around the money, with its underlying. Returns the number of instruments. */
export const streamExpiry = async (api: Api, underlying: FoEnabled, expiry: string): Promise<number> => {
  const { symbol } = underlying
  const spots = await subscribe(api, StreamPlan.ofSpot(underlying))
  const [contracts, spot] = await Promise.all([contractsOf(api, symbol, expiry), spotOf(api, symbol, expiry)])
  return spots + (await subscribe(api, StreamPlan.ofExpiry(contracts, expiry, spot)))
}

/** Streams one instrument. */
export const streamOne = (api: Api, token: number): Promise<number> => subscribe(api, [token])
