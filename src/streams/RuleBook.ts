import { Effect } from "effect"
import type * as RuleSet from "../domain/rules/RuleSet.ts"
import { shipped } from "../domain/rules/Shipped.ts"

/** The rules in force in this process. Ask for them at each use: an administrator's entry replaces them while the process runs. */
export class RuleBook extends Effect.Service<RuleBook>()("streams/RuleBook", {
  sync: () => {
    let rules: RuleSet.RuleSet = shipped
    return {
      current: (): RuleSet.RuleSet => rules,
      replace: (next: RuleSet.RuleSet): void => {
        rules = next
      }
    } as const
  }
}) {}
