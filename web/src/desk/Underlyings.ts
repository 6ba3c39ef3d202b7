import { type Api, listed } from "../gateway/Api.ts"
import type { FoEnabled, Subscription } from "../gateway/Contract.ts"

export interface Underlying {
  readonly symbol: string
  /** The index or share itself, where it is streamed. */
  readonly spotToken: number | undefined
  /** What its bars are asked by, "NSE:NIFTY 50"; undefined where the gateway does not tell. */
  readonly chartSymbol: string | undefined
}

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
    .map((symbol) => ({ symbol, spotToken: spots.get(indexOf[symbol] ?? symbol), chartSymbol: undefined }))
}

/** The gateway's own word of what an underlying is, where it has one. */
export const describe = (found: ReadonlyArray<Underlying>, enabled: ReadonlyArray<FoEnabled>): ReadonlyArray<Underlying> => {
  const bySymbol = new Map(enabled.map((one) => [one.symbol, one]))
  return found.map((underlying) => {
    const { exchange, tradingsymbol } = bySymbol.get(underlying.symbol) ?? {}
    return tradingsymbol == null ? underlying : { ...underlying, chartSymbol: `${exchange}:${tradingsymbol}` }
  })
}

/** What has options that are streamed. */
export const discover = async (api: Api): Promise<ReadonlyArray<Underlying>> => {
  const [subscriptions, enabled] = await Promise.all([
    listed(async (page) => {
      const { total, subscriptions } = await api.subscriptions.list({ urlParams: { status: "active", ...page } })
      return { total, items: subscriptions }
    }),
    listed(async (page) => {
      const { total, underlyings } = await api.instruments.foEnabled({ urlParams: page })
      return { total, items: underlyings }
    })
  ])
  return describe(among(subscriptions), enabled)
}
