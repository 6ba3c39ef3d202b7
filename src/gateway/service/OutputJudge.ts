import { Presence, Stillness } from "./Stillness.ts"

/** What has come in and gone out until one second. */
export interface Second {
  /** "YYYY-MM-DD" of market time. */
  readonly day: string
  /** Frames and states so far, by underlying. */
  readonly underlyings: ReadonlyArray<{ readonly name: string; readonly frames: number; readonly states: number }>
  /** The last sequence of each output stream. */
  readonly positions: ReadonlyMap<string, number>
  /** The output streams that nothing can move now, such as that of marks when every strategy that had marks has ended. */
  readonly idle: ReadonlySet<string>
}

/** A stream of outputs that all underlyings share, and whether every input must move it. */
export interface Output {
  readonly name: string
  readonly expects: "always" | "learned"
}

interface Known {
  readonly stillness: Stillness
  readonly presence: Presence
  frames: number
  states: number
}

/** Judges second by second whether outputs still follow their inputs. */
export class OutputJudge {
  readonly #underlyings = new Map<string, Known>()
  readonly #outputs: ReadonlyArray<{ readonly name: string; readonly stillness: Stillness; lastSeq: number }>
  #day = ""

  constructor(outputs: ReadonlyArray<Output>) {
    this.#outputs = outputs.map(({ name, expects }) => ({ name, stillness: new Stillness(expects), lastSeq: 0 }))
  }

  second({ day, underlyings, positions, idle }: Second): void {
    // What moved yesterday need not move today: contracts expire, and strategies that held them have no more marks.
    if (day !== this.#day) this.#forget()
    this.#day = day
    let hasInput = false
    for (const { name, frames, states } of underlyings) {
      const known = this.#underlyings.get(name) ?? { stillness: new Stillness("always"), presence: new Presence(), frames: 0, states: 0 }
      this.#underlyings.set(name, known)
      const hasFrames = frames !== known.frames
      known.stillness.second(hasFrames, states !== known.states)
      hasInput ||= hasFrames
      // A strategy does not move after its market has closed, although other markets still trade.
      if (known.presence.second(hasFrames)) this.#forget()
      known.frames = frames
      known.states = states
    }
    for (const output of this.#outputs) {
      const lastSeq = positions.get(output.name) ?? 0
      output.stillness.second(hasInput, lastSeq !== output.lastSeq)
      if (idle.has(output.name)) output.stillness.forget()
      output.lastSeq = lastSeq
    }
  }

  /** The reasons for which /health is degraded now. */
  complaints(): ReadonlyArray<string> {
    return [
      ...[...this.#underlyings].flatMap(
        ([
          name,
          {
            stillness: { stillSeconds }
          }
        ]) => (stillSeconds === 0 ? [] : [`${name} stands still: frames came for ${stillSeconds} s without a new state`])
      ),
      ...this.#outputs.flatMap(({ name, stillness: { stillSeconds } }) =>
        stillSeconds === 0 ? [] : [`${name} stands still: frames came for ${stillSeconds} s and nothing new is in it`]
      )
    ]
  }

  #forget(): void {
    for (const { stillness } of this.#outputs) stillness.forget()
  }
}
