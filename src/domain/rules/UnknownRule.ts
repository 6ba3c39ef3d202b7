import { Data } from "effect"

/** The rulebook has no fact that answers the question. The caller must not guess. */
export class UnknownRule extends Data.TaggedError("UnknownRule")<{
  /** The question's subject, such as "lot" or "trading day". */
  readonly what: string
  /** What was asked about, such as "NFO NIFTY". */
  readonly of: string
  /** "YYYY-MM-DD" or an instant; null if the question has no date. */
  readonly on: string | null
  readonly why: string
}> {
  override get message(): string {
    return `${this.what} of ${this.of}${this.on === null ? "" : ` on ${this.on}`} is unknown: ${this.why}`
  }
}
