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
  const weekday = date.getDay() || 7;
  const year = date.getFullYear();
  /** The year that has the Thursday of this week, and the week's number in it. */
  const thursday = new Date(year, date.getMonth(), date.getDate() + 4 - weekday);
  const isoWeek =
    Math.floor(
      (Date.UTC(thursday.getFullYear(), thursday.getMonth(), thursday.getDate()) -
        Date.UTC(thursday.getFullYear(), 0, 1)) /
        (7 * 86_400_000),
    ) + 1;
  const week = (first: number): number => Math.floor((dayOfYear + 7 - ((date.getDay() - first + 7) % 7)) / 7);
  const fields: Record<string, () => string> = {
    Y: () => String(year),
    y: () => two(year % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    e: () => String(date.getDate()).padStart(2),
    H: () => two(date.getHours()),
    I: () => two(hour12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    f: () => String(date.getMilliseconds() * 1000).padStart(6, "0"),
    C: () => two(Math.floor(year / 100)),
    G: () => String(thursday.getFullYear()),
    g: () => two(thursday.getFullYear() % 100),
    V: () => two(isoWeek),
    k: () => String(date.getHours()).padStart(2),
    l: () => String(hour12).padStart(2),
    P: () => (date.getHours() < 12 ? "am" : "pm"),
    r: () => strftime("%I:%M:%S %p", date),
    p: () => (date.getHours() < 12 ? "AM" : "PM"),
    A: () => days[date.getDay()]!,
    a: () => days[date.getDay()]!.slice(0, 3),
    B: () => months[date.getMonth()]!,
    b: () => months[date.getMonth()]!.slice(0, 3),
    h: () => months[date.getMonth()]!.slice(0, 3),
    j: () => String(dayOfYear + 1).padStart(3, "0"),
    w: () => String(date.getDay()),
    u: () => String(weekday),
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
  return format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (found, flag: string, field: string) => {
    const written = fields[field]?.();
    if (written === undefined) return found;
    if (flag === "-") return written.replace(/^[0 ]+(?=.)/, "");
    if (flag === "_") return written.replace(/^0+(?=.)/, zeros => " ".repeat(zeros.length));
    if (flag === "0") return written.replace(/^ +(?=.)/, blanks => "0".repeat(blanks.length));
    if (flag === "#" && field === "p") return written.toLowerCase();
    return flag === "" ? written : written.toUpperCase();
  });
}
