import { createHash } from "node:crypto"
import { isIP } from "node:net"
import * as FileSystem from "@effect/platform/FileSystem"
import { Data, Effect, Either, ParseResult, type Redacted, Schema } from "effect"
import { AccountId } from "../domain/Ids.ts"
import { type Account, isKite, kiteRoot, Login, socketRootOf, withoutSlash } from "./Account.ts"
import * as Vault from "./Vault.ts"

/** One process cannot serve more accounts, so a longer file is refused. */
export const accountsMax = 256

/** `path` is the file and `field` the place in it ("[0].api_key"). No field holds a value of the file. */
export class AccountsInvalid extends Data.TaggedError("AccountsInvalid")<{
  readonly path: string
  readonly field: string | null
  readonly problem: string
}> {
  override get message() {
    return `ACCOUNTS_FILE ${this.path}: ${this.field === null ? "" : `${this.field} `}${this.problem}; docs/operations.md shows the form`
  }
}

// Each message is our own, because the library's default messages print the value that failed.
const text = Schema.String.annotations({ message: () => "must be text" }).pipe(
  Schema.pattern(/^\S{1,512}$/, { message: () => "must be 1 to 512 characters without spaces" })
)
const secret = Schema.Redacted(text)
const isUrl = (protocols: ReadonlyArray<string>) => (value: string) => URL.canParse(value) && protocols.includes(new URL(value).protocol)
const httpUrl = text.pipe(Schema.filter(isUrl(["http:", "https:"]), { message: () => "must be an http or https address" }))
const instant = Schema.DateFromString.pipe(Schema.validDate()).annotations({ message: () => "must be a time such as 2026-08-03T03:20:00Z" })
const socketUrl = text.pipe(Schema.filter(isUrl(["ws:", "wss:"]), { message: () => "must be a ws or wss address" }))

const Row = Schema.Struct({
  account_id: AccountId.annotations({ message: () => "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -" }),
  user_id: text,
  api_key: secret,
  api_secret: secret,
  root: Schema.optional(httpUrl),
  ws_root: Schema.optional(socketUrl),
  login: Schema.optional(Schema.Literal("auto").annotations({ message: () => 'can only be "auto"' })),
  access_token: Schema.optional(secret),
  request_token: Schema.optional(secret),
  /** When the person who obtained `access_token` signed in. */
  signed_in_at: Schema.optional(instant),
  local_address: Schema.optional(
    text.pipe(Schema.filter((value) => isIP(value) !== 0, { message: () => "must be an IP address of this machine" }))
  ),
  /** Only the simulator reads it: where its login page redirects to. */
  redirect_url: Schema.optional(httpUrl),
  owners: Schema.optional(Schema.Array(text).annotations({ message: () => "must be a list of users" }))
}).annotations({ identifier: "Account" })
type Row = typeof Row.Type
const decodeRows = Schema.decodeUnknownEither(Schema.Array(Row).annotations({ message: () => "must be an array of accounts" }), {
  onExcessProperty: "error"
})

const place = (path: ReadonlyArray<PropertyKey>) =>
  path.length === 0
    ? null
    : path.map((key, at) => (typeof key === "number" ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`)).join("")

const problemOf = (issue: ParseResult.ArrayFormatterIssue): string => {
  if (issue._tag === "Missing") return "is missing"
  if (issue._tag === "Unexpected") return "is not a field of an account"
  return issue.message.startsWith("must be") || issue.message.startsWith("can only") ? issue.message : "is not valid"
}

const loginOf = (row: Row): Login => {
  if (row.login === "auto") return Login.Auto()
  if (row.access_token !== undefined)
    return Login.AccessToken({ accessToken: row.access_token, signedInMs: row.signed_in_at?.getTime() ?? null })
  return row.request_token === undefined ? Login.Absent() : Login.RequestToken({ requestToken: row.request_token })
}

/** The row with its secrets in clear, or without its tokens. */
const opened = (path: string, at: number, row: Row, keys: Vault.Keys, tokens: Vault.Tokens): Either.Either<Row, AccountsInvalid> =>
  Either.gen(function* () {
    const inClear = (field: "api_key" | "api_secret" | "access_token" | "request_token", stored: Redacted.Redacted) =>
      Either.mapLeft(
        Vault.open(keys, { account: row.account_id, field }, stored, tokens),
        (problem) => new AccountsInvalid({ path, field: `[${at}].${field}`, problem })
      )
    return {
      ...row,
      api_key: yield* inClear("api_key", row.api_key),
      api_secret: yield* inClear("api_secret", row.api_secret),
      ...(row.access_token === undefined ? {} : { access_token: yield* inClear("access_token", row.access_token) }),
      ...(row.request_token === undefined ? {} : { request_token: yield* inClear("request_token", row.request_token) })
    }
  })

/** Parses the text of ACCOUNTS_FILE. Neither the error nor its message ever carries a value of the file. */
export const parse = (
  path: string,
  content: string,
  keys: Vault.Keys = Vault.noKeys,
  tokens: Vault.Tokens = "opened"
): Either.Either<ReadonlyArray<Account>, AccountsInvalid> =>
  Either.gen(function* () {
    const invalid = (field: string | null, problem: string) => Either.left(new AccountsInvalid({ path, field, problem }))
    const json = yield* Either.try({
      try: (): unknown => JSON.parse(content),
      // The parser's own message quotes the text around the error, and that text may be a secret.
      catch: () => new AccountsInvalid({ path, field: null, problem: "is not valid JSON" })
    })
    const stored = yield* Either.mapLeft(decodeRows(json), (error) => {
      const issue = ParseResult.ArrayFormatter.formatErrorSync(error)[0]
      return new AccountsInvalid({
        path,
        field: issue === undefined ? null : place(issue.path),
        problem: issue === undefined ? "is not valid" : problemOf(issue)
      })
    })
    const rows: Array<Row> = []
    for (const [at, row] of stored.entries()) rows.push(yield* opened(path, at, row, keys, tokens))
    if (rows.length === 0) return yield* invalid(null, "has no account")
    if (rows.length > accountsMax) return yield* invalid(null, `has ${rows.length} accounts, but the limit is ${accountsMax}`)
    const seen = new Set<string>()
    for (const [at, row] of rows.entries()) {
      if (seen.has(row.account_id)) return yield* invalid(`[${at}].account_id`, `${row.account_id} is listed twice`)
      seen.add(row.account_id)
      if (row.login === "auto" && (row.root === undefined || isKite(row.root)))
        return yield* invalid(`[${at}].login`, '"auto" needs the root of a simulator: at Kite a person has to sign in')
    }
    return rows.map((row) => {
      const root = row.root === undefined || isKite(row.root) ? kiteRoot : withoutSlash(row.root)
      return {
        accountId: row.account_id,
        userId: row.user_id,
        apiKey: row.api_key,
        apiSecret: row.api_secret,
        root,
        socketRoot: socketRootOf(row.ws_root, root),
        login: loginOf(row),
        ...(row.local_address === undefined ? {} : { localAddress: row.local_address }),
        source: root === kiteRoot ? "kite" : "simulator",
        owners: row.owners ?? [],
        origin: "file"
      } satisfies Account
    })
  })

/** Why the file cannot be read, by the reason of the file system. */
const readProblems: Readonly<Record<string, string>> = {
  NotFound: "there is no such file",
  PermissionDenied: "this user may not read it",
  BadResource: "it is no file"
}

/** The text of ACCOUNTS_FILE and, if there is one, of ACCOUNTS_KEY_FILE. */
export interface Content {
  readonly accounts: string
  readonly keys: string | null
}
export interface Paths {
  readonly accounts: string
  readonly keys: string | null
}

const readFile = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (files) =>
    Effect.mapError(
      files.readFileString(path),
      (error) =>
        new AccountsInvalid({
          path,
          field: null,
          problem: readProblems[error._tag === "SystemError" ? error.reason : ""] ?? "cannot be read"
        })
    )
  )

export const readFiles = (paths: Paths) =>
  Effect.all({ accounts: readFile(paths.accounts), keys: paths.keys === null ? Effect.succeed(null) : readFile(paths.keys) })

/** A hash of the files, which does not reveal their content. */
export const fingerprint = ({ accounts, keys }: Content): string =>
  createHash("sha256")
    .update(JSON.stringify([accounts, keys]))
    .digest("base64")

/** The content of both files. */
export interface Read {
  readonly accounts: ReadonlyArray<Account>
  readonly keys: Vault.Keys
}

export const read = (paths: Paths, content: Content, tokens: Vault.Tokens): Either.Either<Read, AccountsInvalid> =>
  Either.gen(function* () {
    const keys =
      content.keys === null
        ? Vault.noKeys
        : yield* Either.mapLeft(
            Vault.parseKeys(content.keys),
            (problem) => new AccountsInvalid({ path: paths.accounts, field: null, problem: `ACCOUNTS_KEY_FILE ${paths.keys}: ${problem}` })
          )
    return { accounts: yield* parse(paths.accounts, content.accounts, keys, tokens), keys }
  })
