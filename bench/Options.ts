/** A number above 0 among a benchmark's arguments, such as `--rate 30000`. */
export const numberOf = (args: ReadonlyArray<string>, name: string, otherwise: number): number => {
  const at = args.indexOf(name)
  const value = at < 0 ? otherwise : Number(args[at + 1])
  if (!(value > 0)) throw new Error(`${name} is a number above 0, not ${args[at + 1]}`)
  return value
}
