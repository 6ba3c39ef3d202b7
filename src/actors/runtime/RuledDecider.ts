import type { Decider } from "../../domain/Decider.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import type { RuleBook } from "../../settings/RuleBook.ts"

/**
 * The decider under the rules in force. When an administrator's entry replaces the rules, another decider folds the next batch into the same
 * state. A rule changes no result before its date, so the state's values of earlier days are correct under both rules.
 */
export const make = <S, I, O>(book: RuleBook, under: (rules: RuleSet.RuleSet) => Decider<S, I, O>): (() => Decider<S, I, O>) => {
  let rules = book.current()
  let decider = under(rules)
  return () => {
    if (rules !== book.current()) {
      rules = book.current()
      decider = under(rules)
    }
    return decider
  }
}
