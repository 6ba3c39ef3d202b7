/** What to say about an account's session with its broker. */
import { warnBeforeMs } from "../../../src/domain/accounts/TokenLife.ts"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import type { Account } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"

export interface Note {
  readonly text: string
  /** `ends`: it works, but not for long. `away`: nothing streams and no order reaches the broker. */
  readonly kind: "ends" | "away"
  /** A person can sign in at the broker's page. An account that signs in by itself needs no person. */
  readonly hasLogin: boolean
}

/** Undefined while there is nothing to say. */
export const of = ({ session, login_failure }: Account, nowMs: number): Note | undefined => {
  if (session === null) return undefined
  const hasLogin = !session.is_automatic
  const why = login_failure ?? session.detail
  const because = why == null ? "" : `: ${why}`
  if (session.state !== "signed_in") {
    const text = hasLogin ? "Not signed in at the broker" : "Signing in at the broker"
    return { text: `${text}${because}`, kind: "away", hasLogin }
  }
  if (session.token_dies_at === null || !hasLogin) return undefined
  const diesMs = Date.parse(session.token_dies_at)
  const leftMs = diesMs - nowMs
  if (leftMs > warnBeforeMs) return undefined
  if (leftMs <= 0) return { text: "The session with the broker has ended", kind: "away", hasLogin }
  const minutes = Math.ceil(leftMs / IndiaTime.minuteMs)
  return { text: `The session with the broker ends at ${Format.minute(diesMs)} IST, in ${minutes} min`, kind: "ends", hasLogin }
}
