import type { Api } from "./Api.ts"
import type { Instrument as Listed, Subscription } from "./Contract.ts"
import type { Offers } from "./Offers.ts"

export interface Instrument {
  readonly exchange: string
  /** Undefined where the gateway does not tell. */
  readonly lotSize: number | undefined
}

/** What an order of an option needs to know, asked once per token. */
export const make = (api: Api, offers: Offers) => {
  const known = new Map<number, Promise<Instrument>>()
  const ask = async (token: number): Promise<Instrument> => {
    const listed = (await offers("get", "/instruments/{token}")) ? await api.find<Listed>(`/instruments/${token}`) : undefined
    if (listed !== undefined) return { exchange: listed.exchange, lotSize: listed.lot_size }
    const { segment } = await api.get<Subscription>(`/subscriptions/${token}`)
    return { exchange: segment.split("-", 1)[0] ?? segment, lotSize: undefined }
  }
  return {
    describe: (token: number): Promise<Instrument> => {
      const before = known.get(token)
      if (before !== undefined) return before
      const asked = ask(token)
      known.set(token, asked)
      asked.catch(() => known.delete(token))
      return asked
    }
  }
}
export type Instruments = ReturnType<typeof make>
