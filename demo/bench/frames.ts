/** How smoothly the page can draw: the intervals between its animation frames. */
import { median, quantile } from "../../bench/lib/statistics.mjs";

export interface Frames {
  count: number;
  medianMs: number;
  p99Ms: number;
  longestMs: number;
}

/** Traces frames from now on; `null` where the page is hidden and draws none. */
export function traceFrames(): () => Frames | null {
  const intervals: number[] = [];
  let last = 0;
  let request = requestAnimationFrame(function frame(now) {
    if (last > 0) intervals.push(now - last);
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
    };
  };
}
