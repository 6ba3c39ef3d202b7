/** Kite's `tag` takes at most 20 letters and digits. */
const lengthMax = 20

/**
 * The order's tag: the hash of account and key as digits of base 36, about 103 bits. It finds the order in the broker's book after any
 * crash, because it can be computed again from account and key alone. The caller passes in `sha256`.
 */
export const of = (sha256: (text: string) => Uint8Array, accountId: string, idempotencyKey: string): string => {
  // An account id has no colon, so two pairs never give the same text.
  let value = 0n
  for (const byte of sha256(`${accountId}:${idempotencyKey}`)) value = value * 256n + BigInt(byte)
  return value.toString(36).slice(0, lengthMax)
}
