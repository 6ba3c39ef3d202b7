import type * as Facts from "./Facts.ts"
import * as Span from "./Span.ts"

/** The list of mistakes in the rule files that their schema cannot find. `npm run check` prints them. */
export const problems = (documents: Facts.Documents): ReadonlyArray<string> => [
  ...datesReversed(documents),
  ...spansWrong(documents),
  ...daysTwice(documents),
  ...closesMissing(documents),
  ...segmentsWithoutCalendar(documents)
]

const rowsOf = (documents: Facts.Documents): ReadonlyArray<readonly [at: string, row: object]> =>
  Object.entries(documents).flatMap(([file, content]) =>
    Object.entries(content).flatMap(([list, rows]) =>
      Array.isArray(rows) ? rows.map((row: object, at) => [`${file}.json ${list}[${at}]`, row] as const) : []
    )
  )

const pairs = [
  ["from", "to"],
  ["expiryFrom", "expiryTo"],
  ["tradeFrom", "tradeTo"]
] as const

const datesReversed = (documents: Facts.Documents): ReadonlyArray<string> =>
  rowsOf(documents).flatMap(([at, row]) =>
    pairs.flatMap(([first, last]) => {
      const [from, to] = [first, last].map((name) => (row as Readonly<Record<string, unknown>>)[name])
      return typeof from === "string" && typeof to === "string" && from > to ? [`${at}: ${first} ${from} lies after ${last} ${to}`] : []
    })
  )

/** Every row that contains phases, with its phases. */
const spansOf = ({ days, sessions }: Facts.Documents): ReadonlyArray<readonly [at: string, spans: ReadonlyArray<Span.Span>]> => [
  ...days.days.map(({ date, sessions: own = [] }) => [`days.json ${date}`, own.map(Span.parse)] as const),
  ...sessions.sessions.map(({ segment, from, phases }) => [`sessions.json ${segment} ${from}`, phases.map(Span.parse)] as const)
]

/** The problems with the phases of one day: an unknown name, an end before the start, or an overlap. */
export const spanProblems = ({ phases }: typeof Facts.Sessions.Type, spans: ReadonlyArray<Span.Span>): ReadonlyArray<string> => {
  const known = new Set(phases.map(({ phase }) => phase))
  return spans.flatMap(({ phase, startMs, endMs }, index) => {
    if (!known.has(phase)) return [`"${phase}" is not a phase of sessions.json`]
    const before = spans[index - 1]?.endMs
    if (endMs !== "close" && endMs <= startMs) return [`${phase} ends before it begins`]
    return before === "close" || (before !== undefined && before > startMs) ? [`${phase} begins before the previous phase ends`] : []
  })
}

const spansWrong = (documents: Facts.Documents): ReadonlyArray<string> =>
  spansOf(documents).flatMap(([at, spans]) => spanProblems(documents.sessions, spans).map((problem) => `${at}: ${problem}`))

const daysTwice = ({ days }: Facts.Documents): ReadonlyArray<string> => {
  const seen = new Set<string>()
  return days.days.flatMap(({ date, calendars }) =>
    calendars.flatMap((calendar) => {
      const at = `${date} ${calendar}`
      if (seen.has(at)) return [`days.json: ${at} has two rows`]
      seen.add(at)
      return []
    })
  )
}

const closesMissing = ({ sessions }: Facts.Documents): ReadonlyArray<string> =>
  sessions.sessions.flatMap(({ segment, from, phases, summerClose, winterClose }) =>
    phases.some((text) => text.includes("-close")) && (summerClose === undefined || winterClose === undefined)
      ? [`sessions.json ${segment} ${from}: "close" needs summerClose and winterClose`]
      : []
  )

const segmentsWithoutCalendar = ({ segments, sessions }: Facts.Documents): ReadonlyArray<string> => {
  const known = new Set(segments.segments.map(({ segment }) => segment))
  return sessions.sessions.flatMap(({ segment }) => (known.has(segment) ? [] : [`segments.json has no calendar of ${segment}`]))
}
