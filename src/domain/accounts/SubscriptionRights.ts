/** Who may change a subscription that several users share. */

export type Mode = "LTP" | "QUOTE" | "FULL"

/** What somebody requests for one instrument. */
export interface Wanted {
  readonly requested_mode: Mode
  readonly account_id?: string | undefined
}

/** What is known of a subscription. */
export interface Row {
  readonly status: "active" | "inactive"
  readonly tradingsymbol: string
  readonly requestedMode: Mode
  readonly accountId: string | null
}

const depth = { LTP: 0, QUOTE: 1, FULL: 2 } as const

/**
 * Whether the request would take something away from the others who use an active subscription of the instrument. Anyone may change its
 * mode to a fuller one. A row of another contract, which had the token on an earlier day, no longer belongs to anybody.
 */
export const takesAway = (row: Row, wanted: Wanted, tradingsymbol: string): boolean =>
  row.status === "active" &&
  row.tradingsymbol === tradingsymbol &&
  (depth[wanted.requested_mode] < depth[row.requestedMode] || (wanted.account_id !== undefined && wanted.account_id !== row.accountId))
