/** How smoothly the page can draw: the intervals between its animation frames. */
import type { Frames } from "../../bench/lib/report.d.mts";
import { median, quantile } from "../../bench/lib/statistics.mjs";

/** Traces frames from now on; `null` where the page is hidden and draws none. */
export function traceFrames(): () => Frames | null {
  const intervals: number[] = [];
  let last = 0;
  let request = requestAnimationFrame(function frame(now) {
    // finer than browsers tell the time
    if (last > 0) intervals.push(Math.round(10 * (now - last)) / 10);
    last = now;
    request = requestAnimationFrame(frame);
  });
  return () => {
    cancelAnimationFrame(request);
    if (intervals.length === 0) return null;
    return {
      count: intervals.length,
      medianMs: median(intervals),
      p99Ms: quantile(intervals, 0.99),
      longestMs: Math.max(...intervals),
      intervalsMs: intervals,
    };
  };
}
