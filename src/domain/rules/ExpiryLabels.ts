/** The names that traders use for expiries. */
export type Label = "current_week" | "next_week" | "current_month" | "next_month" | "quarter"
export type Kind = "weekly" | "monthly" | "quarterly"

/** An expiry that has not passed; `contract` as in `Expiries.Expiry`. */
export interface Alive {
  /** "YYYY-MM-DD". */
  readonly date: string
  readonly contract: "weekly" | "monthly"
}
export interface Labelled extends Alive {
  readonly kind: Kind
  readonly labels: ReadonlyArray<Label>
}

const isQuarter = (date: string): boolean => Number(date.slice(5, 7)) % 3 === 0

const kindOf = ({ date, contract }: Alive): Kind => (contract === "weekly" ? "weekly" : isQuarter(date) ? "quarterly" : "monthly")

/**
 * Labels of the open expiries, which must be sorted by date. If the underlying has weeklies, the first two expiries are the current and
 * the next week; a monthly counts as the weekly of its week. The first two monthlies are the current and next month. The first of
 * March, June, September and December is the quarter.
 */
export const label = (alive: ReadonlyArray<Alive>): ReadonlyArray<Labelled> => {
  const weeks = alive.some(({ contract }) => contract === "weekly") ? alive.slice(0, 2) : []
  const months = alive.filter(({ contract }) => contract === "monthly")
  const quarter = months.find(({ date }) => isQuarter(date))
  const named: ReadonlyArray<readonly [Label, Alive | undefined]> = [
    ["current_week", weeks[0]],
    ["next_week", weeks[1]],
    ["current_month", months[0]],
    ["next_month", months[1]],
    ["quarter", quarter]
  ]
  return alive.map((one) => ({ ...one, kind: kindOf(one), labels: named.flatMap(([name, of]) => (of === one ? [name] : [])) }))
}
