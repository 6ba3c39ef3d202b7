import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Config, Data, Effect, Either, ParseResult, type Redacted, Schema } from "effect"
import { AccountId } from "../domain/Ids.ts"
import { UnknownAccount } from "./KiteError.ts"
import * as Vault from "./Vault.ts"

export const kiteRoot = "https://api.kite.trade"
export const kiteSocketRoot = "wss://ws.kite.trade"
/** One process cannot serve more accounts, so a longer file is a mistake. */
export const accountsMax = 256

/** How an account gets its access token. */
export type Login = Data.TaggedEnum<{
  /** The simulator signs in without a person. */
  Auto: Record<never, never>
  /** A token that a person obtained, and when; null if the file does not say it. The rulebook says when such tokens die. */
  AccessToken: { readonly accessToken: Redacted.Redacted; readonly signedInMs: number | null }
  /** A token that is valid once and for minutes; it is exchanged at the first call. */
  RequestToken: { readonly requestToken: Redacted.Redacted }
  /** No token is given: every call fails with InvalidCredentials. */
  Absent: Record<never, never>
}>
export const Login = Data.taggedEnum<Login>()

/** Changes of the other fields begin a new session. */
export interface Account {
  readonly accountId: AccountId
  readonly userId: string
  readonly apiKey: Redacted.Redacted
  readonly apiSecret: Redacted.Redacted
  /** Without a slash at the end. */
  readonly root: string
  readonly socketRoot: string
  readonly login: Login
  readonly source: "kite" | "simulator"
  /** Users who may trade with the account. Administrators may use every account. */
  readonly owners: ReadonlyArray<string>
}

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
  /** When the person signed in who brought `access_token`. */
  signed_in_at: Schema.optional(instant),
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

const withoutSlash = (url: string) => url.replace(/\/+$/, "")
/** Kite's own address, however it is written: with a slash at the end, in capitals, or with its port. */
const isKite = (root: string): boolean => new URL(root).host === new URL(kiteRoot).host
/** Without `ws_root`, Kite's socket is at Kite's other host, and a simulator's at the host and port of `root`. */
const socketRootOf = (wsRoot: string | undefined, root: string): string =>
  withoutSlash(wsRoot ?? (isKite(root) ? kiteSocketRoot : root.replace(/^http/i, "ws")))

/** The row with its secrets in clear. */
const opened = (path: string, at: number, row: Row, keys: Vault.Keys): Either.Either<Row, AccountsInvalid> =>
  Either.gen(function* () {
    const inClear = (field: "api_key" | "api_secret" | "access_token" | "request_token", stored: Redacted.Redacted) =>
      Either.mapLeft(
        Vault.open(keys, { account: row.account_id, field }, stored),
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
  keys: Vault.Keys = Vault.noKeys
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
    for (const [at, row] of stored.entries()) rows.push(yield* opened(path, at, row, keys))
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
        source: root === kiteRoot ? "kite" : "simulator",
        owners: row.owners ?? []
      } satisfies Account
    })
  })

/** Why the file cannot be read, by the reason of the file system. */
const readProblems: Readonly<Record<string, string>> = {
  NotFound: "there is no such file",
  PermissionDenied: "this user may not read it",
  BadResource: "it is no file"
}

/** How often the file is read. It is small, and a watch of the file system misses changes of a mounted file. */
const readEvery = "1 second"

/** The text of ACCOUNTS_FILE and, if there is one, of ACCOUNTS_KEY_FILE. */
interface Content {
  readonly accounts: string
  readonly keys: string | null
}
interface Paths {
  readonly accounts: string
  readonly keys: string | null
}

/** The accounts in force, and what is wrong with the file now; null if nothing is. */
interface InForce {
  byId: ReadonlyMap<string, Account>
  /** What the files said. */
  content: Content
  problem: AccountsInvalid | null
}

const byIdOf = (accounts: ReadonlyArray<Account>): ReadonlyMap<string, Account> =>
  new Map(accounts.map((account) => [account.accountId, account]))

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

const readFiles = (paths: Paths) =>
  Effect.all({ accounts: readFile(paths.accounts), keys: paths.keys === null ? Effect.succeed(null) : readFile(paths.keys) })

const accountsOf = (paths: Paths, content: Content): Either.Either<ReadonlyArray<Account>, AccountsInvalid> =>
  Either.gen(function* () {
    const keys =
      content.keys === null
        ? Vault.noKeys
        : yield* Either.mapLeft(
            Vault.parseKeys(content.keys),
            (problem) => new AccountsInvalid({ path: paths.accounts, field: null, problem: `ACCOUNTS_KEY_FILE ${paths.keys}: ${problem}` })
          )
    return yield* parse(paths.accounts, content.accounts, keys)
  })

/** Takes over a changed file. A file that is wrong at two looks in a row is a problem; at the first one somebody may be writing it. */
const follow = (paths: Paths, inForce: InForce) => {
  let isSuspect = false
  const refuse = (problem: AccountsInvalid) =>
    Effect.suspend(() => {
      const isNews = isSuspect && inForce.problem?.message !== problem.message
      if (isSuspect) inForce.problem = problem
      isSuspect = true
      return isNews ? Effect.logError(`${problem.message}; the accounts that it had before stay in force`) : Effect.void
    })
  const accept = (content: Content, accounts: ReadonlyArray<Account>) =>
    Effect.suspend(() => {
      inForce.byId = byIdOf(accounts)
      inForce.content = content
      inForce.problem = null
      isSuspect = false
      return Effect.logInfo("ACCOUNTS_FILE read again").pipe(Effect.annotateLogs({ accounts: accounts.length }))
    })
  return readFiles(paths).pipe(
    Effect.flatMap((content) => {
      if (content.accounts !== inForce.content.accounts || content.keys !== inForce.content.keys)
        return Effect.flatMap(accountsOf(paths, content), (accounts) => accept(content, accounts))
      inForce.problem = null
      isSuspect = false
      return Effect.void
    }),
    Effect.catchAll(refuse),
    Effect.delay(readEvery),
    Effect.forever
  )
}

/**
 * The broker accounts of this platform, from the JSON array in the file ACCOUNTS_FILE. The file may change while the platform runs: accounts
 * come, go and change with it. A file that cannot be used changes nothing.
 */
export class Accounts extends Effect.Service<Accounts>()("broker/Accounts", {
  scoped: Effect.gen(function* () {
    const paths: Paths = yield* Config.all({
      accounts: Config.nonEmptyString("ACCOUNTS_FILE"),
      keys: Config.withDefault(Config.nonEmptyString("ACCOUNTS_KEY_FILE"), null)
    })
    const content = yield* readFiles(paths)
    const inForce: InForce = { byId: byIdOf(yield* accountsOf(paths, content)), content, problem: null }
    yield* Effect.forkScoped(follow(paths, inForce))
    const ids = (): ReadonlyArray<AccountId> => Array.from(inForce.byId.values(), ({ accountId }) => accountId)
    return {
      all: (): ReadonlyArray<Account> => [...inForce.byId.values()],
      ids,
      byId: (id: string): Either.Either<Account, UnknownAccount> =>
        Either.fromNullable(inForce.byId.get(id), () => new UnknownAccount({ account: id, known: ids() })),
      /** Why the file is not in force as it is now; null if it is. */
      problem: (): string | null => inForce.problem?.message ?? null
    } as const
  }),
  dependencies: [NodeFileSystem.layer]
}) {}
