import type { Since } from "../contract/sockets/SocketMessages.ts"

const plain = ({ epoch, seq, row }: Since): Since => (row === undefined ? { epoch, seq } : { epoch, seq, row })

/** -1 where `next` is behind `place`, 0 where it is there, 1 ahead of it or of another stream. A sequence without row is all of its rows. */
const compare = (next: Since, place: Since): number => {
  if (next.epoch !== place.epoch) return 1
  if (next.seq !== place.seq) return Math.sign(next.seq - place.seq)
  return place.row === undefined ? 0 : Math.sign((next.row ?? Number.MAX_SAFE_INTEGER) - place.row)
}

/** For a stream whose events all come in one order: one place stands for all of it, and nothing comes twice. */
export const ordered = () => {
  let place: Since | undefined
  /** Remembers the place; false for what was there before. */
  const accept = (next: Since): boolean => {
    if (place !== undefined && compare(next, place) <= 0) return false
    place = plain(next)
    return true
  }
  return {
    accept,
    /** What follows comes behind this place, wherever the last one was. */
    reset: (next: Since): void => {
      place = plain(next)
    },
    since: (): Since | undefined => place
  }
}

/** For states, each with a place of its own. */
export const keyed = <Key>() => {
  const places = new Map<Key, Since>()
  const aheadOf = (key: Key, next: Since): number => {
    const place = places.get(key)
    return place === undefined ? 1 : compare(next, place)
  }
  const set = (key: Key, next: Since): void => void places.set(key, plain(next))
  return {
    /** A change or a whole state that must be newer than the last. */
    acceptNew: (key: Key, next: Since): boolean => {
      const isNew = aheadOf(key, next) > 0
      if (isNew) set(key, next)
      return isNew
    },
    /** A change of a state: it may be told again, an older one never. */
    acceptChange: (key: Key, next: Since): boolean => {
      const isOld = aheadOf(key, next) < 0
      if (!isOld) set(key, next)
      return !isOld
    },
    /** A whole state, with which everything begins anew. */
    reset: set,
    since: (key: Key): Since | undefined => places.get(key),
    forget: (key: Key): void => void places.delete(key)
  }
}
