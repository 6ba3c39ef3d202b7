import { Redacted } from "effect"

/** What stands where a secret stood. */
export const mark = "<redacted>"
/** Characters of somebody else's text that a log line or an error may carry. */
export const excerptCharsMax = 200

/** Names that carry secrets in Kite's query strings, forms, JSON and headers. */
const named =
  /\b(access_token|api_key|api_secret|request_token|refresh_token|public_token|enctoken|checksum|password|totp)(["']?\s*[=:]\s*["']?)[^\s"'&,;}<]+/gi
const authorization = /\b(authorization["']?\s*[=:]\s*["']?)(?:(?:token|bearer|basic|enctoken)\s+)?[^\s"'&,;}<]+/gi
/** Shorter ones would blank out harmless text. */
const secretCharsMin = 4

/** The text without the given secrets and without the value of anything that is named like one. */
export const redact = (text: string, secrets: ReadonlyArray<Redacted.Redacted> = []): string => {
  let clean = text
  for (const secret of secrets) {
    const value = Redacted.value(secret)
    if (value.length < secretCharsMin) continue
    clean = clean.replaceAll(value, mark)
    const escaped = encodeURIComponent(value)
    if (escaped !== value) clean = clean.replaceAll(escaped, mark)
  }
  return clean.replaceAll(authorization, `$1${mark}`).replaceAll(named, `$1$2${mark}`)
}

/** Redacted first, cut second: a secret that straddles the cut must not leave its head behind. Control characters become spaces. */
export const excerpt = (text: string, secrets: ReadonlyArray<Redacted.Redacted> = [], charsMax: number = excerptCharsMax): string => {
  // A page of megabytes is not scanned for the sake of two hundred characters; the margin keeps a whole secret in sight.
  const clean = redact(text.slice(0, charsMax * 20), secrets).replaceAll(/\p{Cc}+/gu, " ")
  return clean.length <= charsMax && text.length <= charsMax * 20 ? clean : `${clean.slice(0, charsMax)}... (${text.length} characters)`
}
