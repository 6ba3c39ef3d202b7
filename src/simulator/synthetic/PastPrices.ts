/**
 * Prices of a synthetic market before its start. They depend only on the seed, and meet the previous close and the start price without a
 * step. They are a sum of noise with several periods, each half as strong as the next longer one (value noise, summed as in K. Perlin's
 * fractal noise).
 */
import * as IndiaTime from "../../domain/IndiaTime.ts"

const periodsMs = [
  IndiaTime.dayMs,
  IndiaTime.dayMs / 4,
  IndiaTime.dayMs / 16,
  IndiaTime.dayMs / 64,
  IndiaTime.dayMs / 256,
  IndiaTime.dayMs / 1024
]
/** How long before the previous close the path begins to bend towards it. */
const seamMs = IndiaTime.dayMs / 4

/** Mixes four integers into 32 bits, with the finaliser of MurmurHash3. */
export const bits = (a: number, b: number, c: number, d: number): number => {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x165667b1, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 15) ^ Math.imul(c, 0x27d4eb2f), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13) ^ Math.imul(d, 0x9e3779b1), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A uniform number in [0, 1) for a seed and an instant. */
export const uniform = (seed: number, what: number, atMs: number): number =>
  bits(seed, what, Math.floor(atMs / IndiaTime.minuteMs), Math.floor(atMs / IndiaTime.dayMs)) / 2 ** 32

const lattice = (seed: number, what: number, octave: number, at: number): number => bits(seed, what, octave, at) / 2 ** 31 - 1

/** Smooth noise in [-1, 1]. */
export const noise = (seed: number, what: number, atMs: number): number => {
  let sum = 0
  let strength = 0.5
  for (const [octave, periodMs] of periodsMs.entries()) {
    const at = Math.floor(atMs / periodMs)
    const part = atMs / periodMs - at
    const ease = part * part * (3 - 2 * part)
    sum += strength * (lattice(seed, what, octave, at) * (1 - ease) + lattice(seed, what, octave, at + 1) * ease)
    strength /= 2
  }
  return sum
}

/** The previous close and the start of a market. At both, prices equal their base price. */
export interface Seams {
  readonly closeMs: number
  readonly startMs: number
}

/** The noise to subtract, so that nothing remains at both seams. Between them it is a straight line. */
const seam = (seed: number, what: number, atMs: number, { closeMs, startMs }: Seams): number => {
  const atClose = noise(seed, what, closeMs)
  if (atMs <= closeMs) return atClose * Math.exp((atMs - closeMs) / seamMs)
  return atClose + ((noise(seed, what, startMs) - atClose) * (atMs - closeMs)) / (startMs - closeMs)
}

/** How far a price was from its base price before the start, as a fraction of it: 0 at both seams, never more than `variation`. */
export const deviation = (seed: number, what: number, atMs: number, seams: Seams, variation: number): number => {
  const off = noise(seed, what, atMs) - seam(seed, what, atMs, seams)
  return variation * Math.max(-1, Math.min(1, off))
}
