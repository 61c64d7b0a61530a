#pragma once
// What a kernel may use of the outside: threads and scratch memory. Declarations only: the definitions live outside the ISA namespaces.
#include <cstddef>
#include <cstdint>

#include "core/copy_key.h"

namespace chainrule {

struct Context;

/// `body(data, unit, worker)`: one unit of work; `worker` < worker_count(ctx) names the thread that runs it (for worker_scratch).
using UnitFn = void (*)(void* data, int64_t unit, int worker);

/// Runs units 0..units-1, each exactly once, on the pool; the caller takes part. Returns when all are done. What a unit computes must
/// depend on its number alone: threads only pick units up, so results are the same for any thread count. An exception thrown by a unit
/// is rethrown here (the one with the lowest unit number).
void run_units(Context& ctx, int64_t units, UnitFn body, void* data);

/// Threads that may take part in run_units, the caller included.
int worker_count(const Context& ctx);

/// 64-byte aligned memory, valid until the kernel returns. Not zeroed. Call from the kernel's own thread only, not from a unit.
void* scratch_bytes(Context& ctx, size_t bytes);

/// 64-byte aligned memory private to one worker, valid during the unit. Not zeroed. A second call in the same unit may move it.
void* worker_scratch_bytes(Context& ctx, int worker, size_t bytes);

/// A copy of input number `input` in another order, which lives as long as nothing writes to the input; valid until the kernel returns.
/// Null until there were `after` uses since the last write, and where there is no room: the kernel then does without. Made by `fill`, whose
/// units may run on the pool. Call from the kernel's own thread only.
const void* kept_copy(Context& ctx, int32_t input, const CopyKey& key, size_t bytes, uint32_t after, CopyFn fill, void* data);

}  // namespace chainrule
