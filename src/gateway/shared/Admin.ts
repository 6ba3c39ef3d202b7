import { Effect } from "effect"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"

/** Returns the caller, who must be an administrator. */
export const only = Effect.filterOrFail(
  CurrentUser,
  ({ role }) => role === "admin",
  () => new Problem.Forbidden({ detail: "Forbidden", errors: [{ field: "authorization", message: "needs the role admin" }] })
)
