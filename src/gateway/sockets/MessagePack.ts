import { Packr } from "msgpackr"

/** Objects become plain maps, which every decoder reads. The library's own records would need its own decoder. */
const packr = new Packr({ useRecords: false, variableMapSize: true })

const int32Min = -(2 ** 31)
const uint32Max = 2 ** 32 - 1

/**
 * Replaces the integers beyond 32 bits in a parsed JSON value, in place. The library writes such a number as a float, and a BigInt as an
 * integer of 64 bits. An epoch has to stay an integer.
 */
const withIntegers = (value: unknown): unknown => {
  if (typeof value === "number") return Number.isSafeInteger(value) && (value > uint32Max || value < int32Min) ? BigInt(value) : value
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) {
    const items: Array<unknown> = value
    for (let at = 0; at < items.length; at++) {
      const item = items[at]
      const integer = withIntegers(item)
      if (integer !== item) items[at] = integer
    }
    return items
  }
  const fields = value as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const field = fields[name]
    const integer = withIntegers(field)
    if (integer !== field) fields[name] = integer
  }
  return fields
}

/** The MessagePack form of a message that is written as JSON. */
export const ofJson = (text: string): Uint8Array => packr.pack(withIntegers(JSON.parse(text)))

/** The limits of the frames that an encoder keeps. It packs further texts without keeping them. */
export interface Limits {
  readonly bytesMax: number
  readonly entriesMax: number
}
const limitsDefault: Limits = { bytesMax: 16 * 2 ** 20, entriesMax: 10_000 }

export interface Encoder {
  /** The same as `ofJson`. The caller must not change the bytes, because others get them too. */
  readonly packed: (text: string) => Uint8Array
}

/** Packs a text once for all connections of one flush. It forgets all frames when the event loop's present turn ends. */
export const makeEncoder = ({ bytesMax, entriesMax }: Limits = limitsDefault): Encoder => {
  const frames = new Map<string, Uint8Array>()
  let bytes = 0
  const clear = (): void => {
    frames.clear()
    bytes = 0
  }
  return {
    packed: (text) => {
      const kept = frames.get(text)
      if (kept !== undefined) return kept
      const frame = ofJson(text)
      if (frames.size >= entriesMax || bytes + frame.byteLength > bytesMax) return frame
      if (frames.size === 0) setImmediate(clear)
      frames.set(text, frame)
      bytes += frame.byteLength
      return frame
    }
  }
}

const itemsKey = Buffer.concat(["type", "batch", "items"].map((text) => packr.pack(text)))
const conflatedKey = packr.pack("conflated")

/** The first bytes of an array: https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family */
const arrayHeader = (length: number): Uint8Array => {
  if (length < 16) return Uint8Array.of(0x90 | length)
  const is16Bit = length < 2 ** 16
  const header = Buffer.alloc(is16Bit ? 3 : 5)
  header[0] = is16Bit ? 0xdc : 0xdd
  header.writeUIntBE(length, 1, header.length - 1)
  return header
}

/** The frame `{"type":"batch","items":[...],"conflated":n}` of items that are packed already. Without a loss it has no `conflated`. */
export const batch = (items: ReadonlyArray<Uint8Array>, conflated: number): Uint8Array => {
  const end = conflated > 0 ? [conflatedKey, packr.pack(withIntegers(conflated))] : []
  const mapHeader = Uint8Array.of(conflated > 0 ? 0x83 : 0x82)
  return Buffer.concat([mapHeader, itemsKey, arrayHeader(items.length), ...items, ...end])
}
