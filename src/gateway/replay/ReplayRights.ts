import { Effect, Option } from "effect"
import type { StreamName } from "../../contract/replay/ReplayApi.ts"
import type { User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Access from "../../domain/access/Access.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as Catalogue from "./Catalogue.ts"

/** The group of the contract that shows the same data as a stream. An API key needs the scope of this group and that of /replay. */
const groupOf = (name: StreamName): string => {
  const [first, second] = name.split(".")
  if (first === "strat") return "strategies"
  if (first === "ord") return "orders"
  if (first === "acct") return "accounts"
  if (first === "ind") return "indicators"
  if (first === "label") return "labels"
  if (first === "md") return second === "bar" ? "history" : "ticks"
  return "fo"
}

/** What a caller may replay: the market's streams, and those of the caller's own strategies, labels and accounts. */
export const make = Effect.gen(function* () {
  const strategies = yield* StrategyRepo
  const rights = yield* AccountRights.make

  const checked = ({ names }: Catalogue.Found, user: User) => {
    const { strategy, account } = names
    if (account !== undefined && !rights.idsOf(user).includes(account)) return Effect.fail(notFound("Account"))
    if (strategy === undefined) return Effect.void
    if (!/^\d{1,15}$/.test(strategy)) return Effect.fail(notFound("Strategy"))
    return Effect.filterOrFail(orProblem(strategies.byId(user.id, Number(strategy))), Option.isSome, () => notFound("Strategy"))
  }

  /** The subject of a key. Another user's strategy or account is "not found" for the caller. */
  const subjectOf = (name: StreamName, key: string, user: User) =>
    Effect.gen(function* () {
      const refusal = Access.refusalOf(user, { group: groupOf(name), verb: "read", role: "viewer" })
      if (refusal !== undefined)
        return yield* new Problem.Forbidden({ detail: "Forbidden", errors: [{ field: "authorization", message: refusal }] })
      const found = Catalogue.find(name, key, user.id)
      if (found === undefined) return yield* Problem.invalidField("key", `expected ${Catalogue.keyForm(name).join(":")} for ${name}`)
      yield* checked(found, user)
      return found
    })
  return { subjectOf } as const
})
