import type { User } from "../../contract/shared/Authentication.ts"
import type { SubscriptionRepo } from "../../store/SubscriptionRepo.ts"

/** What a client requests for one instrument. */
export interface Wanted {
  readonly requested_mode: SubscriptionRepo.Row["requestedMode"]
  readonly account_id?: string | undefined
}

const depth = { LTP: 0, QUOTE: 1, FULL: 2 } as const

/** Only its creator and administrators may take anything away from a subscription. */
export const mayChange = (user: User, row: SubscriptionRepo.Row): boolean => user.role === "admin" || row.createdBy === user.id

/**
 * Whether the request would take something away from the others who use an active subscription of the instrument. Anyone may deepen its
 * mode. A row of another contract, which had the token on an earlier day, is nobody's any longer.
 */
export const takesAway = (row: SubscriptionRepo.Row, wanted: Wanted, tradingsymbol: string): boolean =>
  row.status === "active" &&
  row.tradingsymbol === tradingsymbol &&
  (depth[wanted.requested_mode] < depth[row.requestedMode] || (wanted.account_id !== undefined && wanted.account_id !== row.accountId))
