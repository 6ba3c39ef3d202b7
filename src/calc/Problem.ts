/** A problem with one row of the input. `at` is "line 7" for CSV, or a path such as "chains[2].chain[0].ceOi" for JSON. */
export interface Problem {
  readonly at: string
  readonly reason: string
}

export const atLine = (number: number, reason: string): Problem => ({ at: `line ${number}`, reason })
