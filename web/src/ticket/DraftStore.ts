import { Option, Schema } from "effect"
import * as Draft from "./Draft.ts"

const Stored = Schema.parseJson(Schema.Record({ key: Schema.String, value: Draft.Draft }))
const decode = Schema.decodeUnknownOption(Stored)
const encode = Schema.encodeSync(Stored)
/** Number of underlyings whose drafts are kept. The draft saved longest ago is dropped first. */
const draftsMax = 20

export interface DraftStore {
  readonly load: (symbol: string) => Draft.Draft
  readonly save: (draft: Draft.Draft) => void
}

/** The drafts of one user in this browser, one per underlying. They survive a reload and a new sign-in. */
export const make = (userId: string): DraftStore => {
  const key = `tarang.drafts.${userId}`
  const all = (): Readonly<Record<string, Draft.Draft>> => Option.getOrElse(decode(localStorage.getItem(key)), () => ({}))
  return {
    load: (symbol) => all()[symbol] ?? Draft.empty(symbol),
    save: (draft) => {
      const { [draft.symbol]: _, ...others } = all()
      const drafts = draft.legs.length === 0 ? Object.entries(others) : [...Object.entries(others), [draft.symbol, draft] as const]
      localStorage.setItem(key, encode(Object.fromEntries(drafts.slice(-draftsMax))))
    }
  }
}
