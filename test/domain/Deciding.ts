import type { Decider } from "../../src/domain/Decider.ts"

/** Feeds inputs to a decider one after the other. Returns the last state and all outputs. */
export const fold = <S, I, O>(self: Decider<S, I, O>, state: S, inputs: Iterable<I>): readonly [S, ReadonlyArray<O>] => {
  const outputs: Array<O> = []
  for (const input of inputs) {
    const [next, emitted] = self.decide(state, input)
    state = next
    for (const output of emitted) outputs.push(output)
  }
  return [state, outputs]
}
