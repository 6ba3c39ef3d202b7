import { Packr } from "msgpackr"

/** Objects become plain maps, which every decoder reads. The library's own records would need its own decoder. */
const packr = new Packr({ useRecords: false, variableMapSize: true })

const int32Min = -(2 ** 31)
const uint32Max = 2 ** 32 - 1
/** The library writes a number beyond 32 bits as a float, and a BigInt as an integer of 64 bits. An epoch has to stay an integer. */
const asInteger = (_key: string, value: unknown): unknown =>
  typeof value === "number" && Number.isSafeInteger(value) && (value > uint32Max || value < int32Min) ? BigInt(value) : value

/** The MessagePack form of a message that is written as JSON. */
export const ofJson = (text: string): Uint8Array => packr.pack(JSON.parse(text, asInteger))
