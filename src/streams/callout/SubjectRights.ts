import * as Subjects from "../Subjects.ts"

type Catalogue = typeof Subjects
/** The name of every subject of the catalogue. */
export type Name = {
  [Key in keyof Catalogue]: Catalogue[Key] extends { readonly template: string } ? Key : never
}[keyof Catalogue]

/**
 * Who may read a subject over a NATS connection: everybody (`market`), the owner that the subject names (`owner`), the users of the account
 * that it names (`account`), or only the platform and its operator (`platform`). `group` is the group of the contract that shows the same
 * data: an API key needs its scope to read.
 */
type Right = { readonly reach: "market" | "owner" | "account"; readonly group: string } | { readonly reach: "platform" }

const market = (group: string): Right => ({ reach: "market", group })
const owner = (group: string): Right => ({ reach: "owner", group })
const account = (group: string): Right => ({ reach: "account", group })
const platform: Right = { reach: "platform" }

/** The type makes a new subject fail to compile until it has a right here. */
export const rights: Readonly<Record<Name, Right>> = {
  Frame: market("ticks"),
  Keyframe: market("ticks"),
  Clock: market("ticks"),
  Break: market("ticks"),
  Life: market("ticks"),
  MarketReference: market("ticks"),
  Tick: market("ticks"),
  Bars: market("history"),
  ChainDelta: market("fo"),
  ChainKeyframe: market("fo"),
  ChainMinute: market("fo"),
  UnderlyingState: market("fo"),
  Indicator: market("indicators"),
  StrategyDefinition: owner("strategies"),
  Mark: owner("strategies"),
  Candle: owner("strategies"),
  StrategyEvent: owner("strategies"),
  LabelEvent: owner("labels"),
  AlertEvent: owner("alerts"),
  OrderTaskEvent: account("orders"),
  AccountEvent: account("accounts"),
  OrderCommand: platform,
  Ticker: platform,
  Limited: platform,
  Writer: platform,
  Executor: platform,
  ProcessHealth: platform,
  Store: platform,
  Quality: platform,
  Changed: platform,
  Asked: platform
}

/** A user of NATS: the owner and the accounts whose data it may read, and which groups of the contract. */
export interface Reader {
  readonly owner: string
  readonly accountIds: ReadonlyArray<string>
  readonly mayRead: (group: string) => boolean
}

const names = Object.keys(rights) as ReadonlyArray<Name>
const subjects: Readonly<Record<Name, { readonly template: string; readonly filter: (holes: never) => string }>> = Subjects
const rootOf = (name: Name): string => subjects[name].template.split(".", 1)[0] ?? ""
/** `strat.m2m.u1.*` as `strat.m2m.u1.>`, so that a client may use either. */
const openEnded = (filter: string): string => filter.replace(/(?:\.\*)+$/, ".>")
/** `strat.m2m.u1.>` as `strat.*.u1.>`. */
const ofAnyKind = (filter: string): string => filter.split(".").with(1, "*").join(".")

/**
 * The filters of the subjects that begin with one word. If a reader may read all of them, there is only one filter: `md.>`, or
 * `strat.*.<owner>.>`.
 */
const filtersOfRoot = (root: string, { accountIds, mayRead, owner }: Reader): ReadonlyArray<string> => {
  const filter = (name: Name, holes: Readonly<Record<string, string>> = {}) =>
    openEnded((subjects[name].filter as (holes: object) => string)(holes))
  const all = names.filter((name) => rootOf(name) === root)
  const readable = all.filter((name) => {
    const right = rights[name]
    return right.reach !== "platform" && mayRead(right.group)
  })
  const areAll = (reach: Right["reach"]) => readable.length === all.length && readable.every((name) => rights[name].reach === reach)
  if (areAll("market")) return [`${root}.>`]
  const found = readable.flatMap((name) => {
    const { reach } = rights[name]
    if (reach === "account") return accountIds.map((id) => filter(name, { account: id }))
    return [filter(name, reach === "owner" ? { owner } : {})]
  })
  const merged = new Set(found.map(ofAnyKind))
  return areAll("owner") && found.length > 1 && merged.size === 1 ? [...merged] : found
}

/** The filters within which a reader may subscribe. The server admits a subscription only if one of them contains it. */
export const filtersOf = (reader: Reader): ReadonlyArray<string> =>
  [...new Set(names.map(rootOf))].flatMap((root) => filtersOfRoot(root, reader))
