import type * as Money from "../Money.ts"
import type { Rule, Standing } from "./AlertRule.ts"

const isUpward = ({ condition }: Rule): boolean => condition === "above" || condition === "crosses_above"

/** Whether a value is at or beyond the threshold. */
const isBeyond = (rule: Rule, value: Money.Decimal): boolean => (isUpward(rule) ? value.gte(rule.threshold) : value.lte(rule.threshold))

/** Whether a value is back on the other side, by more than the hysteresis. */
const isBack = (rule: Rule, value: Money.Decimal): boolean =>
  isUpward(rule) ? value.lt(rule.threshold.minus(rule.hysteresis)) : value.gt(rule.threshold.plus(rule.hysteresis))

const isCool = ({ cooldownS }: Rule, { firedAtMs }: Standing, atMs: number): boolean =>
  firedAtMs === null || atMs - firedAtMs >= cooldownS * 1_000

/**
 * The state of an alert after one value, and whether it fires. The same values in the same order always give the same events. During the
 * cooldown the alert stays armed and does not fire, so a value that is still beyond the threshold afterwards fires it then.
 */
export const decide = (
  rule: Rule,
  standing: Standing,
  value: Money.Decimal,
  atMs: number
): { readonly standing: Standing; readonly fires: boolean } => {
  const { state } = standing
  if (state === "waiting" && isBack(rule, value)) return { standing: { ...standing, state: "armed" }, fires: false }
  if (state !== "armed" || !isBeyond(rule, value) || !isCool(rule, standing, atMs)) return { standing, fires: false }
  return { standing: { state: rule.repeat ? "waiting" : "done", firedAtMs: atMs }, fires: true }
}
