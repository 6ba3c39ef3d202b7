/** On a busy machine a probe's answer can be late, so this many must be missing in a row. */
export const missesMax = 2

/** The verdict of the probes of one backend. It is down at first, up after an answer, and down again after two missing answers in a row. */
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
