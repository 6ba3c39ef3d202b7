import { BlockList, isIP } from "node:net"
import { Config, ConfigError, Either } from "effect"
import * as WebhookAddress from "../../domain/alerts/WebhookAddress.ts"

const add = (list: BlockList, network: string): boolean => {
  const [address = "", length = ""] = network.split("/")
  const version = isIP(address)
  if (version === 0 || !/^\d{1,3}$/.test(length) || Number(length) > (version === 4 ? 32 : 128)) return false
  list.addSubnet(address, Number(length), version === 4 ? "ipv4" : "ipv6")
  return true
}
const listOf = (networks: ReadonlyArray<string>): BlockList => {
  const list = new BlockList()
  for (const network of networks) add(list, network)
  return list
}
const closed = listOf([...WebhookAddress.closedV4, ...WebhookAddress.closedV6])
const publicV6 = listOf(["2000::/3"])

/** Turns an IPv4 address in its IPv6 form (`::ffff:…`) back into IPv4, so that the IPv4 rules apply to it. */
const plain = (address: string): string => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address

/** Which addresses a webhook may reach. */
export interface Networks {
  /** True for an address in WEBHOOK_NETWORKS, which is allowed although it is not public. Only these may be reached without TLS. */
  readonly isNamed: (address: string) => boolean
  readonly isAllowed: (address: string) => boolean
}

export const make = (named: ReadonlyArray<string>): Networks => {
  const own = listOf(named)
  const family = (address: string) => (isIP(address) === 4 ? "ipv4" : "ipv6")
  const isNamed = (address: string): boolean => {
    const it = plain(address)
    return isIP(it) !== 0 && own.check(it, family(it))
  }
  const isPublic = (address: string): boolean => {
    const it = plain(address)
    const version = isIP(it)
    if (version === 0) return false
    if (version === 6 && !publicV6.check(it, "ipv6")) return false
    return !closed.check(it, family(it))
  }
  return { isNamed, isAllowed: (address) => isNamed(address) || isPublic(address) }
}

/** WEBHOOK_NETWORKS: networks such as 10.1.0.0/16 with commas between them, which webhooks may reach although they are not public. */
export const config = Config.array(Config.string(), "WEBHOOK_NETWORKS").pipe(
  Config.withDefault([]),
  Config.mapOrFail((named) => {
    const wrong = named.find((network) => !add(new BlockList(), network))
    return wrong === undefined
      ? Either.right(make(named))
      : Either.left(ConfigError.InvalidData([], `WEBHOOK_NETWORKS: ${wrong} is not a network such as 10.1.0.0/16`))
  })
)
