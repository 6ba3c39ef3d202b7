import type { User } from "../../contract/shared/Authentication.ts"
import type { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"

/** Only its creator and administrators may take anything away from a subscription. */
export const mayChange = (user: User, row: SubscriptionRepo.Row): boolean => user.role === "admin" || row.createdBy === user.id
