/** `strftime_now`: Python's `datetime.strftime` in the C locale, which templates write dates with. */
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

export function strftime(format: string, date: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const dayOfYear = Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) /
      86_400_000,
  );
  const hour12 = date.getHours() % 12 || 12;
  const week = (first: number): number => Math.floor((dayOfYear + 7 - ((date.getDay() - first + 7) % 7)) / 7);
  const fields: Record<string, () => string> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    e: () => String(date.getDate()).padStart(2),
    H: () => two(date.getHours()),
    I: () => two(hour12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    f: () => String(date.getMilliseconds() * 1000).padStart(6, "0"),
    p: () => (date.getHours() < 12 ? "AM" : "PM"),
    A: () => days[date.getDay()]!,
    a: () => days[date.getDay()]!.slice(0, 3),
    B: () => months[date.getMonth()]!,
    b: () => months[date.getMonth()]!.slice(0, 3),
    h: () => months[date.getMonth()]!.slice(0, 3),
    j: () => String(dayOfYear + 1).padStart(3, "0"),
    w: () => String(date.getDay()),
    u: () => String(date.getDay() || 7),
    U: () => two(week(0)),
    W: () => two(week(1)),
    s: () => String(Math.floor(date.getTime() / 1000)),
    Z: () => "",
    z: () => "",
    n: () => "\n",
    t: () => "\t",
    "%": () => "%",
    D: () => strftime("%m/%d/%y", date),
    F: () => strftime("%Y-%m-%d", date),
    T: () => strftime("%H:%M:%S", date),
    R: () => strftime("%H:%M", date),
    c: () => strftime("%a %b %e %H:%M:%S %Y", date),
    x: () => strftime("%m/%d/%y", date),
    X: () => strftime("%H:%M:%S", date),
  };
  return format.replace(/%(-?)([a-zA-Z%])/g, (found, bare: string, field: string) => {
    const written = fields[field]?.();
    if (written === undefined) return found;
    return bare === "-" ? written.replace(/^[0 ]+(?=.)/, "") : written;
  });
}
