import { Either } from "effect"

/** Longest address of a webhook. */
export const lengthMax = 2_000

/** IPv4 networks that are not the public internet. Source: IANA's IPv4 Special-Purpose Address Registry. */
export const closedV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4"
] as const
/**
 * IPv6 networks that are not the public internet. All public addresses are in 2000::/3. Some of these contain IPv4 addresses. Source:
 * IANA's IPv6 registry.
 */
export const closedV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "64:ff9b::/96", "64:ff9b:1::/48"] as const

/** The address as a URL, or why it cannot be one of a webhook. Which networks it may reach is checked at each delivery. */
export const parse = (text: string): Either.Either<URL, string> => {
  if (text.length > lengthMax) return Either.left(`at most ${lengthMax} characters`)
  if (!URL.canParse(text)) return Either.left("expected an address such as https://example.org/hook")
  const url = new URL(text)
  if (url.protocol !== "https:" && url.protocol !== "http:") return Either.left("must begin with https://")
  if (url.username !== "" || url.password !== "") return Either.left("must not contain a user or a password: the signature shows who sends")
  return Either.right(url)
}
