import type { Api } from "./Api.ts"
import type { Subscription } from "./Contract.ts"

export interface Underlying {
  readonly symbol: string
  /** The index or share itself, where it is streamed. */
  readonly spotToken: number | undefined
}

/** Pages of 1,000 subscriptions that are read at most. */
const pagesMax = 20
const pageSize = 1000

/** An option's symbol begins with its underlying's name; then comes the year and the month, or the month and the day. */
const optionForm = /^(.+?)\d{2}(?:[A-Z]{3}|[1-9OND]\d{2})\d+(?:\.\d+)?(?:CE|PE)$/
/** Kite's names of indices whose options carry another one. */
const indexOf: Readonly<Record<string, string>> = {
  NIFTY: "NIFTY 50",
  BANKNIFTY: "NIFTY BANK",
  FINNIFTY: "NIFTY FIN SERVICE",
  MIDCPNIFTY: "NIFTY MID SELECT",
  NIFTYNXT50: "NIFTY NEXT 50",
  SENSEX50: "SNSX50"
}

export const nameOf = (tradingsymbol: string): string | undefined => optionForm.exec(tradingsymbol)?.[1]

/** Underlyings whose options are subscribed, indices first. */
export const among = (subscriptions: ReadonlyArray<Subscription>): ReadonlyArray<Underlying> => {
  const active = subscriptions.filter(({ status }) => status === "active")
  const spots = new Map(active.filter(({ segment }) => !segment.includes("-")).map((one) => [one.tradingsymbol, one.instrument_token]))
  const names = new Set(
    active.filter(({ segment }) => segment.endsWith("-OPT")).flatMap(({ tradingsymbol }) => nameOf(tradingsymbol) ?? [])
  )
  const rank = (name: string) => Object.keys(indexOf).indexOf(name) >>> 0
  return [...names]
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((symbol) => ({ symbol, spotToken: spots.get(indexOf[symbol] ?? symbol) }))
}

export const discover = async (api: Api): Promise<ReadonlyArray<Underlying>> => {
  const found: Array<Subscription> = []
  for (let page = 0; page < pagesMax; page++) {
    const path = `/subscriptions?status=active&limit=${pageSize}&offset=${page * pageSize}`
    const { subscriptions, total } = await api.get<{ subscriptions: ReadonlyArray<Subscription>; total: number }>(path)
    found.push(...subscriptions)
    if (found.length >= total || subscriptions.length === 0) break
  }
  return among(found)
}
