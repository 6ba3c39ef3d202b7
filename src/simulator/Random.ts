/** A seeded generator (sfc32 by Chris Doty-Humphrey). The same seed gives the same numbers on every machine. */
export class Random {
  #a: number
  #b: number
  #c = 0x9e3779b9
  #counter = 1

  constructor(seed: number) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    // The first numbers of nearby seeds are similar, so they are skipped.
    for (let round = 0; round < 16; round++) this.bits()
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.bits() / 2 ** 32
  }

  /** Approximately normal with mean 0 and deviation 1, within +-6. The sum of twelve uniforms needs no transcendental function. */
  normal(): number {
    let sum = -6
    for (let term = 0; term < 12; term++) sum += this.next()
    return sum
  }
}
