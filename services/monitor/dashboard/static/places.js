// A browser has six connections to a monitor for all its windows, and a page that hears news holds one of them. With six
// such pages a seventh would never load: so some hear, and the others ask.

const PLACES = 4; // what is left is for pages that load, and for what they ask
const FRESH_MS = 5000; // a window that was closed, or stands still, has no place any more
const KEY = "tagpipe.place.", mine = KEY + Math.random().toString(36).slice(2);

// Take a place, or keep it; return whether there was one. A browser that remembers nothing has as many as it likes.
export function takePlace() {
  try {
    const now = Date.now();
    let others = 0;
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(KEY) || key === mine) continue;
      const ageMs = now - Number(localStorage.getItem(key));
      if (ageMs >= 0 && ageMs < FRESH_MS) others += 1;
      else localStorage.removeItem(key);
    }
    if (others >= PLACES) return false;
    localStorage.setItem(mine, now);
  } catch {
    // As above.
  }
  return true;
}

export function givePlace() {
  try {
    localStorage.removeItem(mine);
  } catch {
    // It had none.
  }
}
