import { type Clock, Deferred, Effect, Exit, Fiber, Redacted } from "effect"
import * as RateLimit from "../domain/accounts/RateLimit.ts"
import * as IndiaTime from "../domain/IndiaTime.ts"
import type { SessionStatus } from "../domain/market/TickerStatus.ts"
import type { Login } from "./Account.ts"
import type * as AutomaticLogins from "./AutomaticLogins.ts"
import * as EgressAddress from "./EgressAddress.ts"
import type * as KiteClient from "./KiteClient.ts"
import type * as KiteError from "./KiteError.ts"
import * as KiteLogin from "./KiteLogin.ts"
import * as Metrics from "./Metrics.ts"

/** The address that a socket connects to. It carries the tokens, so the whole address is a secret. */
export interface SocketAddress {
  readonly url: Redacted.Redacted
  /** The local IP address from which the connection leaves. If it is absent, the system chooses one. */
  readonly localAddress?: string
  /** Run when the server refuses this address, so that the next address carries a new token. */
  readonly refused: Effect.Effect<void, Exclude<KiteError.KiteError, KiteError.InvalidCredentials>>
  /** Run when the server refuses this address because of too many connections or requests (429). */
  readonly limited: Effect.Effect<void>
  /** Succeeds when the token of this address is dead or replaced, with the reason. A connection does not outlive its token. */
  readonly ended: Effect.Effect<string>
}

/** The clock that decides when tokens die: market time, because the simulator's tokens die in the mornings of its own days. */
export interface TokenTime {
  /** Null while market time is unknown, before a recording begins. No token is dead then. */
  readonly nowMs: () => number | null
  /** When a token dies that was obtained at `signedInMs`; null if the rulebook does not say it. */
  readonly diesAtMs: (signedInMs: number) => number | null
}

/** An automatic login that was refused is tried again after this time: somebody may have corrected the account at the broker. */
export const automaticRetryMs = 60_000
/**
 * When the broker ended this many automatic sessions within `automaticRetryMs`, another platform signs in with the same api_key, and each login
 * ends the other one's session. Signing in at once again would go on for ever.
 */
export const endedSessionsMax = 3
/** The usual reason why a token is refused early: a new login ends the previous session (kite.trade/docs/connect/v3/user). */
const signedInElsewhere = "as when somebody signed in elsewhere with the same api_key"

interface Held {
  readonly token: Redacted.Redacted
  readonly diesAtMs: number | null
  /** The stored token that led to this one; null for an automatic login. */
  readonly by: string | null
  readonly ended: Deferred.Deferred<string>
}
/** A login is required: no call is made until the configured login differs from the one that failed. */
interface Required {
  readonly reason: string
  readonly sinceMs: number | null
  /** When the login failed, by the machine's clock, for the automatic retry. */
  readonly triedMs: number
  readonly login: Login
}

export interface Options {
  readonly client: KiteClient.KiteClient
  /** Returns how the account signs in now. A person may have stored a new session since the start. */
  readonly login: () => Login
  readonly time: TokenTime
  /** Shares automatic logins with other processes. */
  readonly automatic: AutomaticLogins.Once
  /** How long the broker still limits the account after an answer 429, ms. */
  readonly limitedForMs?: () => number
}

const isOver = (diesAtMs: number | null, nowMs: number | null): boolean => diesAtMs !== null && nowMs !== null && diesAtMs <= nowMs

/** The session's state, and the only steps between its states. None of them waits. */
class Standing {
  held: Held | null = null
  required: Required | null = null
  /** The newest times at which the broker ended automatic sessions early, by the machine's clock. */
  #endedMs: ReadonlyArray<number> = []
  readonly #account: string
  readonly #time: TokenTime
  /** Open unless a login is required. */
  readonly mayCall: Effect.Latch

  constructor(account: string, time: TokenTime, mayCall: Effect.Latch) {
    this.#account = account
    this.#time = time
    this.mayCall = mayCall
  }

  hold(held: Held): void {
    this.held = held
    this.#setRequired(null)
  }
  require(login: Login, reason: string, machineMs: number): void {
    this.drop(reason)
    const sinceMs = this.required?.sinceMs ?? this.#time.nowMs()
    this.#setRequired({ reason, sinceMs, triedMs: machineMs, login })
  }
  /** Forgets the token. Connections that use it end. */
  drop(reason: string): void {
    if (this.held !== null) Deferred.unsafeDone(this.held.ended, Exit.succeed(reason))
    this.held = null
  }
  /** Notes that the broker ended an automatic session before its time. Returns how many it ended lately. */
  noteEnded(machineMs: number): number {
    this.#endedMs = [...this.#endedMs.filter((ms) => machineMs - ms < automaticRetryMs), machineMs]
    return this.#endedMs.length
  }
  /** Succeeds, with the reason, when a connection that uses this token has to end. */
  endOf(used: Redacted.Redacted): Effect.Effect<string> {
    return this.held !== null && this.held.token === used ? Deferred.await(this.held.ended) : Effect.succeed("its token was replaced")
  }
  /** True if the held token has died. */
  isDead(): boolean {
    return this.held !== null && isOver(this.held.diesAtMs, this.#time.nowMs())
  }
  /** Ends the wait for a login if `login` is a new one, or if an automatic login may be tried again. */
  reconsider(login: Login, machineMs: number): void {
    const { required } = this
    if (required === null) return
    const isNew = login._tag !== required.login._tag || KiteLogin.broughtBy(login) !== KiteLogin.broughtBy(required.login)
    const isDue = login._tag === "Auto" && machineMs - required.triedMs >= automaticRetryMs
    if (isNew || isDue) this.#setRequired(null)
  }

  #setRequired(required: Required | null): void {
    this.required = required
    if (required === null) this.mayCall.unsafeOpen()
    else this.mayCall.unsafeClose()
    Metrics.loginRequired.set(this.#account, required === null ? 0 : 1)
  }
}

const statusOf = ({ held, required }: Standing, login: Login, localAddress: string | undefined, limitedForMs: number): SessionStatus => ({
  state: required !== null ? "login_required" : held !== null ? "signed_in" : "signed_out",
  is_automatic: login._tag === "Auto",
  token_dies_at: IndiaTime.isoTimeOrNull(held?.diesAtMs ?? null),
  required_since: IndiaTime.isoTimeOrNull(required?.sinceMs ?? null),
  detail: required?.reason ?? null,
  ...(localAddress === undefined ? {} : { local_address: localAddress }),
  ...(limitedForMs > 0 ? { limited_for_ms: Math.ceil(limitedForMs) } : {})
})

/** What the steps of one session share. */
interface Parts extends Options {
  readonly standing: Standing
  readonly clock: Clock.Clock
}

const requireLogin = ({ standing, clock, client }: Parts, login: Login, reason: string) =>
  Effect.suspend(() => {
    standing.require(login, reason, clock.unsafeCurrentTimeMillis())
    return Effect.logError(`${client.account.accountId} needs a new login: ${reason}`)
  })

/** When the token dies. If the time of its login is unknown, this is the latest possible time, as for a login now. */
const deathOf = ({ time }: Parts, signedInMs: number | null): number | null => {
  const fromMs = signedInMs ?? time.nowMs()
  return fromMs === null ? null : time.diesAtMs(fromMs)
}

/** True if this process can use another process's session: its token is alive and is not the one that the broker refused. */
const isUsable =
  (parts: Parts, stale: Redacted.Redacted | null) =>
  ({ signedInMs, token }: KiteLogin.SignedIn): boolean =>
    signedInMs !== null &&
    !isOver(deathOf(parts, signedInMs), parts.time.nowMs()) &&
    (stale === null || Redacted.value(token) !== Redacted.value(stale))

/** `stale`: the token that the broker refused; null if none was. */
const signIn = (parts: Parts, login: Login, stale: Redacted.Redacted | null) =>
  Effect.gen(function* () {
    const { automatic, client, standing, time } = parts
    const own = KiteLogin.signIn(client, login)
    const { token, signedInMs } = yield* login._tag === "Auto" ? automatic(isUsable(parts, stale), own) : own
    const stated = deathOf(parts, signedInMs)
    const isStatedOver = isOver(stated, time.nowMs())
    if (login._tag === "AccessToken" && isStatedOver)
      return yield* KiteLogin.noToken(
        client.account,
        `the access token died at ${IndiaTime.isoTimeOrNull(stated)}: ${KiteLogin.askPerson(client.account)}`
      )
    // The broker has just issued this token, so our calculation that it is already dead must be wrong.
    const diesAtMs = isStatedOver ? deathOf(parts, null) : stated
    standing.hold({ token, diesAtMs, by: KiteLogin.broughtBy(login), ended: yield* Deferred.make<string>() })
    yield* Effect.logInfo("signed in to the broker")
    return token
  }).pipe(Effect.tapErrorTag("InvalidCredentials", ({ reason }) => requireLogin(parts, login, reason)))

/** Drops a dead token. The next call signs in again if the login is automatic. Otherwise a person has to sign in. */
const bury = (parts: Parts) =>
  Effect.suspend(() => {
    const { standing, login, client } = parts
    const { held } = standing
    if (held === null || !standing.isDead()) return Effect.void
    const reason = `the access token died at ${IndiaTime.isoTimeOrNull(held.diesAtMs)}`
    if (held.by !== null) return requireLogin(parts, login(), `${reason}: ${KiteLogin.askPerson(client.account)}`)
    standing.drop(reason)
    return Effect.logInfo(`${reason}, signing in again`)
  })

/** Checks for a new login, which may end the wait after a refusal, or replace a token that is still alive. */
const notice = (parts: Parts) =>
  Effect.sync(() => {
    const { standing, clock } = parts
    const login = parts.login()
    standing.reconsider(login, clock.unsafeCurrentTimeMillis())
    const { held } = standing
    if (held !== null && login._tag !== "Absent" && held.by !== KiteLogin.broughtBy(login)) standing.drop("another login takes its place")
    return login
  })

const currentToken = (parts: Parts) =>
  Effect.gen(function* () {
    const { standing, client } = parts
    yield* bury(parts)
    if (standing.held !== null) return standing.held.token
    const login = yield* notice(parts)
    return standing.required === null
      ? yield* signIn(parts, login, null)
      : yield* KiteLogin.noToken(client.account, standing.required.reason)
  })

/** Replaces a refused token. If several callers had the same token refused, only the first one signs in. */
const replaceToken = (parts: Parts, stale: Redacted.Redacted) =>
  Effect.gen(function* () {
    const { standing, client, clock } = parts
    const { held } = standing
    if (held === null || Redacted.value(held.token) !== Redacted.value(stale)) return yield* currentToken(parts)
    const login = parts.login()
    const refuse = (reason: string) => Effect.zipRight(requireLogin(parts, login, reason), KiteLogin.noToken(client.account, reason))
    if (login._tag !== "Auto" && (login._tag === "Absent" || KiteLogin.broughtBy(login) === held.by))
      return yield* refuse(`the access token was refused before its time, ${signedInElsewhere}: ${KiteLogin.askPerson(client.account)}`)
    const ended = login._tag === "Auto" ? standing.noteEnded(clock.unsafeCurrentTimeMillis()) : 0
    if (ended >= endedSessionsMax)
      return yield* refuse(
        `${ended} sessions within a minute were ended before their time, ${signedInElsewhere}: let one platform alone use it; trying again in a minute`
      )
    yield* Effect.logWarning(`the broker refused the access token before its time, ${signedInElsewhere}; signing in again`)
    standing.drop("the broker refused its token")
    return yield* signIn(parts, login, stale)
  })

/**
 * Holds one account's access token. All users of an account in a process share one session, and automatic logins share theirs with other
 * processes, because a new login with an api_key ends the token of the previous login. A token that died or was refused is never tried again: the session waits for another login.
 */
export const make = (options: Options) =>
  Effect.gen(function* () {
    const { account } = options.client
    const oneAtATime = yield* Effect.makeSemaphore(1)
    const standing = new Standing(account.accountId, options.time, yield* Effect.makeLatch(true))
    const scope = yield* Effect.scope
    const parts: Parts = { ...options, standing, clock: yield* Effect.clock }
    // A request_token works once. A caller that goes away must not end the exchange, so it runs in a fiber of the session.
    const alone = <A, E>(self: Effect.Effect<A, E>) =>
      self.pipe(
        oneAtATime.withPermits(1),
        Effect.annotateLogs({ account: account.accountId }),
        Effect.forkIn(scope),
        Effect.flatMap(Fiber.join)
      )
    const token = Effect.suspend(() =>
      standing.held === null || standing.isDead() ? alone(currentToken(parts)) : Effect.succeed(standing.held.token)
    )
    const renew = (stale: Redacted.Redacted) => alone(replaceToken(parts, stale))
    const usable: Effect.Effect<Redacted.Redacted, Exclude<KiteError.KiteError, KiteError.InvalidCredentials>> = Effect.catchTag(
      token,
      "InvalidCredentials",
      () =>
        Effect.zipRight(
          standing.mayCall.await,
          Effect.suspend(() => usable)
        )
    )
    /** The address of a socket. It waits while a login is required. */
    const socketAddress = Effect.map(Effect.zipRight(EgressAddress.check(account, "ticker socket"), usable), (used): SocketAddress => {
      const url = new URL(account.socketRoot)
      url.searchParams.set("api_key", Redacted.value(account.apiKey))
      url.searchParams.set("access_token", Redacted.value(used))
      return {
        url: Redacted.make(url.href),
        ...(account.localAddress === undefined ? {} : { localAddress: account.localAddress }),
        // If a login is required, the request for the next address waits for it.
        refused: Effect.catchTag(Effect.asVoid(renew(used)), "InvalidCredentials", () => Effect.void),
        limited: options.client.settings.limited?.(RateLimit.restMs(null), "ticker socket") ?? Effect.void,
        ended: standing.endOf(used)
      }
    })
    /** Drops a dead token and checks for a new login. It runs every second and makes no call to the broker. */
    const look = Effect.zipRight(bury(parts), notice(parts)).pipe(
      Effect.annotateLogs({ account: account.accountId }),
      oneAtATime.withPermitsIfAvailable(1)
    )
    return {
      account,
      client: options.client,
      token,
      renew,
      socketAddress,
      look,
      status: () => statusOf(standing, parts.login(), account.localAddress, options.limitedForMs?.() ?? 0)
    } as const
  })
export type KiteSession = Effect.Effect.Success<ReturnType<typeof make>>
