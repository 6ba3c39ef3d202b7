import type { Api } from "./Api.ts"
import type { Instrument } from "./Contract.ts"

/** Instruments by token; each is requested once. */
export const make = (api: Api) => {
  const known = new Map<number, Promise<Instrument>>()
  return {
    describe: (token: number): Promise<Instrument> => {
      const before = known.get(token)
      if (before !== undefined) return before
      const asked = api.instruments.get({ path: { token } })
      known.set(token, asked)
      asked.catch(() => known.delete(token))
      return asked
    }
  }
}
export type Instruments = ReturnType<typeof make>
