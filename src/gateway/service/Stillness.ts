/** After this many seconds with input and without a change, an output counts as stopped. */
export const stillAfterSeconds = 10
/** An output that moves in at least this share of the seconds with input is expected to continue. */
const expectedShare = 0.5
/** Weight of one second in the share. */
const weight = 0.05
/** An output that is expected only from experience is no longer expected after this many seconds with input. */
const expectedForSeconds = 60

/**
 * Judges one output by its input, second by second. `always`: the output must move whenever its input does. `learned`: only once it has
 * been seen moving, because its input can move without it (a strategy whose instruments do not trade).
 */
export class Stillness {
  private readonly expects: "always" | "learned"
  private share = 0
  private unanswered = 0

  constructor(expects: "always" | "learned") {
    this.expects = expects
  }

  /** Forgets what it learned, because the cause of its movement may have ended. */
  forget(): void {
    if (this.expects === "always") return
    this.share = 0
    this.unanswered = 0
  }

  /** Notes one second. A second without input is ignored. */
  second(hasInput: boolean, hasMoved: boolean): void {
    if (hasMoved) this.unanswered = 0
    if (!hasInput) return
    if (hasMoved) this.share += weight * (1 - this.share)
    else this.unanswered++
    if (!hasMoved && this.unanswered > expectedForSeconds) this.share = 0
  }

  /** For how many seconds input has gone unanswered, or 0 if that is normal. */
  get stillSeconds(): number {
    const isExpected = this.expects === "always" || this.share >= expectedShare
    return isExpected && this.unanswered > stillAfterSeconds ? this.unanswered : 0
  }
}

/** An input that came in most seconds counts as ended after this many silent seconds. The time is shorter than `stillAfterSeconds`. */
export const endedAfterSeconds = 5

/** Follows one input, second by second, such as the frames of one underlying. */
export class Presence {
  private share = 0
  private silent = 0

  /** Notes one second. Returns true once when an input that came in most seconds has ended: a market that closed. */
  second(isThere: boolean): boolean {
    this.silent = isThere ? 0 : this.silent + 1
    if (this.silent === endedAfterSeconds && this.share >= expectedShare) {
      this.share = 0
      return true
    }
    if (isThere) this.share += weight * (1 - this.share)
    else if (this.silent < endedAfterSeconds) this.share -= weight * this.share
    return false
  }
}
