/** How fast this GPU reads memory: a kernel that does nothing else, on a device of its own. */
import type { Bandwidth } from "../../bench/lib/report.d.mts";

/** Far above what caches hold; less where the adapter allows less, and on a CPU that plays a GPU. */
const BUFFER_BYTES = { gpu: 1 << 29, software: 1 << 25 };
const RUNS = 5;
/** Reading for so long before the first run: an idle GPU clocks down. Milliseconds. */
const WARM_UP_MS = { gpu: 1500, software: 100 };
/** A run lasts about this long. Milliseconds. */
const RUN_MS = { gpu: 60, software: 60 };

const READ = `
override WORKGROUPS: u32;
@group(0) @binding(0) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let threads = WORKGROUPS * 256u;
  let count = arrayLength(&words);
  var sum = vec4<u32>(0u);
  for (var i = id.x; i + 3u * threads < count; i += 4u * threads) {
    sum ^= words[i] ^ words[i + threads] ^ words[i + 2u * threads] ^ words[i + 3u * threads];
  }
  out[id.x] = sum.x ^ sum.y ^ sum.z ^ sum.w;
}`;
const WORKGROUPS = { gpu: 2048, software: 16 };

/** `null` where the adapter gives no device, or none with room for the buffer. */
export async function measureBandwidth(): Promise<Bandwidth | null> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return null;
  const kind = adapter.info.isFallbackAdapter ? "software" : "gpu";
  const limit = Math.min(adapter.limits.maxBufferSize, adapter.limits.maxStorageBufferBindingSize);
  const timestamps = adapter.features.has("timestamp-query");
  const device = await adapter
    .requestDevice({
      requiredFeatures: timestamps ? ["timestamp-query"] : [],
      requiredLimits: { maxBufferSize: limit, maxStorageBufferBindingSize: limit },
    })
    .catch((error: unknown) => {
      // OperationError: the adapter is gone, or the driver refused
      if (error instanceof DOMException) return null;
      throw error;
    });
  if (!device) return null;
  try {
    const groups = WORKGROUPS[kind];
    // whole rounds of four reads a thread: nothing is left out
    const round = groups * 256 * 16 * 4;
    const bytes = Math.floor(Math.min(limit, BUFFER_BYTES[kind]) / round) * round;
    device.pushErrorScope("out-of-memory");
    const read = await reader(device, bytes, groups, timestamps);
    if (await device.popErrorScope()) return null;
    let repeats = 1;
    const warmUntil = performance.now() + WARM_UP_MS[kind];
    let seconds = await read(repeats);
    while (performance.now() < warmUntil) {
      repeats = Math.max(1, Math.min(4096, Math.round((repeats * RUN_MS[kind]) / 1000 / seconds)));
      seconds = await read(repeats);
    }
    const bytesPerSecond: number[] = [];
    while (bytesPerSecond.length < RUNS) bytesPerSecond.push((repeats * bytes) / (await read(repeats)));
    return { bytesPerSecond, clock: timestamps ? "GPU timestamps" : "the page's clock" };
  } finally {
    device.destroy();
  }
}

/** A function that reads the buffer so many times and says how long that took, in seconds. */
async function reader(
  device: GPUDevice,
  bytes: number,
  groups: number,
  timestamps: boolean,
): Promise<(repeats: number) => Promise<number>> {
  const buffer = device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE });
  const out = device.createBuffer({ size: groups * 256 * 4, usage: GPUBufferUsage.STORAGE });
  const module = device.createShaderModule({ code: READ });
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module, entryPoint: "main", constants: { WORKGROUPS: groups } },
  });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: { buffer } },
      { binding: 1, resource: { buffer: out } },
    ],
  });
  const querySet = timestamps ? device.createQuerySet({ type: "timestamp", count: 2 }) : null;
  const times = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  return async repeats => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass(
      querySet ? { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } } : {},
    );
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    for (let repeat = 0; repeat < repeats; repeat++) pass.dispatchWorkgroups(groups);
    pass.end();
    if (querySet) encoder.resolveQuerySet(querySet, 0, 2, times, 0);
    encoder.copyBufferToBuffer(times, 0, staging, 0, 16);
    const started = performance.now();
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const wall = (performance.now() - started) / 1000;
    const [begin, end] = new BigUint64Array(staging.getMappedRange());
    const measured = querySet ? Number(end! - begin!) / 1e9 : wall;
    staging.unmap();
    return measured > 0 ? measured : wall;
  };
}
