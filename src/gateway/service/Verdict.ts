/** A probe's answer can be late on a busy machine, so so many must be missing in a row. */
export const missesMax = 2

/** What probes of one backend say about it. It is down at first, up at an answer, and down again after two missing answers in a row. */
export class Verdict {
  private misses = missesMax

  get isUp(): boolean {
    return this.misses < missesMax
  }

  answered(): void {
    this.misses = 0
  }

  missed(): void {
    this.misses++
  }
}
