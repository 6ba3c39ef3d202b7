import type * as Instrument from "../../../src/domain/market/Instrument.ts"

/** An instrument of the NIFTY market with the fields that a test changes. */
export const anInstrument = (token: number, more: Partial<Instrument.Instrument> = {}): Instrument.Instrument => ({
  token,
  exchangeToken: token >>> 8,
  tradingsymbol: `T${token}`,
  name: "NIFTY",
  expiry: null,
  strike: 0,
  tickSize: 5,
  lotSize: 75,
  instrumentType: "EQ",
  segment: "NFO-OPT",
  exchange: "NFO",
  ...more
})

export const anIndex = (token: number, tradingsymbol: string, exchange = "NSE"): Instrument.Instrument =>
  anInstrument(token, { tradingsymbol, name: tradingsymbol, tickSize: 0, lotSize: 0, segment: "INDICES", exchange })
