/** The machine's address from which an account's requests and sockets leave. The broker takes orders from registered addresses only. */
import { createServer } from "node:net"
import { Effect } from "effect"
import type { Account } from "./Account.ts"
import * as KiteError from "./KiteError.ts"

/** Listens at the address for a moment. The system refuses an address that is not this machine's. */
const bind = (address: string): Effect.Effect<void, string> =>
  Effect.async<void, string>((resume) => {
    const server = createServer()
    server.once("error", (error) => resume(Effect.fail(KiteError.codeOf(error))))
    server.listen(0, address, () => server.close(() => resume(Effect.void)))
  })

/** Fails if the account's address is not this machine's. An account without a local address passes. */
export const check = ({ accountId, localAddress }: Pick<Account, "accountId" | "localAddress">, op: string) =>
  localAddress === undefined
    ? Effect.void
    : Effect.mapError(bind(localAddress), (code) => new KiteError.NoLocalAddress({ account: accountId, op, address: localAddress, code }))
