import { Redacted } from "effect"

/** Replaces a secret. */
export const mark = "<redacted>"
/** How many characters of foreign text a log line or an error may carry. */
export const excerptCharsMax = 200

/** Names whose values are secrets in Kite's query strings, forms, JSON and headers. */
const named =
  /\b(access_token|api_key|api_secret|request_token|refresh_token|public_token|enctoken|checksum|password|totp)(["']?\s*[=:]\s*["']?)[^\s"'&,;}<]+/gi
const authorization = /\b(authorization["']?\s*[=:]\s*["']?)(?:(?:token|bearer|basic|enctoken)\s+)?[^\s"'&,;}<]+/gi
/** Shorter secrets are not searched for, because that would blank out harmless text. */
const secretCharsMin = 4

/** Replaces the given secrets, and the value of every field that is named like a secret. */
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

/** Redacts before it cuts, so that a secret across the cut leaves no part behind. Control characters become spaces. */
export const excerpt = (text: string, secrets: ReadonlyArray<Redacted.Redacted> = [], charsMax: number = excerptCharsMax): string => {
  // Only a part of the text is scanned, because two hundred characters of megabytes are kept. The part is long enough to contain a whole
  // secret.
  const clean = redact(text.slice(0, charsMax * 20), secrets).replaceAll(/\p{Cc}+/gu, " ")
  return clean.length <= charsMax && text.length <= charsMax * 20 ? clean : `${clean.slice(0, charsMax)}... (${text.length} characters)`
}
