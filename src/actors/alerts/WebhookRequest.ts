import { createHmac } from "node:crypto"
import { lookup } from "node:dns"
import * as http from "node:http"
import * as https from "node:https"
import { isIP, type LookupFunction } from "node:net"
import { Data, Effect } from "effect"
import * as Turn from "../../loop/Turn.ts"
import type { Networks } from "./Networks.ts"

/** How long a receiver may take for its whole answer. */
const answerMaxMs = 5_000

/** The attempt failed. `isFinal`: no later attempt can succeed. */
export class Undelivered extends Data.TaggedError("Undelivered")<{ readonly reason: string; readonly isFinal: boolean }> {
  override get message() {
    return this.reason
  }
}

export interface Post {
  readonly url: string
  readonly secret: string
  readonly eventId: number
  readonly body: string
  readonly atMs: number
}

/** The signature that the receiver checks: HMAC-SHA256 over the time of sending, a dot and the body. */
export const signature = (secret: string, seconds: number, body: string): string =>
  `v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`

const notAllowed = "its address is not on the public internet, nor in WEBHOOK_NETWORKS"

/**
 * Resolves a host to the addresses that may be reached. The connection is made to one of them, without asking DNS again, so a changed DNS
 * answer cannot redirect it.
 */
const guarded =
  (networks: Networks, isSecure: boolean): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0)
      const allowed = addresses.filter(({ address }) => (isSecure ? networks.isAllowed(address) : networks.isNamed(address)))
      const [first] = allowed
      // One forbidden address among the answers is enough to refuse the host, because it may be an attempt to reach that address.
      if (first === undefined || allowed.length < addresses.length) return callback(new Error(notAllowed), "", 0)
      return options.all === true
        ? (callback as unknown as (error: null, all: typeof allowed) => void)(null, allowed)
        : callback(null, first.address, first.family)
    })
  }

/**
 * Why a URL is refused before any connection; undefined if it may be tried. An IP address in a URL needs no DNS answer, so it is checked
 * here.
 */
const refusalOf = (url: URL, networks: Networks): string | undefined => {
  const host = url.hostname.replace(/^\[|\]$/g, "")
  if (isIP(host) === 0) return undefined
  const isFine = url.protocol === "https:" ? networks.isAllowed(host) : networks.isNamed(host)
  return isFine ? undefined : notAllowed
}

/** Sends one event. Redirects are not followed, and the body of the answer is not read. */
export const post = (networks: Networks, { atMs, body, eventId, secret, url: text }: Post): Effect.Effect<void, Undelivered> =>
  Effect.suspend(() => {
    const url = new URL(text)
    const refused = refusalOf(url, networks)
    if (refused !== undefined) return Effect.fail(new Undelivered({ reason: refused, isFinal: true }))
    const seconds = Math.floor(atMs / 1_000)
    const isSecure = url.protocol === "https:"
    const sent = Effect.async<void, Undelivered>((resume) => {
      const request = (isSecure ? https : http).request(url, {
        method: "POST",
        agent: false,
        lookup: guarded(networks, isSecure),
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          "user-agent": "tarang-webhook/1",
          "tarang-event": String(eventId),
          "tarang-timestamp": String(seconds),
          "tarang-signature": signature(secret, seconds, body)
        }
      })
      request.on("response", (response) => {
        const { statusCode: status = 0 } = response
        response.destroy()
        if (status >= 200 && status < 300) return resume(Effect.void)
        return resume(Effect.fail(new Undelivered({ reason: `the receiver answered ${status}`, isFinal: status === 410 })))
      })
      request.on("error", (error: Error & { readonly code?: string }) =>
        resume(
          Effect.fail(
            new Undelivered({
              reason: error.message === notAllowed ? notAllowed : (error.code ?? error.message),
              isFinal: error.message === notAllowed
            })
          )
        )
      )
      request.end(body)
      return Effect.sync(() => request.destroy())
    })
    return Turn.inTime(sent, answerMaxMs, () => new Undelivered({ reason: `no answer within ${answerMaxMs} ms`, isFinal: false }))
  })
