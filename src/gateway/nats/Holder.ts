import { createHash } from "node:crypto"
import type { User } from "../../contract/shared/Authentication.ts"
import * as Access from "../../domain/access/Access.ts"
import * as Subject from "../../streams/Subject.ts"

/** What the name of a connection says of its user. The server keeps the name, so any process can check any connection. */
export interface Holder {
  readonly owner: string
  readonly role: Access.Role
  /** Null for a user who signed in with a token. */
  readonly keyId: number | null
  /** Differs when the user may use other accounts than at the login. */
  readonly accounts: string
}

const digestLength = 12
/** A short text that differs for different accounts. */
export const accountsDigest = (ids: ReadonlyArray<string>): string =>
  createHash("sha256")
    .update(JSON.stringify([...ids].sort()))
    .digest("hex")
    .slice(0, digestLength)

export const of = ({ id, key, role }: User, accountIds: ReadonlyArray<string>): Holder => ({
  owner: id,
  role,
  keyId: key?.id ?? null,
  accounts: accountsDigest(accountIds)
})

/** `<owner> <role> <key id or -> <accounts>`; blanks in an owner's id are escaped as in a subject. */
export const format = ({ accounts, keyId, owner, role }: Holder): string => [Subject.escape(owner), role, keyId ?? "-", accounts].join(" ")

const form = /^(\S+) (viewer|trader|admin) (-|\d{1,15}) ([0-9a-f]{12})$/
export const parse = (name: string): Holder | undefined => {
  const [, owner, role, keyId, accounts] = form.exec(name) ?? []
  if (owner === undefined || keyId === undefined || accounts === undefined) return undefined
  return { owner: Subject.unescape(owner), role: Access.roleOf(role), keyId: keyId === "-" ? null : Number(keyId), accounts }
}
