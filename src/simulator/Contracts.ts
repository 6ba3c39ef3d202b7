/** The underlyings that the simulator knows, and their contracts with Kite's symbols. */

import * as Instrument from "../domain/market/Instrument.ts"
import * as Life from "../domain/market/Life.ts"
import * as Day from "../domain/rules/Day.ts"
import * as Expiries from "../domain/rules/Expiries.ts"
import { shipped } from "../domain/rules/Shipped.ts"

/** Prices in paise. Lot sizes, ticks and strike steps as in Kite's dump of August 2026. */
export interface Underlying {
  /** `name` of its derivatives in the dump. */
  readonly name: string
  /** Kite's symbol and token of the index or share itself. */
  readonly symbol: string
  readonly token: number
  readonly exchange: string
  readonly derivatives: string
  readonly lotSize: number
  readonly strikeStep: number
  readonly spotTick: number
  readonly futureTick: number
  readonly optionTick: number
}

const index = (
  name: string,
  symbol: string,
  token: number,
  lotSize: number,
  strikeStep: number,
  futureTick: number,
  exchange = "NSE"
): Underlying => ({
  name,
  symbol,
  token,
  exchange,
  derivatives: exchange === "BSE" ? "BFO" : "NFO",
  lotSize,
  strikeStep,
  spotTick: 5,
  futureTick,
  optionTick: 5
})

const share = (name: string, token: number, lotSize: number, strikeStep: number): Underlying => ({
  ...index(name, name, token, lotSize, strikeStep, 10),
  spotTick: 10
})

export const underlyings: ReadonlyArray<Underlying> = [
  index("NIFTY", "NIFTY 50", 256265, 65, 5000, 10),
  index("BANKNIFTY", "NIFTY BANK", 260105, 30, 10000, 20),
  index("FINNIFTY", "NIFTY FIN SERVICE", 257801, 60, 5000, 10),
  index("MIDCPNIFTY", "NIFTY MID SELECT", 288009, 120, 2500, 10),
  index("NIFTYNXT50", "NIFTY NEXT 50", 270857, 25, 10000, 10),
  index("SENSEX", "SENSEX", 265, 20, 10000, 10, "BSE"),
  index("BANKEX", "BANKEX", 274441, 30, 10000, 10, "BSE"),
  share("RELIANCE", 738561, 500, 1000),
  share("M&M", 519937, 200, 2000)
]

export const underlyingByName: ReadonlyMap<string, Underlying> = new Map(underlyings.map((one) => [one.name, one]))

export const isShare = (underlying: Underlying): boolean => !Instrument.isIndex(underlying.token)

/** The index or share itself as a row of the dump; Kite lists an index without tick and lot. */
export const spotInstrument = (underlying: Underlying): Instrument.Instrument => ({
  token: underlying.token,
  exchangeToken: underlying.token >>> 8,
  tradingsymbol: underlying.symbol,
  name: underlying.symbol,
  expiry: null,
  strike: 0,
  tickSize: isShare(underlying) ? underlying.spotTick : 0,
  lotSize: isShare(underlying) ? 1 : 0,
  instrumentType: "EQ",
  segment: isShare(underlying) ? underlying.exchange : "INDICES",
  exchange: underlying.exchange
})

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
/** Weekly symbols write the month in one character. */
const monthCharacters = "123456789OND"

const strikeText = (strike: number): string => String(strike / 100)

/**
 * Kite's tradingsymbol of a contract: NIFTY26NOVFUT, NIFTY26NOV24500CE for a monthly expiry, NIFTY26N2424500CE (year, month character, day)
 * for a weekly one. `strike` in paise.
 */
export const tradingsymbol = (exchange: string, name: string, expiry: string, strike: number, type: Instrument.InstrumentType): string => {
  const year = expiry.slice(2, 4)
  const ofYear = Number(expiry.slice(5, 7)) - 1
  const day = expiry.slice(8, 10)
  if (type === "FUT") return `${name}${year}${months[ofYear]}FUT`
  const date = Expiries.isPrintedAsMonth(shipped, exchange, name, Day.ofIso(expiry))
    ? `${year}${months[ofYear]}`
    : `${year}${monthCharacters[ofYear]}${day}`
  return `${name}${date}${strikeText(strike)}${type}`
}

/** instrument_token of an exchange token. */
export const tokenOf = (exchangeToken: number, segment: number): number => exchangeToken * 256 + segment

/** A future (strike 0) or option of an underlying as a row of the dump; `strike` in paise. */
export const contract = (
  underlying: Underlying,
  exchangeToken: number,
  expiry: string,
  strike: number,
  type: "FUT" | "CE" | "PE"
): Instrument.Instrument => ({
  token: tokenOf(exchangeToken, underlying.derivatives === "BFO" ? Instrument.Segment.BFO : Instrument.Segment.NFO),
  exchangeToken,
  tradingsymbol: tradingsymbol(underlying.derivatives, underlying.name, expiry, strike, type),
  name: underlying.name,
  expiry,
  strike,
  tickSize: type === "FUT" ? underlying.futureTick : underlying.optionTick,
  lotSize: underlying.lotSize,
  instrumentType: type,
  segment: `${underlying.derivatives}-${type === "FUT" ? "FUT" : "OPT"}`,
  exchange: underlying.derivatives
})

/** The expiries of an underlying that have not ended at `nowMs`, by the rulebook, nearest first. */
const alive = ({ derivatives, name }: Underlying, nowMs: number): ReadonlyArray<Expiries.Expiry> =>
  Expiries.after(shipped, derivatives, name, Day.at(nowMs) - 1).filter(
    ({ day }) => Life.shownUntilMs(shipped, { exchange: derivatives, name }, Day.iso(day)) > nowMs
  )

/** The next `count` expiries of an underlying, weekly or monthly. */
export const nextExpiries = (underlying: Underlying, nowMs: number, count: number): ReadonlyArray<string> =>
  alive(underlying, nowMs)
    .slice(0, count)
    .map(({ day }) => Day.iso(day))

/** The next `count` monthly expiries of an underlying. */
export const monthlyExpiries = (underlying: Underlying, nowMs: number, count: number): ReadonlyArray<string> =>
  alive(underlying, nowMs)
    .filter(({ contract }) => contract === "monthly")
    .slice(0, count)
    .map(({ day }) => Day.iso(day))
