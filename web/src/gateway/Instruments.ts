import type { Api } from "./Api.ts"

export interface Instrument {
  readonly exchange: string
  readonly lotSize: number
}

/** What an order of an option needs to know, asked once per token. */
export const make = (api: Api) => {
  const known = new Map<number, Promise<Instrument>>()
  const ask = async (token: number): Promise<Instrument> => {
    const { exchange, lot_size } = await api.instruments.get({ path: { token } })
    return { exchange, lotSize: lot_size }
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
