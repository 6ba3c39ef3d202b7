import type * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Config, Context, Effect, Either, type Redacted } from "effect"
import type { AccountId } from "../domain/Ids.ts"
import { type Account, isKite, kiteRoot, Login, socketRootOf, withoutSlash } from "./Account.ts"
import * as AccountsFile from "./AccountsFile.ts"
import { UnknownAccount } from "./KiteError.ts"
import * as LinkedAccounts from "./LinkedAccounts.ts"
import * as Vault from "./Vault.ts"

/** How often the files and the store are read. The files are small, and a watch of the file system misses changes of a mounted file. */
const readEvery = "1 second"

const httpUrl = (name: string) =>
  Config.nonEmptyString(name).pipe(
    Config.validate({ message: `${name} must be an address such as ${kiteRoot}`, validation: (url) => URL.canParse(url) })
  )
/** The broker's addresses for linked accounts. Only the operator chooses them, so that no user can redirect another user's requests. */
const linkedPlace = Config.all({
  root: Config.withDefault(httpUrl("KITE_ROOT"), kiteRoot),
  wsRoot: Config.withDefault(httpUrl("KITE_WS_ROOT"), undefined)
}).pipe(
  Config.map(({ root, wsRoot }): LinkedAccounts.Place => {
    const source = isKite(root) ? "kite" : "simulator"
    const at = source === "kite" ? kiteRoot : withoutSlash(root)
    return { root: at, socketRoot: socketRootOf(wsRoot, at), source }
  })
)

/** Whether this process uses the accounts at the broker. A process that only shows them, such as a gateway, holds no token. */
export class AccountTokens extends Context.Reference<AccountTokens>()("broker/AccountTokens", {
  defaultValue: (): Vault.Tokens => "opened"
}) {}

/** The accounts in force, and what is wrong now. */
interface InForce {
  /** Whether this process has the accounts' tokens. */
  readonly tokens: Vault.Tokens
  /** A hash of the files. Their text is not kept, because it may hold tokens. */
  fingerprint: string
  file: AccountsFile.Read
  stored: LinkedAccounts.Stored
  byId: ReadonlyMap<string, Account>
  /** What is wrong now with the files, with the store, and with single accounts; null or empty if nothing is. */
  fileProblem: string | null
  storeProblem: string | null
  accountProblems: ReadonlyArray<string>
}

const nothingStored: LinkedAccounts.Stored = { accounts: [], sessions: [] }

/** Puts the accounts of the file and of the store in force. Logs each problem of a single account once. */
const settle = (inForce: InForce, place: LinkedAccounts.Place) =>
  Effect.suspend(() => {
    const { accounts, problems } = LinkedAccounts.merge(inForce.file.accounts, inForce.stored, inForce.file.keys, place, inForce.tokens)
    const news = problems.filter((one) => !inForce.accountProblems.includes(one))
    inForce.byId = new Map(accounts.map((account) => [account.accountId, account]))
    inForce.accountProblems = problems
    return Effect.forEach(news, (problem) => Effect.logError(problem), { discard: true })
  })

/**
 * Reads changed files and puts them in force. Invalid files become a problem only at the second read in a row, because at the first one
 * somebody may still be writing them.
 */
const followFiles = (paths: AccountsFile.Paths, inForce: InForce, settled: Effect.Effect<void>) => {
  let isSuspect = false
  const refuse = ({ message }: AccountsFile.AccountsInvalid) =>
    Effect.suspend(() => {
      const isNews = isSuspect && inForce.fileProblem !== message
      if (isSuspect) inForce.fileProblem = message
      isSuspect = true
      return isNews ? Effect.logError(`${message}; the accounts that it had before stay in force`) : Effect.void
    })
  const accept = (content: AccountsFile.Content, file: AccountsFile.Read) =>
    Effect.suspend(() => {
      inForce.file = file
      inForce.fingerprint = AccountsFile.fingerprint(content)
      inForce.fileProblem = null
      isSuspect = false
      return Effect.zipRight(
        settled,
        Effect.logInfo("ACCOUNTS_FILE read again").pipe(Effect.annotateLogs({ accounts: file.accounts.length }))
      )
    })
  return AccountsFile.readFiles(paths).pipe(
    Effect.flatMap((content) => {
      if (AccountsFile.fingerprint(content) !== inForce.fingerprint)
        return Effect.flatMap(AccountsFile.read(paths, content, inForce.tokens), (file) => accept(content, file))
      inForce.fileProblem = null
      isSuspect = false
      return Effect.void
    }),
    Effect.catchAll(refuse)
  )
}

/** Puts the store's present accounts in force. While the store cannot be read, the accounts that it had stay in force. */
const followStore = (linked: LinkedAccounts.LinkedAccounts["Type"], inForce: InForce, settled: Effect.Effect<void>) =>
  linked.read.pipe(
    Effect.flatMap((stored) => {
      inForce.storeProblem = null
      if (LinkedAccounts.isSame(stored, inForce.stored)) return Effect.void
      inForce.stored = stored
      return Effect.zipRight(
        settled,
        Effect.logInfo("linked accounts read again").pipe(Effect.annotateLogs({ accounts: stored.accounts.length }))
      )
    }),
    Effect.catchAll(({ message }) =>
      Effect.suspend(() => {
        const isNews = inForce.storeProblem === null
        inForce.storeProblem = message
        return isNews ? Effect.logWarning(`${message}; those that were read before stay in force`) : Effect.void
      })
    )
  )

/**
 * The broker accounts of this platform: those of the JSON array in the file ACCOUNTS_FILE, and those that users linked. Both may change
 * while the platform runs: accounts and sessions then begin and end. If the file or the store cannot be read, nothing changes.
 */
export class Accounts extends Effect.Service<Accounts>()("broker/Accounts", {
  scoped: Effect.gen(function* () {
    const linked = yield* LinkedAccounts.LinkedAccounts
    const place = yield* linkedPlace
    const paths: AccountsFile.Paths = yield* Config.all({
      accounts: Config.nonEmptyString("ACCOUNTS_FILE"),
      keys: Config.withDefault(Config.nonEmptyString("ACCOUNTS_KEY_FILE"), null)
    })
    const content = yield* AccountsFile.readFiles(paths)
    const tokens = yield* AccountTokens
    const file = yield* AccountsFile.read(paths, content, tokens)
    const inForce: InForce = {
      tokens,
      fingerprint: AccountsFile.fingerprint(content),
      file,
      stored: nothingStored,
      byId: new Map(),
      fileProblem: null,
      storeProblem: null,
      accountProblems: []
    }
    const settled = settle(inForce, place)
    yield* settled
    yield* followStore(linked, inForce, settled)
    const oneAtATime = yield* Effect.makeSemaphore(1)
    const files = yield* Effect.context<FileSystem.FileSystem>()
    const look = Effect.zipRight(followFiles(paths, inForce, settled), followStore(linked, inForce, settled)).pipe(
      oneAtATime.withPermits(1),
      Effect.provide(files)
    )
    yield* Effect.forkScoped(Effect.forever(Effect.delay(look, readEvery)))
    const all = (): ReadonlyArray<Account> => [...inForce.byId.values()]
    const ids = (): ReadonlyArray<AccountId> => all().map(({ accountId }) => accountId)
    return {
      /** Reads the files and the store now, without waiting for the read of each second. */
      look,
      all,
      ids,
      knows: (id: string): boolean => inForce.byId.has(id),
      /** The accounts that can stream, because they have or had a session. If none can, all of them: they stream once somebody signs in. */
      streaming: (): ReadonlyArray<AccountId> => {
        const able = all().filter(({ login }) => !Login.$is("Absent")(login))
        return able.length === 0 ? ids() : able.map(({ accountId }) => accountId)
      },
      byId: (id: string): Either.Either<Account, UnknownAccount> =>
        Either.fromNullable(inForce.byId.get(id), () => new UnknownAccount({ account: id, known: ids() })),
      /** What is wrong with the files and with single accounts; null if nothing is. A store that cannot be read is not included. */
      problem: (): string | null => {
        const ofFile = inForce.fileProblem === null ? [] : [`${inForce.fileProblem}; the accounts that it had before stay in force`]
        const problems = [...ofFile, ...inForce.accountProblems]
        return problems.length === 0 ? null : problems.join("; ")
      },
      /** Which broker the linked accounts have: Kite or a simulator. */
      linkedSource: place.source,
      /** Seals a secret of an account with the newest key; undefined without ACCOUNTS_KEY_FILE. */
      seal: (account: string, field: Vault.Field, secret: Redacted.Redacted): string | undefined =>
        Vault.seal(inForce.file.keys, { account, field }, secret),
      /** Opens what `seal` made. The problem never quotes it. */
      open: (account: string, field: Vault.Field, stored: Redacted.Redacted): Either.Either<Redacted.Redacted, string> =>
        Vault.open(inForce.file.keys, { account, field }, stored, tokens),
      /** Whether the newest key sealed the text. */
      isSealedNewest: (stored: Redacted.Redacted): boolean => Vault.isNewest(inForce.file.keys, stored)
    } as const
  }),
  dependencies: [NodeFileSystem.layer]
}) {}
