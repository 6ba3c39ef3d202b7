/**
 * The standard normal distribution, accurate to a few units in the last place far into the tails.
 *
 * erf, erfc and erfcx: W. J. Cody, "Rational Chebyshev approximations for the error function",
 * Math. Comp. 23 (1969). Inverse: M. J. Wichura, Algorithm AS 241 (PPND16), Appl. Statist. 37 (1988).
 */

const SQRT_HALF = Math.SQRT1_2
const ONE_OVER_SQRT_TWO_PI = 0.3989422804014327
const ONE_OVER_SQRT_PI = 0.5641895835477563
/** Cody's erf is used below this |x|, his erfc above it. */
const ERF_LIMIT = 0.46875
/** Beyond this value erfc(x) is below the smallest double. */
const ERFC_UNDERFLOW = 27.3

/** erf(y) for |y| <= 0.46875. */
const erfSmall = (y: number): number => {
  const z = y * y
  return (
    (y * ((((0.18577770618460315 * z + 3.1611237438705655) * z + 113.86415415105016) * z + 377.485237685302) * z + 3209.3775891384694)) /
    ((((z + 23.601290952344122) * z + 244.02463793444417) * z + 1282.6165260773723) * z + 2844.236833439171)
  )
}

/** exp(y^2) erfc(y) for y > 0.46875. */
const erfcxLarge = (y: number): number => {
  if (y <= 4) {
    return (
      ((((((((2.1531153547440383e-8 * y + 0.5641884969886701) * y + 8.883149794388377) * y + 66.11919063714163) * y + 298.6351381974001) *
        y +
        881.952221241769) *
        y +
        1712.0476126340707) *
        y +
        2051.0783778260716) *
        y +
        1230.3393547979972) /
      ((((((((y + 15.744926110709835) * y + 117.6939508913125) * y + 537.1811018620099) * y + 1621.3895745666903) * y +
        3290.7992357334597) *
        y +
        4362.619090143247) *
        y +
        3439.3676741437216) *
        y +
        1230.3393548037495)
    )
  }
  const z = 1 / (y * y)
  const tail =
    (z *
      (((((0.016315387137302097 * z + 0.30532663496123236) * z + 0.36034489994980445) * z + 0.12578172611122926) * z +
        0.016083785148742275) *
        z +
        6.587491615298378e-4)) /
    (((((z + 2.568520192289822) * z + 1.8729528499234671) * z + 0.5279051029514285) * z + 0.06051834131244132) * z + 0.0023352049762686918)
  return (ONE_OVER_SQRT_PI - tail) / y
}

/** exp(-y^2). The square is split so that its rounding error is not multiplied by y^2. */
const expMinusSquare = (y: number): number => {
  const head = Math.trunc(y * 16) / 16
  return Math.exp(-head * head) * Math.exp(-(y - head) * (y + head))
}

/** erf(x) = 2/sqrt(pi) * integral of exp(-u^2) from 0 to x. */
export const erf = (x: number): number => {
  const y = Math.abs(x)
  if (y <= ERF_LIMIT) return erfSmall(x)
  const upper = y > ERFC_UNDERFLOW ? 1 : 1 - expMinusSquare(y) * erfcxLarge(y)
  return x < 0 ? -upper : upper
}

/** 1 - erf(x), relatively accurate for large x. */
export const erfc = (x: number): number => {
  const y = Math.abs(x)
  if (y <= ERF_LIMIT) return 1 - erfSmall(x)
  const tail = y > ERFC_UNDERFLOW ? 0 : expMinusSquare(y) * erfcxLarge(y)
  return x < 0 ? 2 - tail : tail
}

/** exp(x^2) erfc(x): the scaled complement. It neither under- nor overflows for x > -26. */
export const erfcx = (x: number): number => {
  const y = Math.abs(x)
  if (y <= ERF_LIMIT) return Math.exp(x * x) * (1 - erfSmall(x))
  return x > 0 ? erfcxLarge(x) : 2 * Math.exp(x * x) - erfcxLarge(y)
}

/** Density at x. */
export const pdf = (x: number): number => ONE_OVER_SQRT_TWO_PI * Math.exp(-0.5 * x * x)

/**
 * Probability of a value below -d, for d >= 0 and `gauss` = exp(-d^2/2). A caller that already has the exponential uses it for the
 * tails of both d1 and d2.
 */
export const tail = (d: number, gauss: number): number => {
  const y = d * SQRT_HALF
  return y <= ERF_LIMIT ? 0.5 - 0.5 * erfSmall(y) : 0.5 * gauss * erfcxLarge(y)
}

/** Probability of a value below x; relatively accurate in the lower tail down to 1e-300. */
export const cdf = (x: number): number => {
  const d = Math.abs(x)
  // Beyond 40 the tail is below the smallest double. This also keeps Infinity out of the split below.
  if (d > 40) return x < 0 ? 0 : 1
  // x itself is split: splitting x / sqrt(2) would multiply the division's rounding error by x^2.
  const head = Math.trunc(d * 16) / 16
  const below = tail(d, Math.exp(-0.5 * head * head) * Math.exp(-0.5 * (d - head) * (d + head)))
  return x < 0 ? below : 1 - below
}

/** Mills ratio of the lower tail, cdf(x) / pdf(x), without exponentials for x < -0.66. */
export const mills = (x: number): number => 1.2533141373155003 * erfcx(-x * SQRT_HALF)

/** AS 241 for a tail probability `p` < 0.075, `r` = sqrt(-ln p): the size of the quantile. */
const tailQuantile = (r: number): number => {
  if (r <= 5) {
    const z = r - 1.6
    return (
      (((((((7.745450142783414e-4 * z + 0.022723844989269184) * z + 0.2417807251774506) * z + 1.2704582524523684) * z +
        3.6478483247632045) *
        z +
        5.769497221460691) *
        z +
        4.630337846156546) *
        z +
        1.4234371107496835) /
      (((((((1.0507500716444169e-9 * z + 5.475938084995345e-4) * z + 0.015198666563616457) * z + 0.14810397642748008) * z +
        0.6897673349851) *
        z +
        1.6763848301838038) *
        z +
        2.053191626637759) *
        z +
        1)
    )
  }
  const z = r - 5
  return (
    (((((((2.0103343992922881e-7 * z + 2.7115555687434876e-5) * z + 0.0012426609473880784) * z + 0.026532189526576124) * z +
      0.29656057182850487) *
      z +
      1.7848265399172913) *
      z +
      5.463784911164114) *
      z +
      6.657904643501103) /
    (((((((2.0442631033899397e-15 * z + 1.4215117583164459e-7) * z + 1.8463183175100548e-5) * z + 7.868691311456133e-4) * z +
      0.014875361290850615) *
      z +
      0.1369298809227358) *
      z +
      0.5998322065558879) *
      z +
      1)
  )
}

/** The x whose cdf is p, for 0 < p < 1 (0 gives -Infinity, 1 gives Infinity). Relative error about 1e-16. */
export const inverseCdf = (p: number): number => {
  const q = p - 0.5
  if (Math.abs(q) <= 0.425) {
    const z = 0.180625 - q * q
    return (
      (q *
        (((((((2509.0809287301227 * z + 33430.57558358813) * z + 67265.7709270087) * z + 45921.95393154987) * z + 13731.69376550946) * z +
          1971.5909503065513) *
          z +
          133.14166789178438) *
          z +
          3.3871328727963665)) /
      (((((((5226.495278852854 * z + 28729.085735721943) * z + 39307.89580009271) * z + 21213.794301586597) * z + 5394.196021424751) * z +
        687.1870074920579) *
        z +
        42.31333070160091) *
        z +
        1)
    )
  }
  if (p <= 0) return -Infinity
  if (p >= 1) return Infinity
  return q < 0 ? -tailQuantile(Math.sqrt(-Math.log(p))) : tailQuantile(Math.sqrt(-Math.log(1 - p)))
}
