/** Behaviour as a value: no clock, no randomness, no I/O. Everything it needs arrives as input. */
export interface Decider<State, Input, Output> {
  readonly initial: State
  readonly decide: (state: State, input: Input) => readonly [State, ReadonlyArray<Output>]
}
